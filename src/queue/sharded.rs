//! `sharded`: several [`swap`](super::swap) queues behind one face.
//!
//! * **Idea**: a lock that is shared by fewer producers is contended less. A producer's handle belongs to one shard for its
//!   life, so its messages stay in order; handles are dealt out in turn. The consumer visits the shards in turn and takes
//!   the first that holds something, whole: its bytes lie in one piece and need no copy.
//! * **Guarantees**: each producer's order, not one for all; bounded on request. A capacity is split evenly among the
//!   shards, and is divided into fewer of them when it is small, so that a message up to a shard's part is taken; senders
//!   that wait are served in turn, shard by shard.
//! * **Cost**: as `swap` for a producer. The consumer takes one lock a shard that it visits, all of them before it sleeps.
//! * **When it loses**: with one producer, with few cores, and when messages come so slowly that each shard is its own write.
//! * **Source**: spillway's chutes and striped locks in general; the shards are this crate's own `swap`.

use std::future::poll_fn;
use std::task::{Poll, Waker};
use std::thread;

use super::arena::Arena;
use super::swap::{Swap, SwapReceiver, SwapSender};
use super::sync::{Arc, AtomicUsize, MODELLED, Ordering};
use super::{Algorithm, Capacity, Carrier, Drain, Facts, Family, Queue, Receiver, Sender, Shape};
use crate::error::SendError;

/// More shards cost the consumer more than they save the producers.
const MOST: usize = 16;

/// A shard's part of the capacity is at least this many bytes, as long as there is more than one shard.
const LEAST_BYTES: usize = 16 * 1024;

/// The same for a capacity in messages.
const LEAST_MESSAGES: usize = if MODELLED { 1 } else { 64 };

/// The algorithm.
#[derive(Debug)]
pub struct Sharded;

impl Algorithm for Sharded {
    const FACTS: Facts = Facts {
        name: "sharded",
        about: "several swap queues behind one face, a producer in one of them for its life",
        family: Family::Sharded,
        drain: Drain::All,
        total_order: false,
        bounded: true,
        unasked: None,
        sound: true,
        guarantees: "each producer's order; waiting senders are served in turn, shard by shard",
        cost: "as swap; the consumer takes a lock a shard that it visits",
        loses_when: "there is one producer, or messages come so slowly that each shard is its own write",
        source: "striped locks over this crate's swap",
    };
    type Queue<C: Carrier> = Self;
}

impl Queue for Sharded {
    type Sender = ShardedSender;
    type Receiver = ShardedReceiver;

    fn open(shape: &Shape) -> (ShardedSender, ShardedReceiver) {
        let count = count_for(shape);
        let capacity = shape.capacity.map(|capacity| part(capacity, count));
        let opened = (0..count).map(|_| Swap::open(&Shape { capacity, ..*shape }));
        let (senders, shards): (Vec<_>, Vec<_>) = opened.unzip();
        let own = senders[0].clone();
        let deck = Arc::new(Deck { senders, next: AtomicUsize::new(1) });
        (ShardedSender { own, deck }, ShardedReceiver { shards, at: 0, backlog: 0 })
    }
}

/// As many shards as keep the cores apart, and as the capacity can be split into.
fn count_for(shape: &Shape) -> usize {
    let cores = if MODELLED { 1 } else { thread::available_parallelism().map_or(1, usize::from) };
    let parts = match shape.capacity {
        None => MOST,
        Some(Capacity::Bytes(limit)) => limit / LEAST_BYTES.max(shape.longest.or(shape.size).unwrap_or(0)),
        Some(Capacity::Messages(limit)) => limit / LEAST_MESSAGES,
    };
    (2 * cores).min(MOST).min(parts).max(1)
}

const fn part(capacity: Capacity, count: usize) -> Capacity {
    match capacity {
        Capacity::Bytes(limit) => Capacity::Bytes(limit / count),
        Capacity::Messages(limit) => Capacity::Messages(limit / count),
    }
}

/// A sender of each shard, from which producers get theirs. It goes with the last producer, and so ends every shard.
#[derive(Debug)]
struct Deck {
    senders: Vec<SwapSender>,
    next: AtomicUsize,
}

/// A producer.
#[derive(Debug)]
pub struct ShardedSender {
    own: SwapSender,
    deck: Arc<Deck>,
}

impl Clone for ShardedSender {
    fn clone(&self) -> Self {
        // Relaxed: it only deals out; no memory is handed over by it.
        let dealt = self.deck.next.fetch_add(1, Ordering::Relaxed);
        let own = self.deck.senders[dealt % self.deck.senders.len()].clone();
        Self { own, deck: Arc::clone(&self.deck) }
    }
}

impl Sender for ShardedSender {
    #[inline]
    fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.own.try_send(message)
    }

    #[inline]
    async fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.own.send(message).await
    }
}

/// The consumer.
#[derive(Debug)]
pub struct ShardedReceiver {
    shards: Vec<SwapReceiver>,
    /// The shard whose batch is lent.
    at: usize,
    backlog: usize,
}

impl ShardedReceiver {
    /// Visits every shard, from the one after the last: takes the first that holds something, and leaves `sleeper` in
    /// those that hold nothing.
    fn visit(&mut self, sleeper: Option<&Waker>) -> Poll<bool> {
        let (count, from) = (self.shards.len(), self.at + 1);
        let mut ended = 0;
        for at in (from..from + count).map(|at| at % count) {
            match self.shards[at].poll_drain(sleeper) {
                Poll::Ready(true) => {
                    self.at = at;
                    return Poll::Ready(true);
                }
                Poll::Ready(false) => ended += 1,
                Poll::Pending => {}
            }
        }
        if ended == count { Poll::Ready(false) } else { Poll::Pending }
    }

    fn poll_drain(&mut self, sleeper: &Waker) -> Poll<bool> {
        // The first round leaves no wakers: most often it finds something, and they would be woken for nothing.
        let found = self.visit(None);
        let found = if found.is_pending() { self.visit(Some(sleeper)) } else { found };
        if found == Poll::Ready(true) {
            let others = self.shards.iter().enumerate().filter(|(at, _)| *at != self.at);
            let waiting: usize = others.map(|(_, shard)| shard.waiting()).sum();
            self.backlog = self.shards[self.at].backlog() + waiting;
        }
        found
    }
}

impl Receiver for ShardedReceiver {
    type Batch = Arena;

    async fn drain(&mut self) -> bool {
        poll_fn(|cx| self.poll_drain(cx.waker())).await
    }

    fn batch(&mut self) -> &mut Arena {
        self.shards[self.at].batch()
    }

    fn backlog(&self) -> usize {
        self.backlog
    }

    fn close(&mut self) {
        self.shards.iter_mut().for_each(Receiver::close);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Buf;

    use super::*;

    #[test]
    fn a_small_capacity_is_not_split() {
        let count = |size, capacity| count_for(&Shape { size, longest: None, capacity });
        assert_eq!(count(None, Some(Capacity::Bytes(100))), 1);
        assert_eq!(count(None, Some(Capacity::Messages(3))), 1);
        assert_eq!(count(Some(1 << 20), Some(Capacity::Bytes(1 << 20))), 1);
        assert!((1..=MOST).contains(&count(None, None)));
        assert!((1..=4).contains(&count(None, Some(Capacity::Bytes(4 * LEAST_BYTES)))));
    }

    #[test]
    fn every_shard_is_drained_and_the_end_comes_after() {
        let (first, mut receiver) = Sharded::open(&Shape::default());
        let mut senders: Vec<_> = (1..40).map(|_| first.clone()).chain([first.clone()]).collect();
        drop(first);
        for sender in &mut senders {
            sender.try_send(b"x").unwrap();
        }
        drop(senders);
        let mut seen = 0;
        while pollster::block_on(receiver.drain()) {
            seen += receiver.batch().remaining();
        }
        assert_eq!(seen, 40);
    }
}
