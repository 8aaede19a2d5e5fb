//! The lab: runs one [`Cell`] natively, proves at the server what arrived, and only then reports a number.
//!
//! A *burst* is all producers sending all their messages once, over a queue and a connection of its own. A run repeats the
//! burst back to back until enough time has been measured; it never makes it larger.
//!
//! The clock of a burst starts with the first producer's first send and stops when the server has read the last expected
//! byte. What comes before (threads, tasks, connecting) and after (the end of the stream, checking) is not timed.
//!
//! With an open [`Load`] one thread, the [pacer], sends for all producers at given times, and every message has a latency.
//! With a bounded queue that drops instead of waiting ([`Cell::on_full`]), a run is good when what was delivered and what
//! was dropped come to what was sent. The server can be slow or pause, so that a backlog is seen and not only feared.
//!
//! Every thread that a run starts is joined before it returns.

pub mod cell;
pub mod cost;
pub mod direct;
pub mod load;
pub mod pacer;
pub mod published;
pub mod report;
pub mod signal;
pub mod strategy;

mod actor;
mod burst;
mod memory;
mod producer;
mod run;
mod script;

pub use cell::{Cell, Placement, Producers};
pub use cost::Cost;
pub use load::{Arrivals, Load};
pub use pacer::Lateness;
pub use report::{Report, Status};
pub use run::{run, run_queue};
pub use signal::Signal;
pub use strategy::{Source, Strategy};
