//! What a server has done so far.
//!
//! The counts are read while they change, from any thread. Each is true by itself; two of them may be of slightly
//! different moments, until the server is stopped or the connection's receipt has resolved.

use std::sync::atomic::{AtomicU64, Ordering};

/// A server's counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Connections that were accepted.
    pub opened: u64,
    /// Of these, how many are being served now.
    pub open: u64,
    /// Of these, how many ended with an error instead of the client's end of stream, or could not be answered.
    pub failed: u64,
    /// Times that a connection could not be accepted, for example for want of file descriptors. It is tried again.
    pub refused: u64,
    /// Connections that were turned away at once: by the fault, or because there were too many.
    pub turned_away: u64,
    /// Connections that were ended because they went beyond a limit.
    pub expelled: u64,
    /// Times that something was done wrong on purpose.
    pub faults: u64,
    /// Bytes read, of all connections.
    pub bytes_received: u64,
    /// Bytes written back, of all connections.
    pub bytes_echoed: u64,
    /// System calls that brought bytes.
    pub reads: u64,
}

/// A count that only the server's thread raises. `Relaxed` suffices: each count stands for itself and nothing is
/// published with it; who needs a final value has joined the thread, or waited for a receipt.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counts while they change.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) opened: Counter,
    pub(super) closed: Counter,
    pub(super) failed: Counter,
    pub(super) refused: Counter,
    pub(super) turned_away: Counter,
    pub(super) expelled: Counter,
    pub(super) faults: Counter,
    pub(super) received: Counter,
    pub(super) echoed: Counter,
    pub(super) reads: Counter,
}

impl Counters {
    pub(super) fn report(&self) -> Report {
        // Closed is read first: a connection that opens and closes in between then counts as open, not as less than none.
        let closed = self.closed.get();
        let opened = self.opened.get();
        Report {
            opened,
            open: opened.saturating_sub(closed),
            failed: self.failed.get(),
            refused: self.refused.get(),
            turned_away: self.turned_away.get(),
            expelled: self.expelled.get(),
            faults: self.faults.get(),
            bytes_received: self.received.get(),
            bytes_echoed: self.echoed.get(),
            reads: self.reads.get(),
        }
    }
}
