//! `Proxy`: a bad line between any client and any server.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::faults::FaultKnobs;
use super::fork::Owned;
use super::wait::wait;
use crate::server::Endpoint;
use crate::server::proxy::{Command, Lane, Proxy, ProxySettings, Report, Way};

/// A proxy that passes bytes both ways, and does wrong on the way what it is asked to.
#[pyclass(frozen, name = "Proxy", module = "fanin._native")]
pub(super) struct PyProxy {
    state: Owned<Mutex<State>>,
    url: String,
    host: String,
    port: u16,
}

enum State {
    Passing(Proxy),
    Stopped(Report),
}

#[pymethods]
impl PyProxy {
    #[new]
    #[pyo3(signature = (target, host, port, path, up, down, max_connections, schedule))]
    #[allow(clippy::too_many_arguments)] // called from one place, by position
    fn new(
        py: Python<'_>,
        target: String,
        host: String,
        port: u16,
        path: Option<PathBuf>,
        up: FaultKnobs,
        down: FaultKnobs,
        max_connections: Option<u64>,
        schedule: Vec<(u64, String)>,
    ) -> PyResult<Self> {
        let command = |(at, word): (u64, String)| Ok((Duration::from_nanos(at), word.parse::<Command>()?));
        let schedule = schedule.into_iter().map(command).collect::<PyResult<_>>()?;
        let (up, down) = (lane(up)?, lane(down)?);
        let settings = ProxySettings { target, host, port, path, up, down, max_connections, schedule };
        let proxy = wait(py, move |_| Proxy::start(&settings))?;
        let url = proxy.endpoint().to_string();
        let (host, port) = match proxy.endpoint() {
            Endpoint::Tcp(address) => (address.ip().to_string(), address.port()),
            Endpoint::Unix(path) => (path.display().to_string(), 0),
        };
        Ok(Self { state: Owned::new(Mutex::new(State::Passing(proxy))), url, host, port })
    }

    /// Where it listens: `tcp://host:port` or `unix:///path`.
    #[getter]
    fn url(&self) -> &str {
        &self.url
    }

    /// The address it listens on, or the path.
    #[getter]
    fn host(&self) -> &str {
        &self.host
    }

    /// The port it listens on; 0 on a Unix socket.
    #[getter]
    const fn port(&self) -> u16 {
        self.port
    }

    /// `hold`, `resume` or `cut`. A stopped proxy has nothing that it could be done to.
    fn command(&self, word: &str) -> PyResult<()> {
        let command = word.parse()?;
        if let State::Passing(proxy) = &*self.state()? {
            proxy.command(command);
        }
        Ok(())
    }

    /// What was done so far, and to whom: tuples of connection, way, bytes, what.
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let report = match &*self.state()? {
            State::Passing(proxy) => proxy.report(),
            State::Stopped(report) => report.clone(),
        };
        let events = PyList::empty(py);
        for event in &report.events {
            events.append((event.connection, event.way.map(Way::name), event.bytes, event.what.name()))?;
        }
        let row = PyDict::new(py);
        row.set_item("opened", report.opened)?;
        row.set_item("open", report.open)?;
        row.set_item("bytes_up", report.bytes_up)?;
        row.set_item("bytes_down", report.bytes_down)?;
        row.set_item("faults", report.faults)?;
        row.set_item("events", events)?;
        Ok(row)
    }

    /// Closes the listener and every connection. Stopping twice is fine.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        let mut state = self.state()?;
        let last = match &*state {
            State::Passing(proxy) => proxy.report(),
            State::Stopped(_) => return Ok(()),
        };
        let passing = std::mem::replace(&mut *state, State::Stopped(last));
        drop(state);
        if let State::Passing(proxy) = passing {
            let last = py.detach(|| proxy.stop())?;
            *self.state()? = State::Stopped(last);
        }
        Ok(())
    }
}

fn lane(knobs: FaultKnobs) -> PyResult<Lane> {
    let rate = knobs.read_rate;
    Ok(Lane { faults: knobs.faults()?, rate })
}

impl PyProxy {
    /// Held for the moment of a look only, and never while waiting for anything.
    fn state(&self) -> PyResult<MutexGuard<'_, State>> {
        Ok(self.state.get()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
