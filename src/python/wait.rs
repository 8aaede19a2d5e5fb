//! Waiting for native work without going deaf.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;

use crate::error::{Error, Result};
use crate::lab::Signal;

/// How long a wait may be deaf to Ctrl-C.
pub(super) const SLICE: Duration = Duration::from_millis(40);

/// Runs `work` on a thread of its own. A signal handler that raises (Ctrl-C) cancels it, joins it, and goes on up.
pub(super) fn wait<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce(&Signal) -> Result<T> + Send + 'static,
) -> PyResult<T> {
    wait_unless(py, &Signal::new(), || Ok(()), work)
}

/// The same, where others may raise `cancel` too, and something is done between the slices: what that raises ends the work
/// as well.
pub(super) fn wait_unless<T: Send + 'static>(
    py: Python<'_>,
    cancel: &Signal,
    mut between: impl FnMut() -> PyResult<()>,
    work: impl FnOnce(&Signal) -> Result<T> + Send + 'static,
) -> PyResult<T> {
    let mut outcome = spawn(work, cancel.clone())?;
    loop {
        let waiting = &mut outcome;
        match py.detach(move || waiting.recv_timeout(SLICE)) {
            Ok(outcome) => return Ok(outcome?),
            Err(RecvTimeoutError::Disconnected) => return Err(vanished().into()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Err(raised) = py.check_signals().and_then(|()| between()) {
            cancel.raise();
            // Whatever it came to: what was raised is what the caller sees.
            let _ = py.detach(move || outcome.recv());
            return Err(raised);
        }
    }
}

/// Starts `work`; its outcome is the last thing that its thread sends.
fn spawn<T: Send + 'static>(
    work: impl FnOnce(&Signal) -> Result<T> + Send + 'static,
    cancel: Signal,
) -> Result<Receiver<Result<T>>> {
    let (sender, outcome) = sync_channel(1);
    let life = move || {
        // The caller waits for it, but for a thread that could not be started.
        let _ = sender.send(guarded(&cancel, work));
    };
    thread::Builder::new().name("fanin-run".to_owned()).spawn(life).map_err(Error::io("start the run's thread"))?;
    Ok(outcome)
}

/// Works, with a panic turned into an error.
pub(super) fn guarded<T>(cancel: &Signal, work: impl FnOnce(&Signal) -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(|| work(cancel))).unwrap_or_else(|payload| Err(Error::panicked("run", &*payload)))
}

pub(super) fn vanished() -> Error {
    Error::panicked("run", &"its thread ended without an outcome")
}
