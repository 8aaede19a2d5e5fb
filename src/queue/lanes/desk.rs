//! What all lanes share: who rang, who sleeps, who is left, the room, and the free segments, behind one lock.
//!
//! The lock is taken where a lane turns from empty to not empty, where a segment is full, and where room is accounted; not
//! with each message.

use std::task::Waker;

use super::super::room::{Capacity, Room};
use super::super::sync::{Arc, AtomicBool, Mutex, MutexGuard, Ordering, lock};
use super::barrier::Barrier;
use super::chain::Segment;
use super::lane::Lane;
use super::pool::Pool;

/// On a cache line, and on the one fetched with it, by itself.
#[derive(Debug)]
#[repr(align(128))]
struct Padded<T>(T);

/// What every handle of a queue has.
#[derive(Debug)]
pub(super) struct Shared {
    /// Whether the receiver takes no more. Read before each message, so on a line that is written once.
    closed: Padded<AtomicBool>,
    pub(super) barrier: Barrier,
    pub(super) size: Option<usize>,
    pub(super) capacity: Option<Capacity>,
    desk: Mutex<Desk>,
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
        Self { closed: Padded(AtomicBool::new(false)), barrier, size, capacity, desk: Mutex::new(desk) }
    }

    pub(super) fn desk(&self) -> MutexGuard<'_, Desk> {
        lock(&self.desk)
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
