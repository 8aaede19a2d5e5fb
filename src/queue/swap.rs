//! `swap`: two byte arenas behind `std::sync::Mutex`; the consumer swaps the full one for the empty one.
//!
//! * **Idea**: producers append under the lock; the consumer only swaps three words under it and writes outside. Both
//!   arenas keep their memory, so the steady loop does not allocate. The consumer sleeps when there is nothing: it leaves
//!   its waker under the same lock, and only a producer that finds one wakes it.
//! * **Guarantees**: one order for all producers; bounded on request, in bytes or messages, counted for what waits (what
//!   the consumer has taken comes on top: at most as much again). Senders that wait are served in turn.
//! * **Cost**: an uncontended lock and a copy a message.
//! * **When it loses**: when many cores push at once, and when large batches fall out of the cache: give it a capacity.
//! * **Source**: the article's mutex worker and actor, with its polling replaced by sleeping and with an end.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Buf;

use super::arena::Arena;
use super::room::{Room, Ticket};
use super::sync::{Arc, Mutex, lock};
use super::{Algorithm, Batch, Carrier, Drain, Facts, Queue, Receiver, Sender, Shape, wake};
use crate::error::SendError;

/// The algorithm.
#[derive(Debug)]
pub struct Swap;

impl Algorithm for Swap {
    const FACTS: Facts = Facts {
        name: "swap",
        about: "two byte arenas behind a mutex, swapped; the consumer sleeps when there is nothing",
        drain: Drain::All,
        total_order: true,
        bounded: true,
        guarantees: "one order for all producers; waiting senders are served in turn",
        cost: "an uncontended lock and a copy a message, no allocation",
        loses_when: "many cores push at once; batches outgrow the cache, unless it has a capacity",
        source: "the article's Mutex<Vec>, sleeping instead of polling",
    };
    type Queue<C: Carrier> = Self;
}

impl Queue for Swap {
    type Sender = SwapSender;
    type Receiver = SwapReceiver;

    fn open(shape: &Shape) -> (SwapSender, SwapReceiver) {
        let front = Arena::new(shape.size);
        let state = State { front, room: Room::new(shape.capacity), senders: 1, open: true, sleeper: None };
        let shared = Arc::new(Mutex::new(state));
        let back = Arena::new(shape.size);
        (SwapSender(Arc::clone(&shared)), SwapReceiver { shared, back, backlog: 0, woken: Vec::new() })
    }
}

/// All that is shared, behind the one lock.
#[derive(Debug)]
struct State {
    front: Arena,
    room: Room,
    senders: usize,
    open: bool,
    /// The consumer, while it sleeps.
    sleeper: Option<Waker>,
}

impl State {
    /// Appends the message and hands out the sleeper to wake.
    #[inline]
    fn offer(&mut self, message: &[u8]) -> Result<Option<Waker>, SendError> {
        if !self.open {
            return Err(SendError::Closed);
        }
        if !self.front.fits(message.len()) {
            return Err(SendError::Size);
        }
        self.room.take(message.len())?;
        self.front.push(message);
        Ok(self.sleeper.take())
    }
}

/// A producer.
#[derive(Debug)]
pub struct SwapSender(Arc<Mutex<State>>);

impl Sender for SwapSender {
    #[inline]
    fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        let sleeper = lock(&self.0).offer(message)?;
        wake(sleeper);
        Ok(())
    }

    #[inline]
    async fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        match self.try_send(message) {
            Err(SendError::Full) => Waiting { shared: &self.0, message, ticket: None }.await,
            done => done,
        }
    }
}

impl Clone for SwapSender {
    fn clone(&self) -> Self {
        lock(&self.0).senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl Drop for SwapSender {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.senders -= 1;
        let sleeper = if state.senders == 0 { state.sleeper.take() } else { None };
        drop(state);
        wake(sleeper);
    }
}

/// A send that stands in line for room.
struct Waiting<'a> {
    shared: &'a Mutex<State>,
    message: &'a [u8],
    ticket: Option<Ticket>,
}

impl Waiting<'_> {
    /// One look under the lock: what the send comes to, and the sleeper to wake.
    fn look(&mut self, waker: &Waker) -> Poll<Result<Option<Waker>, SendError>> {
        let mut state = lock(self.shared);
        if !state.open {
            return Poll::Ready(Err(SendError::Closed));
        }
        let Some(ticket) = self.ticket else {
            return match state.offer(self.message) {
                Err(SendError::Full) => {
                    self.ticket = Some(state.room.join(self.message.len(), waker.clone()));
                    Poll::Pending
                }
                done => Poll::Ready(done),
            };
        };
        if !state.room.poll(ticket, waker) {
            return Poll::Pending;
        }
        self.ticket = None;
        state.front.push(self.message);
        Poll::Ready(Ok(state.sleeper.take()))
    }
}

impl Future for Waiting<'_> {
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.look(cx.waker()).map_ok(wake)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let mut woken = Vec::new();
            lock(self.shared).room.leave(ticket, &mut woken);
            woken.into_iter().for_each(Waker::wake);
        }
    }
}

/// The consumer.
#[derive(Debug)]
pub struct SwapReceiver {
    shared: Arc<Mutex<State>>,
    /// What was drained; empty, with its memory, when it is swapped in.
    back: Arena,
    backlog: usize,
    /// Kept for its memory.
    woken: Vec<Waker>,
}

impl SwapReceiver {
    /// Takes what is there. Ready with `false` at the end; when pending, `sleeper` is left to be woken.
    pub(super) fn poll_drain(&mut self, sleeper: Option<&Waker>) -> Poll<bool> {
        self.back.clear();
        let mut state = lock(&self.shared);
        if state.front.has_remaining() {
            std::mem::swap(&mut state.front, &mut self.back);
            self.backlog = self.back.remaining();
            state.room.release(self.back.messages(), self.backlog, &mut self.woken);
        } else if state.senders == 0 || !state.open {
            return Poll::Ready(false);
        } else {
            state.sleeper = sleeper.cloned();
            return Poll::Pending;
        }
        drop(state);
        self.woken.drain(..).for_each(Waker::wake);
        Poll::Ready(true)
    }

    /// The bytes of memory in both arenas.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.back.memory() + lock(&self.shared).front.memory()
    }
}

impl Receiver for SwapReceiver {
    type Batch = Arena;

    async fn drain(&mut self) -> bool {
        poll_fn(|cx| self.poll_drain(Some(cx.waker()))).await
    }

    fn batch(&mut self) -> &mut Arena {
        &mut self.back
    }

    fn backlog(&self) -> usize {
        self.backlog
    }

    fn close(&mut self) {
        let mut state = lock(&self.shared);
        state.open = false;
        state.room.wake_all(&mut self.woken);
        drop(state);
        self.woken.drain(..).for_each(Waker::wake);
    }
}

impl Drop for SwapReceiver {
    fn drop(&mut self) {
        self.close();
    }
}
