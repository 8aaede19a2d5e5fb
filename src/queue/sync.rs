//! What queues synchronise with: `std`, or a stand-in that decides itself which thread runs next.
//!
//! Queues with atomics or waiting of their own name these types and no others, so that the models in `models/` run the
//! code that ships: with [loom](https://docs.rs/loom) (`--cfg fanin_loom`), which tries every interleaving of a few
//! threads and knows what the orderings of atomics allow, and with [shuttle](https://docs.rs/shuttle) (`--cfg
//! fanin_shuttle`), which tries random ones of many threads and takes every atomic for sequentially consistent.

use std::sync::PoisonError;

/// Whether this is a model: then sizes are small, so that every edge is near.
pub(crate) const MODELLED: bool = cfg!(any(fanin_loom, fanin_shuttle));

#[cfg(not(any(fanin_loom, fanin_shuttle)))]
pub(crate) use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence},
};

#[cfg(not(any(fanin_loom, fanin_shuttle)))]
pub(crate) use atomic_waker::AtomicWaker;

#[cfg(fanin_loom)]
pub(crate) use loom::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence},
};

#[cfg(fanin_shuttle)]
pub(crate) use shuttle::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence},
};

/// Locks, whatever a panicking producer may have done: no code of ours panics while it holds the lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stands in for the crate `atomic-waker` in a model, which takes that crate at its word: who wakes after a waker was
/// registered finds it.
#[cfg(any(fanin_loom, fanin_shuttle))]
#[derive(Debug)]
pub(crate) struct AtomicWaker(Mutex<Option<std::task::Waker>>);

#[cfg(any(fanin_loom, fanin_shuttle))]
impl AtomicWaker {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(None))
    }

    pub(crate) fn register(&self, waker: &std::task::Waker) {
        *lock(&self.0) = Some(waker.clone());
    }

    pub(crate) fn wake(&self) {
        let waker = lock(&self.0).take();
        super::wake(waker);
    }
}

#[cfg(any(fanin_loom, fanin_shuttle))]
impl Default for AtomicWaker {
    fn default() -> Self {
        Self::new()
    }
}

/// Watches who touches which byte of a buffer: nothing in a normal build, one of loom's cells a byte in a model, which
/// then fails on any two accesses that are not ordered.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    #[cfg(fanin_loom)]
    cells: Vec<loom::cell::UnsafeCell<()>>,
    /// Loaded before each access. loom takes a thread's accesses between two of its atomic steps for simultaneous: without
    /// a step of their own, those right after a Release store would count as published by it. Relaxed: it orders nothing.
    #[cfg(fanin_loom)]
    step: AtomicBool,
}

#[cfg(not(fanin_loom))]
#[allow(clippy::unused_self)]
impl Watched {
    #[inline]
    pub(crate) fn new(_size: usize) -> Self {
        Self {}
    }

    #[inline]
    pub(crate) fn written(&self, _at: usize, _length: usize) {}

    #[inline]
    pub(crate) fn read(&self, _at: usize, _length: usize) {}
}

#[cfg(fanin_loom)]
impl Watched {
    pub(crate) fn new(size: usize) -> Self {
        Self { cells: (0..size).map(|_| loom::cell::UnsafeCell::new(())).collect(), step: AtomicBool::new(false) }
    }

    pub(crate) fn written(&self, at: usize, length: usize) {
        self.step.load(Ordering::Relaxed);
        self.cells[at..at + length].iter().for_each(|cell| cell.with_mut(|_| ()));
    }

    pub(crate) fn read(&self, at: usize, length: usize) {
        self.step.load(Ordering::Relaxed);
        self.cells[at..at + length].iter().for_each(|cell| cell.with(|_| ()));
    }
}
