//! `Server`: the other end, standing alone.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use super::errors::FaninError;
use super::faults::FaultKnobs;
use super::fork::Owned;
use super::life::detached;
use super::wait::{SLICE, wait};
use crate::error::Result;
use crate::server::{Inbox, Limits, Mode, Recording, Report, Server, Settings};

/// A server that echoes or discards what it reads, and counts it.
#[pyclass(frozen, name = "Server", module = "fanin._native")]
pub(super) struct PyServer {
    live: Owned<Live>,
    url: String,
    host: String,
    port: u16,
    mode: Mode,
}

/// What a forked child must neither lock nor drop.
struct Live {
    state: Mutex<State>,
    inbox: Option<Arc<Inbox>>,
}

enum State {
    Serving(Server),
    Stopped(Report),
}

/// What a server is besides its faults; each may be None.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct ServerKnobs {
    receive_buffer: Option<usize>,
    max_connections: Option<u64>,
    idle_timeout_ns: Option<u64>,
    framing: Option<String>,
    max_frame: usize,
    record: usize,
}

impl ServerKnobs {
    fn settings(self, mode: Mode, host: String, port: u16, path: Option<PathBuf>) -> Result<Settings> {
        let framing = self.framing.as_deref().map(str::parse).transpose()?;
        let idle_timeout = self.idle_timeout_ns.map(Duration::from_nanos);
        Ok(Settings {
            host,
            port,
            path,
            receive_buffer: self.receive_buffer,
            limits: Limits { max_connections: self.max_connections, idle_timeout },
            recording: framing.map(|framing| Recording { framing, max_frame: self.max_frame, most: self.record }),
            ..Settings::local(mode)
        })
    }
}

#[pymethods]
impl PyServer {
    #[new]
    #[pyo3(signature = (mode, host, port, path, knobs, faults))]
    fn new(
        py: Python<'_>,
        mode: &str,
        host: String,
        port: u16,
        path: Option<PathBuf>,
        knobs: ServerKnobs,
        faults: FaultKnobs,
    ) -> PyResult<Self> {
        let mode: Mode = mode.parse()?;
        let shown = path.as_ref().map(|path| path.display().to_string());
        let plain = knobs.settings(mode, host, port, path)?;
        let read_rate = faults.read_rate;
        let settings = Settings { read_rate, faults: faults.faults()?, ..plain };
        let server = wait(py, move |_| Server::start(&settings))?;
        let (address, url, inbox) = (server.address(), server.endpoint().to_string(), server.inbox());
        let (host, port) = (shown.unwrap_or_else(|| address.ip().to_string()), address.port());
        let live = Owned::new(Live { state: Mutex::new(State::Serving(server)), inbox });
        Ok(Self { live, url, host, port, mode })
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

    /// `echo` or `discard`.
    #[getter]
    const fn mode(&self) -> &'static str {
        self.mode.name()
    }

    /// What it has counted so far.
    fn report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let report = match &*self.state()? {
            State::Serving(server) => server.report(),
            State::Stopped(report) => *report,
        };
        let row = PyDict::new(py);
        row.set_item("opened", report.opened)?;
        row.set_item("open", report.open)?;
        row.set_item("failed", report.failed)?;
        row.set_item("refused", report.refused)?;
        row.set_item("turned_away", report.turned_away)?;
        row.set_item("expelled", report.expelled)?;
        row.set_item("faults", report.faults)?;
        row.set_item("bytes_received", report.bytes_received)?;
        row.set_item("bytes_echoed", report.bytes_echoed)?;
        row.set_item("reads", report.reads)?;
        Ok(row)
    }

    /// How many messages came, were kept, were cut short, and how many connections were not framed as they should be.
    fn counts(&self) -> PyResult<(u64, u64, u64, u64)> {
        let counts = self.recorded()?.counts();
        Ok((counts.messages, counts.kept, counts.cut, counts.malformed))
    }

    /// Waits until so many messages came, or for so long; whether they did. Answers Ctrl-C.
    fn wait(&self, py: Python<'_>, messages: u64, timeout_ns: u64) -> PyResult<bool> {
        let inbox = self.recorded()?;
        let start = Instant::now();
        let timeout = Duration::from_nanos(timeout_ns);
        loop {
            let left = timeout.saturating_sub(start.elapsed());
            if detached(py, || inbox.wait(messages, left.min(SLICE)))? {
                return Ok(true);
            }
            py.check_signals()?;
            if left.is_zero() {
                return Ok(false);
            }
        }
    }

    /// The kept messages from that of this number on, each with the number of its connection.
    #[pyo3(signature = (from, /))]
    fn messages<'py>(&self, py: Python<'py>, from: usize) -> PyResult<Bound<'py, PyList>> {
        // Copied out first: to make an object can run any code, which must find the inbox unlocked.
        let inbox = self.recorded()?;
        let messages = py.detach(|| inbox.messages(from));
        let list = PyList::empty(py);
        for (connection, message) in messages.iter() {
            list.append((connection, PyBytes::new(py, message)))?;
        }
        Ok(list)
    }

    /// Forgets all messages.
    fn clear(&self) -> PyResult<()> {
        self.recorded()?.clear();
        Ok(())
    }

    /// Closes the listener and every connection. Stopping twice is fine.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        let mut state = self.state()?;
        let last = match &*state {
            State::Serving(server) => server.report(),
            State::Stopped(_) => return Ok(()),
        };
        let serving = std::mem::replace(&mut *state, State::Stopped(last));
        drop(state);
        if let State::Serving(server) = serving {
            let last = py.detach(|| server.stop())?;
            *self.state()? = State::Stopped(last);
        }
        Ok(())
    }
}

impl PyServer {
    /// Held for the moment of a look only, and never while waiting for anything.
    fn state(&self) -> PyResult<MutexGuard<'_, State>> {
        Ok(self.live.get()?.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn recorded(&self) -> PyResult<&Inbox> {
        let inbox = self.live.get()?.inbox.as_deref();
        inbox.ok_or_else(|| FaninError::new_err("this server does not tell messages apart"))
    }
}
