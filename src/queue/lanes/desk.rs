//! What all lanes share: who rang, who sleeps, who is left, the room, and the free segments, behind one lock.
//!
//! The lock is taken where a lane turns from empty to not empty, where a segment is full, and where room is accounted; not
//! with each message.

use std::task::Waker;

use super::super::room::{Capacity, Room};
use super::super::sync::{Arc, AtomicBool, MODELLED, Mutex, MutexGuard, Ordering, lock};
use super::barrier::Barrier;
use super::chain::Segment;
use super::lane::Lane;
use super::pool::Pool;

/// A capacity below this is exact, and who waits for room is served message by message.
pub(super) const EXACT: usize = if MODELLED { 2 } else { 4096 };

/// On a cache line, and on the one fetched with it, by itself.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Padded<T>(pub(super) T);

/// What every handle of a queue has.
#[derive(Debug)]
pub(super) struct Shared {
    /// Whether the receiver takes no more. Read before each message, so on a line that is written once.
    closed: Padded<AtomicBool>,
    pub(super) barrier: Barrier,
    pub(super) size: Option<usize>,
    pub(super) capacity: Option<Capacity>,
    /// Whether lanes have rung that the consumer has not taken up. Written under the desk's lock, read without.
    rung: Padded<AtomicBool>,
    /// On lines of its own too: those above are read with each message.
    desk: Padded<Mutex<Desk>>,
}

impl Shared {
    pub(super) fn new(size: Option<usize>, capacity: Option<Capacity>, barrier: Barrier) -> Self {
        let desk = Desk {
            rung: Vec::new(),
            sleeper: None,
            senders: 1,
            open: true,
            ended: false,
            room: Room::new(capacity),
            pool: Pool::default(),
        };
        let (closed, rung) = (Padded(AtomicBool::new(false)), Padded(AtomicBool::new(false)));
        Self { closed, barrier, size, capacity, rung, desk: Padded(Mutex::new(desk)) }
    }

    /// How much one that has waited for room may send ahead of those that still wait, in units of the capacity. Each
    /// that is woken costs a switch of threads, so few are woken, and have something to do.
    pub(super) fn turn(&self) -> usize {
        self.capacity.filter(|capacity| capacity.limit() >= EXACT).map_or(0, Capacity::limit)
    }

    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        lock(&self.desk.0)
    }

    /// Adds a lane to those that have rung.
    pub(super) fn ring(&self, desk: &mut Desk, lane: Arc<Lane>) {
        desk.rung.push(lane);
        // Relaxed: see `has_rung`.
        self.rung.0.store(true, Ordering::Relaxed);
    }

    /// Whether lanes may have rung. A `false` can be out of date while nothing else orders it, which delays a lane until
    /// the next look; after the desk was locked it is as new as the list.
    pub(super) fn has_rung(&self) -> bool {
        // Relaxed: the list itself is read under the lock.
        self.rung.0.load(Ordering::Relaxed)
    }

    /// Hands over the lanes that have rung, in the order in which they did.
    pub(super) fn take_rung(&self, take: impl FnMut(Arc<Lane>)) {
        let mut desk = self.desk();
        desk.rung.drain(..).for_each(take);
        // Relaxed: see `has_rung`.
        self.rung.0.store(false, Ordering::Relaxed);
    }

    /// Whether the receiver takes no more. A hint that saves a send from being taken in vain: whether a message is taken
    /// is settled by the tail, the barrier and the desk.
    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        // Relaxed: nothing is read on the strength of it.
        self.closed.0.load(Ordering::Relaxed)
    }

    /// Takes no more. Wake what `woken` receives.
    pub(super) fn close(&self, woken: &mut Vec<Waker>) {
        self.closed.0.store(true, Ordering::Relaxed);
        let mut desk = self.desk();
        desk.open = false;
        desk.room.wake_all(woken);
        woken.extend(desk.sleeper.take());
    }
}

/// The shared state behind the lock.
#[derive(Debug)]
pub(super) struct Desk {
    /// Lanes that have turned from empty to not empty, and that the consumer has not yet taken up.
    pub(super) rung: Vec<Arc<Lane>>,
    /// The consumer, while it sleeps.
    pub(super) sleeper: Option<Waker>,
    pub(super) senders: usize,
    pub(super) open: bool,
    /// The consumer has been told of the end, or is gone: who rings from here on has not been taken.
    pub(super) ended: bool,
    pub(super) room: Room,
    pool: Pool,
}

impl Desk {
    /// An empty segment of `size` bytes, if one is kept.
    pub(super) fn segment(&mut self, size: usize) -> Option<Arc<Segment>> {
        self.pool.take(size)
    }

    /// Keeps segments that were read to their end.
    pub(super) fn keep(&mut self, finished: &mut Vec<Arc<Segment>>) {
        finished.drain(..).for_each(|segment| self.pool.put(segment));
    }
}
