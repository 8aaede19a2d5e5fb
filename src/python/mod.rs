//! The border to Python: conversion, the interpreter's lock, signals and exceptions. No algorithm lives here.
//!
//! What is long runs on a thread of its own while the caller waits in slices, so that Ctrl-C is answered within a tenth
//! of a second; every thread is joined before the call returns. Results cross as dictionaries of plain numbers and words,
//! from which the Python side makes its frozen dataclasses.

mod asyncio;
mod contents;
mod errors;
mod faults;
mod fork;
mod gauge;
mod knobs;
mod life;
mod proxy;
mod published;
mod row;
mod run;
mod server;
#[cfg(unix)]
mod sink;
mod strategies;
mod wait;

use pyo3::prelude::*;

/// The Rust core, as Python sees it.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::asyncio::shutdown;
    #[pymodule_export]
    use super::contents::PyContents;
    #[pymodule_export]
    use super::gauge::PyGauge;
    #[pymodule_export]
    use super::life::settle;
    #[pymodule_export]
    use super::proxy::PyProxy;
    #[pymodule_export]
    use super::published::published;
    #[pymodule_export]
    use super::run::{check, run, run_async};
    #[pymodule_export]
    use super::server::PyServer;
    #[cfg(unix)]
    #[pymodule_export]
    use super::sink::{Operation, PyBell, PyEvents, PySending, PySink};
    #[pymodule_export]
    use super::strategies::{build_info, line_round_trip, strategies};

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::life::refuse_in_subinterpreter()?;
        super::fork::remember();
        #[cfg(unix)]
        super::sink::install(module.py())?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
