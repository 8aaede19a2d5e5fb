//! `thingbuf`: thingbuf's bounded channel, filled and read by reference.
//!
//! * **Idea**: a ring of slots that keep their buffers: a message is copied into the buffer that an earlier one left, so the
//!   steady loop does not allocate. Taken, it is copied into one run of bytes and the slot is free at once.
//! * **Guarantees**: one order for all producers; bounded in messages (a capacity in bytes is read as messages of the queue's
//!   size, at 64 bytes or more each; 256 KiB when none is given).
//! * **Cost**: a compare-and-exchange, two copies and a few atomic loads and stores a message.
//! * **When it loses**: with large messages, copied twice, and when memory must be given back after a burst.
//! * **Source**: the crate `thingbuf`, `send_ref` and `recv_ref` with `WithCapacity`; no release since 2024.

use std::future::poll_fn;
use std::task::{Context, Poll};

use bytes::Buf;
use thingbuf::mpsc::{self, errors::TrySendError};
use thingbuf::recycling::WithCapacity;

use super::BLOCK;
use crate::error::SendError;
use crate::queue::arena::Arena;
use crate::queue::room::CACHE_SIZED;
use crate::queue::{Algorithm, Carrier, Drain, Facts, Family, Queue, Receiver, Sender, Shape};

type Slot = Vec<u8>;

/// The algorithm.
#[derive(Debug)]
pub struct Thingbuf;

impl Algorithm for Thingbuf {
    const FACTS: Facts = Facts {
        name: "thingbuf",
        about: "thingbuf: slots that keep their buffers, filled and read by reference",
        family: Family::Rivals,
        drain: Drain::All,
        total_order: true,
        bounded: true,
        unasked: Some(CACHE_SIZED),
        sound: true,
        guarantees: "one order for all producers; bounded in messages",
        cost: "a compare-and-exchange and two copies a message, no allocation",
        loses_when: "messages are large",
        source: "thingbuf::mpsc::with_recycle",
    };
    type Queue<C: Carrier> = Self;
}

impl Queue for Thingbuf {
    type Sender = ThingbufSender;
    type Receiver = ThingbufReceiver;

    fn open(shape: &Shape) -> (ThingbufSender, ThingbufReceiver) {
        let capacity = shape.capacity.unwrap_or(CACHE_SIZED);
        let recycle = WithCapacity::new().with_min_capacity(shape.size.unwrap_or(0));
        let (sender, receiver) = mpsc::with_recycle(capacity.messages(shape.size), recycle);
        let sender = ThingbufSender { sender, size: shape.size, longest: capacity.longest() };
        (sender, ThingbufReceiver { receiver: Some(receiver), batch: Arena::new(shape.size), backlog: 0 })
    }
}

/// A producer.
#[derive(Clone, Debug)]
pub struct ThingbufSender {
    sender: mpsc::Sender<Slot, WithCapacity>,
    size: Option<usize>,
    longest: usize,
}

impl ThingbufSender {
    #[inline]
    fn admit(&self, message: &[u8]) -> Result<(), SendError> {
        if self.size.is_some_and(|size| size > 0 && size != message.len()) {
            return Err(SendError::Size);
        }
        if message.len() > self.longest { Err(SendError::TooLarge) } else { Ok(()) }
    }
}

impl Sender for ThingbufSender {
    #[inline]
    fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.admit(message)?;
        let mut slot = self.sender.try_send_ref().map_err(|error| match error {
            TrySendError::Full(()) => SendError::Full,
            _ => SendError::Closed,
        })?;
        slot.extend_from_slice(message);
        Ok(())
    }

    #[inline]
    async fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.admit(message)?;
        let mut slot = self.sender.send_ref().await.map_err(|_| SendError::Closed)?;
        slot.extend_from_slice(message);
        Ok(())
    }
}

/// The consumer.
#[derive(Debug)]
pub struct ThingbufReceiver {
    /// `None` once it is closed.
    receiver: Option<mpsc::Receiver<Slot, WithCapacity>>,
    /// What was drained, or stood in the channel when it was closed.
    batch: Arena,
    backlog: usize,
}

impl ThingbufReceiver {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let Some(receiver) = &self.receiver else { return Poll::Ready(self.batch.has_remaining()) };
        self.batch.clear();
        // An empty message says nothing, and is no reason to wake the actor.
        while !self.batch.has_remaining() {
            match receiver.poll_recv_ref(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(false),
                Poll::Ready(Some(slot)) => self.batch.push(&slot),
            }
        }
        take(receiver, &mut self.batch, BLOCK);
        self.backlog = self.batch.remaining();
        Poll::Ready(true)
    }
}

/// Moves what is there into the batch, but no more than the channel holds at once, and `most` bytes: senders fill the slots
/// while this empties them.
fn take(receiver: &mpsc::Receiver<Slot, WithCapacity>, batch: &mut Arena, most: usize) {
    for _ in 1..receiver.capacity() {
        if batch.remaining() >= most {
            return;
        }
        let Ok(slot) = receiver.try_recv_ref() else { return };
        batch.push(&slot);
    }
}

impl Receiver for ThingbufReceiver {
    type Batch = Arena;

    async fn drain(&mut self) -> bool {
        poll_fn(|cx| self.poll_drain(cx)).await
    }

    fn batch(&mut self) -> &mut Arena {
        &mut self.batch
    }

    fn backlog(&self) -> usize {
        self.backlog
    }

    fn close(&mut self) {
        if let Some(receiver) = self.receiver.take() {
            while let Ok(slot) = receiver.try_recv_ref() {
                self.batch.push(&slot);
            }
        }
    }
}
