//! `published`: the replay of the published benchmark.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::fork::refuse_in_child;
use super::wait::wait;
use crate::error::Error;
use crate::lab::published::{Design, Replay, replay};
use crate::message::MOST_PRODUCERS;

/// Replays the published benchmark, which is wrong on purpose; see the Python side.
#[pyfunction]
#[pyo3(signature = (design, *, workers, messages, deadline_ns))]
pub(super) fn published<'py>(
    py: Python<'py>,
    design: &str,
    workers: u64,
    messages: u64,
    deadline_ns: u64,
) -> PyResult<Bound<'py, PyDict>> {
    refuse_in_child()?;
    let design: Design = design.parse()?;
    let count = u32::try_from(workers)
        .map_err(|_| Error::argument("workers", workers, format!("allowed are 1 to {MOST_PRODUCERS}")))?;
    let deadline = Duration::from_nanos(deadline_ns);
    let shown = wait(py, move |cancel| replay(design, count, messages, deadline, cancel))?;
    row(py, design, workers, messages, &shown)
}

fn row<'py>(
    py: Python<'py>,
    design: Design,
    workers: u64,
    messages: u64,
    replay: &Replay,
) -> PyResult<Bound<'py, PyDict>> {
    let row = PyDict::new(py);
    row.set_item("design", design.name())?;
    row.set_item("workers", workers)?;
    row.set_item("messages", messages)?;
    row.set_item("expected", replay.expected)?;
    row.set_item("delivered", replay.arrived)?;
    row.set_item("ns", u64::try_from(replay.clock.as_nanos()).unwrap_or(u64::MAX))?;
    row.set_item("deadline_hit", replay.deadline_hit)?;
    row.set_item("counterexample", &replay.counterexample)?;
    Ok(row)
}
