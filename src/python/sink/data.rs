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
    data.cast_exact::<PyBytes>().ok().map(|bytes| bytes.as_bytes())
}

/// A message that waits for its turn.
pub(super) enum Message {
    /// Held where it lies.
    Bytes(Py<PyBytes>),
    /// Copied when it was handed over.
    Copied(Box<[u8]>),
}

impl Message {
    #[inline]
    pub(super) fn of(data: &Bound<'_, PyAny>) -> PyResult<Self> {
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

/// Lends what a bytearray, a memoryview, an array or anything else with a buffer holds.
#[cold]
fn lend_buffer<T>(data: &Bound<'_, PyAny>, take: impl FnOnce(&[u8]) -> PyResult<T>) -> PyResult<T> {
    let buffer = PyUntypedBuffer::get(data).map_err(|_| refuse(data))?;
    if !buffer.is_c_contiguous() {
        let kind = data.get_type();
        return Err(PyBufferError::new_err(format!("data: this {kind} has gaps; bytes(data) closes them")));
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

/// Why it is no message, and what would be.
#[cold]
fn refuse(data: &Bound<'_, PyAny>) -> PyErr {
    let kind = data.get_type().qualname().map_or_else(|_| "this".to_owned(), |name| name.to_string());
    let hint = if data.is_instance_of::<PyString>() { "; encode it: data.encode()" } else { "" };
    PyTypeError::new_err(format!("data: allowed are bytes, bytearray, and contiguous buffers, not {kind}{hint}"))
}
