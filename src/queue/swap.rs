//! `swap`: two byte arenas behind `std::sync::Mutex`; the consumer swaps the full one for the empty one.
//!
//! * **Idea**: producers append under the lock; the consumer only swaps three words under it and writes outside. Both
//!   arenas keep their memory, so the steady loop does not allocate. The consumer sleeps when there is nothing: it leaves
//!   its waker under the same lock, and only a producer that finds one wakes it.
//! * **Guarantees**: one order for all producers; bounded on request, in bytes or messages, counted for what waits (what
//!   the consumer has taken comes on top: at most as much again). Senders that wait are served in turn. A sender can
//!   displace the oldest messages of the arena that is being filled; those that are being written are safe.
//! * **Cost**: an uncontended lock and a copy a message.
//! * **When it loses**: when many cores push at once, and when large batches fall out of the cache: give it a capacity.
//! * **Source**: the article's mutex worker and actor, with its polling replaced by sleeping and with an end.

use std::fmt;
use std::future::poll_fn;
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Buf;

use super::arena::Arena;
use super::guard::{Guard, Std};
use super::room::{Room, Ticket};
use super::sync::Arc;
use super::{Algorithm, Batch, Carrier, Drain, Facts, Family, Queue, Receiver, Sender, Shape, wake};
use crate::error::SendError;

/// The algorithm.
#[derive(Debug)]
pub struct Swap;

impl Algorithm for Swap {
    const FACTS: Facts = Facts {
        name: "swap",
        about: "two byte arenas behind a mutex, swapped; the consumer sleeps when there is nothing",
        family: Family::Swap,
        drain: Drain::All,
        total_order: true,
        bounded: true,
        unasked: None,
        sound: true,
        guarantees: "one order for all producers; waiting senders are served in turn",
        cost: "an uncontended lock and a copy a message, no allocation",
        loses_when: "many cores push at once; batches outgrow the cache, unless it has a capacity",
        source: "the article's Mutex<Vec>, sleeping instead of polling",
    };
    const DISPLACES: bool = true;
    type Queue<C: Carrier> = Self;
}

impl Queue for Swap {
    type Sender = SwapSender;
    type Receiver = SwapReceiver;

    fn open(shape: &Shape) -> (SwapSender, SwapReceiver) {
        open(shape)
    }
}

/// A fresh queue behind a lock of the kind `G`.
pub(super) fn open<G: Guard>(shape: &Shape) -> (SwapSender<G>, SwapReceiver<G>) {
    let (front, back) = (Arena::new(shape.size), Arena::new(shape.size));
    let state = State { front, room: Room::new(shape.capacity), senders: 1, open: true, sleeper: None };
    let sender = SwapSender(Arc::new(G::guarded(state)));
    let shared = Arc::clone(&sender.0);
    (sender, SwapReceiver { shared, back, backlog: 0, woken: Vec::new() })
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
        if message.is_empty() {
            // It leaves no trace, so nothing would ever give its room back.
            return Ok(None);
        }
        self.room.take(message.len())?;
        self.front.push(message);
        Ok(self.sleeper.take())
    }

    /// Offers the message until there is room, which the oldest of the front arena give up; counts them. While others
    /// stand in line the room is theirs, and nothing is dropped.
    fn displace(&mut self, message: &[u8]) -> Result<(usize, Option<Waker>), SendError> {
        let mut dropped = 0;
        loop {
            match self.offer(message) {
                Err(SendError::Full) if self.front.has_remaining() && !self.room.is_awaited() => {
                    let length = self.front.drop_first();
                    self.room.release(1, length, &mut Vec::new()); // nobody waits for it
                    dropped += 1;
                }
                outcome => return outcome.map(|sleeper| (dropped, sleeper)),
            }
        }
    }
}

/// A producer.
pub struct SwapSender<G: Guard = Std>(Arc<G::Mutex<State>>);

impl<G: Guard> SwapSender<G> {
    fn lock(&self) -> impl DerefMut<Target = State> {
        G::lock(&self.0)
    }
}

impl<G: Guard> Sender for SwapSender<G> {
    #[inline]
    fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        let sleeper = self.lock().offer(message)?;
        wake(sleeper);
        Ok(())
    }

    #[inline]
    async fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        match self.try_send(message) {
            Err(SendError::Full) => Waiting { sender: self, message, ticket: None }.await,
            done => done,
        }
    }

    fn displace(&mut self, message: &[u8]) -> Result<usize, SendError> {
        let (dropped, sleeper) = G::lock(&self.0).displace(message)?;
        wake(sleeper);
        Ok(dropped)
    }
}

impl<G: Guard> Clone for SwapSender<G> {
    fn clone(&self) -> Self {
        self.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<G: Guard> Drop for SwapSender<G> {
    fn drop(&mut self) {
        let mut state = self.lock();
        state.senders -= 1;
        let sleeper = if state.senders == 0 { state.sleeper.take() } else { None };
        drop(state);
        wake(sleeper);
    }
}

impl<G: Guard> fmt::Debug for SwapSender<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SwapSender").field(&*self.lock()).finish()
    }
}

/// A send that stands in line for room.
struct Waiting<'a, G: Guard> {
    sender: &'a SwapSender<G>,
    message: &'a [u8],
    ticket: Option<Ticket>,
}

impl<G: Guard> Waiting<'_, G> {
    /// One look under the lock: what the send comes to, and the sleeper to wake.
    fn look(&mut self, waker: &Waker) -> Poll<Result<Option<Waker>, SendError>> {
        let mut state = self.sender.lock();
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

impl<G: Guard> Future for Waiting<'_, G> {
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.look(cx.waker()).map_ok(wake)
    }
}

impl<G: Guard> Drop for Waiting<'_, G> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let mut woken = Vec::new();
            self.sender.lock().room.leave(ticket, &mut woken);
            woken.into_iter().for_each(Waker::wake);
        }
    }
}

/// The consumer.
pub struct SwapReceiver<G: Guard = Std> {
    shared: Arc<G::Mutex<State>>,
    /// What was drained; empty, with its memory, when it is swapped in.
    back: Arena,
    backlog: usize,
    /// Kept for its memory.
    woken: Vec<Waker>,
}

impl<G: Guard> SwapReceiver<G> {
    /// Takes what is there. Ready with `false` at the end; when pending, `sleeper` is left to be woken.
    pub(super) fn poll_drain(&mut self, sleeper: Option<&Waker>) -> Poll<bool> {
        self.back.clear();
        let mut state = G::lock(&self.shared);
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

    /// The bytes that stand in the queue and are not drained.
    pub(super) fn waiting(&self) -> usize {
        G::lock(&self.shared).front.remaining()
    }

    /// The bytes of memory in both arenas.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.back.memory() + G::lock(&self.shared).front.memory()
    }
}

impl<G: Guard> Receiver for SwapReceiver<G> {
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
        let mut state = G::lock(&self.shared);
        state.open = false;
        state.room.wake_all(&mut self.woken);
        drop(state);
        self.woken.drain(..).for_each(Waker::wake);
    }
}

impl<G: Guard> Drop for SwapReceiver<G> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<G: Guard> fmt::Debug for SwapReceiver<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwapReceiver").field("back", &self.back).field("backlog", &self.backlog).finish_non_exhaustive()
    }
}
