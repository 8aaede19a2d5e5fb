//! `mpsc`: tokio's unbounded channel, taken by `recv_many`.
//!
//! * **Idea**: the channel everybody has, used as it can be: all that waits is taken at once.
//! * **Guarantees**: one order for all producers; unbounded, so a slow socket becomes memory.
//! * **Cost**: five atomic read-modify-writes a send, and an allocation for every 32 messages; a box more for messages
//!   above 64 bytes.
//! * **When it loses**: when senders outnumber cores, and whenever memory must be bounded.
//! * **Source**: tokio, `sync::mpsc::unbounded_channel`.

use std::marker::PhantomData;

use tokio::sync::mpsc;

use super::pieces::Pieces;
use super::{Algorithm, Carrier, Drain, Facts, Family, Queue, Receiver, Sender, Shape};
use crate::error::SendError;

/// A drain takes up to this many bytes: enough for the largest write that gains anything.
const BLOCK: usize = 256 * 1024;

/// The algorithm.
#[derive(Debug)]
pub struct Mpsc;

impl Algorithm for Mpsc {
    const FACTS: Facts = Facts {
        name: "mpsc",
        about: "tokio's unbounded channel, taken by recv_many",
        family: Family::Tokio,
        drain: Drain::All,
        total_order: true,
        bounded: false,
        unasked: None,
        sound: true,
        guarantees: "one order for all producers; memory without a bound",
        cost: "five atomic read-modify-writes a message; above 64 bytes an allocation",
        loses_when: "senders outnumber cores, or memory must be bounded",
        source: "tokio::sync::mpsc::unbounded_channel",
    };
    type Queue<C: Carrier> = Channel<C>;
}

/// The channel, for messages moved as `C`.
#[derive(Debug)]
pub struct Channel<C>(PhantomData<C>);

impl<C: Carrier> Queue for Channel<C> {
    type Sender = ChannelSender<C>;
    type Receiver = ChannelReceiver<C>;

    fn open(shape: &Shape) -> (Self::Sender, Self::Receiver) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let size = shape.size.unwrap_or(size_of::<C>()).max(1);
        let most = (BLOCK / size).max(64);
        (ChannelSender(sender), ChannelReceiver { receiver, batch: Pieces::new(), most, backlog: 0 })
    }
}

/// A producer.
#[derive(Debug)]
pub struct ChannelSender<C>(pub(super) mpsc::UnboundedSender<C>);

impl<C> Clone for ChannelSender<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<C: Carrier> Sender for ChannelSender<C> {
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
pub struct ChannelReceiver<C> {
    receiver: mpsc::UnboundedReceiver<C>,
    batch: Pieces<C>,
    most: usize,
    backlog: usize,
}

impl<C: Carrier> Receiver for ChannelReceiver<C> {
    type Batch = Pieces<C>;

    async fn drain(&mut self) -> bool {
        let taken = self.receiver.recv_many(self.batch.emptied(), self.most).await;
        self.batch.count();
        self.backlog = self.batch.backlog(self.receiver.len());
        taken > 0
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
