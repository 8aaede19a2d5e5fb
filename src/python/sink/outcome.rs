//! What the core answers, as Python sees it: accounts and counters as frozen dataclasses, errors as exceptions.

use std::io;

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};

use crate::error::{Error, SendError};
use crate::python::errors::{AddressError, Closed, Disconnected, FaninError, Full, MessageError, PlanError, TimedOut};
use crate::sink::{Delivery, Failure, FailureKind, Sink};

/// The account.
pub(super) fn delivery<'py>(py: Python<'py>, of: &Delivery) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    // In the order of the dataclass's fields.
    let states = [of.accepted, of.written, of.acked, of.in_doubt, of.unsent, of.dropped];
    let counts = states.map(|tally| tally.messages).into_iter().chain(states.map(|tally| tally.bytes));
    CLASS.import(py, "fanin.delivery", "Delivery")?.call1(PyTuple::new(py, counts.collect::<Vec<_>>())?)
}

/// The counters.
pub(super) fn stats<'py>(py: Python<'py>, sink: &Sink) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let of = sink.stats();
    let row = PyDict::new(py);
    row.set_item("delivery", delivery(py, &of.delivery)?)?;
    row.set_item("pending", of.delivery.unsent.messages)?;
    row.set_item("held_bytes", of.held_bytes)?;
    row.set_item("capacity_bytes", sink.config().capacity)?;
    row.set_item("high_water_bytes", of.high_water_bytes)?;
    row.set_item("memory_bytes", of.memory_bytes)?;
    row.set_item("batches", of.batches)?;
    row.set_item("writes", of.writes)?;
    row.set_item("wire_bytes", of.wire_bytes)?;
    row.set_item("received_bytes", of.received_bytes)?;
    row.set_item("wakeups", of.wakeups)?;
    row.set_item("waits", of.waits)?;
    row.set_item("wait_seconds", of.waited.as_secs_f64())?;
    row.set_item("waiting", of.waiting)?;
    row.set_item("connections", of.connections)?;
    row.set_item("losses", of.losses)?;
    row.set_item("failed_attempts", of.failed_attempts)?;
    CLASS.import(py, "fanin.delivery", "Stats")?.call((), Some(&row))
}

/// Why a message of `length` bytes was not taken.
#[cold]
pub(super) fn refusal(py: Python<'_>, sink: &Sink, length: usize, error: SendError) -> PyErr {
    let (config, target) = (sink.config(), &sink.config().target);
    match error {
        SendError::Full => Full::new_err(format!(
            "{target} is full: there is no room for {length} bytes; the capacity is {} bytes",
            config.capacity
        )),
        SendError::TooLarge => MessageError::new_err(format!(
            "len(data)={length}: allowed is what fits, framed, into the capacity of {} bytes",
            config.capacity
        )),
        SendError::Frame => {
            let longest = config.max_frame.unwrap_or(config.capacity);
            MessageError::new_err(format!("len(data)={length}: allowed are up to {longest} bytes, the max_frame"))
        }
        SendError::Newline => MessageError::new_err(format!(
            "data: of {length} bytes, with a newline inside; framing=\"lines\" allows none, since it would make two"
        )),
        SendError::Unopened => {
            Closed::new_err(format!("{target} is not open yet; use `with`, `async with`, open() or open_async()"))
        }
        SendError::Closed => Closed::new_err(format!("{target} is closed")),
        SendError::Disconnected => match sink.failure() {
            Some(failure) => failed(py, sink, &failure),
            None => Disconnected::new_err(format!("{target}: {error}")),
        },
        _ => FaninError::new_err(format!("{target}: {error}")),
    }
}

/// Why the sink could not do what it was asked for.
pub(super) fn failed(py: Python<'_>, sink: &Sink, failure: &Failure) -> PyErr {
    let message = format!("{}: {failure}", sink.config().target);
    match failure.kind {
        FailureKind::Disconnected => delivery(py, &failure.delivery).map_or_else(
            |broken| broken,
            |account| {
                let lost = Disconnected::new_err((message, account.unbind(), number(failure)));
                lost.set_cause(py, cause(failure));
                lost
            },
        ),
        FailureKind::TimedOut => delivery(py, &failure.delivery)
            .map_or_else(|broken| broken, |account| TimedOut::new_err((message, account.unbind()))),
        FailureKind::Closed => Closed::new_err(message),
        _ => FaninError::new_err(message),
    }
}

/// Why no connection could be made.
pub(super) fn unopened(py: Python<'_>, sink: &Sink, failure: &Failure) -> PyErr {
    match (failure.kind, failure.cause.as_deref()) {
        (_, Some(cause @ Error::Argument { .. })) => PlanError::new_err(cause.to_string()),
        (FailureKind::Disconnected, Some(cause)) => {
            let message = cause.to_string();
            match number(failure) {
                Some(code) => AddressError::new_err((code, message)),
                None => AddressError::new_err(message),
            }
        }
        _ => failed(py, sink, failure),
    }
}

/// What the system said.
fn cause(failure: &Failure) -> Option<PyErr> {
    let seen = failure.cause.as_deref()?.to_string();
    Some(match number(failure) {
        Some(code) => PyOSError::new_err((code, seen)),
        None => PyOSError::new_err(seen),
    })
}

/// The system's number; of a timeout too, which is our clock's and has none by itself.
fn number(failure: &Failure) -> Option<i32> {
    let late = match failure.cause.as_deref() {
        Some(Error::Address { source, .. } | Error::Io { source, .. }) => source.kind() == io::ErrorKind::TimedOut,
        Some(Error::TimedOut { .. }) => true,
        _ => false,
    };
    failure.os_error().or(late.then_some(nix::libc::ETIMEDOUT))
}
