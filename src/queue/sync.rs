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
}

#[cfg_attr(not(fanin_loom), allow(clippy::unused_self))]
#[cfg_attr(fanin_loom, allow(clippy::used_underscore_binding))]
impl Watched {
    #[inline]
    pub(crate) fn new(_size: usize) -> Self {
        Self {
            #[cfg(fanin_loom)]
            cells: (0.._size).map(|_| loom::cell::UnsafeCell::new(())).collect(),
        }
    }

    #[inline]
    pub(crate) fn written(&self, _at: usize, _length: usize) {
        #[cfg(fanin_loom)]
        self.cells[_at.._at + _length].iter().for_each(|cell| cell.with_mut(|_| ()));
    }

    #[inline]
    pub(crate) fn read(&self, _at: usize, _length: usize) {
        #[cfg(fanin_loom)]
        self.cells[_at.._at + _length].iter().for_each(|cell| cell.with(|_| ()));
    }
}
