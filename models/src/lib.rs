//! The sources of the queues, compiled against a scheduler that decides which thread runs next, and what they are put
//! through: [`scenarios`]. `tests/loom.rs` tries every interleaving of small ones, `tests/shuttle.rs` random ones of large
//! ones.
//!
//! A scenario fails on a deadlock (a wake-up that is lost), on what it asserts, and under loom on two accesses to one byte
//! that nothing orders. `lanes` is checked with a fence on both sides; what stands in its place where there is `membarrier`
//! no model knows, and `tests/lanes.rs` stresses it instead.

#![allow(clippy::missing_panics_doc)] // scenarios assert; that is what they are for

#[cfg(all(fanin_loom, fanin_shuttle))]
compile_error!("one scheduler at a time: `--features loom` or `--features shuttle`");

#[path = "../../src/error.rs"]
pub mod error;
#[allow(unused_imports, dead_code, reason = "what only the sink uses of it")]
#[path = "../../src/queue/mod.rs"]
pub mod queue;

#[allow(dead_code, reason = "what only the sink uses of it")]
#[path = "../../src/message/framing.rs"]
pub mod framing;
/// Of the messages, what queues know of them.
pub mod message {
    pub use crate::framing::{self, Framing};
}

#[cfg(any(fanin_loom, fanin_shuttle))]
pub mod scenarios;
