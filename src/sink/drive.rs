//! The actor's life: connects, serves the connection until it ends, and connects again as far as it is told to.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::backoff::Waits;
use super::choices::Reconnect;
use super::config::Config;
use super::core::{Core, Turn};
use super::failure::FailureKind;
use super::session::{End, Life, Session};
use super::state::Ending;
use crate::actor::Wire;
use crate::error::{Error, Result};

/// A connection that lasted this long was good for something: the waits between attempts begin anew.
const GOOD: Duration = Duration::from_secs(1);

/// How much longer than `connect_timeout` an attempt is waited for: who connects keeps to that by itself, and says what it
/// waited for in vain.
const GRACE: Duration = Duration::from_millis(100);

/// Where connections come from: the target, or a simulator.
pub trait Connect: Send + 'static {
    /// What it connects by.
    type Wire: Wire;

    /// Whether the actor may sleep for a moment while messages stream. That takes real time, which a simulator has not.
    const GATHERS: bool = true;

    /// Makes a connection. It is dropped in the middle when its time is over or the sink is to close.
    fn connect(&mut self) -> impl Future<Output = Result<Self::Wire>> + Send;
}

/// Lives until the sink has ended; the caller is told why.
pub(super) async fn live<C: Connect>(core: &Core, connect: C) -> Ending {
    Actor { core, connect, life: Life::new(core), waits: Waits::new(core.config.backoff), is_first: true }.live().await
}

struct Actor<'a, C> {
    core: &'a Core,
    connect: C,
    life: Life,
    waits: Waits,
    is_first: bool,
}

impl<C: Connect> Actor<'_, C> {
    async fn live(mut self) -> Ending {
        loop {
            let wire = match self.connected().await {
                Ok(wire) => wire,
                Err(ending) => return ending,
            };
            let (end, age) = {
                let mut session = Session::new(self.core, &wire, &mut self.life, C::GATHERS);
                (poll_fn(|cx| session.poll(cx)).await, session.age())
            };
            if age >= GOOD {
                self.waits.restart();
            }
            if let Some(ending) = self.after(end) {
                return ending;
            }
        }
    }

    /// What comes after a connection; nothing when there is to be another.
    fn after(&mut self, end: End) -> Option<Ending> {
        match end {
            End::Closed => Some(self.closed()),
            End::TimedOut => Some(self.lost(Error::TimedOut { doing: "close the sink" }, FailureKind::TimedOut)),
            End::Lost(cause) if self.core.config.reconnect == Reconnect::Off => {
                Some(self.lost(cause, FailureKind::Disconnected))
            }
            End::Lost(cause) => {
                self.settle_loss(&Arc::new(cause), self.core.config.reconnect == Reconnect::AtLeastOnce, None);
                None
            }
        }
    }

    fn closed(&mut self) -> Ending {
        self.core.note(&self.life.done);
        Ending::Closed
    }

    fn lost(&mut self, cause: Error, kind: FailureKind) -> Ending {
        let cause = Arc::new(cause);
        let ending = Ending::Failed(kind, Some(Arc::clone(&cause)));
        self.settle_loss(&cause, false, Some(ending.clone()));
        ending
    }

    /// Enters the loss into the account, and the end with it, if it is the end.
    fn settle_loss(&mut self, cause: &Arc<Error>, resend: bool, ending: Option<Ending>) {
        let window = &mut self.life.window;
        let cut = window.lose(resend);
        let (mut moves, front) = (window.moves(), window.front());
        self.life.done.memory_bytes = window.memory() as u64;
        self.core.note(&self.life.done);
        self.core.lost(cause, &mut moves, cut, front, ending);
    }

    /// Tries until there is a connection, or an end.
    async fn connected(&mut self) -> Result<C::Wire, Ending> {
        let mut attempts = 0;
        loop {
            if !std::mem::take(&mut self.is_first) {
                let wait = self.waits.next();
                unless_closed(self.core, &mut self.life, sleep(wait)).await?;
            }
            attempts += 1;
            let attempt = timeout(self.core.config.connect_timeout.saturating_add(GRACE), self.connect.connect());
            let outcome = unless_closed(self.core, &mut self.life, attempt).await?;
            match outcome.unwrap_or_else(|_| Err(not_in_time(&self.core.config))) {
                Ok(wire) => {
                    self.core.connected(attempts);
                    return Ok(wire);
                }
                Err(cause) => self.not_connected(cause)?,
            }
        }
    }

    fn not_connected(&mut self, cause: Error) -> Result<(), Ending> {
        // What is wrong with the settings is not mended by trying again.
        let is_final = self.core.config.reconnect == Reconnect::Off || matches!(cause, Error::Argument { .. });
        let cause = Arc::new(cause);
        self.core.not_connected(&cause, is_final);
        if is_final { Err(Ending::Failed(FailureKind::Disconnected, Some(cause))) } else { Ok(()) }
    }
}

fn not_in_time(config: &Config) -> Error {
    let waited = format!("no connection within {:?} (connect_timeout)", config.connect_timeout);
    let source = io::Error::new(io::ErrorKind::TimedOut, waited);
    Error::Address { doing: "connect to", address: config.target.to_string(), source }
}

/// Awaits `what`, unless the sink is to close and either nothing is left to be written or the time for it is over.
async fn unless_closed<F: Future>(core: &Core, life: &mut Life, what: F) -> Result<F::Output, Ending> {
    let mut what = pin!(what);
    poll_fn(|cx| {
        if let Some(ending) = poll_close(core, life, cx) {
            return Poll::Ready(Err(ending));
        }
        what.as_mut().poll(cx).map(Ok)
    })
    .await
}

/// A turn without a connection: nothing moves, but callers may want an end.
fn poll_close(core: &Core, life: &mut Life, cx: &mut Context<'_>) -> Option<Ending> {
    let mut turn = Turn { front: life.window.front(), done: life.done, ..Turn::default() };
    turn.done.memory_bytes = life.window.memory() as u64;
    let closing = core.turn(&mut turn, cx.waker());
    life.note_closing(closing);
    if !life.is_closing {
        return None;
    }
    if life.window.is_empty() && core.has_nothing_unsent() {
        return Some(Ending::Closed);
    }
    let timed_out =
        || Ending::Failed(FailureKind::TimedOut, Some(Arc::new(Error::TimedOut { doing: "close the sink" })));
    life.closing.poll_is_lost(cx).then(timed_out)
}
