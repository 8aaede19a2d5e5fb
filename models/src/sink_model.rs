//! Both sides of the sink's lock, without a socket, a clock or a runtime: what `tests/loom_sink.rs` drives.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::config::Config;
use super::core::{Core, Turn};
use super::delivery::Delivery;
use super::failure::FailureKind;
use super::handles::Flushing;
use super::sending::Sending;
use super::state::Ending;
use super::target::Target;
use super::window::Window;
use crate::error::{Error, SendError};
use crate::queue::frames::Measure;

/// The callers' side.
#[derive(Clone, Debug)]
pub struct Callers(Arc<Core>);

impl Callers {
    /// As the sink's.
    ///
    /// # Errors
    /// As the sink's.
    pub fn try_send(&self, message: &[u8]) -> Result<(), SendError> {
        self.0.try_send(message)
    }

    /// As the sink's.
    pub fn send(&self, message: &'static [u8]) -> Sending<&'static [u8]> {
        Sending::new(Arc::clone(&self.0), message)
    }

    /// As the sink's.
    pub fn flush(&self) -> Flushing {
        Flushing::new(Arc::clone(&self.0))
    }

    /// As the sink's, without waiting.
    #[must_use]
    pub fn close(&self) -> Delivery {
        self.0.close(Duration::ZERO);
        self.delivery()
    }

    /// As the sink's.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        self.0.delivery()
    }
}

/// An actor whose wire takes everything at once.
#[derive(Debug)]
pub struct Actor {
    core: Arc<Core>,
    window: Window,
}

/// A sink that is open, and its actor.
#[must_use]
pub fn open(capacity: usize) -> (Callers, Actor) {
    let mut config = Config::new(Target::Unix("model".into()));
    config.capacity = capacity;
    let core = Arc::new(Core::new(config));
    core.open();
    let window = Window::new(core.scale(), core.confirms());
    (Callers(Arc::clone(&core)), Actor { core, window })
}

impl Actor {
    /// Sleeps until there is something, and is lent it; `false` when the sink was closed and nothing is left: it has ended
    /// then.
    pub async fn lend(&mut self) -> bool {
        let lent = poll_fn(|cx| {
            let mut turn = self.turn();
            (turn.wants, turn.may_sleep) = (1, true);
            let closing = self.core.turn(&mut turn, cx.waker());
            match (turn.lent.is_empty(), closing) {
                (true, None) => Poll::Pending,
                (true, Some(_)) => Poll::Ready(Vec::new()),
                (false, _) => Poll::Ready(turn.lent),
            }
        });
        let lent = lent.await;
        if lent.is_empty() {
            self.core.end(Ending::Closed);
            return false;
        }
        for segment in lent {
            self.window.admit(segment);
        }
        true
    }

    /// Writes what was lent.
    pub fn write(&mut self) {
        let all = usize::try_from(self.window.unwritten()).unwrap_or(usize::MAX);
        self.window.wrote(all);
    }

    /// Loses the connection in the middle of what was lent.
    pub fn fail(mut self) {
        self.window.wrote(1);
        let cut: Measure = self.window.lose(false);
        let (cause, mut moves) = (Arc::new(Error::Cancelled), self.window.moves());
        let ending = Ending::Failed(FailureKind::Disconnected, Some(Arc::clone(&cause)));
        self.core.lost(&cause, &mut moves, cut, None, Some(ending));
    }

    fn turn(&mut self) -> Turn {
        Turn { moves: self.window.moves(), front: self.window.front(), ..Turn::default() }
    }
}
