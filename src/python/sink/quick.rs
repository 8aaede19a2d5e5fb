//! `sink.send(data)` by the shortest way in.
//!
//! Before pyo3 calls a method it reads the arguments by a table, counts who is attached and checks what the interpreter
//! has checked: that costs as much as all that [`PySink::send`](super::PySink) does then. So the commonest call, one
//! message and nothing else, goes to [`send`] first, which takes it where there is room. Whatever else there is to do, and
//! all that can go wrong, is left to the method that pyo3 has made, whose name, text and signature this one has: nothing of
//! the message was taken then.
//!
//! `unsafe`: to enter a method that the interpreter calls by its own convention.
#![allow(unsafe_code)]

use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::slice;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple, PyType};
use pyo3::{Borrowed, ffi};

use super::PySink;
use super::data;

/// The method that pyo3 has made.
static WHOLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Puts the short way in the place of the whole. Called by the import.
pub(in crate::python) fn install(py: Python<'_>) -> PyResult<()> {
    let class = py.get_type::<PySink>();
    let whole = class.getattr("send")?;
    let method = described(&class, &whole)?;
    WHOLE.get_or_init(py, || whole.unbind());
    class.setattr("send", method)
}

/// A method of `class`, with the text of `whole`.
fn described<'py>(class: &Bound<'py, PyType>, whole: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let signature: String = whole.getattr("__text_signature__")?.extract()?;
    let text: String = whole.getattr("__doc__")?.extract()?;
    let text = CString::new(format!("send{signature}\n--\n\n{text}")).map_err(|_| PyValueError::new_err("send"))?;
    // The interpreter keeps pointers to both; the module is never unloaded.
    let method = Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: c"send".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: send },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: text.into_raw().cast::<c_char>(),
    }));
    // SAFETY: the class is a type and `method` lives for ever; what comes back is a reference of our own, or null with an
    // exception set.
    unsafe { Bound::from_owned_ptr_or_err(class.py(), ffi::PyDescr_NewMethod(class.as_type_ptr(), method)) }
}

/// The method, by the interpreter's own convention.
///
/// # Safety
/// As the interpreter calls it: attached, with `self` an instance of the class, which the descriptor has checked, then
/// `count` values by place, and those by name, whose names are the tuple `names` or null.
unsafe extern "C" fn send(
    this: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: see above.
    let py = unsafe { Python::assume_attached() };
    if count == 1 && names.is_null() {
        // SAFETY: see above; both are borrowed from the caller for the length of the call.
        let (this, data) = unsafe { (Borrowed::from_ptr(py, this), Borrowed::from_ptr(py, *values)) };
        // SAFETY: see above.
        let sink = unsafe { this.cast_unchecked::<PySink>() };
        // A panic is none of the interpreter's: the whole method meets it again, and says so.
        if catch_unwind(AssertUnwindSafe(|| take(sink.get(), &data))).unwrap_or(false) {
            return py.None().into_ptr();
        }
    }
    // SAFETY: as for this function.
    unsafe { whole(py, this, values, count, names) }.map_or_else(
        |raised| {
            raised.restore(py);
            ptr::null_mut()
        },
        Bound::into_ptr,
    )
}

/// Takes a message that is `bytes`, for which there is room; whether it did.
#[inline]
fn take(sink: &PySink, data: &Bound<'_, PyAny>) -> bool {
    match (sink.sink.ours(), data::plain(data)) {
        (Some(sink), Some(bytes)) => sink.try_send(bytes).is_ok(),
        _ => false,
    }
}

/// Everything else.
///
/// # Safety
/// As [`send`].
#[cold]
unsafe fn whole(
    py: Python<'_>,
    this: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: the caller's; null, or a tuple.
    let names = unsafe { Borrowed::from_ptr_or_opt(py, names).map(|names| names.cast_unchecked::<PyTuple>()) };
    let (placed, more) = (usize::try_from(count).unwrap_or_default(), names.map_or(0, |names| names.len()));
    // SAFETY: the caller's: so many values, each a reference that lasts for the call.
    let values = if placed + more == 0 { &[] } else { unsafe { slice::from_raw_parts(values, placed + more) } };
    // SAFETY: likewise.
    let values = values.iter().map(|value| unsafe { Borrowed::from_ptr(py, *value) });
    // SAFETY: likewise.
    let this = unsafe { Borrowed::from_ptr(py, this) };
    let by_name = PyDict::new(py);
    for (name, value) in names.iter().flat_map(|names| names.iter_borrowed()).zip(values.clone().skip(placed)) {
        by_name.set_item(name, value)?;
    }
    let by_place = PyTuple::new(py, std::iter::once(this).chain(values.take(placed)).collect::<Vec<_>>())?;
    let whole = WHOLE.get(py).ok_or_else(|| PyValueError::new_err("send"))?;
    whole.bind(py).call(by_place, Some(&by_name))
}
