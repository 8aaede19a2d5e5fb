//! `rapidfire`: rapidfire's channel for one receiver, taken by `recv_many`.
//!
//! * **Idea**: blocks of 63 slots, claimed by a fetch-and-add as long as nobody contends; the party that goes to sleep pays
//!   for the waking.
//! * **Guarantees**: one order for all producers; bounded on request, in messages (a capacity in bytes is read as messages of
//!   the queue's size, at 64 bytes or more each); what was taken before the closing is drained.
//! * **Cost**: one atomic read-modify-write a message; a box above 64 bytes. It keeps its blocks until it is dropped.
//! * **When it loses**: when memory must be given back after a burst.
//! * **Source**: the crate `rapidfire`, its module `mpsc`.

use std::marker::PhantomData;

use rapidfire::{TrySendError, mpsc};

use super::most_of;
use crate::error::SendError;
use crate::queue::pieces::Pieces;
use crate::queue::{Algorithm, Capacity, Carrier, Drain, Facts, Family, Queue, Receiver, Sender, Shape};

/// The algorithm.
#[derive(Debug)]
pub struct Rapidfire;

impl Algorithm for Rapidfire {
    const FACTS: Facts = Facts {
        name: "rapidfire",
        about: "rapidfire, taken by recv_many",
        family: Family::Rivals,
        drain: Drain::All,
        total_order: true,
        bounded: true,
        unasked: None,
        sound: true,
        guarantees: "one order for all producers; bounded in messages",
        cost: "an atomic read-modify-write a message; above 64 bytes an allocation; memory is kept until the end",
        loses_when: "memory must be given back after a burst",
        source: "rapidfire::mpsc",
    };
    type Queue<C: Carrier> = Channel<C>;
}

/// The channel, for messages moved as `C`.
#[derive(Debug)]
pub struct Channel<C>(PhantomData<C>);

impl<C: Carrier> Queue for Channel<C> {
    type Sender = RapidfireSender<C>;
    type Receiver = RapidfireReceiver<C>;

    fn open(shape: &Shape) -> (Self::Sender, Self::Receiver) {
        let (sender, receiver) = match shape.capacity {
            None => mpsc::unbounded(),
            Some(capacity) => mpsc::bounded(capacity.messages(shape.size).min(1 << 30)),
        };
        let longest = shape.capacity.map_or(usize::MAX, Capacity::longest);
        // No more than the channel holds at once: senders fill it while it is emptied.
        let most = most_of(shape.size).min(receiver.capacity().unwrap_or(usize::MAX));
        let receiver = RapidfireReceiver { receiver, batch: Pieces::new(), most, backlog: 0 };
        (RapidfireSender { sender, longest }, receiver)
    }
}

/// A producer.
pub struct RapidfireSender<C> {
    sender: mpsc::Sender<C>,
    longest: usize,
}

impl<C> std::fmt::Debug for RapidfireSender<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RapidfireSender").finish_non_exhaustive()
    }
}

impl<C> Clone for RapidfireSender<C> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), longest: self.longest }
    }
}

impl<C: Carrier> RapidfireSender<C> {
    #[inline]
    fn carry(&self, message: &[u8]) -> Result<C, SendError> {
        if message.len() > self.longest {
            return Err(SendError::TooLarge);
        }
        C::carry(message).ok_or(SendError::Size)
    }
}

impl<C: Carrier> Sender for RapidfireSender<C> {
    #[inline]
    fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        let carrier = self.carry(message)?;
        self.sender.try_send(carrier).map_err(|error| match error {
            TrySendError::Full(_) => SendError::Full,
            TrySendError::Closed(_) => SendError::Closed,
        })
    }

    #[inline]
    async fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        let carrier = self.carry(message)?;
        self.sender.send(carrier).await.map_err(|_| SendError::Closed)
    }
}

/// The consumer.
pub struct RapidfireReceiver<C> {
    receiver: mpsc::Receiver<C>,
    batch: Pieces<C>,
    most: usize,
    backlog: usize,
}

impl<C> std::fmt::Debug for RapidfireReceiver<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RapidfireReceiver").field("backlog", &self.backlog).finish_non_exhaustive()
    }
}

impl<C: Carrier> Receiver for RapidfireReceiver<C> {
    type Batch = Pieces<C>;

    async fn drain(&mut self) -> bool {
        let taken = self.receiver.recv_many(self.batch.emptied(), self.most).await;
        self.batch.count();
        // Bounded, what has come since it was taken would count twice against the capacity.
        let waiting = if self.receiver.capacity().is_none() { self.receiver.len() } else { 0 };
        self.backlog = self.batch.backlog(waiting);
        taken.is_ok()
    }

    fn batch(&mut self) -> &mut Self::Batch {
        &mut self.batch
    }

    fn backlog(&self) -> usize {
        self.backlog
    }

    fn close(&mut self) {
        self.receiver.close();
    }
}
