//! `Gauge`: a look at runs while they go on, and a way to stop them from another thread.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::actor::Gauge;
use crate::lab::Signal;

/// Shows what runs do while they do it. One gauge may be handed to run after run: its counts go on.
#[pyclass(frozen, name = "Gauge", module = "fanin._native")]
pub(super) struct PyGauge {
    gauge: Gauge,
    stop: Signal,
}

#[pymethods]
impl PyGauge {
    #[new]
    fn new() -> Self {
        Self { gauge: Gauge::new(), stop: Signal::new() }
    }

    /// Messages, bytes and drains so far, messages dropped, the sum over drains of the bytes that stood in the queue times
    /// those taken, and the most that stood since it was read before.
    fn read<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let reading = self.gauge.read();
        let dict = PyDict::new(py);
        dict.set_item("messages", reading.messages)?;
        dict.set_item("bytes", reading.bytes)?;
        dict.set_item("drains", reading.drains)?;
        dict.set_item("dropped", reading.dropped)?;
        dict.set_item("stood", reading.stood)?;
        dict.set_item("peak", reading.peak)?;
        Ok(dict)
    }

    /// Ends the run that has this gauge, and every later one as soon as it begins.
    fn stop(&self) {
        self.stop.raise();
    }

    /// Whether it was told to stop.
    #[getter]
    fn stopped(&self) -> bool {
        self.stop.is_raised()
    }
}

impl PyGauge {
    pub(super) fn watch(&self) -> Gauge {
        self.gauge.clone()
    }

    pub(super) fn stopping(&self) -> Signal {
        self.stop.clone()
    }
}
