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
    // All that the actor held is gone by now.
    core.trim();
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

#[cfg(test)]
mod tests {
    use std::io::{self, IoSlice};
    use std::task::{Context, Poll};
    use std::time::{Duration, Instant};

    use super::super::{Config, Confirm, FailureKind, Sink, Wait};
    use super::*;
    use crate::actor::Wire;
    use crate::error::SendError;

    /// Where the actor panics.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Planted {
        Connect,
        Send,
        Receive,
        Flush,
        Finish,
    }

    /// A wire that takes everything, until it panics.
    struct Mine(Planted);

    impl Mine {
        fn step(&self, at: Planted) {
            assert!(self.0 != at, "planted");
        }
    }

    impl Wire for Mine {
        fn poll_send(&self, _: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
            self.step(Planted::Send);
            Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()))
        }

        fn poll_receive(&self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
            self.step(Planted::Receive);
            Poll::Pending
        }

        fn poll_flush(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.step(Planted::Flush);
            Poll::Ready(Ok(()))
        }

        fn poll_finish(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.step(Planted::Finish);
            Poll::Ready(Ok(()))
        }
    }

    impl Connect for Mine {
        type Wire = Self;

        async fn connect(&mut self) -> Result<Self> {
            self.step(Planted::Connect);
            Ok(Self(self.0))
        }
    }

    fn within<F: Wait>(mut what: F) -> F::Output {
        what.wait_until(Instant::now() + Duration::from_secs(60)).expect("it hangs")
    }

    #[test]
    fn a_panic_of_the_actor_is_told_to_all_who_wait() {
        for planted in [Planted::Connect, Planted::Send, Planted::Receive, Planted::Flush] {
            let mut config = Config::new("unix://@mine".parse().unwrap());
            config.capacity = 100;
            config.confirm = Confirm::Echo;
            let sink = Sink::with(config, None);
            sink.core.open();
            let waiting: Vec<_> = (0..4)
                .map(|_| {
                    let sink = sink.clone();
                    // No echo ever comes, so the room is used up.
                    thread::spawn(move || (0..).find_map(|_| within(sink.send(b"0123456789")).err()))
                })
                .collect();
            while sink.stats().waiting < 4 {
                thread::yield_now();
            }
            let flush = sink.flush();
            start(&sink.core, Mine(planted));
            let failure = within(flush).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Panicked, "{planted:?}");
            assert!(failure.delivery.is_even());
            for thread in waiting {
                assert_eq!(thread.join().unwrap(), Some(SendError::Panicked), "{planted:?}");
            }
            assert_eq!(sink.try_send(b"a"), Err(SendError::Panicked));
            assert!(within(sink.close(Duration::ZERO)).unwrap_err().to_string().contains("panicked"));
        }
    }

    #[test]
    fn a_panic_in_the_farewell_is_told_too() {
        let sink = Sink::with(Config::new("unix://@mine".parse().unwrap()), None);
        sink.core.open();
        start(&sink.core, Mine(Planted::Finish));
        sink.try_send(b"a").unwrap();
        let failure = within(sink.close(Duration::from_secs(60))).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Panicked);
        let text = failure.to_string();
        assert!(text.starts_with("the sink's actor panicked: planted; this is a bug in fanin"), "{text}");
    }

    #[test]
    fn an_actor_that_is_dropped_leaves_nobody_waiting() {
        let (sink, actor) = Sink::driven(Config::new("unix://@mine".parse().unwrap()), Mine(Planted::Connect)).unwrap();
        let flush = {
            sink.try_send(b"a").unwrap();
            sink.flush()
        };
        drop(actor);
        let failure = within(flush).unwrap_err();
        assert_eq!((failure.kind, failure.delivery.unsent.messages), (FailureKind::Disconnected, 1));
    }
}
