//! What takes a while, for asyncio: an opening, a flush or a close that is polled by whoever waits in a loop.

use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use pyo3::prelude::*;
use pyo3::types::PyBool;

use super::bell::PyBell;
use super::outcome;
use crate::python::errors::FaninError;
use crate::python::fork::Owned;
use crate::python::life::{block_on, deadline};
use crate::sink::{Closing, Delivery, Failure, Flushing, Opening, Sink};

/// One of the three.
pub(super) enum Waited {
    Opening(Opening),
    Flushing(Flushing),
    Closing(Closing),
}

impl Future for Waited {
    type Output = Result<Option<Delivery>, Failure>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Opening(opening) => Pin::new(opening).poll(cx).map_ok(|()| None),
            Self::Flushing(flushing) => Pin::new(flushing).poll(cx).map_ok(Some),
            Self::Closing(closing) => Pin::new(closing).poll(cx).map_ok(Some),
        }
    }
}

impl Waited {
    /// What it came to, in Python: the account, or True for a connection.
    pub(super) fn told(
        &self,
        py: Python<'_>,
        sink: &Sink,
        outcome: Result<Option<Delivery>, Failure>,
    ) -> PyResult<Py<PyAny>> {
        match (outcome, self) {
            (Ok(None), _) => Ok(PyBool::new(py, true).to_owned().into_any().unbind()),
            (Ok(Some(account)), _) => Ok(outcome::delivery(py, &account)?.unbind()),
            // Later it is one that was lost.
            (Err(failure), Self::Opening(_)) if sink.stats().connections == 0 => {
                Err(outcome::unopened(py, sink, &failure))
            }
            (Err(failure), _) => Err(outcome::failed(py, sink, &failure)),
        }
    }
}

/// Something that was begun, and is waited for.
#[pyclass(frozen, name = "Operation", module = "fanin._native")]
pub(in crate::python) struct Operation(Owned<(Sink, Mutex<Stage>)>);

enum Stage {
    Waiting(Owned<Waited>),
    Done(Owned<Waited>, Result<Option<Delivery>, Failure>),
    /// Told, or with whoever waits for it.
    Away,
}

#[pymethods]
impl Operation {
    /// Whether it is done; if not, the bell will ring with the token when it is time to ask again.
    fn poll(&self, bell: &PyBell, token: u64) -> PyResult<bool> {
        let waker = bell.waker(token)?;
        let mut stage = self.stage()?;
        let Stage::Waiting(waited) = &mut *stage else { return Ok(true) };
        let Poll::Ready(outcome) = Pin::new(waited.get_mut()?).poll(&mut Context::from_waker(&waker)) else {
            return Ok(false);
        };
        if let Stage::Waiting(waited) = std::mem::replace(&mut *stage, Stage::Away) {
            *stage = Stage::Done(waited, outcome);
        }
        Ok(true)
    }

    /// Whether it is done within `timeout` seconds, on this thread.
    #[pyo3(signature = (timeout))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        // Taken out meanwhile: the lock is not held while Python runs.
        let stage = std::mem::replace(&mut *self.stage()?, Stage::Away);
        let Stage::Waiting(mut waited) = stage else {
            *self.stage()? = stage;
            return Ok(true);
        };
        let (stage, is_done) = match block_on(py, &mut waited, deadline(timeout)) {
            Ok(Some(outcome)) => (Stage::Done(waited, outcome), Ok(true)),
            Ok(None) => (Stage::Waiting(waited), Ok(false)),
            Err(raised) => (Stage::Waiting(waited), Err(raised)),
        };
        *self.stage()? = stage;
        is_done
    }

    /// Whether it is done.
    #[getter]
    fn done(&self) -> PyResult<bool> {
        Ok(matches!(*self.stage()?, Stage::Done(..)))
    }

    /// What it came to, once.
    fn take(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let stage = std::mem::replace(&mut *self.stage()?, Stage::Away);
        match stage {
            Stage::Done(waited, outcome) => waited.get()?.told(py, &self.0.get()?.0, outcome),
            Stage::Waiting(_) | Stage::Away => Err(FaninError::new_err("this is not done, or was told before")),
        }
    }
}

impl Operation {
    pub(super) fn new(sink: &Sink, waited: Waited) -> Self {
        Self(Owned::new((sink.clone(), Mutex::new(Stage::Waiting(Owned::new(waited))))))
    }

    /// Held for a look or a poll, while no Python code runs.
    fn stage(&self) -> PyResult<MutexGuard<'_, Stage>> {
        Ok(self.0.get()?.1.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
