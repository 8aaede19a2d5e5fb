//! `locked`: a `VecDeque` of boxed messages behind one mutex.
//!
//! * **Idea**: the plainest queue that is right. It is the oracle that every other algorithm is tested against, so it
//!   shares no code with them: own lock, own capacity, own waking.
//! * **Guarantees**: one order for all producers; bounded in bytes or messages. Who waits for room is woken with all
//!   others and tries again, so waiters are not served in turn.
//! * **Cost**: an allocation and a lock a message; a thundering herd when room becomes free.
//! * **When it loses**: always. It is here to be believed, not to be fast.
//! * **Source**: the textbook's monitor. Wakers, all woken, stand where a thread's version has a condition variable,
//!   because the consumer and the producers may be tasks.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use super::pieces::Pieces;
use super::sync::{Arc, Mutex, MutexGuard, lock};
use super::{Algorithm, Capacity, Carrier, Drain, Facts, Family, Queue, Receiver, Sender, Shape};
use crate::error::SendError;

/// The algorithm.
#[derive(Debug)]
pub struct Locked;

impl Algorithm for Locked {
    const FACTS: Facts = Facts {
        name: "locked",
        about: "a VecDeque of boxed messages behind a mutex: the naive oracle",
        family: Family::Oracle,
        drain: Drain::All,
        total_order: true,
        bounded: true,
        unasked: None,
        sound: true,
        guarantees: "one order for all producers; waiting senders are not served in turn",
        cost: "an allocation and a lock a message",
        loses_when: "always; it is the yardstick for being right",
        source: "the textbook's monitor",
    };
    const DISPLACES: bool = true;
    type Queue<C: Carrier> = Self;
}

impl Queue for Locked {
    type Sender = LockedSender;
    type Receiver = LockedReceiver;

    fn open(shape: &Shape) -> (LockedSender, LockedReceiver) {
        let state = State { capacity: shape.capacity, senders: 1, open: true, ..State::default() };
        let shared = Arc::new(Mutex::new(state));
        (LockedSender(Arc::clone(&shared)), LockedReceiver { shared, batch: Pieces::new(), backlog: 0 })
    }
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Box<[u8]>>,
    bytes: usize,
    capacity: Option<Capacity>,
    senders: usize,
    open: bool,
    /// Everybody who waits for a change, consumer and producers alike.
    waiting: Vec<Waker>,
}

impl State {
    fn offer(&mut self, message: &[u8]) -> Result<(), SendError> {
        if !self.open {
            return Err(SendError::Closed);
        }
        let (limit, used, need) = match self.capacity {
            None => (usize::MAX, 0, 0),
            Some(Capacity::Bytes(limit)) => (limit, self.bytes, message.len()),
            Some(Capacity::Messages(limit)) => (limit, self.messages.len(), 1),
        };
        if need > limit {
            return Err(SendError::TooLarge);
        }
        if used + need > limit {
            return Err(SendError::Full);
        }
        self.bytes += message.len();
        self.messages.push_back(message.into());
        Ok(())
    }

    /// Drops the oldest message, if there is one.
    fn drop_oldest(&mut self) -> bool {
        let oldest = self.messages.pop_front();
        self.bytes -= oldest.as_ref().map_or(0, |message| message.len());
        oldest.is_some()
    }
}

/// Unlocks after a change, and wakes everybody who waited for one.
fn changed(mut state: MutexGuard<'_, State>) {
    let woken = std::mem::take(&mut state.waiting);
    drop(state);
    woken.into_iter().for_each(Waker::wake);
}

/// A producer.
#[derive(Debug)]
pub struct LockedSender(Arc<Mutex<State>>);

impl Sender for LockedSender {
    fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        let mut state = lock(&self.0);
        state.offer(message)?;
        changed(state);
        Ok(())
    }

    async fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        poll_fn(|cx| {
            let mut state = lock(&self.0);
            match state.offer(message) {
                Ok(()) => changed(state),
                Err(SendError::Full) => {
                    state.waiting.push(cx.waker().clone());
                    return Poll::Pending;
                }
                refused => return Poll::Ready(refused),
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    fn displace(&mut self, message: &[u8]) -> Result<usize, SendError> {
        let mut state = lock(&self.0);
        let mut dropped = 0;
        let outcome = loop {
            match state.offer(message) {
                Err(SendError::Full) if state.drop_oldest() => dropped += 1,
                outcome => break outcome,
            }
        };
        changed(state);
        outcome.map(|()| dropped)
    }
}

impl Clone for LockedSender {
    fn clone(&self) -> Self {
        lock(&self.0).senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl Drop for LockedSender {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.senders -= 1;
        changed(state);
    }
}

/// The consumer.
#[derive(Debug)]
pub struct LockedReceiver {
    shared: Arc<Mutex<State>>,
    batch: Pieces<Box<[u8]>>,
    backlog: usize,
}

impl LockedReceiver {
    fn poll_drain(&mut self, cx: &Context<'_>) -> Poll<bool> {
        let mut state = lock(&self.shared);
        if state.messages.is_empty() {
            let ended = state.senders == 0 || !state.open;
            if !ended {
                state.waiting.push(cx.waker().clone());
            }
            return if ended { Poll::Ready(false) } else { Poll::Pending };
        }
        self.backlog = std::mem::take(&mut state.bytes);
        let taken = std::mem::take(&mut state.messages);
        changed(state);
        self.batch.refill(|items| items.extend(taken));
        Poll::Ready(true)
    }
}

impl Receiver for LockedReceiver {
    type Batch = Pieces<Box<[u8]>>;

    async fn drain(&mut self) -> bool {
        poll_fn(|cx| self.poll_drain(cx)).await
    }

    fn batch(&mut self) -> &mut Self::Batch {
        &mut self.batch
    }

    fn backlog(&self) -> usize {
        self.backlog
    }

    fn close(&mut self) {
        let mut state = lock(&self.shared);
        state.open = false;
        changed(state);
    }
}

impl Drop for LockedReceiver {
    fn drop(&mut self) {
        self.close();
    }
}
