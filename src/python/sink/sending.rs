//! `send_async`: a send as a coroutine that ends in its first step when there is room.
//!
//! It speaks the coroutine protocol by itself (`__await__`, `__next__`, `send`, `throw`, `close`), so that `await`,
//! `create_task`, `gather` and `wait_for` take it. The message is taken in a step, and the step that takes it is the last
//! one: whoever is cancelled before it has sent nothing, and whoever was not has. Where there is no room it stands in the
//! sink's line and yields a future of its own loop; the loop's bell (`fanin._loops`) completes that.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use pyo3::exceptions::{PyRuntimeError, PyRuntimeWarning, PyStopIteration, PyTypeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use pyo3::{PyTraverseError, PyVisit};

use super::PySink;
use super::bell::PyBell;
use super::data::{Message, Unfit};
use super::outcome::refusal;
use crate::error::SendError;
use crate::python::fork::Owned;
use crate::sink::{Full, Sending};

/// A send that is awaited.
#[pyclass(frozen, name = "Sending", module = "fanin._native")]
pub(in crate::python) struct PySending {
    sink: Py<PySink>,
    /// Held for a step, and never while Python code runs.
    stage: Mutex<Stage>,
}

enum Stage {
    Fresh(Message),
    /// It is told why when it is awaited.
    Unfit(Unfit),
    Waiting(Place),
    Over,
}

/// A place in the sink's line, and in the loop's.
struct Place {
    length: usize,
    sending: Owned<Sending<Vec<u8>>>,
    /// The loop's line, and the token there; none before the first wait.
    line: Option<(Py<PyAny>, u64)>,
}

#[pymethods]
impl PySending {
    /// One who waits is enough: of two, one would never be woken.
    fn __await__(slf: Py<Self>) -> PyResult<Py<Self>> {
        if matches!(*slf.get().stage(), Stage::Waiting(_)) {
            return Err(PyRuntimeError::new_err("send_async() is being awaited already"));
        }
        Ok(slf)
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.step(py)
    }

    /// Goes on; a future to wait for, or `StopIteration` at the end.
    #[pyo3(signature = (value, /))]
    fn send(&self, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = value.py();
        self.step(py)?.ok_or_else(|| PyStopIteration::new_err(()))
    }

    /// Ends it by an exception, as a cancellation does. Nothing of the message was taken.
    #[pyo3(signature = (kind, value=None, traceback=None, /))]
    fn throw(
        &self,
        kind: Bound<'_, PyAny>,
        value: Option<Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let _ = traceback;
        self.give_up(kind.py());
        Err(thrown(kind, value))
    }

    /// Ends it. Nothing of the message was taken, if it was not over before.
    fn close(&self, py: Python<'_>) {
        self.give_up(py);
    }

    /// For the names of tasks.
    #[getter]
    #[allow(clippy::unused_self)] // as pyo3 wants it
    const fn __name__(&self) -> &'static str {
        "send_async"
    }

    /// For the names of tasks.
    #[getter]
    #[allow(clippy::unused_self)] // as pyo3 wants it
    const fn __qualname__(&self) -> &'static str {
        "Sink.send_async"
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.sink)?;
        // Locked only where a step is under way, and then this is alive.
        if let Ok(stage) = self.stage.try_lock()
            && let Stage::Waiting(Place { line: Some((line, _)), .. }) = &*stage
        {
            visit.call(line)?;
        }
        Ok(())
    }

    fn __clear__(&self, py: Python<'_>) {
        self.give_up(py);
    }
}

impl PySending {
    pub(super) fn new(sink: Py<PySink>, data: &Bound<'_, PyAny>) -> PyResult<Self> {
        let stage = match Message::of(sink.get().core()?, data)? {
            Ok(message) => Stage::Fresh(message),
            Err(unfit) => Stage::Unfit(unfit),
        };
        Ok(Self { sink, stage: Mutex::new(stage) })
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves `over` behind, so that what runs meanwhile finds nothing to do.
    fn take(&self) -> Stage {
        std::mem::replace(&mut *self.stage(), Stage::Over)
    }

    #[inline]
    fn step(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        match self.take() {
            Stage::Fresh(message) => self.begin(py, &message),
            Stage::Unfit(unfit) => Err(unfit.refusal(py, self.sink.get().core()?)),
            Stage::Waiting(place) => self.resume(py, place),
            Stage::Over => Err(PyRuntimeError::new_err("cannot reuse already awaited send_async()")),
        }
    }

    #[inline]
    fn begin(&self, py: Python<'_>, message: &Message) -> PyResult<Option<Py<PyAny>>> {
        let sink = self.sink.get().core()?;
        let bytes = message.bytes(py);
        match sink.try_send(bytes) {
            Ok(()) => Ok(None),
            Err(SendError::Full) if sink.config().on_full == Full::Wait => {
                let sending = Owned::new(sink.send(bytes.to_vec()));
                self.wait(py, Place { length: bytes.len(), sending, line: None })
            }
            Err(error) => Err(refusal(py, sink, bytes.len(), error)),
        }
    }

    /// Looks first, since most who are woken are woken for good.
    #[cold]
    fn resume(&self, py: Python<'_>, mut place: Place) -> PyResult<Option<Py<PyAny>>> {
        place.leave(py)?;
        match place.poll(Waker::noop())? {
            Poll::Ready(outcome) => self.end(py, place.length, outcome),
            Poll::Pending => self.wait(py, place),
        }
    }

    /// Stands in line, and yields what to wait for.
    #[cold]
    fn wait(&self, py: Python<'_>, mut place: Place) -> PyResult<Option<Py<PyAny>>> {
        let (bell, token, future) = place.join(py)?;
        match place.poll(&bell.get().waker(token)?)? {
            Poll::Ready(outcome) => {
                place.leave(py)?;
                self.end(py, place.length, outcome)
            }
            Poll::Pending => {
                *self.stage() = Stage::Waiting(place);
                // The future's own iterator marks it as waited for, and yields it.
                future.call_method0(py, "__await__")?.call_method0(py, "__next__").map(Some)
            }
        }
    }

    fn end(&self, py: Python<'_>, length: usize, outcome: Result<(), SendError>) -> PyResult<Option<Py<PyAny>>> {
        let sink = self.sink.get().core()?;
        outcome.map(|()| None).map_err(|error| refusal(py, sink, length, error))
    }

    /// Leaves the line, where the turn goes to whoever is next.
    fn give_up(&self, py: Python<'_>) {
        if let Stage::Waiting(mut place) = self.take()
            && let Err(error) = place.leave(py)
        {
            error.write_unraisable(py, None);
        }
    }
}

impl Place {
    fn poll(&mut self, waker: &Waker) -> PyResult<Poll<Result<(), SendError>>> {
        Ok(Pin::new(self.sending.get_mut()?).poll(&mut Context::from_waker(waker)))
    }

    /// A place in the line of the running loop.
    fn join(&mut self, py: Python<'_>) -> PyResult<(Py<PyBell>, u64, Py<PyAny>)> {
        static LINE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let line = LINE.get_or_try_init(py, || Ok::<_, PyErr>(py.import("fanin._loops")?.getattr("line")?.unbind()))?;
        let line = line.bind(py).call0()?;
        let (token, future) = line.call_method0("join")?.extract::<(u64, Py<PyAny>)>()?;
        let bell = line.getattr("bell")?.cast::<PyBell>()?.clone().unbind();
        self.line = Some((line.unbind(), token));
        Ok((bell, token, future))
    }

    fn leave(&mut self, py: Python<'_>) -> PyResult<()> {
        match self.line.take() {
            Some((line, token)) => line.call_method1(py, "leave", (token,)).map(drop),
            None => Ok(()),
        }
    }
}

impl Drop for PySending {
    fn drop(&mut self) {
        let stage = std::mem::replace(&mut *self.stage(), Stage::Over);
        match stage {
            Stage::Over => {}
            Stage::Fresh(_) | Stage::Unfit(_) => Python::attach(|py| beside(py, warn)),
            Stage::Waiting(mut place) => Python::attach(|py| {
                // A loop that is gone as well has no line to leave.
                beside(py, |py| drop(place.leave(py)));
            }),
        }
    }
}

/// Runs Python code beside an exception that may be on its way: what is dropped is often dropped by one, and code that
/// finds one set takes it for its own.
fn beside(py: Python<'_>, run: impl FnOnce(Python<'_>)) {
    let raised = PyErr::take(py);
    run(py);
    if let Some(raised) = raised {
        raised.restore(py);
    }
}

/// What a coroutine of Python's own says when it is forgotten.
#[cold]
fn warn(py: Python<'_>) {
    let kind = py.get_type::<PyRuntimeWarning>();
    let text = c"send_async() was never awaited: its message was not sent";
    if let Err(raised) = PyErr::warn(py, &kind, text, 1) {
        raised.write_unraisable(py, None);
    }
}

/// The exception of a `throw`, in its new form of one argument or its old one of up to three.
fn thrown(kind: Bound<'_, PyAny>, value: Option<Bound<'_, PyAny>>) -> PyErr {
    let made = match (kind.cast::<PyType>(), value) {
        (Err(_), _) => Ok(kind),
        (Ok(_), Some(value)) if value.is_instance(&kind).unwrap_or(false) => Ok(value),
        (Ok(class), Some(value)) => class.call1((value,)),
        (Ok(class), None) => class.call0(),
    };
    match made {
        Ok(value) if value.is_instance_of::<pyo3::exceptions::PyBaseException>() => PyErr::from_value(value),
        Ok(_) => PyTypeError::new_err("exceptions must be classes or instances deriving from BaseException"),
        Err(broken) => broken,
    }
}
