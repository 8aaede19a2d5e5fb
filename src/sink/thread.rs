//! The actor's thread: one a sink, with a runtime of its own that knows sockets and timers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Runtime};

use super::core::Core;
use super::drive::{Connect, live};
use super::failure::FailureKind;
use super::state::Ending;
use crate::error::{Error, Result};

/// Starts the thread. Whatever becomes of it, the sink ends with it, and all who wait are told.
pub(super) fn start<C: Connect>(core: &Arc<Core>, connect: C) {
    if let Err(error) = spawn(Arc::clone(core), connect) {
        core.end(Ending::Failed(FailureKind::Disconnected, Some(Arc::new(error))));
    }
}

fn spawn<C: Connect>(core: Arc<Core>, connect: C) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Error::io("start the sink's runtime"))?;
    let thread = thread::Builder::new().name("fanin-sink".to_owned());
    thread.spawn(move || run(&core, runtime, connect)).map_err(Error::io("start the sink's thread"))?;
    Ok(())
}

fn run<C: Connect>(core: &Core, runtime: Runtime, connect: C) {
    let lived = catch_unwind(AssertUnwindSafe(|| runtime.block_on(live(core, connect))));
    // A name that is still being resolved is not waited for.
    runtime.shutdown_background();
    core.end(lived.unwrap_or_else(|payload| {
        let cause = Error::panicked("sink's actor", &*payload);
        Ending::Failed(FailureKind::Panicked, Some(Arc::new(cause)))
    }));
}

/// Ends the sink when its actor is dropped before it has ended, by a caller who drives it.
pub(super) struct Abandoned(pub(super) Arc<Core>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        let ending = if thread::panicking() {
            Ending::Failed(FailureKind::Panicked, None)
        } else {
            Ending::Failed(FailureKind::Disconnected, Some(Arc::new(Error::Cancelled)))
        };
        // Of no effect when it has ended.
        self.0.end(ending);
    }
}
