//! Messages: bytes, and what looks like bytes.
//!
//! `bytes` are read where they lie: they never change, and the caller holds them. All else is copied while the
//! interpreter's lock is held, so that a send takes what the buffer held at the call.
//!
//! `unsafe`: to copy out of a buffer that other Python code may own.
#![allow(unsafe_code)]

use std::slice;

use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::outcome::refusal;
use crate::error::SendError;
use crate::sink::Sink;

/// Lends the bytes of `data` to `take`.
#[inline]
pub(super) fn lend<T>(data: &Bound<'_, PyAny>, take: impl FnOnce(&[u8]) -> PyResult<T>) -> PyResult<T> {
    match data.cast::<PyBytes>() {
        Ok(bytes) => take(bytes.as_bytes()),
        Err(_) => lend_buffer(data, take),
    }
}

/// The bytes of a message that is `bytes`.
#[inline]
pub(super) fn plain<'a>(data: &'a Bound<'_, PyAny>) -> Option<&'a [u8]> {
    data.cast_exact::<PyBytes>().ok().map(PyBytesMethods::as_bytes)
}

/// A message that waits for its turn.
pub(super) enum Message {
    /// Held where it lies.
    Bytes(Py<PyBytes>),
    /// Copied when it was handed over.
    Copied(Box<[u8]>),
}

/// What could never be taken, by its length, and was not copied.
pub(super) struct Unfit {
    length: usize,
    error: SendError,
}

impl Message {
    /// One message for `sink`.
    #[inline]
    pub(super) fn of(sink: &Sink, data: &Bound<'_, PyAny>) -> PyResult<Result<Self, Unfit>> {
        match data.cast::<PyBytes>() {
            Ok(bytes) => Ok(Ok(Self::Bytes(bytes.clone().unbind()))),
            Err(_) => lend_buffer(data, |bytes| {
                let unfit = |error| Unfit { length: bytes.len(), error };
                Ok(sink.fits(bytes.len()).map_err(unfit).map(|()| Self::Copied(bytes.into())))
            }),
        }
    }

    /// A buffer that holds many, and may be longer than any of them.
    pub(super) fn many(data: &Bound<'_, PyAny>) -> PyResult<Self> {
        match data.cast::<PyBytes>() {
            Ok(bytes) => Ok(Self::Bytes(bytes.clone().unbind())),
            Err(_) => lend_buffer(data, |bytes| Ok(Self::Copied(bytes.into()))),
        }
    }

    #[inline]
    pub(super) fn bytes<'a>(&'a self, py: Python<'a>) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes.as_bytes(py),
            Self::Copied(bytes) => bytes,
        }
    }
}

impl Unfit {
    /// As the exception that a send raises.
    #[cold]
    pub(super) fn refusal(&self, py: Python<'_>, sink: &Sink) -> PyErr {
        refusal(py, sink, self.length, self.error)
    }
}

/// Lends what a bytearray, a memoryview, an array or anything else with a buffer holds.
#[cold]
fn lend_buffer<T>(data: &Bound<'_, PyAny>, take: impl FnOnce(&[u8]) -> PyResult<T>) -> PyResult<T> {
    let buffer = PyUntypedBuffer::get(data).map_err(|error| refuse(data, error))?;
    if !buffer.is_c_contiguous() {
        let kind = kind(data);
        return Err(PyBufferError::new_err(format!("data: this {kind} is not contiguous; bytes(data) is")));
    }
    let length = buffer.len_bytes();
    if length == 0 {
        return take(&[]);
    }
    // SAFETY: the exporter keeps `length` bytes in place for as long as `buffer` is held, which is until after `take`, and
    // no Python code that could change them runs before: `take` copies them and calls nothing in the interpreter.
    let bytes = unsafe { slice::from_raw_parts(buffer.buf_ptr().cast::<u8>(), length) };
    take(bytes)
}

/// Why it is no message, and what would be. One that has a buffer and does not give it says why by itself.
#[cold]
fn refuse(data: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
    if !error.is_instance_of::<PyTypeError>(data.py()) {
        return error;
    }
    let hint = if data.is_instance_of::<PyString>() { "; encode it: data.encode()" } else { "" };
    let kind = kind(data);
    PyTypeError::new_err(format!("data: allowed are bytes, bytearray, and contiguous buffers, not {kind}{hint}"))
}

/// The name of its type.
#[cold]
pub(super) fn kind(data: &Bound<'_, PyAny>) -> String {
    data.get_type().qualname().map_or_else(|_| "this".to_owned(), |name| name.to_string())
}
