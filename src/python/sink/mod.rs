//! `Sink`: many threads and tasks, one socket. What is here is the border; the sink itself is [`crate::sink`].
//!
//! A send with room never leaves the interpreter: it takes the sink's one short lock, which nobody holds while he waits for
//! the interpreter, since no Python code runs under it and the actor knows no Python. Only who has to wait leaves.
//!
//! `unsafe`: to take over a descriptor.
#![allow(clippy::doc_markdown)] // what is documented here is read by Python's help

mod bell;
mod data;
mod events;
mod listed;
mod many;
mod operation;
mod outcome;
mod quick;
mod sending;
mod settings;

use std::os::fd::{FromRawFd, OwnedFd};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyInt};

pub(super) use bell::PyBell;
pub(super) use events::PyEvents;
pub(super) use operation::Operation;
use operation::Waited;
pub(super) use quick::install;
pub(super) use sending::PySending;
use settings::Settings;

use super::fork::Owned;
use super::life::{block_on, deadline, refuse_at_exit};
use crate::error::{Error, SendError};
use crate::sink::{Full, Sink};

/// The longest timeout in seconds, as `fanin._check` has it.
const LONGEST: f64 = 86_400.0;

/// The native half of `fanin.Sink`: what runs often.
#[pyclass(frozen, subclass, name = "Sink", module = "fanin._native")]
pub(super) struct PySink {
    sink: Owned<Sink>,
    close_timeout: Duration,
}

#[pymethods]
impl PySink {
    /// `settings` are those of `fanin.Sink`; `socket` is the descriptor of a connected socket, which is taken over.
    #[new]
    #[pyo3(signature = (settings, socket=None))]
    #[allow(clippy::needless_pass_by_value)] // as pyo3 hands it over
    fn new(settings: Settings, socket: Option<i32>) -> PyResult<Self> {
        // Ours at once, so that it is closed whatever is wrong with the rest.
        let socket = socket.map(owned);
        refuse_at_exit()?;
        let (config, close_timeout) = (settings.config()?, settings.close_timeout()?);
        let sink = match socket {
            None => Sink::new(config)?,
            Some(socket) => Sink::from_stream(config, socket)?,
        };
        Ok(Self { sink: Owned::new(sink), close_timeout })
    }

    /// Sends one message, and waits while there is no room for it.
    ///
    /// Args:
    ///     data: `bytes`, a `bytearray`, or any contiguous buffer; it is copied before the call returns.
    ///     timeout: Seconds to wait for room; None waits for as long as it takes, 0 not at all.
    ///
    /// Raises:
    ///     Full: There was no room in time, or at all where the sink was made with `on_full="raise"`.
    ///     MessageError: It could never be taken: it is too long, or has a newline inside a line.
    ///     Closed: The sink is not open, or was closed meanwhile.
    ///     Disconnected: The connection was lost, and none is to come.
    ///
    /// Whatever is raised, Ctrl-C too, nothing of the message was taken. What is dropped by `on_full="drop_newest"` or
    /// `"drop_oldest"` raises nothing, and is counted.
    ///
    /// Example:
    ///     >>> import fanin
    ///     >>> with fanin.Server() as server, fanin.Sink(server.url, framing="lines") as sink:
    ///     ...     sink.send(b"from any thread")
    ///     ...     sink.flush()
    ///     <Delivery: 1 message accepted (15 bytes): 1 written>
    #[pyo3(signature = (data, /, timeout=None))]
    fn send(&self, data: &Bound<'_, PyAny>, timeout: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let (sink, timeout) = (self.core()?, checked(timeout)?);
        let (length, outcome) = data::lend(data, |bytes| Ok((bytes.len(), sink.try_send(bytes))))?;
        match outcome {
            Ok(()) => Ok(()),
            Err(SendError::Full) if sink.config().on_full == Full::Wait => wait(sink, data, timeout),
            Err(error) => Err(outcome::refusal(data.py(), sink, length, error)),
        }
    }

    /// Sends one message, or raises at once when there is no room. As `send` with a timeout of 0.
    ///
    /// Raises:
    ///     Full: There is no room. All else as with `send`.
    ///
    /// Example:
    ///     >>> import fanin
    ///     >>> with fanin.Server() as server, fanin.Sink(server.url, capacity=64) as sink:
    ///     ...     sink.try_send(bytes(64))
    ///     ...     try:
    ///     ...         sink.try_send(bytes(65))
    ///     ...     except fanin.MessageError as error:
    ///     ...         print(error)
    ///     len(data)=65: allowed is what fits, framed, into the capacity of 64 bytes
    #[pyo3(signature = (data, /))]
    fn try_send(&self, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let sink = self.core()?;
        let (length, outcome) = data::lend(data, |bytes| Ok((bytes.len(), sink.try_send(bytes))))?;
        outcome.map_err(|error| outcome::refusal(data.py(), sink, length, error))
    }

    /// Sends many messages in order: those of a list or tuple some hundred under one lock, those of any other iterable as
    /// they come.
    ///
    /// Args:
    ///     messages: Any iterable of what `send` takes; or, with `offsets`, one buffer that holds all of them.
    ///     offsets: Where the messages in that buffer begin, and where the last one ends, as Arrow has it: message `i` is
    ///         `messages[offsets[i]:offsets[i + 1]]`. A list, an array or any buffer of whole numbers.
    ///     timeout: Seconds to wait for room, for all of them together; how long an iterable takes is its own affair.
    ///
    /// Returns:
    ///     How many were sent: all.
    ///
    /// Raises:
    ///     What `send` raises, for the first message that was not taken. Those before it were, those after it were not;
    ///     the exception's `taken` says how many were. What the iterable raises goes on up likewise.
    ///
    /// Example:
    ///     >>> import fanin
    ///     >>> with fanin.Server() as server, fanin.Sink(server.url, framing="length") as sink:
    ///     ...     sink.send_many([b"one", b"two", b"three"]), sink.send_many(b"onetwothree", offsets=[0, 3, 6, 11])
    ///     (3, 3)
    #[pyo3(signature = (messages, /, offsets=None, timeout=None))]
    fn send_many(
        &self,
        messages: &Bound<'_, PyAny>,
        offsets: Option<&Bound<'_, PyAny>>,
        timeout: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<usize> {
        let many = many::Many::new(self.core()?, checked(timeout)?);
        match offsets {
            None => many.send_each(messages),
            Some(offsets) => many.send_parts(messages, offsets),
        }
    }

    /// Sends one message from a task. To be awaited; what is never awaited is never sent.
    ///
    /// Where there is room the `await` ends at once, without a turn of the loop. Where there is none the task waits and
    /// the loop goes on. A task that is cancelled has sent nothing: `CancelledError` is raised exactly when the message was
    /// not taken. Tasks of any number of loops, and threads, may send at the same time; who waits is served in turn.
    ///
    /// Raises:
    ///     What `send` raises, when it is awaited.
    ///
    /// Example:
    ///     >>> import asyncio, fanin
    ///     >>> async def main():
    ///     ...     with fanin.Server("echo") as server:
    ///     ...         async with fanin.Sink(server.url, framing="length", confirm="echo") as sink:
    ///     ...             await sink.send_async(b"from any task")
    ///     ...             return await sink.flush_async()
    ///     >>> asyncio.run(main())
    ///     <Delivery: 1 message accepted (13 bytes): 1 acked>
    #[pyo3(signature = (data, /))]
    fn send_async(slf: &Bound<'_, Self>, data: &Bound<'_, PyAny>) -> PyResult<PySending> {
        PySending::new(slf.clone().unbind(), data)
    }

    /// `send`, as files have it: a sink can stand where a binary file is written.
    ///
    /// Returns:
    ///     How many bytes were taken: all.
    #[pyo3(signature = (data, /))]
    fn write(&self, data: &Bound<'_, PyAny>) -> PyResult<usize> {
        let length = data::lend(data, |bytes| Ok(bytes.len()))?;
        self.send(data, None)?;
        Ok(length)
    }

    /// Messages that are not written yet, as far as is known now.
    fn __len__(&self) -> PyResult<usize> {
        Ok(self.core()?.len())
    }

    /// A sink is always true, however little waits in it.
    #[allow(clippy::unused_self)] // as pyo3 wants it
    const fn __bool__(&self) -> bool {
        true
    }

    /// Where it sends, as `tcp://host:port`, `tls://host:port` or `unix:///path`.
    #[getter]
    fn target(&self) -> String {
        self.sink.peek(|sink| sink.config().target.to_string()).unwrap_or_default()
    }

    /// Whether it takes messages.
    #[getter]
    fn _is_open(&self) -> PyResult<bool> {
        Ok(self.core()?.is_open())
    }

    /// Raises `Forked` where another process made it.
    fn _refuse_in_child(&self) -> PyResult<()> {
        self.core().map(drop)
    }

    /// Whether another process made it.
    #[getter]
    fn _is_foreign(&self) -> bool {
        self.sink.ours().is_none()
    }

    /// The account at this moment, as a `Delivery`.
    #[getter]
    fn delivery<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        outcome::delivery(py, &self.core()?.delivery())
    }

    /// The counters at this moment, as `Stats`: cheap enough to be polled.
    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        outcome::stats(py, self.core()?)
    }

    /// Starts to connect, and waits up to `timeout` seconds; whether it is connected then.
    #[pyo3(signature = (timeout))]
    fn _open(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let waited = self.opening()?;
        self.await_it(py, waited, timeout).map(|outcome| outcome.is_some())
    }

    /// Waits up to `timeout` seconds; the account, or None when it is not flushed by then.
    #[pyo3(signature = (timeout))]
    fn _flush(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Py<PyAny>>> {
        let waited = self.flushing()?;
        self.await_it(py, waited, timeout)
    }

    /// Closes within `timeout` seconds; the account.
    #[pyo3(signature = (timeout))]
    fn _close(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Py<PyAny>>> {
        let waited = self.closing(timeout)?;
        self.await_it(py, waited, None)
    }

    /// `_open`, `_flush` and `_close` for asyncio.
    fn _opening(&self) -> PyResult<Operation> {
        Ok(Operation::new(self.core()?, self.opening()?))
    }

    fn _flushing(&self) -> PyResult<Operation> {
        Ok(Operation::new(self.core()?, self.flushing()?))
    }

    #[pyo3(signature = (timeout))]
    fn _closing(&self, timeout: Option<f64>) -> PyResult<Operation> {
        Ok(Operation::new(self.core()?, self.closing(timeout)?))
    }

    /// What it has to tell from now on.
    fn _events(&self) -> PyResult<PyEvents> {
        Ok(PyEvents::new(self.core()?))
    }
}

impl PySink {
    /// The sink, or `Forked`.
    #[inline]
    pub(super) fn core(&self) -> PyResult<&Sink> {
        self.sink.get()
    }

    fn opening(&self) -> PyResult<Waited> {
        refuse_at_exit()?;
        Ok(Waited::Opening(self.core()?.open()))
    }

    fn flushing(&self) -> PyResult<Waited> {
        Ok(Waited::Flushing(self.core()?.flush()))
    }

    fn closing(&self, timeout: Option<f64>) -> PyResult<Waited> {
        let timeout = timeout.map_or(Ok(self.close_timeout), |seconds| {
            Duration::try_from_secs_f64(seconds).map_err(|_| Error::argument("timeout", seconds, "allowed are seconds"))
        })?;
        Ok(Waited::Closing(self.core()?.close(timeout)))
    }

    /// Waits on this thread; `None` when `timeout` came first.
    fn await_it(&self, py: Python<'_>, waited: Waited, timeout: Option<f64>) -> PyResult<Option<Py<PyAny>>> {
        let mut waited = Owned::new(waited);
        match block_on(py, &mut waited, deadline(timeout))? {
            Some(outcome) => waited.get()?.told(py, self.core()?, outcome).map(Some),
            None => Ok(None),
        }
    }
}

/// Takes the descriptor over.
#[allow(unsafe_code)]
fn owned(descriptor: i32) -> OwnedFd {
    // SAFETY: `Sink.from_socket` has duplicated it for this call, and nobody else knows the number.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

/// A timeout that is one.
#[inline]
fn checked(timeout: Option<&Bound<'_, PyAny>>) -> PyResult<Option<f64>> {
    timeout.map(check).transpose()
}

/// As all other timeouts are checked, which is done in Python: but for what can be seen at once to be one, since `send` is
/// called often.
fn check(timeout: &Bound<'_, PyAny>) -> PyResult<f64> {
    let is_number = timeout.is_exact_instance_of::<PyFloat>() || timeout.is_exact_instance_of::<PyInt>();
    match timeout.extract() {
        Ok(seconds) if is_number && (0.0..=LONGEST).contains(&seconds) => Ok(seconds),
        _ => check_in_words(timeout),
    }
}

#[cold]
fn check_in_words(timeout: &Bound<'_, PyAny>) -> PyResult<f64> {
    let checks = timeout.py().import("fanin._check")?;
    checks.call_method1("timeout", ("timeout", timeout))?.extract()
}

#[cold]
fn wait(sink: &Sink, data: &Bound<'_, PyAny>, timeout: Option<f64>) -> PyResult<()> {
    let py = data.py();
    let message = data::Message::of(sink, data)?.map_err(|unfit| unfit.refusal(py, sink))?;
    many::wait(py, sink, message.bytes(py), deadline(timeout))
}
