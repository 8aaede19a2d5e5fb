//! `run` and `run_async`: a cell in, a row out; `check`: only whether it could be run.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3_async_runtimes::generic::future_into_py;
use tokio::sync::oneshot;

use super::asyncio::{self, Own};
use super::errors::FaninError;
use super::fork::refuse_in_child;
use super::wait::wait;
use crate::error::{Error, Result};
use crate::lab::{self, Cell, Report, Signal};
use crate::queue::Capacity;

/// The knobs of a run, as the Python side passes them: validated for type there, for value here.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Knobs {
    producers: u64,
    messages: u64,
    payload: usize,
    capacity: Option<usize>,
    producers_as: String,
    actor: String,
    server: String,
    threads: Option<usize>,
    work_ns: u64,
    delay_ns: u64,
    bursts: u64,
    min_ns: u64,
    timeout_ns: Option<u64>,
}

impl Knobs {
    fn cell(&self, strategy: &str) -> Result<Cell> {
        let count = |name, value| {
            u32::try_from(value).map_err(|_| Error::argument(name, value, format!("allowed are 1 to {}", u32::MAX)))
        };
        let cell = Cell {
            messages: self.messages,
            payload: self.payload,
            capacity: self.capacity.map(Capacity::Bytes),
            producers_as: self.producers_as.parse()?,
            actor: self.actor.parse()?,
            server: self.server.parse()?,
            threads: self.threads,
            work: Duration::from_nanos(self.work_ns),
            delay: Duration::from_nanos(self.delay_ns),
            bursts: count("bursts", self.bursts)?,
            min_time: Duration::from_nanos(self.min_ns),
            timeout: self.timeout_ns.map(Duration::from_nanos),
            ..Cell::new(strategy.parse()?, count("producers", self.producers)?)
        };
        cell.validate()?;
        Ok(cell)
    }
}

/// Refuses what `run` would refuse, and starts nothing: so that a sweep knows before its first run.
#[pyfunction]
#[pyo3(signature = (strategy, **knobs))]
pub(super) fn check<'py>(py: Python<'py>, strategy: &str, knobs: Option<&Bound<'py, PyDict>>) -> PyResult<()> {
    cell(py, strategy, knobs).map(drop)
}

/// Runs one cell natively and returns its row. Answers Ctrl-C; every thread has ended when it returns.
#[pyfunction]
#[pyo3(signature = (strategy, **knobs))]
pub(super) fn run<'py>(
    py: Python<'py>,
    strategy: &str,
    knobs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyDict>> {
    let cell = cell(py, strategy, knobs)?;
    let work = cell.clone();
    let report = wait(py, move |cancel| lab::run(&work, cancel))?;
    row(py, &cell, &report)
}

/// The same as an awaitable that leaves the event loop free; cancelling it ends the run.
#[pyfunction]
#[pyo3(signature = (strategy, **knobs))]
pub(super) fn run_async<'py>(
    py: Python<'py>,
    strategy: &str,
    knobs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let cell = cell(py, strategy, knobs)?;
    asyncio::ensure()?;
    future_into_py::<Own, _, _>(py, async move {
        let report = in_background(cell.clone()).await?;
        // Past the start of finalisation nobody waits for the row, and nothing may attach.
        Python::try_attach(|py| row(py, &cell, &report).map(Bound::unbind))
            .unwrap_or_else(|| Err(FaninError::new_err("the interpreter is exiting")))
    })
}

fn cell(py: Python<'_>, strategy: &str, knobs: Option<&Bound<'_, PyDict>>) -> PyResult<Cell> {
    refuse_in_child()?;
    let knobs = knobs.cloned().unwrap_or_else(|| PyDict::new(py));
    Ok(knobs.extract::<Knobs>()?.cell(strategy)?)
}

/// Raises the signal when it is dropped: a future that is dropped ends its run.
struct CancelOnDrop(Signal);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.raise();
    }
}

async fn in_background(cell: Cell) -> Result<Report> {
    let cancel = CancelOnDrop(Signal::new());
    let signal = cancel.0.clone();
    let (sender, outcome) = oneshot::channel();
    let work = move || {
        // The future may have been dropped; then nobody wants the outcome.
        let _ = sender.send(super::wait::guarded(&signal, |cancel| lab::run(&cell, cancel)));
    };
    tokio::task::spawn_blocking(work);
    outcome.await.map_err(|_| super::wait::vanished())?
}

fn row<'py>(py: Python<'py>, cell: &Cell, report: &Report) -> PyResult<Bound<'py, PyDict>> {
    let row = PyDict::new(py);
    describe(&row, cell, report)?;
    row.set_item("status", report.status.name())?;
    row.set_item("counterexample", &report.counterexample)?;
    row.set_item("proof", report.proof.name())?;
    row.set_item("sent", report.sent)?;
    row.set_item("delivered", report.delivered)?;
    row.set_item("lost", report.lost)?;
    row.set_item("duplicated", report.duplicated)?;
    row.set_item("reordered", report.reordered)?;
    row.set_item("corrupted", report.corrupted)?;
    row.set_item("bytes", report.bytes)?;
    row.set_item("produce_ns", nanoseconds(report.produce))?;
    row.set_item("deliver_ns", nanoseconds(report.deliver))?;
    row.set_item("batches", report.account.batches)?;
    row.set_item("writes", report.account.writes)?;
    row.set_item("high_water_bytes", report.account.high_water)?;
    row.set_item("cpu_user_ns", nanoseconds(report.usage.user))?;
    row.set_item("cpu_system_ns", nanoseconds(report.usage.system))?;
    row.set_item("voluntary_switches", report.usage.voluntary_switches)?;
    row.set_item("involuntary_switches", report.usage.involuntary_switches)?;
    Ok(row)
}

/// The axes: what was asked for.
fn describe(row: &Bound<'_, PyDict>, cell: &Cell, report: &Report) -> PyResult<()> {
    row.set_item("strategy", cell.strategy.to_string())?;
    row.set_item("queue", cell.strategy.queue.facts().name)?;
    row.set_item("write", cell.strategy.write.name())?;
    row.set_item("producers", cell.producers)?;
    row.set_item("messages", cell.messages)?;
    row.set_item("payload", cell.payload)?;
    row.set_item("capacity", cell.capacity.map(Capacity::limit))?;
    row.set_item("producers_as", cell.producers_as.name())?;
    row.set_item("actor", cell.actor.name())?;
    row.set_item("server", cell.server.name())?;
    row.set_item("threads", report.threads)?;
    row.set_item("work_ns", nanoseconds(cell.work))?;
    row.set_item("delay_ns", nanoseconds(cell.delay))?;
    row.set_item("bursts", report.bursts)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
