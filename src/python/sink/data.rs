//! Messages: bytes, and what looks like bytes.
//!
//! `bytes` are read where they lie: they never change, and the caller holds them. All else is copied while the
//! interpreter's lock is held, so that a send takes what the buffer held at the call.
//!
//! `unsafe`: to copy out of a buffer that other Python code may own.
#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::slice;

use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::ffi;
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
    let mut place = MaybeUninit::uninit();
    let view = View::of(data, &mut place).map_err(|error| refuse(data, error))?;
    take(view.bytes())
}

/// A buffer as nothing but bytes in a row: the least that an exporter can be asked for, so that all which have that give it,
/// scalars and structures of C too.
struct View<'a> {
    /// Stays where the exporter has filled it in.
    view: &'a mut ffi::Py_buffer,
    attached: PhantomData<Python<'a>>,
}

impl<'a> View<'a> {
    fn of(data: &'a Bound<'_, PyAny>, place: &'a mut MaybeUninit<ffi::Py_buffer>) -> PyResult<Self> {
        // SAFETY: the object is alive and the interpreter attached, as `data` says, and there is a place for the view.
        let outcome = unsafe { ffi::PyObject_GetBuffer(data.as_ptr(), place.as_mut_ptr(), ffi::PyBUF_SIMPLE) };
        if outcome != 0 {
            return Err(PyErr::fetch(data.py()));
        }
        // SAFETY: the exporter has filled it in.
        Ok(Self { view: unsafe { place.assume_init_mut() }, attached: PhantomData })
    }

    fn bytes(&self) -> &[u8] {
        let length = usize::try_from(self.view.len).unwrap_or(0);
        if length == 0 || self.view.buf.is_null() {
            return &[];
        }
        // SAFETY: the exporter keeps `length` bytes in place for as long as the view is held, and no Python code that could
        // change them runs meanwhile: who borrows them copies them and calls nothing in the interpreter.
        unsafe { slice::from_raw_parts(self.view.buf.cast::<u8>(), length) }
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        // SAFETY: it was filled in, is given back once, and the interpreter is attached for as long as it is held.
        unsafe { ffi::PyBuffer_Release(self.view) }
    }
}

/// Why it is no message, and what would be. One that has a buffer and does not give it says why by itself, and what to do
/// where its bytes do not lie in a row.
#[cold]
fn refuse(data: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
    if error.to_string().contains("contiguous") {
        let kind = kind(data);
        let named = PyBufferError::new_err(format!("data: this {kind} is not contiguous; bytes(data) is"));
        named.set_cause(data.py(), Some(error));
        return named;
    }
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
