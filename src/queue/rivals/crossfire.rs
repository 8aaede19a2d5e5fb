//! `crossfire`: crossfire's bounded channel for many senders, taken by `recv` and `try_recv`.
//!
//! * **Idea**: an array of slots claimed by compare-and-exchange, with registries of wakers beside it.
//! * **Guarantees**: one order for all producers; bounded in messages (a capacity in bytes is read as messages of the queue's
//!   size, at 64 bytes or more each; 256 KiB when none is given).
//! * **Cost**: a compare-and-exchange a message on the sending side, a look at the registry on either; a box above 64
//!   bytes. It spins and yields before it sleeps.
//! * **When it loses**: on few cores, where spinning takes the time of whoever has work.
//! * **Source**: the crate `crossfire`, with `detect_backoff_cfg()` called as it asks for on virtual machines. Versions before
//!   3.1.20 lose messages.

use std::marker::PhantomData;

use bytes::Buf;
use crossfire::mpsc::{self, Array};
use crossfire::{AsyncRx, MAsyncTx, TrySendError};

use crate::error::SendError;
use crate::queue::pieces::Pieces;
use crate::queue::room::CACHE_SIZED;
use crate::queue::{Algorithm, Carrier, Drain, Facts, Family, Queue, Receiver, Sender, Shape};

/// The algorithm.
#[derive(Debug)]
pub struct Crossfire;

impl Algorithm for Crossfire {
    const FACTS: Facts = Facts {
        name: "crossfire",
        about: "crossfire, bounded, taken by recv and try_recv",
        family: Family::Rivals,
        drain: Drain::All,
        total_order: true,
        bounded: true,
        unasked: Some(CACHE_SIZED),
        sound: true,
        guarantees: "one order for all producers; bounded in messages",
        cost: "a compare-and-exchange a message, and looks at the registries of wakers; spins before it sleeps",
        loses_when: "cores are few",
        source: "crossfire::mpsc::bounded_async",
    };
    type Queue<C: Carrier> = Channel<C>;
}

/// The channel, for messages moved as `C`.
#[derive(Debug)]
pub struct Channel<C>(PhantomData<C>);

impl<C: Carrier> Queue for Channel<C> {
    type Sender = CrossfireSender<C>;
    type Receiver = CrossfireReceiver<C>;

    fn open(shape: &Shape) -> (Self::Sender, Self::Receiver) {
        crossfire::detect_backoff_cfg();
        let capacity = shape.capacity.unwrap_or(CACHE_SIZED);
        let most = capacity.messages(shape.size).min(u32::MAX as usize);
        let (sender, receiver) = mpsc::bounded_async(most);
        let sender = CrossfireSender { sender, longest: capacity.longest() };
        (
            sender,
            CrossfireReceiver { receiver: Some(receiver), batch: Pieces::new(), most, rest: Vec::new(), backlog: 0 },
        )
    }
}

/// A producer.
pub struct CrossfireSender<C: Carrier> {
    sender: MAsyncTx<Array<C>>,
    longest: usize,
}

impl<C: Carrier> std::fmt::Debug for CrossfireSender<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CrossfireSender").finish_non_exhaustive()
    }
}

impl<C: Carrier> Clone for CrossfireSender<C> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), longest: self.longest }
    }
}

impl<C: Carrier> CrossfireSender<C> {
    #[inline]
    fn carry(&self, message: &[u8]) -> Result<C, SendError> {
        if message.len() > self.longest {
            return Err(SendError::TooLarge);
        }
        C::carry(message).ok_or(SendError::Size)
    }
}

impl<C: Carrier> Sender for CrossfireSender<C> {
    #[inline]
    fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        let carrier = self.carry(message)?;
        self.sender.try_send(carrier).map_err(|error| match error {
            TrySendError::Full(_) => SendError::Full,
            TrySendError::Disconnected(_) => SendError::Closed,
        })
    }

    #[inline]
    async fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        let carrier = self.carry(message)?;
        self.sender.send(carrier).await.map_err(|_| SendError::Closed)
    }
}

/// The consumer.
pub struct CrossfireReceiver<C: Carrier> {
    /// `None` once it is closed.
    receiver: Option<AsyncRx<Array<C>>>,
    batch: Pieces<C>,
    most: usize,
    /// What stood in the channel when it was closed.
    rest: Vec<C>,
    backlog: usize,
}

impl<C: Carrier> std::fmt::Debug for CrossfireReceiver<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CrossfireReceiver").field("backlog", &self.backlog).finish_non_exhaustive()
    }
}

impl<C: Carrier> Receiver for CrossfireReceiver<C> {
    type Batch = Pieces<C>;

    async fn drain(&mut self) -> bool {
        let Self { receiver, batch, most, rest, .. } = self;
        let Some(receiver) = receiver else {
            let found = batch.refill(|items| items.append(rest));
            self.backlog = self.batch.remaining();
            return found;
        };
        let Ok(first) = receiver.recv().await else { return false };
        let found = batch.refill(|items| {
            items.push(first);
            items.extend(std::iter::from_fn(|| receiver.try_recv().ok()).take(*most - 1));
        });
        // All that stood there was taken; what has come since would count twice against the capacity.
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
            self.rest.extend(std::iter::from_fn(|| receiver.try_recv().ok()));
        }
    }
}
