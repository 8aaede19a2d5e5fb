//! `crossbeam`: crossbeam-channel's unbounded channel, taken by `try_recv`.
//!
//! * **Idea**: blocks of 31 slots, a slot claimed by a compare-and-exchange; many consumers would be possible.
//! * **Guarantees**: one order for all producers; unbounded.
//! * **Cost**: a compare-and-exchange and a read-modify-write a message on either side, an allocation for every 31, and a box
//!   above 64 bytes. The crate's `recv` blocks its thread, which an actor that also reads from a socket cannot: the consumer
//!   takes by `try_recv` until there is nothing and sleeps by a waker, for which each send pays a fence and a load. That is
//!   less than the crate's own waking, which a blocking receiver would have paid.
//! * **When it loses**: against every channel with a batch receive: each message is claimed by itself. Under contention it
//!   spins in user space.
//! * **Source**: the crate `crossbeam-channel`; batch receive was refused in its issue 272.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Poll, Waker};

use bytes::Buf;
use crossbeam_channel::{self as channel, TryRecvError};

use super::most_of;
use crate::error::SendError;
use crate::queue::bell::Bell;
use crate::queue::pieces::Pieces;
use crate::queue::{Algorithm, Carrier, Drain, Facts, Family, Queue, Receiver, Sender, Shape};

/// The algorithm.
#[derive(Debug)]
pub struct Crossbeam;

impl Algorithm for Crossbeam {
    const FACTS: Facts = Facts {
        name: "crossbeam",
        about: "crossbeam-channel, unbounded, taken by try_recv; the consumer sleeps by a waker of ours",
        family: Family::Rivals,
        drain: Drain::All,
        total_order: true,
        bounded: false,
        unasked: None,
        sound: true,
        guarantees: "one order for all producers; memory without a bound",
        cost: "two atomic read-modify-writes on either side and a fence a message",
        loses_when: "against every channel with a batch receive",
        source: "crossbeam_channel::unbounded",
    };
    type Queue<C: Carrier> = Channel<C>;
}

/// The channel, for messages moved as `C`.
#[derive(Debug)]
pub struct Channel<C>(PhantomData<C>);

impl<C: Carrier> Queue for Channel<C> {
    type Sender = CrossbeamSender<C>;
    type Receiver = CrossbeamReceiver<C>;

    fn open(shape: &Shape) -> (Self::Sender, Self::Receiver) {
        let (sender, receiver) = channel::unbounded();
        let bell = Arc::new(Bell::default());
        let sender = CrossbeamSender { sender: Some(sender), bell: Arc::clone(&bell) };
        let most = most_of(shape.size);
        (
            sender,
            CrossbeamReceiver {
                receiver: Some(receiver),
                bell,
                batch: Pieces::new(),
                most,
                rest: Vec::new(),
                backlog: 0,
            },
        )
    }
}

/// A producer.
#[derive(Debug)]
pub struct CrossbeamSender<C> {
    /// Taken when it is dropped, so that the bell rings after.
    sender: Option<channel::Sender<C>>,
    bell: Arc<Bell>,
}

impl<C> Clone for CrossbeamSender<C> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), bell: Arc::clone(&self.bell) }
    }
}

impl<C> Drop for CrossbeamSender<C> {
    fn drop(&mut self) {
        self.sender = None;
        self.bell.ring();
    }
}

impl<C: Carrier> Sender for CrossbeamSender<C> {
    #[inline]
    fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        let carrier = C::carry(message).ok_or(SendError::Size)?;
        let sender = self.sender.as_ref().ok_or(SendError::Closed)?;
        sender.send(carrier).map_err(|_| SendError::Closed)?;
        self.bell.ring();
        Ok(())
    }

    #[inline]
    async fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.try_send(message)
    }
}

/// The consumer.
#[derive(Debug)]
pub struct CrossbeamReceiver<C> {
    /// `None` once it is closed.
    receiver: Option<channel::Receiver<C>>,
    bell: Arc<Bell>,
    batch: Pieces<C>,
    most: usize,
    /// What stood in the channel when it was closed.
    rest: Vec<C>,
    backlog: usize,
}

impl<C: Carrier> CrossbeamReceiver<C> {
    fn look(&mut self) -> Poll<bool> {
        let Self { receiver, batch, most, rest, .. } = self;
        let Some(receiver) = receiver else {
            let found = batch.refill(|items| items.append(rest));
            self.backlog = self.batch.remaining();
            return Poll::Ready(found);
        };
        let mut ended = false;
        let found = batch.refill(|items| {
            while items.len() < *most {
                match receiver.try_recv() {
                    Ok(message) => items.push(message),
                    Err(error) => {
                        ended = error == TryRecvError::Disconnected;
                        break;
                    }
                }
            }
        });
        self.backlog = self.batch.backlog(receiver.len());
        if found || ended { Poll::Ready(found) } else { Poll::Pending }
    }

    fn poll_drain(&mut self, sleeper: &Waker) -> Poll<bool> {
        let found = self.look();
        if found.is_ready() {
            return found;
        }
        self.bell.listen(sleeper);
        let found = self.look();
        if found.is_ready() {
            self.bell.ignore();
        }
        found
    }
}

impl<C: Carrier> Receiver for CrossbeamReceiver<C> {
    type Batch = Pieces<C>;

    async fn drain(&mut self) -> bool {
        poll_fn(|cx| self.poll_drain(cx.waker())).await
    }

    fn batch(&mut self) -> &mut Self::Batch {
        &mut self.batch
    }

    fn backlog(&self) -> usize {
        self.backlog
    }

    fn close(&mut self) {
        if let Some(receiver) = self.receiver.take() {
            self.rest.extend(receiver.try_iter());
        }
    }
}
