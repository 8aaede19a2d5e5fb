//! A send that may wait.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;

use super::choices::Full;
use super::core::Core;
use super::message::Message;
use super::state::{Payload, Roused, State, Wakes};
use crate::error::SendError;
use crate::queue::room::Ticket;

/// A send on its way: a future, and by [`Wait`](super::Wait) something that a thread can wait for. Dropped before it
/// ended, it has taken nothing, and hands its turn on.
#[must_use = "nothing is sent before it is polled or waited for"]
#[derive(Debug)]
pub struct Sending<M: Message> {
    core: Arc<Core>,
    message: M,
    /// The message by reference, where it is long.
    shared: Option<Bytes>,
    /// Its place in the line, and since when.
    place: Option<(Ticket, Instant)>,
    /// Whether it has taken its message.
    is_done: bool,
}

impl<M: Message> Sending<M> {
    pub(super) const fn new(core: Arc<Core>, message: M) -> Self {
        Self { core, message, shared: None, place: None, is_done: false }
    }

    /// The message.
    pub fn message(&self) -> &M {
        &self.message
    }

    fn look(&mut self, cx: &mut Context<'_>) -> Poll<Result<Roused, SendError>> {
        let frame = self.core.frame(self.message.bytes())?;
        if self.core.is_large(frame) && self.shared.is_none() {
            self.shared = self.message.shared().or_else(|| Some(Bytes::copy_from_slice(self.message.bytes())));
        }
        let payload = match &self.shared {
            Some(shared) => Payload::Shared(shared.clone()),
            None => Payload::Copied(self.message.bytes()),
        };
        let waits = self.core.config.on_full == Full::Wait;
        let mut state = self.core.lock();
        let Some((ticket, since)) = self.place else {
            return match state.offer(frame, &payload) {
                Err(SendError::Full) if waits => {
                    self.place = Some((state.join(frame, cx.waker()), Instant::now()));
                    Poll::Pending
                }
                done => Poll::Ready(done),
            };
        };
        if !state.is_granted(ticket, cx.waker())? {
            return Poll::Pending;
        }
        self.place = None;
        state.note_wait(since.elapsed());
        Poll::Ready(Ok(state.put(frame, &payload)))
    }

    /// Leaves the line, if it stands there.
    fn leave(&mut self) {
        if let Some((ticket, since)) = self.place.take() {
            let mut wakes = Wakes::default();
            leave(&mut self.core.lock(), ticket, since, &mut wakes);
            wakes.wake();
        }
    }
}

fn leave(state: &mut State, ticket: Ticket, since: Instant, wakes: &mut Wakes) {
    state.note_wait(since.elapsed());
    state.room.leave(ticket, &mut wakes.0);
}

impl<M: Message> Future for Sending<M> {
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.is_done, "a send was polled after it had taken its message");
        let outcome = std::task::ready!(self.look(cx));
        self.leave();
        self.is_done = outcome.is_ok();
        outcome.map(drop).into()
    }
}

impl<M: Message> Drop for Sending<M> {
    fn drop(&mut self) {
        self.leave();
    }
}
