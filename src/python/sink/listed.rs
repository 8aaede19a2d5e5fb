//! Lists and tuples of `bytes`, read where they lie: no iterator, no reference of our own.
//!
//! `unsafe`: to borrow what a list refers to. That holds until Python code runs, which may change the list.
#![allow(unsafe_code)]

use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use pyo3::{Borrowed, ffi};

use super::data;

/// A list or a tuple, and of no other kind.
#[derive(Clone, Copy)]
pub(super) enum Listed<'a, 'py> {
    List(&'a Bound<'py, PyList>),
    Tuple(&'a Bound<'py, PyTuple>),
}

impl<'a, 'py> Listed<'a, 'py> {
    pub(super) fn of(messages: &'a Bound<'py, PyAny>) -> Option<Self> {
        match messages.cast_exact() {
            Ok(list) => Some(Self::List(list)),
            Err(_) => messages.cast_exact().ok().map(Self::Tuple),
        }
    }

    pub(super) fn len(self) -> usize {
        match self {
            Self::List(list) => list.len(),
            Self::Tuple(tuple) => tuple.len(),
        }
    }

    /// What is at a place, if there is one.
    pub(super) fn item(self, at: usize) -> Option<Bound<'py, PyAny>> {
        match self {
            _ if at >= self.len() => None, // asked first: an exception that nobody sees has its price
            Self::List(list) => list.get_item(at).ok(),
            Self::Tuple(tuple) => tuple.get_item(at).ok(),
        }
    }

    /// The messages from place `from` on, at most so many, up to the first that is not `bytes`.
    ///
    /// # Safety
    /// No Python code runs while they are used.
    pub(super) unsafe fn read(self, from: usize, most: usize) -> Vec<&'a [u8]> {
        let end = self.len().min(from.saturating_add(most));
        let mut read = Vec::with_capacity(end.saturating_sub(from));
        // SAFETY: the caller's, and the places are below the length, which stays as it is for the same reason.
        read.extend((from..end).map_while(|at| unsafe { self.get(at) }));
        read
    }

    /// # Safety
    /// As [`read`](Self::read), and `at` is below the length.
    unsafe fn get(self, at: usize) -> Option<&'a [u8]> {
        let at = ffi::Py_ssize_t::try_from(at).ok()?;
        // SAFETY: the interpreter is attached, as the list says, and there is such a place; what comes back is borrowed from
        // the list, and never null.
        let item = unsafe {
            match self {
                Self::List(list) => Borrowed::from_ptr(list.py(), ffi::PyList_GetItem(list.as_ptr(), at)),
                Self::Tuple(tuple) => Borrowed::from_ptr(tuple.py(), ffi::PyTuple_GetItem(tuple.as_ptr(), at)),
            }
        };
        let bytes: *const [u8] = data::plain(&item)?;
        // SAFETY: they lie in the item, which the list keeps.
        Some(unsafe { &*bytes })
    }
}
