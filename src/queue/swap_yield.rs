//! `swap-yield`: [`swap`](super::swap) with a consumer that polls.
//!
//! * **Idea**: the article's waiting, kept apart so that it can be measured by itself: an empty look is followed by
//!   another. It yields between two looks, without which neither the consumer nor a runtime beneath it could be ended.
//! * **Guarantees**: as `swap`.
//! * **Cost**: as `swap`; and a whole core while there is nothing to do.
//! * **When it loses**: on an idle or a busy machine: it takes the time of whoever has work.
//! * **Source**: the article's mutex actor.

use super::arena::Arena;
use super::swap::{Swap, SwapReceiver, SwapSender};
use super::{Algorithm, Carrier, Drain, Facts, Family, Queue, Receiver, Shape};
use std::task::Poll;

/// The algorithm.
#[derive(Debug)]
pub struct SwapYield;

impl Algorithm for SwapYield {
    const FACTS: Facts = Facts {
        name: "swap-yield",
        about: "swap with the article's waiting: an empty look is followed by another",
        family: Family::Swap,
        drain: Drain::All,
        total_order: true,
        bounded: true,
        unasked: None,
        sound: true,
        guarantees: "as swap",
        cost: "as swap, and a whole core while there is nothing to do",
        loses_when: "the machine is idle, or busy with anything else",
        source: "the article's mutex actor, yielding so that it can be ended",
    };
    const DISPLACES: bool = true;
    type Queue<C: Carrier> = Self;
}

impl Queue for SwapYield {
    type Sender = SwapSender;
    type Receiver = SwapYieldReceiver;

    fn open(shape: &Shape) -> (SwapSender, SwapYieldReceiver) {
        let (sender, receiver) = Swap::open(shape);
        (sender, SwapYieldReceiver(receiver))
    }
}

/// The consumer.
#[derive(Debug)]
pub struct SwapYieldReceiver(SwapReceiver);

impl Receiver for SwapYieldReceiver {
    type Batch = Arena;

    async fn drain(&mut self) -> bool {
        loop {
            match self.0.poll_drain(None) {
                Poll::Ready(some) => return some,
                Poll::Pending => tokio::task::yield_now().await,
            }
        }
    }

    fn batch(&mut self) -> &mut Arena {
        self.0.batch()
    }

    fn backlog(&self) -> usize {
        self.0.backlog()
    }

    fn close(&mut self) {
        self.0.close();
    }
}
