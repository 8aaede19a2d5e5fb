//! What a sink has to tell, taken from it by a Python thread of the package's own.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyList;

use super::outcome;
use crate::error::Error;
use crate::python::fork::Owned;
use crate::python::life::block_on;
use crate::sink::{Delivery, Event, Events, Failure, FailureKind, Sink};

/// The events of one sink, for one thread.
#[pyclass(frozen, name = "Events", module = "fanin._native")]
pub(in crate::python) struct PyEvents(Owned<(Sink, Mutex<Option<Owned<Events>>>)>);

#[pymethods]
impl PyEvents {
    /// Waits for the next ones. Each is a tuple with its name in front; `ended` is the last there will be.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let (sink, place) = self.0.get()?;
        let lock = || place.lock().unwrap_or_else(PoisonError::into_inner);
        let list = PyList::empty(py);
        // Taken out while it is waited for: the lock is not held while Python runs.
        let Some(mut events) = lock().take() else { return Ok(list) };
        let happened = block_on(py, &mut events, None);
        *lock() = Some(events);
        for event in happened?.unwrap_or_default() {
            list.append(tell(py, sink, &event)?)?;
        }
        Ok(list)
    }
}

impl PyEvents {
    pub(super) fn new(sink: &Sink) -> Self {
        Self(Owned::new((sink.clone(), Mutex::new(Some(Owned::new(sink.events()))))))
    }
}

fn tell<'py>(py: Python<'py>, sink: &Sink, event: &Event) -> PyResult<Bound<'py, PyAny>> {
    let event = match event {
        Event::Dropped(tally) => ("dropped", tally.messages, tally.bytes).into_pyobject(py)?.into_any(),
        Event::Error { cause, fatal, delivery } => {
            ("error", error(py, sink, cause, *delivery), *fatal).into_pyobject(py)?.into_any()
        }
        Event::Reconnected { attempts, in_doubt } => {
            ("reconnected", *attempts, in_doubt.messages, in_doubt.bytes).into_pyobject(py)?.into_any()
        }
        Event::Ended => ("ended",).into_pyobject(py)?.into_any(),
    };
    Ok(event)
}

/// As the exception that a call would raise for it.
fn error(py: Python<'_>, sink: &Sink, cause: &Arc<Error>, delivery: Delivery) -> PyErr {
    let failure = Failure { kind: FailureKind::Disconnected, cause: Some(Arc::clone(cause)), delivery };
    match **cause {
        Error::Address { .. } => outcome::unopened(py, sink, &failure),
        _ => outcome::failed(py, sink, &failure),
    }
}
