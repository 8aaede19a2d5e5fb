//! `send_many`: some hundred messages under one lock.
//!
//! A list or tuple of `bytes` is read where it lies. Any other iterable runs code of its own between its messages, which may
//! take as long as it likes: each is sent as it comes, so that none is held back for the next.
//!
//! `unsafe`: to read a list where it lies.
#![allow(unsafe_code)]

use std::time::Instant;

use pyo3::buffer::{Element, PyBuffer};
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyByteArray, PyBytes, PyMemoryView};

use super::data::{Message, kind, plain};
use super::listed::Listed;
use super::outcome::refusal;
use crate::error::{Error, SendError};
use crate::python::fork::Owned;
use crate::python::life::{block_on, deadline};
use crate::sink::{Full, Sink};

/// Messages that are handed over together.
const MOST: usize = 512;

/// A send of many, and how far it has come.
pub(super) struct Many<'a> {
    sink: &'a Sink,
    /// The seconds that may still be waited for room; what an iterable takes is not counted.
    patience: Option<f64>,
    taken: usize,
}

impl<'a> Many<'a> {
    pub(super) const fn new(sink: &'a Sink, patience: Option<f64>) -> Self {
        Self { sink, patience, taken: 0 }
    }

    /// Sends what an iterable yields. Its own code runs while nothing is locked; where it raises, what it yielded before
    /// is sent.
    pub(super) fn send_each(mut self, messages: &Bound<'_, PyAny>) -> PyResult<usize> {
        let py = messages.py();
        if let Some(listed) = Listed::of(messages) {
            return self.send_list(py, listed);
        }
        if is_one_buffer(messages) {
            return Err(wrong_messages(messages, "; all in one need offsets"));
        }
        let each = messages.try_iter().map_err(|error| no_messages(messages, error))?;
        for data in each {
            let sent = data.and_then(|data| self.send_one(&data));
            sent.map_err(|raised| self.told(py, raised))?;
            self.taken += 1;
        }
        Ok(self.taken)
    }

    /// Sends a list: as many as there is room for under one lock, and whatever stops that by itself.
    fn send_list(mut self, py: Python<'_>, listed: Listed<'_, '_>) -> PyResult<usize> {
        while let Some(data) = listed.item(self.taken) {
            if plain(&data).is_none() || self.send_listed(py, listed)? == 0 {
                self.send_one(&data).map_err(|raised| self.told(py, raised))?;
                self.taken += 1;
            }
        }
        Ok(self.taken)
    }

    fn send_one(&mut self, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = data.py();
        if self.taken.is_multiple_of(MOST) {
            // Where nobody waits, and the iterable is no Python code, nothing else looks.
            py.check_signals()?;
        }
        let message = self.message(data)?;
        let message = message.bytes(py);
        match self.sink.try_send(message) {
            Ok(()) => Ok(()),
            Err(SendError::Full) if self.sink.config().on_full == Full::Wait => self.wait(py, message),
            Err(error) => Err(refusal(py, self.sink, message.len(), error)),
        }
    }

    /// Sends from a list, as far as messages are `bytes` and there is room; how many those are. Why it ended there is for
    /// the other way to say.
    fn send_listed(&mut self, py: Python<'_>, listed: Listed<'_, '_>) -> PyResult<usize> {
        let before = self.taken;
        loop {
            py.check_signals().map_err(|raised| self.told(py, raised))?;
            // SAFETY: they are taken, and copied, by code that knows no Python.
            let parts = unsafe { listed.read(self.taken, MOST) };
            let taken = self.sink.try_send_many(&parts).unwrap_or_else(|(taken, _)| taken);
            self.taken += taken;
            if taken < MOST {
                return Ok(self.taken - before);
            }
        }
    }

    /// Sends the parts of one buffer that lie between neighbouring offsets.
    pub(super) fn send_parts(mut self, data: &Bound<'_, PyAny>, offsets: &Bound<'_, PyAny>) -> PyResult<usize> {
        let py = data.py();
        let whole = Message::many(data)?;
        let bytes = whole.bytes(py);
        let offsets = numbers(offsets)?;
        check(&offsets, bytes.len())?;
        for part in offsets.windows(2).collect::<Vec<_>>().chunks(MOST) {
            let parts: Vec<_> = part.iter().map(|ends| &bytes[ends[0]..ends[1]]).collect();
            self.send_all(py, &parts)?;
        }
        Ok(self.taken)
    }

    fn message(&self, data: &Bound<'_, PyAny>) -> PyResult<Message> {
        Message::of(self.sink, data)?.map_err(|unfit| unfit.refusal(data.py(), self.sink))
    }

    fn send_all(&mut self, py: Python<'_>, mut parts: &[&[u8]]) -> PyResult<()> {
        // Where nobody waits, and the iterable is no Python code, nothing else looks.
        py.check_signals().map_err(|raised| self.told(py, raised))?;
        while !parts.is_empty() {
            let (taken, error) = match self.sink.try_send_many(parts) {
                Ok(taken) => (taken, None),
                Err((taken, error)) => (taken, Some(error)),
            };
            self.taken += taken;
            parts = &parts[taken..];
            match (error, parts) {
                (Some(SendError::Full), [first, rest @ ..]) if self.sink.config().on_full == Full::Wait => {
                    self.wait(py, first).map_err(|raised| self.told(py, raised))?;
                    self.taken += 1;
                    parts = rest;
                }
                (Some(error), [first, ..]) => {
                    return Err(self.told(py, refusal(py, self.sink, first.len(), error)));
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    #[cold]
    fn wait(&mut self, py: Python<'_>, message: &[u8]) -> PyResult<()> {
        let since = Instant::now();
        let waited = wait(py, self.sink, message, deadline(self.patience));
        self.patience = self.patience.map(|left| (left - since.elapsed().as_secs_f64()).max(0.0));
        waited
    }

    /// With the number of messages that were taken before.
    #[cold]
    fn told(&self, py: Python<'_>, raised: PyErr) -> PyErr {
        match raised.value(py).setattr("taken", self.taken) {
            // An exception without attributes of its own is told as it is.
            Ok(()) | Err(_) => raised,
        }
    }
}

/// Sends one message when there is room, up to the deadline, with the interpreter free meanwhile.
#[cold]
pub(super) fn wait(py: Python<'_>, sink: &Sink, message: &[u8], deadline: Option<Instant>) -> PyResult<()> {
    let mut sending = Owned::new(sink.send(message));
    match block_on(py, &mut sending, deadline)? {
        Some(outcome) => outcome.map_err(|error| refusal(py, sink, message.len(), error)),
        None => Err(refusal(py, sink, message.len(), SendError::Full)),
    }
}

/// Whether iterating it would give numbers instead of messages.
fn is_one_buffer(messages: &Bound<'_, PyAny>) -> bool {
    messages.is_instance_of::<PyBytes>()
        || messages.is_instance_of::<PyByteArray>()
        || messages.is_instance_of::<PyMemoryView>()
}

/// What it is that has no messages to iterate over. An iterable that fails says why by itself.
#[cold]
fn no_messages(messages: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
    let py = messages.py();
    if !error.is_instance_of::<PyTypeError>(py) {
        return error;
    }
    let named = wrong_messages(messages, "");
    named.set_cause(py, Some(error));
    named
}

#[cold]
fn wrong_messages(messages: &Bound<'_, PyAny>, hint: &str) -> PyErr {
    PyTypeError::new_err(format!("messages: allowed is an iterable of them, not {}{hint}", kind(messages)))
}

/// Whole numbers from a buffer of them, or from anything that lists them.
fn numbers(offsets: &Bound<'_, PyAny>) -> PyResult<Vec<usize>> {
    let list: Vec<i64> = if let Some(list) = in_a_row::<i64>(offsets)? {
        list
    } else if let Some(list) = in_a_row::<i32>(offsets)? {
        list.into_iter().map(i64::from).collect()
    } else {
        listed(offsets)?
    };
    list.into_iter().map(|one| usize::try_from(one).map_err(|_| no_offset(one).into())).collect()
}

/// From a line of them in the machine's own order of bytes.
fn in_a_row<T: Element>(offsets: &Bound<'_, PyAny>) -> PyResult<Option<Vec<T>>> {
    match PyBuffer::<T>::get(offsets) {
        Ok(buffer) if buffer.dimensions() == 1 && !matches!(buffer.format().to_bytes(), [b'>' | b'!', ..]) => {
            buffer.to_vec(offsets.py()).map(Some)
        }
        _ => Ok(None),
    }
}

fn listed(offsets: &Bound<'_, PyAny>) -> PyResult<Vec<i64>> {
    let Ok(each) = offsets.try_iter() else { return Err(no_offsets(offsets)) };
    each.map(|one| {
        let one = one?;
        if one.is_instance_of::<PyBool>() {
            return Err(no_offsets(&one));
        }
        one.extract().map_err(|error: PyErr| {
            if error.is_instance_of::<PyOverflowError>(one.py()) { no_offset(&one).into() } else { no_offsets(&one) }
        })
    })
    .collect()
}

fn no_offset(value: impl ToString) -> Error {
    Error::argument("offsets", value, "allowed are whole numbers from 0")
}

fn no_offsets(value: &Bound<'_, PyAny>) -> PyErr {
    let kind = kind(value);
    PyTypeError::new_err(format!("offsets: allowed are whole numbers in a list or a buffer, not {kind}"))
}

fn check(offsets: &[usize], length: usize) -> PyResult<()> {
    let last = offsets.last().copied().unwrap_or(0);
    if last > length {
        let allowed = format!("allowed are up to {length}, the length of the buffer");
        return Err(Error::argument("offsets", last, allowed).into());
    }
    match offsets.windows(2).find(|ends| ends[0] > ends[1]) {
        Some(ends) => {
            let value = format!("{}, {}", ends[0], ends[1]);
            Err(Error::argument("offsets", value, "each is at least the one before it").into())
        }
        None => Ok(()),
    }
}
