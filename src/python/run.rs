//! `run` and `run_async`: a cell in (its [knobs](super::knobs)), a row out (its [keys](super::row)); `check`: only
//! whether it could be run.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3_async_runtimes::generic::future_into_py;
use tokio::sync::oneshot;

use super::asyncio::{self, Own};
use super::errors::FaninError;
use super::fork::refuse_in_child;
use super::gauge::PyGauge;
use super::knobs::Knobs;
use super::row::row;
use super::wait::wait_unless;
use crate::error::Result;
use crate::lab::{self, Cell, Report, Signal};

/// Refuses what `run` would refuse, and starts nothing: so that a sweep knows before its first run.
#[pyfunction]
#[pyo3(signature = (strategy, **knobs))]
pub(super) fn check<'py>(py: Python<'py>, strategy: &str, knobs: Option<&Bound<'py, PyDict>>) -> PyResult<()> {
    cell(py, strategy, knobs).map(drop)
}

/// Runs one cell natively and returns its row. Answers Ctrl-C; every thread has ended when it returns. A gauge shows how
/// it goes, and can stop it; `look` is called now and then meanwhile, by the thread that waits here anyway.
#[pyfunction]
#[pyo3(signature = (strategy, gauge=None, look=None, **knobs))]
pub(super) fn run<'py>(
    py: Python<'py>,
    strategy: &str,
    gauge: Option<&PyGauge>,
    look: Option<&Bound<'py, PyAny>>,
    knobs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyDict>> {
    let mut cell = cell(py, strategy, knobs)?;
    cell.watch = gauge.map(PyGauge::watch);
    let work = cell.clone();
    let cancel = gauge.map(PyGauge::stopping).unwrap_or_default();
    let between = || look.map_or(Ok(()), |look| look.call0().map(drop));
    let report = wait_unless(py, &cancel, between, move |cancel| lab::run(&work, cancel))?;
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
