//! `flume`: flume's unbounded channel, taken by `drain`.
//!
//! * **Idea**: a deque behind a spin-then-sleep lock; the receiver takes the whole deque at once.
//! * **Guarantees**: one order for all producers; unbounded.
//! * **Cost**: a lock a message, and a look for a sleeping receiver under it; a box above 64 bytes.
//! * **When it loses**: with many producers, whose lock it is; the deque of a drain is freed, not used again.
//! * **Source**: the crate `flume`, `recv_async` to sleep and `drain` to take; its issue 152 on many senders.

use std::marker::PhantomData;

use bytes::Buf;

use crate::error::SendError;
use crate::queue::pieces::Pieces;
use crate::queue::{Algorithm, Carrier, Drain, Facts, Family, Queue, Receiver, Sender, Shape};

/// The algorithm.
#[derive(Debug)]
pub struct Flume;

impl Algorithm for Flume {
    const FACTS: Facts = Facts {
        name: "flume",
        about: "flume, unbounded, taken by drain",
        family: Family::Rivals,
        drain: Drain::All,
        total_order: true,
        bounded: false,
        unasked: None,
        sound: true,
        guarantees: "one order for all producers; memory without a bound",
        cost: "a lock a message; above 64 bytes an allocation",
        loses_when: "many producers share its lock",
        source: "flume::unbounded",
    };
    type Queue<C: Carrier> = Channel<C>;
}

/// The channel, for messages moved as `C`.
#[derive(Debug)]
pub struct Channel<C>(PhantomData<C>);

impl<C: Carrier> Queue for Channel<C> {
    type Sender = FlumeSender<C>;
    type Receiver = FlumeReceiver<C>;

    fn open(_shape: &Shape) -> (Self::Sender, Self::Receiver) {
        let (sender, receiver) = flume::unbounded();
        let receiver = FlumeReceiver { receiver: Some(receiver), batch: Pieces::new(), rest: Vec::new(), backlog: 0 };
        (FlumeSender(sender), receiver)
    }
}

/// A producer.
#[derive(Debug)]
pub struct FlumeSender<C>(flume::Sender<C>);

impl<C> Clone for FlumeSender<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C: Carrier> Sender for FlumeSender<C> {
    #[inline]
    fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        let carrier = C::carry(message).ok_or(SendError::Size)?;
        self.0.send(carrier).map_err(|_| SendError::Closed)
    }

    #[inline]
    async fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.try_send(message)
    }
}

/// The consumer.
#[derive(Debug)]
pub struct FlumeReceiver<C> {
    /// `None` once it is closed.
    receiver: Option<flume::Receiver<C>>,
    batch: Pieces<C>,
    /// What stood in the channel when it was closed.
    rest: Vec<C>,
    backlog: usize,
}

impl<C: Carrier> Receiver for FlumeReceiver<C> {
    type Batch = Pieces<C>;

    async fn drain(&mut self) -> bool {
        let Self { receiver, batch, rest, .. } = self;
        let mut found = batch.refill(|items| match receiver {
            Some(receiver) => items.extend(receiver.drain()),
            None => items.append(rest),
        });
        if !found && let Some(receiver) = receiver {
            let Ok(first) = receiver.recv_async().await else { return false };
            found = batch.refill(|items| {
                items.push(first);
                items.extend(receiver.drain());
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
            self.rest.extend(receiver.drain());
        }
    }
}
