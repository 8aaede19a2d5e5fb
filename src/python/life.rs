//! Sleeping while Python runs, and the end of the interpreter.
//!
//! A thread that comes back to an interpreter which is being finalised is ended in the middle of native code, or hangs. So
//! whoever sleeps here is counted, and [`settle`], which the package calls from `atexit` when all sinks are closed and
//! everybody is woken, waits until all are back, and lets nobody leave any more.
//!
//! `unsafe`: to ask which interpreter this is.
#![allow(unsafe_code)]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

use super::errors::Closed;
use super::fork::Owned;

/// How long a wait may be deaf to Ctrl-C.
const SLICE: Duration = Duration::from_millis(40);

/// Whether [`settle`] was called.
static EXITING: AtomicBool = AtomicBool::new(false);

/// Threads that have left the interpreter and mean to come back.
static AWAY: AtomicUsize = AtomicUsize::new(0);

/// Refuses every interpreter but the first: the exceptions and loops that this module knows are that one's.
pub(super) fn refuse_in_subinterpreter() -> PyResult<()> {
    // SAFETY: the import runs attached, which is all that both calls need.
    let interpreter = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    if interpreter == 0 {
        return Ok(());
    }
    Err(PyImportError::new_err(format!(
        "fanin works in the main interpreter only, and this is sub-interpreter {interpreter}"
    )))
}

/// Refuses once the interpreter exits.
pub(super) fn refuse_at_exit() -> PyResult<()> {
    // Relaxed: it is set and read by threads that hold the interpreter's lock.
    if EXITING.load(Ordering::Relaxed) {
        return Err(Closed::new_err("the interpreter is exiting; nothing can be started or waited for any more"));
    }
    Ok(())
}

/// Runs `work` without the interpreter's lock, unless the interpreter exits.
pub(super) fn detached<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> PyResult<T> {
    refuse_at_exit()?;
    // Relaxed, both: the lock that is given up and taken back in between orders them for `settle`, which holds it too.
    AWAY.fetch_add(1, Ordering::Relaxed);
    let outcome = py.detach(work);
    AWAY.fetch_sub(1, Ordering::Relaxed);
    Ok(outcome)
}

/// A forked child has none of the threads that were away.
pub(super) fn forget_the_absent() {
    AWAY.store(0, Ordering::Relaxed);
}

/// From now on nobody leaves the interpreter; waits up to `seconds` until all are back, and says whether they are.
/// Everybody has to have been woken before.
#[pyfunction]
pub(super) fn settle(py: Python<'_>, seconds: f64) -> bool {
    // Relaxed, both: they are counted and told with the interpreter attached, which orders them.
    EXITING.store(true, Ordering::Relaxed);
    let deadline = deadline(Some(seconds));
    while AWAY.load(Ordering::Relaxed) > 0 {
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return false;
        }
        py.detach(|| thread::sleep(Duration::from_millis(1)));
    }
    true
}

/// When so many seconds are over; `None` for never, as for more than a century.
pub(super) fn deadline(seconds: Option<f64>) -> Option<Instant> {
    let span = Duration::try_from_secs_f64(seconds?.max(0.0)).ok()?;
    Instant::now().checked_add(span)
}

/// Polls `future` to its end, asleep and detached in between. `None` says that the deadline came first. A signal handler
/// that raises ends the wait; in a child that a handler forked, it ends with `Forked`.
pub(super) fn block_on<F: Future + Unpin>(
    py: Python<'_>,
    future: &mut Owned<F>,
    deadline: Option<Instant>,
) -> PyResult<Option<F::Output>> {
    let waker = Waker::from(Arc::new(Sleeper(thread::current())));
    let mut context = Context::from_waker(&waker);
    let slice = slice();
    loop {
        if let Poll::Ready(outcome) = Pin::new(future.get_mut()?).poll(&mut context) {
            return Ok(Some(outcome));
        }
        let left = deadline.map_or(slice, |deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return Ok(None);
        }
        detached(py, || thread::park_timeout(left.min(slice)))?;
        py.check_signals()?;
    }
}

/// How long this thread may sleep at a stretch. Python handles signals on its main thread alone, which is the process's
/// first, but for a program that embeds it elsewhere: so the others look up rarely, and a thousand of them cost nothing.
fn slice() -> Duration {
    #[cfg(target_os = "linux")]
    if nix::unistd::gettid() != nix::unistd::getpid() {
        return Duration::from_secs(1);
    }
    SLICE
}

/// A thread that parks.
struct Sleeper(Thread);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
