//! A forked child has the parent's memory and none of its threads. Whatever waits for one of them would hang, and whatever
//! was made before the fork is the parent's: its socket, its messages, its locks, one of which may be held for ever.
//!
//! A handler that the C library calls in every child counts forks, so a check is a load, and forks by C code are seen
//! as well as those of `os.fork`. What belongs to a process is an [`Owned`]: a child can neither reach nor drop it.
//!
//! `unsafe`: to register that handler.
#![allow(unsafe_code)]

use std::process;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use super::errors::Forked;

/// How many forks lie between this process and the first of its line that imported the module.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// The process that imported the module.
static HOME: AtomicU32 = AtomicU32::new(0);

#[cfg(unix)]
extern "C" fn count_in_child() {
    // Relaxed: the child has one thread, and nothing else is handed over by it.
    FORKS.fetch_add(1, Ordering::Relaxed);
    super::life::forget_the_absent();
}

/// Begins to count. Called by the import.
pub(super) fn remember() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Relaxed: `Once` orders it before every load.
        HOME.store(process::id(), Ordering::Relaxed);
        // Elsewhere nothing forks.
        // SAFETY: the handler touches atomics, which is all that a child of a process with threads may do. The module
        // stays loaded for as long as the process lives: Python never unloads an extension.
        #[cfg(unix)]
        unsafe {
            nix::libc::pthread_atfork(None, None, Some(count_in_child))
        };
    });
}

/// Which process of the line this is. Relaxed: a child's only thread is the one that forked.
#[inline]
fn generation() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// Raises `Forked` in any other process than the one that imported the module.
pub(super) fn refuse_in_child() -> PyResult<()> {
    if generation() == 0 {
        return Ok(());
    }
    let (home, here) = (HOME.load(Ordering::Relaxed), process::id());
    Err(Forked::new_err(format!(
        "fanin was imported by process {home} and is called in its forked child {here}, which has none of its threads; \
         start processes by \"spawn\" (multiprocessing.get_context(\"spawn\")) and import fanin there"
    )))
}

/// What belongs to the process that made it. A child that inherits it gets `Forked`, and leaves it alone to the end: it
/// is never dropped there.
#[derive(Debug)]
pub(super) struct Owned<T> {
    generation: u32,
    process: u32,
    /// `None` only while it is dropped.
    value: Option<T>,
}

impl<T> Owned<T> {
    pub(super) fn new(value: T) -> Self {
        Self { generation: generation(), process: process::id(), value: Some(value) }
    }

    /// The value, or `Forked`.
    #[inline]
    pub(super) fn get(&self) -> PyResult<&T> {
        self.ours().ok_or_else(|| self.foreign())
    }

    /// The value, unless this is a child of the process that made it.
    #[inline]
    pub(super) fn ours(&self) -> Option<&T> {
        self.value.as_ref().filter(|_| self.generation == generation())
    }

    /// The value whatever process this is: for what never changes, and is never locked.
    pub(super) fn peek<U>(&self, look: impl FnOnce(&T) -> U) -> Option<U> {
        self.value.as_ref().map(look)
    }

    /// As [`get`](Self::get), to be changed.
    pub(super) fn get_mut(&mut self) -> PyResult<&mut T> {
        if self.generation != generation() {
            return Err(self.foreign());
        }
        match &mut self.value {
            Some(value) => Ok(value),
            None => Err(PyRuntimeError::new_err("this is being dropped")),
        }
    }

    #[cold]
    fn foreign(&self) -> PyErr {
        Forked::new_err(format!(
            "this was made by process {} and is used in its forked child {}, which has none of its threads; make one here \
             after the fork, or start processes by \"spawn\"",
            self.process,
            process::id()
        ))
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        if self.generation != generation() {
            std::mem::forget(self.value.take());
        }
    }
}
