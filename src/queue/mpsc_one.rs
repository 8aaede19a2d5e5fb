//! `mpsc-one`: tokio's unbounded channel, taken one message at a time by `recv`.
//!
//! * **Idea**: what the article measures as "tokio mpsc", and what most programs write.
//! * **Guarantees**: as [`mpsc`](super::mpsc): one order for all producers; unbounded.
//! * **Cost**: as `mpsc`, and a turn of the consumer a message. A batch is one message, so every write policy comes down
//!   to a system call a message.
//! * **When it loses**: as soon as messages come faster than a system call takes, about one a microsecond.
//! * **Source**: tokio, `sync::mpsc::UnboundedReceiver::recv`; the article's serial worker and actor.

use std::marker::PhantomData;

use tokio::sync::mpsc;

use super::mpsc::ChannelSender;
use super::pieces::Pieces;
use super::{Algorithm, Carrier, Drain, Facts, Family, Queue, Receiver, Shape};

/// The algorithm.
#[derive(Debug)]
pub struct MpscOne;

impl Algorithm for MpscOne {
    const FACTS: Facts = Facts {
        name: "mpsc-one",
        about: "tokio's unbounded channel, taken one message at a time: the article's channel",
        family: Family::Tokio,
        drain: Drain::One,
        total_order: true,
        bounded: false,
        unasked: None,
        sound: true,
        guarantees: "one order for all producers; memory without a bound",
        cost: "as mpsc, and a write a message whatever the policy",
        loses_when: "messages come faster than a system call takes",
        source: "tokio::sync::mpsc::UnboundedReceiver::recv; the article",
    };
    type Queue<C: Carrier> = One<C>;
}

/// The channel, for messages moved as `C`.
#[derive(Debug)]
pub struct One<C>(PhantomData<C>);

impl<C: Carrier> Queue for One<C> {
    type Sender = ChannelSender<C>;
    type Receiver = OneReceiver<C>;

    fn open(_shape: &Shape) -> (Self::Sender, Self::Receiver) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (ChannelSender(sender), OneReceiver { receiver, batch: Pieces::new(), backlog: 0 })
    }
}

/// The consumer.
#[derive(Debug)]
pub struct OneReceiver<C> {
    receiver: mpsc::UnboundedReceiver<C>,
    batch: Pieces<C>,
    backlog: usize,
}

impl<C: Carrier> Receiver for OneReceiver<C> {
    type Batch = Pieces<C>;

    async fn drain(&mut self) -> bool {
        let Some(message) = self.receiver.recv().await else { return false };
        self.batch.refill(|items| items.push(message));
        self.backlog = self.batch.backlog(self.receiver.len());
        true
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
