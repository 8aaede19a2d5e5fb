//! The one thread that a server or a proxy runs on, and how it is brought to an end.

use std::convert::Infallible;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::error::{Error, Result};

/// A thread with a runtime of its own. It ends when this is dropped, and is waited for.
#[derive(Debug)]
pub(super) struct Worker {
    /// Dropped to tell the thread to end.
    running: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

/// A runtime for a worker's thread.
pub(super) fn runtime() -> Result<Runtime> {
    Builder::new_current_thread().enable_all().build().map_err(Error::io("start the server's runtime"))
}

impl Worker {
    /// Runs `serve` on a thread of its own, which never ends by itself.
    pub(super) fn start<F: Future<Output = Infallible>>(
        name: &str,
        runtime: Runtime,
        serve: impl FnOnce() -> F + Send + 'static,
    ) -> Result<Self> {
        let (running, stopped) = oneshot::channel::<Infallible>();
        let life = move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    never = serve() => match never {},
                }
            });
            // The runtime is dropped here, and with it every connection's task, socket and buffer.
            drop(runtime);
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(life);
        let thread = thread.map_err(Error::io("start the server's thread"))?;
        Ok(Self { running: Some(running), thread: Some(thread) })
    }

    /// Ends the thread and waits for it. A second call does nothing.
    pub(super) fn stop(&mut self) -> thread::Result<()> {
        drop(self.running.take());
        self.thread.take().map_or(Ok(()), JoinHandle::join)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // A panic was printed by its own thread; nobody is left here to be told of it.
        let _ = self.stop();
    }
}
