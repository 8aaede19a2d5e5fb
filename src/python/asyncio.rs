//! A runtime of our own beneath pyo3-async-runtimes.
//!
//! The default one lives in a static and is still alive while the interpreter dies, which aborts the process. This one is
//! made when it is first needed and ended by [`shutdown`], which Python calls from `atexit`: before finalisation, with no
//! thread of ours left that could attach to the interpreter.

use std::any::Any;
use std::cell::OnceCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3_async_runtimes::TaskLocals;
use pyo3_async_runtimes::generic::{ContextExt, JoinError, Runtime};
use tokio::runtime::{self, Builder};
use tokio::task::JoinHandle;

use super::errors::FaninError;

static RUNTIME: Mutex<State> = Mutex::new(State::Unused);

enum State {
    Unused,
    Running(runtime::Runtime),
    Ended,
}

tokio::task_local! {
    static LOCALS: OnceCell<TaskLocals>;
}

/// Starts the runtime if it is not there yet. Call it before a future is handed over.
pub(super) fn ensure() -> PyResult<()> {
    let mut state = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    match *state {
        State::Running(_) => Ok(()),
        State::Ended => Err(FaninError::new_err("the interpreter is exiting; nothing can be started any more")),
        State::Unused => {
            let runtime =
                Builder::new_multi_thread().worker_threads(1).thread_name("fanin-asyncio").enable_all().build()?;
            *state = State::Running(runtime);
            Ok(())
        }
    }
}

/// Ends the runtime: what is under way has `timeout_ns` nanoseconds. Called at interpreter exit.
#[pyfunction]
pub(super) fn shutdown(py: Python<'_>, timeout_ns: u64) {
    if super::fork::refuse_in_child().is_err() {
        return;
    }
    py.detach(|| {
        let state = std::mem::replace(&mut *RUNTIME.lock().unwrap_or_else(PoisonError::into_inner), State::Ended);
        if let State::Running(runtime) = state {
            runtime.shutdown_timeout(Duration::from_nanos(timeout_ns));
        }
    });
}

/// The runtime, for pyo3-async-runtimes.
pub(super) struct Own;

/// Why a task of [`Own`] ended without a result.
pub(super) struct Ending(Option<tokio::task::JoinError>);

impl JoinError for Ending {
    fn is_panic(&self) -> bool {
        self.0.as_ref().is_some_and(tokio::task::JoinError::is_panic)
    }

    fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        match self.0 {
            Some(error) => error.into_panic(),
            None => Box::new("the runtime has ended"),
        }
    }
}

/// A task of [`Own`]; `None` when the runtime had ended before it could start.
pub(super) struct Task(Option<JoinHandle<()>>);

impl Future for Task {
    type Output = Result<(), Ending>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        match &mut self.0 {
            Some(handle) => Pin::new(handle).poll(cx).map_err(|error| Ending(Some(error))),
            None => std::task::Poll::Ready(Err(Ending(None))),
        }
    }
}

fn with_runtime(start: impl FnOnce(&runtime::Runtime) -> JoinHandle<()>) -> Task {
    match &*RUNTIME.lock().unwrap_or_else(PoisonError::into_inner) {
        State::Running(runtime) => Task(Some(start(runtime))),
        State::Unused | State::Ended => Task(None),
    }
}

impl Runtime for Own {
    type JoinError = Ending;
    type JoinHandle = Task;

    fn spawn<F: Future<Output = ()> + Send + 'static>(future: F) -> Task {
        with_runtime(|runtime| runtime.spawn(future))
    }

    fn spawn_blocking<F: FnOnce() + Send + 'static>(work: F) -> Task {
        with_runtime(|runtime| runtime.spawn_blocking(work))
    }
}

impl ContextExt for Own {
    fn scope<F, R>(locals: TaskLocals, future: F) -> Pin<Box<dyn Future<Output = R> + Send>>
    where
        F: Future<Output = R> + Send + 'static,
    {
        Box::pin(LOCALS.scope(OnceCell::from(locals), future))
    }

    fn get_task_locals() -> Option<TaskLocals> {
        LOCALS.try_with(|locals| locals.get().cloned()).ok().flatten()
    }
}
