//! A look at an actor while it works.
//!
//! The actor raises a few counts at each drain, and not a message: with nobody watching it does not even that. Whoever
//! holds a clone of the gauge reads them from any thread, at any time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts that go on from a run to the next, of one run at a time. Clones are the same gauge.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<Counts>);

/// `Relaxed` suffices for all of them: each stands for itself, and nothing is published with it.
#[derive(Debug, Default)]
struct Counts {
    drained: Drained,
    dropped: Dropped,
}

/// The actor's. On a cache line that nobody else has anything on: these are written at each drain, and a neighbour that is
/// read or written elsewhere would be in its time. Two lines, since processors fetch them by pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Drained {
    messages: AtomicU64,
    bytes: AtomicU64,
    drains: AtomicU64,
    /// The bits of a floating-point number: its terms are products of bytes.
    stood: AtomicU64,
    peak: AtomicU64,
}

/// The producers', apart from the actor's.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Dropped(AtomicU64);

/// What a gauge showed at one moment. The counts are true each by itself; two may be of slightly different moments.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Reading {
    /// Messages that actors have taken from their queues.
    pub messages: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Drains that brought something.
    pub drains: u64,
    /// Messages that were dropped because a queue was full.
    pub dropped: u64,
    /// The sum over all drains of the bytes that stood in the queue, times those that were taken. By [`bytes`](Self::bytes),
    /// it is what stood in the queue when a byte was taken, on average: few large drains count for what they bring.
    pub stood: f64,
    /// The most bytes that stood in the queue at a drain since the gauge was read before.
    pub peak: u64,
}

impl Gauge {
    /// A gauge that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What it shows now; the peak begins anew.
    ///
    /// # Example
    /// ```
    /// use fanin::actor::Gauge;
    /// use fanin::lab::{self, Cell, Signal};
    ///
    /// let gauge = Gauge::new();
    /// let cell = Cell { watch: Some(gauge.clone()), ..Cell::new("swap/batch".parse()?, 4) };
    /// lab::run(&cell, &Signal::new())?;
    /// let reading = gauge.read();
    /// assert_eq!(reading.messages, 4000);
    /// assert!(reading.peak > 0 && gauge.read().peak == 0);
    /// # Ok::<(), fanin::Error>(())
    /// ```
    #[must_use]
    pub fn read(&self) -> Reading {
        // Relaxed: counts, on whose strength nothing else is read.
        let Counts { drained: Drained { messages, bytes, drains, stood, peak }, dropped: Dropped(dropped) } = &*self.0;
        let [messages, bytes, drains, dropped, stood] =
            [messages, bytes, drains, dropped, stood].map(|count| count.load(Ordering::Relaxed));
        let (stood, peak) = (f64::from_bits(stood), peak.swap(0, Ordering::Relaxed));
        Reading { messages, bytes, drains, dropped, stood, peak }
    }

    /// Counts a drain, which found `backlog` bytes and took `bytes` of them.
    pub(super) fn drained(&self, messages: u64, bytes: u64, backlog: u64) {
        // Relaxed: see `read`.
        let counts = &self.0.drained;
        raise(&counts.messages, messages);
        raise(&counts.bytes, bytes);
        raise(&counts.drains, 1);
        let stood = f64::from_bits(counts.stood.load(Ordering::Relaxed));
        #[allow(clippy::cast_precision_loss)] // an average is made of it
        counts.stood.store((stood + backlog as f64 * bytes as f64).to_bits(), Ordering::Relaxed);
        if backlog > counts.peak.load(Ordering::Relaxed) {
            counts.peak.store(backlog, Ordering::Relaxed);
        }
    }

    /// Counts messages that a full queue has cost.
    pub(crate) fn dropped(&self, messages: u64) {
        // Relaxed: see `read`.
        self.0.dropped.0.fetch_add(messages, Ordering::Relaxed);
    }
}

/// One actor at a time raises these, so a load and a store do: where a drain brings one message, locked additions would
/// be seen in its time. A peak that is read in between may come again.
fn raise(count: &AtomicU64, amount: u64) {
    count.store(count.load(Ordering::Relaxed) + amount, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_are_one_gauge() {
        let gauge = Gauge::new();
        let other = gauge.clone();
        gauge.drained(3, 48, 64);
        other.drained(1, 16, 16);
        other.dropped(2);
        let expected =
            Reading { messages: 4, bytes: 64, drains: 2, dropped: 2, stood: 64.0 * 48.0 + 16.0 * 16.0, peak: 64 };
        assert_eq!((gauge.read(), other.read()), (expected, Reading { peak: 0, ..expected }));
    }
}
