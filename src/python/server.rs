//! `Server`: the other end, standing alone.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::fork::refuse_in_child;
use super::wait::wait;
use crate::lab::Signal;
use crate::server::{Mode, Report, Server, Settings};

/// A TCP server that echoes or discards what it reads, and counts it.
#[pyclass(frozen, name = "Server", module = "fanin._native")]
pub(super) struct PyServer {
    state: Mutex<State>,
    host: String,
    port: u16,
    mode: Mode,
}

enum State {
    Serving(Server),
    Stopped(Report),
}

#[pymethods]
impl PyServer {
    #[new]
    fn new(py: Python<'_>, mode: &str, host: String, port: u16) -> PyResult<Self> {
        refuse_in_child()?;
        let mode: Mode = mode.parse()?;
        let settings = Settings { host, port, ..Settings::local(mode) };
        let server = wait(py, &Signal::new(), move |_| Server::start(&settings))?;
        let address = server.address();
        let (host, port) = (address.ip().to_string(), address.port());
        Ok(Self { state: Mutex::new(State::Serving(server)), host, port, mode })
    }

    /// The address it listens on.
    #[getter]
    fn host(&self) -> &str {
        &self.host
    }

    /// The port it listens on.
    #[getter]
    const fn port(&self) -> u16 {
        self.port
    }

    /// `echo` or `discard`.
    #[getter]
    const fn mode(&self) -> &'static str {
        self.mode.name()
    }

    /// What it has counted so far.
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let report = match &*self.state() {
            State::Serving(server) => server.report(),
            State::Stopped(report) => *report,
        };
        let row = PyDict::new(py);
        row.set_item("opened", report.opened)?;
        row.set_item("open", report.open)?;
        row.set_item("failed", report.failed)?;
        row.set_item("refused", report.refused)?;
        row.set_item("bytes_received", report.bytes_received)?;
        row.set_item("bytes_echoed", report.bytes_echoed)?;
        row.set_item("reads", report.reads)?;
        Ok(row)
    }

    /// Closes the listener and every connection. Stopping twice is fine.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        refuse_in_child()?;
        let mut state = self.state();
        let last = match &*state {
            State::Serving(server) => server.report(),
            State::Stopped(_) => return Ok(()),
        };
        let serving = std::mem::replace(&mut *state, State::Stopped(last));
        drop(state);
        if let State::Serving(server) = serving {
            let last = py.detach(|| server.stop())?;
            *self.state() = State::Stopped(last);
        }
        Ok(())
    }
}

impl PyServer {
    /// Held for the moment of a look only, and never while waiting for anything.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
