//! What there is to choose from, and what this build is.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::lab::Strategy;
use crate::queue::{Capacity, Drain};

/// Every queue with every write policy, as dictionaries.
#[pyfunction]
pub(super) fn strategies(py: Python<'_>) -> PyResult<Vec<Bound<'_, PyDict>>> {
    Strategy::all().map(|strategy| facts(py, strategy)).collect()
}

fn facts(py: Python<'_>, strategy: Strategy) -> PyResult<Bound<'_, PyDict>> {
    let (facts, write) = (strategy.queue.facts(), strategy.write);
    let row = PyDict::new(py);
    row.set_item("name", strategy.to_string())?;
    row.set_item("queue", facts.name)?;
    row.set_item("write", write.name())?;
    row.set_item("about", format!("{}; {}", facts.about, write.about()))?;
    row.set_item("family", facts.family.name())?;
    row.set_item("sound", facts.sound)?;
    row.set_item("drain", if facts.drain == Drain::One { "one" } else { "all" })?;
    row.set_item("order", if facts.total_order { "total" } else { "per producer" })?;
    row.set_item("bounded", facts.bounded)?;
    let policies = strategy.queue.policies().iter().map(|policy| policy.name());
    row.set_item("policies", PyTuple::new(py, policies)?)?;
    row.set_item("default_capacity", facts.unasked.map(capacity))?;
    row.set_item("guarantees", facts.guarantees)?;
    row.set_item("cost", facts.cost)?;
    row.set_item("loses_when", facts.loses_when)?;
    row.set_item("source", facts.source)?;
    Ok(row)
}

/// As `"262144 bytes"` or `"1024 messages"`.
fn capacity(capacity: Capacity) -> String {
    match capacity {
        Capacity::Bytes(limit) => format!("{limit} bytes"),
        Capacity::Messages(limit) => format!("{limit} messages"),
    }
}

/// Nanoseconds that a cache line takes to another core and back; None where there is one core, or none is free. In 20 ms.
#[pyfunction]
pub(super) fn line_round_trip(py: Python<'_>) -> Option<u64> {
    let took = py.detach(crate::cores::line_round_trip);
    took.and_then(|took| u64::try_from(took.as_nanos()).ok())
}

/// What this build is: versions and target, for a bug report.
#[pyfunction]
pub(super) fn build_info(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let info = PyDict::new(py);
    info.set_item("version", env!("CARGO_PKG_VERSION"))?;
    info.set_item("profile", if cfg!(debug_assertions) { "debug" } else { "release" })?;
    info.set_item("os", std::env::consts::OS)?;
    info.set_item("arch", std::env::consts::ARCH)?;
    Ok(info)
}
