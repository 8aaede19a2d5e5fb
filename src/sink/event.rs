//! What a sink has to tell beside its counters, as plain data. Nobody is called back from inside.

use std::sync::Arc;

use super::delivery::{Delivery, Tally};
use crate::error::Error;

/// Something that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// Messages were dropped, by the policy that was chosen, since the last event of this kind.
    Dropped(Tally),
    /// An attempt to connect failed, or the connection was lost; whether the sink goes on is up to
    /// [`Reconnect`](super::Reconnect).
    Error {
        /// What was seen.
        cause: Arc<Error>,
        /// Whether the sink has failed with it.
        fatal: bool,
        /// What had become of every message at that moment, whenever it is told.
        delivery: Delivery,
    },
    /// There is a connection again.
    Reconnected {
        /// Attempts that it took.
        attempts: u64,
        /// What is in doubt from all connections before. At most once, it is not sent again; at least once it is, and is in
        /// doubt until then.
        in_doubt: Tally,
    },
    /// The sink has ended: nothing comes after.
    Ended,
}
