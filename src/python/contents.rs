//! `Contents`: what messages hold, where they differ in size; made once and shared by all runs.

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;

use crate::message::Contents;

/// A mix of sizes, or records of the user's own.
#[pyclass(frozen, name = "Contents", module = "fanin._native")]
pub(super) struct PyContents(Contents);

#[pymethods]
impl PyContents {
    /// Sizes in bytes, each with its weight.
    #[staticmethod]
    fn mix(sizes: Vec<(usize, f64)>) -> PyResult<Self> {
        Ok(Self(Contents::mix(sizes)?))
    }

    /// Records, in order; they are copied.
    #[staticmethod]
    #[allow(clippy::needless_pass_by_value)] // what a caller of Python hands over
    fn records(records: Vec<PyBackedBytes>) -> PyResult<Self> {
        Ok(Self(Contents::records(records.into_iter().map(|record| Box::from(&record[..])).collect())?))
    }
}

impl PyContents {
    /// The same for the lab; a copy shares the bytes.
    pub(super) fn contents(&self) -> Contents {
        self.0.clone()
    }
}
