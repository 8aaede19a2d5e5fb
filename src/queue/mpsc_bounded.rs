//! `mpsc-bounded`: tokio's bounded channel, taken by `recv_many`.
//!
//! * **Idea**: [`mpsc`](super::mpsc) with the back-pressure that most programs should have asked for.
//! * **Guarantees**: one order for all producers; senders that wait are served in turn. The channel counts messages, so a
//!   capacity in bytes is read as messages of the queue's size, at 64 bytes or more each; 256 KiB when none is given.
//! * **Cost**: the semaphore's atomic read-modify-writes on top of `mpsc`'s, and a task switch each time that a sender has
//!   to wait.
//! * **When it loses**: when the capacity is so small that senders wait all the time, and wherever `mpsc` loses.
//! * **Source**: tokio, `sync::mpsc::channel`.

use std::marker::PhantomData;

use bytes::Buf;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{self, error::TrySendError};

use super::pieces::Pieces;
use super::room::CACHE_SIZED;
use super::{Algorithm, Carrier, Drain, Facts, Family, Queue, Receiver, Sender, Shape};
use crate::error::SendError;

/// The algorithm.
#[derive(Debug)]
pub struct MpscBounded;

impl Algorithm for MpscBounded {
    const FACTS: Facts = Facts {
        name: "mpsc-bounded",
        about: "tokio's bounded channel, taken by recv_many",
        family: Family::Tokio,
        drain: Drain::All,
        total_order: true,
        bounded: true,
        unasked: Some(CACHE_SIZED),
        sound: true,
        guarantees: "one order for all producers; waiting senders are served in turn; bounded in messages",
        cost: "as mpsc, a semaphore on top, and a task switch each time that a sender waits",
        loses_when: "senders wait all the time, or outnumber cores",
        source: "tokio::sync::mpsc::channel",
    };
    type Queue<C: Carrier> = Channel<C>;
}

/// The channel, for messages moved as `C`.
#[derive(Debug)]
pub struct Channel<C>(PhantomData<C>);

impl<C: Carrier> Queue for Channel<C> {
    type Sender = BoundedSender<C>;
    type Receiver = BoundedReceiver<C>;

    fn open(shape: &Shape) -> (Self::Sender, Self::Receiver) {
        let capacity = shape.capacity.unwrap_or(CACHE_SIZED);
        let most = capacity.messages(shape.size).min(Semaphore::MAX_PERMITS);
        let (sender, receiver) = mpsc::channel(most);
        let sender = BoundedSender { sender, longest: capacity.longest() };
        (sender, BoundedReceiver { receiver, batch: Pieces::new(), most, backlog: 0 })
    }
}

/// A producer.
#[derive(Debug)]
pub struct BoundedSender<C> {
    sender: mpsc::Sender<C>,
    longest: usize,
}

impl<C> Clone for BoundedSender<C> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), longest: self.longest }
    }
}

impl<C: Carrier> BoundedSender<C> {
    #[inline]
    fn carry(&self, message: &[u8]) -> Result<C, SendError> {
        if message.len() > self.longest {
            return Err(SendError::TooLarge);
        }
        C::carry(message).ok_or(SendError::Size)
    }
}

impl<C: Carrier> Sender for BoundedSender<C> {
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
#[derive(Debug)]
pub struct BoundedReceiver<C> {
    receiver: mpsc::Receiver<C>,
    batch: Pieces<C>,
    /// The channel's capacity: a drain takes all that it can hold.
    most: usize,
    backlog: usize,
}

impl<C: Carrier> Receiver for BoundedReceiver<C> {
    type Batch = Pieces<C>;

    async fn drain(&mut self) -> bool {
        let taken = self.receiver.recv_many(self.batch.emptied(), self.most).await;
        self.batch.count();
        // All that stood there was taken; what has come since would count twice against the capacity.
        self.backlog = self.batch.remaining();
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
