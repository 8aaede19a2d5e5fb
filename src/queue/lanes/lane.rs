//! What a producer and the consumer know of one lane, beside its bytes.

use super::super::room::Capacity;
use super::super::sync::{AtomicBool, AtomicU64, Mutex, Ordering, lock};
use super::chain::{Count, Reader};
use super::desk::Padded;

/// One producer's lane.
///
/// A lane is *parked* or *active*. The consumer looks at active lanes by itself; of a parked one it knows nothing until
/// its producer rings. Who turns `parked` off, by a swap, makes the lane active: the producer through the desk, or the
/// consumer that finds bytes right after it has parked the lane.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Lane {
    /// Read by the producer after each message; written when the lane is parked or taken up again.
    state: Padded<State>,
    /// What the consumer has taken to write it, messages and bytes. Only ever grows. Relaxed: an older value makes a
    /// producer's next segment a little larger, and whoever needs the newest takes the desk's lock first.
    taken_messages: AtomicU64,
    taken_bytes: AtomicU64,
    /// Up to where the producer has taken room, in units of the capacity; guarded by the desk's lock, so Relaxed.
    billed: AtomicU64,
    /// The reader's end, while the lane is parked.
    reader: Mutex<Option<Reader>>,
}

/// What changes only when a lane is parked or taken up again, on a line of its own.
#[derive(Debug)]
struct State {
    parked: AtomicBool,
    /// Up to which message the producer passes a full fence by itself: the one after each ring. Written by who has made the
    /// lane active, under the desk's lock, from where the consumer takes the lane up: so Relaxed.
    promised: AtomicU64,
}

impl Lane {
    /// A parked lane, of which the consumer does not know.
    pub(super) fn new(reader: Reader) -> Self {
        Self {
            state: Padded(State { parked: AtomicBool::new(true), promised: AtomicU64::new(0) }),
            taken_messages: AtomicU64::new(0),
            taken_bytes: AtomicU64::new(0),
            billed: AtomicU64::new(0),
            reader: Mutex::new(Some(reader)),
        }
    }

    /// Parks the lane. The consumer looks once more after a barrier before it relies on being rung for.
    pub(super) fn park(&self) {
        // A swap (AcqRel), so that it has its place between the two sides' swaps in `unpark`. It is ordered before the look that
        // follows by `Barrier::heavy`, which pairs with the `Barrier::light` between the producer's tail and its load in
        // `is_parked`.
        self.state.0.parked.swap(true, Ordering::AcqRel);
    }

    /// Whether the producer has to ring.
    #[inline]
    pub(super) fn is_parked(&self) -> bool {
        // Relaxed: see `park`.
        self.state.0.parked.load(Ordering::Relaxed)
    }

    /// Makes a parked lane active; `false` when the other side has done so before.
    pub(super) fn unpark(&self) -> bool {
        // AcqRel: the two swaps of the two sides are ordered; what else they hand over goes through the desk's lock.
        self.state.0.parked.swap(false, Ordering::AcqRel)
    }

    /// Notes up to which message the producer passes a full fence. Call it with the desk locked.
    pub(super) fn promise(&self, messages: usize) {
        self.state.0.promised.store(messages as u64, Ordering::Relaxed);
    }

    /// Up to which message that is.
    pub(super) fn promised(&self) -> usize {
        load(&self.state.0.promised)
    }

    pub(super) fn leave_reader(&self, reader: Reader) {
        *lock(&self.reader) = Some(reader);
    }

    pub(super) fn take_reader(&self) -> Option<Reader> {
        lock(&self.reader).take()
    }

    /// What the consumer has taken of this lane.
    pub(super) fn taken(&self) -> Count {
        Count { bytes: load(&self.taken_bytes), messages: load(&self.taken_messages) }
    }

    /// Notes what the consumer has taken, in all. Relaxed: see the fields, of which `load` is the other side.
    pub(super) fn set_taken(&self, taken: Count) {
        self.taken_bytes.store(taken.bytes as u64, Ordering::Relaxed);
        self.taken_messages.store(taken.messages as u64, Ordering::Relaxed);
    }

    /// Up to where room was taken. Call it with the desk locked.
    pub(super) fn billed(&self) -> usize {
        load(&self.billed)
    }

    /// Notes up to where room was taken. Call it with the desk locked.
    pub(super) fn set_billed(&self, billed: usize) {
        self.billed.store(billed as u64, Ordering::Relaxed);
    }
}

// Relaxed: see the fields.
#[allow(clippy::cast_possible_truncation)] // it was a usize
fn load(count: &AtomicU64) -> usize {
    count.load(Ordering::Relaxed) as usize
}

/// A count in units of the capacity.
pub(super) fn units(capacity: Option<Capacity>, count: Count) -> usize {
    match capacity {
        Some(Capacity::Messages(_)) => count.messages,
        _ => count.bytes,
    }
}
