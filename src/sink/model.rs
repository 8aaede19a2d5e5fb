//! The actor's side of the lock without a socket, a clock or a runtime: what the models in `tests/loom_sink.rs` drive.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use super::config::Config;
use super::core::{Core, Turn};
use super::failure::FailureKind;
use super::state::Ending;
use super::window::Window;
use super::{Sink, Target};
use crate::error::Error;
use crate::queue::frames::Measure;

/// An actor whose wire takes everything at once.
#[derive(Debug)]
pub struct Actor {
    core: Arc<Core>,
    window: Window,
}

/// A sink that is open, and its actor.
#[must_use]
pub fn open(capacity: usize) -> (Sink, Actor) {
    let mut config = Config::new(Target::Unix("model".into()));
    config.capacity = capacity;
    let sink = Sink::with(config, None);
    sink.core.open();
    let core = Arc::clone(&sink.core);
    let window = Window::new(core.scale(), core.confirms());
    (sink, Actor { core, window })
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
        lent.into_iter().for_each(|segment| self.window.admit(segment));
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
