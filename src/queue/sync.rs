//! What queues synchronise with: `std`, or [loom](https://docs.rs/loom) where the crate is built with `--cfg fanin_loom`.
//!
//! Queues with atomics or waiting of their own name these types and no others, so that the models in `tests/loom.rs` run
//! the code that ships.

#[cfg(not(fanin_loom))]
pub(crate) use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU64, Ordering, fence},
};

#[cfg(fanin_loom)]
pub(crate) use loom::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU64, Ordering, fence},
};

use std::sync::PoisonError;

/// Locks as [`queue::lock`](super::lock) does, the mutex of this module.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Watches who touches which byte of a buffer: nothing in a normal build, one of loom's cells a byte in a model, which
/// then fails on any two accesses that are not ordered.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    #[cfg(fanin_loom)]
    cells: Vec<loom::cell::UnsafeCell<()>>,
}

#[cfg_attr(not(fanin_loom), allow(clippy::unused_self))]
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
