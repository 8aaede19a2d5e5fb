//! What can be wrong with the other end, on purpose.
//!
//! | fault | what the client sees |
//! | --- | --- |
//! | `refuse` | its connection is accepted by the system and reset at once |
//! | `delay` | nothing is read for so long before each read, so its sends back up |
//! | `stall` | from a byte on nothing is read any more, for a while or for good; its buffers fill, and its sends wait |
//! | `reset` | after a byte its connection is reset; what the system took beyond that byte is gone without a word |
//! | `close` | after a byte the connection is closed; with bytes of the client unread the system makes a reset of it |
//! | `half_close` | after a byte the server writes no more and says so, but reads on |
//! | `echo_delay` | each piece of its echo comes so much later; nothing is read meanwhile |
//! | `echo` | one byte of its echo is changed, doubled, or missing |
//!
//! The byte is counted in what was read from this connection. It is exact: a read never goes beyond the next fault, so a
//! server that resets after 100 bytes has read 100 and no more.
//!
//! On a Unix socket there is no reset: a close stands for it, which the client's next send sees as a broken pipe, and its
//! next read as a reset if bytes of it were left unread.

mod echo;
mod place;
mod script;

use std::time::Duration;

pub(super) use echo::Spoiler;
pub use echo::{EchoFault, Wrong};
pub use place::Place;
pub(super) use script::{Action, Script};

/// What is wrong with each connection, or with the first ones only. By default nothing is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// What every range is drawn from.
    pub seed: u64,
    /// So many connections, in the order in which they are accepted, have the faults; `None` for all. So a client that
    /// connects anew finds a sound server in the end.
    pub only_first: Option<u64>,
    /// So many connections are turned away before the first is served.
    pub refuse: u64,
    /// How long to wait before each read.
    pub delay: Duration,
    /// When to stop reading.
    pub stall: Option<Place>,
    /// For how long; `None` for good.
    pub stall_for: Option<Duration>,
    /// When to reset the connection.
    pub reset: Option<Place>,
    /// When to close it.
    pub close: Option<Place>,
    /// When to end the server's side of the stream.
    pub half_close: Option<Place>,
    /// How much later each piece is echoed.
    pub echo_delay: Duration,
    /// What is wrong with the echo itself.
    pub echo: Option<EchoFault>,
}

impl Faults {
    /// Whether the connection of this number, from 0, is turned away.
    pub(super) fn refuses(&self, connection: u64) -> bool {
        connection < self.refuse
    }

    /// Whether it has the faults.
    pub(super) fn concern(&self, connection: u64) -> bool {
        self.only_first.is_none_or(|first| connection < first)
    }
}
