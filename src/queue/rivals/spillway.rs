//! `spillway`: spillway's chutes, taken by `next_batch`.
//!
//! * **Idea**: several deques, each behind a lock; a sender belongs to one, the receiver swaps a whole deque out.
//! * **Guarantees**: each producer's order, and no more: **it loses messages**. The receiver looks at the deques, then at the
//!   number of senders. A sender that sends its last message and goes between the two is counted as gone, and its message
//!   is never looked for. Nor are senders told that the receiver is gone: a flag of ours tells them. Unbounded: at its
//!   capacity it refuses, and nobody can wait.
//! * **Cost**: a lock a message that few share; a box above 64 bytes.
//! * **When it loses**: the last message, now and then, which the lab reports as a run that is invalid.
//! * **Source**: the crate `spillway`, with its default of 8 chutes.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Buf;

use crate::error::SendError;
use crate::queue::pieces::Pieces;
use crate::queue::{Algorithm, Carrier, Drain, Facts, Family, Queue, Receiver, Sender, Shape};

/// The algorithm.
#[derive(Debug)]
pub struct Spillway;

impl Algorithm for Spillway {
    const FACTS: Facts = Facts {
        name: "spillway",
        about: "spillway, taken by next_batch; it loses a last message now and then",
        family: Family::Rivals,
        drain: Drain::All,
        total_order: false,
        bounded: false,
        unasked: None,
        sound: false,
        guarantees: "each producer's order; the message that a sender sends just before it goes may be lost",
        cost: "a lock a message that few share; above 64 bytes an allocation",
        loses_when: "every message counts",
        source: "spillway::channel",
    };
    type Queue<C: Carrier> = Channel<C>;
}

/// The channel, for messages moved as `C`.
#[derive(Debug)]
pub struct Channel<C>(PhantomData<C>);

impl<C: Carrier> Queue for Channel<C> {
    type Sender = SpillwaySender<C>;
    type Receiver = SpillwayReceiver<C>;

    fn open(_shape: &Shape) -> (Self::Sender, Self::Receiver) {
        let (sender, receiver) = spillway::channel();
        let closed = Arc::new(AtomicBool::new(false));
        let sender = SpillwaySender { sender, closed: Arc::clone(&closed) };
        (
            sender,
            SpillwayReceiver { receiver: Some(receiver), closed, batch: Pieces::new(), rest: Vec::new(), backlog: 0 },
        )
    }
}

/// A producer.
#[derive(Debug)]
pub struct SpillwaySender<C> {
    sender: spillway::Sender<C>,
    /// Relaxed: nothing is read on the strength of it.
    closed: Arc<AtomicBool>,
}

impl<C> Clone for SpillwaySender<C> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), closed: Arc::clone(&self.closed) }
    }
}

impl<C: Carrier> Sender for SpillwaySender<C> {
    #[inline]
    fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        let carrier = C::carry(message).ok_or(SendError::Size)?;
        // Relaxed: a send that does not see it yet counts as one that came before.
        if self.closed.load(Ordering::Relaxed) {
            return Err(SendError::Closed);
        }
        self.sender.send(carrier).map_err(|error| match error {
            spillway::Error::Full(_) => SendError::Full,
            spillway::Error::Closed(_) => SendError::Closed,
        })
    }

    #[inline]
    async fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.try_send(message)
    }
}

/// The consumer.
#[derive(Debug)]
pub struct SpillwayReceiver<C> {
    /// `None` once it is closed.
    receiver: Option<spillway::Receiver<C>>,
    /// Relaxed: nothing is read on the strength of it.
    closed: Arc<AtomicBool>,
    batch: Pieces<C>,
    /// What stood in the channel when it was closed.
    rest: Vec<C>,
    backlog: usize,
}

impl<C: Carrier> Receiver for SpillwayReceiver<C> {
    type Batch = Pieces<C>;

    async fn drain(&mut self) -> bool {
        let Self { receiver, batch, rest, .. } = self;
        let found = match receiver {
            None => batch.refill(|items| items.append(rest)),
            Some(receiver) => {
                let Some(taken) = receiver.next_batch().await else { return false };
                batch.refill(|items| items.extend(taken))
            }
        };
        self.backlog = self.batch.remaining();
        found
    }

    fn batch(&mut self) -> &mut Self::Batch {
        &mut self.batch
    }

    fn backlog(&self) -> usize {
        self.backlog
    }

    fn close(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        if let Some(mut receiver) = self.receiver.take() {
            self.rest.extend(std::iter::from_fn(|| receiver.try_next()));
        }
    }
}

impl<C> Drop for SpillwayReceiver<C> {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}
