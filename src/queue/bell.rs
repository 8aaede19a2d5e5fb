//! How the consumer of a queue without waking of its own sleeps, and how a producer wakes it.
//!
//! The consumer *listens*, looks once more, and sleeps; a producer publishes its message and then *rings*. One of the two
//! sees the other: the fences in between are in one order, so either the last look finds the message, or the ring finds
//! the sleeper. A ring while the consumer is awake is a fence and a load.

use std::task::Waker;

use super::sync::{AtomicBool, AtomicWaker, Ordering, fence};

/// Keeps what it holds on cache lines of its own; two, since processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Padded<T>(pub(super) T);

/// One sleeper, many who may wake it.
#[derive(Debug, Default)]
pub(super) struct Bell {
    /// Read by every producer for every message, written when the consumer goes to sleep.
    sleeping: Padded<AtomicBool>,
    sleeper: AtomicWaker,
}

impl Bell {
    /// From now on rings wake `sleeper`. Look once more before you sleep.
    pub(super) fn listen(&self, sleeper: &Waker) {
        self.sleeper.register(sleeper);
        // Release: who reads it (Acquire in `wake`) sees the waker.
        self.sleeping.0.store(true, Ordering::Release);
        // SeqCst: before the look that follows; its partner is in `ring`.
        fence(Ordering::SeqCst);
    }

    /// Rings need not wake any more.
    pub(super) fn ignore(&self) {
        // Relaxed: a ring that misses it wakes for nothing, which does no harm.
        self.sleeping.0.store(false, Ordering::Relaxed);
    }

    /// Wakes the consumer if it sleeps, or is about to. To be called after what it should find is published.
    #[inline]
    pub(super) fn ring(&self) {
        // SeqCst: after the publishing; its partner is in `listen`.
        fence(Ordering::SeqCst);
        if self.sleeping.0.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        // The first ring alone wakes; the others write nothing, so that the consumer's next `listen` is the last word.
        // Acquire: the partner is the store in `listen`. Relaxed: another has rung, or the consumer is awake.
        if self.sleeping.0.compare_exchange(true, false, Ordering::Acquire, Ordering::Relaxed).is_ok() {
            self.sleeper.wake();
        }
    }
}
