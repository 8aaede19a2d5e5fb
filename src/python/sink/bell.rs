//! How native threads wake the waiters of an event loop: without the interpreter, and once for many.
//!
//! A loop that has waiters watches a [`Bell`]: a pair of connected sockets. Whoever has news for a waiter leaves its token
//! and, if the list was empty, writes one byte, which wakes the loop; the loop takes the list and completes the futures.
//! A loop that was closed just does not look any more: the byte is never read, and nothing is raised anywhere.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

use pyo3::prelude::*;

use crate::python::fork::Owned;

/// The bell of one event loop.
#[pyclass(frozen, name = "Bell", module = "fanin._native")]
pub(in crate::python) struct PyBell(Owned<Arc<Bell>>);

#[pymethods]
impl PyBell {
    #[new]
    fn new() -> PyResult<Self> {
        Ok(Self(Owned::new(Arc::new(Bell::new()?))))
    }

    /// What the loop has to watch: it is readable when the bell was rung.
    fn fileno(&self) -> PyResult<i32> {
        Ok(self.0.get()?.ear.as_raw_fd())
    }

    /// The tokens that rang since the last call.
    fn take(&self) -> PyResult<Vec<u64>> {
        Ok(self.0.get()?.take())
    }
}

impl PyBell {
    /// A waker that rings with `token`.
    pub(super) fn waker(&self, token: u64) -> PyResult<Waker> {
        let bell = Arc::clone(self.0.get()?);
        Ok(Waker::from(Arc::new(Ringer { bell, token })))
    }
}

struct Bell {
    /// Tokens that rang. While it is not empty a byte is on its way.
    rung: Mutex<Vec<u64>>,
    ear: UnixStream,
    clapper: UnixStream,
}

impl Bell {
    fn new() -> io::Result<Self> {
        let (ear, clapper) = UnixStream::pair()?;
        ear.set_nonblocking(true)?;
        clapper.set_nonblocking(true)?;
        Ok(Self { rung: Mutex::default(), ear, clapper })
    }

    fn ring(&self, token: u64) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        rung.push(token);
        let is_first = rung.len() == 1;
        drop(rung);
        if is_first {
            // A pair of sockets has room for one byte, and both ends live as long as this does.
            let _ = (&self.clapper).write(&[1]);
        }
    }

    /// Takes the byte before the list: a ring in between finds the list not empty, or empty and writes another.
    fn take(&self) -> Vec<u64> {
        while let Ok(1..) = (&self.ear).read(&mut [0; 16]) {}
        std::mem::take(&mut *self.rung.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Rings for one waiter.
struct Ringer {
    bell: Arc<Bell>,
    token: u64,
}

impl Wake for Ringer {
    fn wake(self: Arc<Self>) {
        self.bell.ring(self.token);
    }
}
