//! The lab: runs one [`Cell`] natively, proves at the server what arrived, and only then reports a number.
//!
//! A *burst* is all producers sending all their messages once, over a queue and a connection of its own. A run repeats the
//! burst back to back until enough time has been measured; it never makes it larger.
//!
//! The clock of a burst starts with the first producer's first send and stops when the server has read the last expected
//! byte. What comes before (threads, tasks, connecting) and after (the end of the stream, checking) is not timed.
//!
//! Every thread that a run starts is joined before it returns.

pub mod cell;
pub mod direct;
pub mod published;
pub mod report;
pub mod signal;
pub mod strategy;

mod actor;
mod burst;
mod memory;
mod producer;
mod run;
mod usage;

pub use cell::{Cell, Placement, Producers};
pub use report::{Report, Status};
pub use run::{run, run_queue};
pub use signal::Signal;
pub use strategy::{Source, Strategy};
