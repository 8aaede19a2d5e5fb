//! `kanal`: kanal's unbounded channel, taken by `drain_into`.
//!
//! * **Idea**: a deque behind a lock; a message for a receiver that sleeps is written straight into its future.
//! * **Guarantees**: one order for all producers; unbounded. A drain that is dropped while it sleeps may lose the message
//!   that wakes it: an actor that stops loses it with all that stands in the queue.
//! * **Cost**: a spin-then-sleep lock a message; a box above 64 bytes.
//! * **When it loses**: with more producers than cores, one of which may be descheduled with the lock.
//! * **Source**: the crate `kanal`, `drain_into` to take and `recv` to sleep, as its documentation has it; its issue 31 on
//!   dropped futures.

use std::marker::PhantomData;

use bytes::Buf;

use crate::error::SendError;
use crate::queue::pieces::Pieces;
use crate::queue::{Algorithm, Carrier, Drain, Facts, Family, Queue, Receiver, Sender, Shape};

/// The algorithm.
#[derive(Debug)]
pub struct Kanal;

impl Algorithm for Kanal {
    const FACTS: Facts = Facts {
        name: "kanal",
        about: "kanal, unbounded, taken by drain_into",
        family: Family::Rivals,
        drain: Drain::All,
        total_order: true,
        bounded: false,
        unasked: None,
        sound: true,
        guarantees: "one order for all producers; a drain that is dropped may lose a message; memory without a bound",
        cost: "a lock a message; above 64 bytes an allocation",
        loses_when: "producers outnumber cores",
        source: "kanal::unbounded_async",
    };
    type Queue<C: Carrier> = Channel<C>;
}

/// The channel, for messages moved as `C`.
#[derive(Debug)]
pub struct Channel<C>(PhantomData<C>);

impl<C: Carrier> Queue for Channel<C> {
    type Sender = KanalSender<C>;
    type Receiver = KanalReceiver<C>;

    fn open(_shape: &Shape) -> (Self::Sender, Self::Receiver) {
        let (sender, receiver) = kanal::unbounded_async();
        let receiver = KanalReceiver { receiver: Some(receiver), batch: Pieces::new(), rest: Vec::new(), backlog: 0 };
        (KanalSender(sender), receiver)
    }
}

/// A producer.
pub struct KanalSender<C>(kanal::AsyncSender<C>);

impl<C> std::fmt::Debug for KanalSender<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KanalSender").finish_non_exhaustive()
    }
}

impl<C> Clone for KanalSender<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C: Carrier> Sender for KanalSender<C> {
    #[inline]
    fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        let carrier = C::carry(message).ok_or(SendError::Size)?;
        match self.0.try_send(carrier) {
            Ok(true) => Ok(()),
            Ok(false) => Err(SendError::Full),
            Err(_) => Err(SendError::Closed),
        }
    }

    #[inline]
    async fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.try_send(message)
    }
}

/// The consumer.
pub struct KanalReceiver<C> {
    /// `None` once it is closed.
    receiver: Option<kanal::AsyncReceiver<C>>,
    batch: Pieces<C>,
    /// What stood in the channel when it was closed.
    rest: Vec<C>,
    backlog: usize,
}

impl<C> std::fmt::Debug for KanalReceiver<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KanalReceiver").field("backlog", &self.backlog).finish_non_exhaustive()
    }
}

impl<C: Carrier> Receiver for KanalReceiver<C> {
    type Batch = Pieces<C>;

    async fn drain(&mut self) -> bool {
        let Self { receiver, batch, rest, .. } = self;
        let mut found = batch.refill(|items| match receiver {
            // An error says that it is closed, and leaves the list empty.
            Some(receiver) => drop(receiver.drain_into(items)),
            None => items.append(rest),
        });
        if !found && let Some(receiver) = receiver {
            let Ok(first) = receiver.recv().await else { return false };
            found = batch.refill(|items| {
                items.push(first);
                drop(receiver.drain_into(items));
            });
        }
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
        if let Some(receiver) = self.receiver.take() {
            drop(receiver.drain_into(&mut self.rest));
        }
    }
}
