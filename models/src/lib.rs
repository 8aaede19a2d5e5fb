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

/// The sink's lock, and what callers and the actor do under it; without the actor's sockets and timers.
#[allow(dead_code, unused_imports, missing_docs, reason = "what only the whole sink uses of it")]
#[path = "../../src/sink"]
pub mod sink {
    mod account;
    mod choices;
    mod config;
    mod core;
    mod delivery;
    mod event;
    mod failure;
    mod handles;
    /// In a model no memory is given back.
    mod heap {
        pub(super) const fn is_much(_: usize) -> bool {
            false
        }

        pub(super) const fn give_back(_: usize) {}
    }
    mod message;
    #[path = "../../models/src/sink_model.rs"]
    mod model;
    /// In a model no panic is planted from the outside.
    mod planted {
        pub(super) const fn here(_: &str) {}
    }
    mod run;
    mod sending;
    mod state;
    mod stats;
    mod target;
    mod window;

    pub use choices::{Confirm, Full, Reconnect};
    pub use config::{Backoff, Config, Tls};
    pub use delivery::{Delivery, Tally};
    pub use failure::{Failure, FailureKind};
    pub use message::Message;
    pub use model::{Actor, Callers, open};
    pub use target::Target;
}

#[cfg(any(fanin_loom, fanin_shuttle))]
pub mod scenarios;
