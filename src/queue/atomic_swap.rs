//! `atomic-swap`: a lock-free stack, taken whole by one atomic exchange and reversed.
//!
//! * **Idea**: the atomic pointer that the article wonders about. A producer links its message in front of the newest by
//!   compare-and-exchange; the consumer exchanges the newest for nothing, has them all, newest first, and turns them round.
//!   Nodes are never taken one by one, so a node cannot come back under a producer's eyes.
//! * **Guarantees**: one order for all producers, that of the exchanges; lock-free; unbounded. A message is taken before the
//!   closing or refused: closing is an exchange of the same word.
//! * **Cost**: an allocation a message and a compare-and-exchange that is tried again whenever another was first; for the
//!   consumer a walk through scattered memory, and a deallocation a message on a thread that did not allocate it.
//! * **When it loses**: against `swap` at nearly every size: a lock that is held for a copy is cheaper than an allocation.
//! * **Source**: Treiber's stack, emptied whole; the article's remark on atomic pointers.
#![allow(unsafe_code)] // Nodes are handed over through a raw pointer, the only thing that one exchange can move.

use std::future::poll_fn;
use std::ptr;
use std::task::{Poll, Waker};

use super::pieces::Pieces;
use super::sync::{Arc, AtomicPtr, AtomicUsize, AtomicWaker, MODELLED, Ordering, Watched};
use super::{Algorithm, Carrier, Drain, Facts, Family, Queue, Receiver, Sender, Shape};
use crate::error::SendError;

/// A drain moves this many messages at most: the stack is taken whole, but walked in parts, so that the consumer is heard
/// of in between.
const MOST: usize = if MODELLED { 2 } else { 16 * 1024 };

/// The algorithm.
#[derive(Debug)]
pub struct AtomicSwap;

impl Algorithm for AtomicSwap {
    const FACTS: Facts = Facts {
        name: "atomic-swap",
        about: "a lock-free stack, taken whole by one atomic exchange and reversed",
        family: Family::Swap,
        drain: Drain::All,
        total_order: true,
        bounded: false,
        unasked: None,
        sound: true,
        guarantees: "one order for all producers; lock-free; memory without a bound",
        cost: "an allocation and a compare-and-exchange a message, a walk through scattered memory to drain",
        loses_when: "against swap at nearly every size",
        source: "Treiber's stack, emptied whole; the article's atomic pointer",
    };
    type Queue<C: Carrier> = Stack<C>;
}

/// The queue, for messages moved as `C`.
#[derive(Debug)]
pub struct Stack<C>(std::marker::PhantomData<C>);

impl<C: Carrier> Queue for Stack<C> {
    type Sender = StackSender<C>;
    type Receiver = StackReceiver<C>;

    fn open(_shape: &Shape) -> (Self::Sender, Self::Receiver) {
        let shared = Arc::new(Shared {
            newest: AtomicPtr::new(ptr::null_mut()),
            senders: AtomicUsize::new(1),
            sleeper: AtomicWaker::new(),
        });
        let receiver = StackReceiver {
            shared: Arc::clone(&shared),
            batch: Pieces::new(),
            chain: Chain::default(),
            rest: Chain::default(),
            backlog: 0,
        };
        (StackSender(shared), receiver)
    }
}

struct Node<C> {
    message: C,
    /// The one sent before; null for none.
    older: *mut Self,
    /// Stands for both in a model.
    watched: Watched,
}

impl<C> Node<C> {
    /// Puts `older` behind this node, and returns what was there.
    fn link(&mut self, older: *mut Self) -> *mut Self {
        self.watched.written(0, 1);
        std::mem::replace(&mut self.older, older)
    }
}

#[derive(Debug)]
struct Shared<C> {
    /// The newest node, null for none, or [`closed`].
    newest: AtomicPtr<Node<C>>,
    senders: AtomicUsize,
    sleeper: AtomicWaker,
}

/// What stands in the place of the newest node when no more is taken. No node has this address: it is in no allocation.
const fn closed<C>() -> *mut Node<C> {
    ptr::without_provenance_mut(usize::MAX)
}

impl<C> Shared<C> {
    /// Links the message in front; whether nothing was there before. Given back when the queue is closed.
    #[inline]
    fn push(&self, message: C) -> Result<bool, C> {
        // Relaxed: a first guess, and after a failed exchange the next; only an exchange that succeeds hands over.
        let mut older = self.newest.load(Ordering::Relaxed);
        let node = Box::into_raw(Box::new(Node { message, older, watched: Watched::new(1) }));
        loop {
            if older == closed() {
                // SAFETY: `node` came from `Box::into_raw` above and was not linked, so nobody else knows of it.
                return Err(unsafe { Box::from_raw(node) }.message);
            }
            // SAFETY: as above: until the exchange below succeeds, the node is this thread's alone.
            unsafe { (*node).link(older) };
            // AcqRel. Release: the consumer's exchange in `take` (Acquire) sees the node's content. Later pushes are read-modify-
            // writes of the same word, so they carry it on. Acquire: a push that finds null has read the exchange of
            // `take` (Release), and so sees the waker that was left before it. Relaxed when it fails: it is tried again.
            match self.newest.compare_exchange_weak(older, node, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Ok(older.is_null()),
                Err(newest) => older = newest,
            }
        }
    }

    /// Exchanges the stack for `next`, and turns what it was around.
    fn take(&self, next: *mut Node<C>) -> Chain<C> {
        // AcqRel: the partners of both are in `push`.
        let mut newest = self.newest.swap(next, Ordering::AcqRel);
        let mut chain = Chain::default();
        while newest != closed() && !newest.is_null() {
            let oldest = chain.oldest.get_mut();
            // SAFETY: the node came from `Box::into_raw` in `push`, which linked it once; the exchange has taken it out of
            // everybody's reach but this function's.
            let older = unsafe { (*newest).link(*oldest) };
            (*oldest, newest) = (newest, older);
            chain.length += 1;
        }
        chain
    }

    fn is_closed(&self) -> bool {
        // Relaxed: only the consumer closes, and only the consumer asks.
        self.newest.load(Ordering::Relaxed) == closed()
    }
}

impl<C> Drop for Shared<C> {
    fn drop(&mut self) {
        // What was sent after the receiver's end cannot be: its end closes. This is for the order of drops alone.
        drop(self.take(closed()));
    }
}

/// Nodes taken off the stack, oldest first: in these, [`Node::older`] leads to the next newer one.
#[derive(Debug)]
struct Chain<C> {
    /// Null for none. Atomic only to be sent to another thread; nobody shares it, so it is the plain one in a model too.
    oldest: std::sync::atomic::AtomicPtr<Node<C>>,
    length: usize,
}

impl<C> Chain<C> {
    /// Takes the oldest message off.
    fn pop(&mut self) -> Option<C> {
        let oldest = self.oldest.get_mut();
        if oldest.is_null() {
            return None;
        }
        // SAFETY: the node came from `Box::into_raw` in `push`; `take` has put it into this chain alone, and here it
        // leaves it.
        let node = unsafe { Box::from_raw(*oldest) };
        *oldest = node.older;
        self.length -= 1;
        Some(node.message)
    }
}

impl<C> Default for Chain<C> {
    fn default() -> Self {
        Self { oldest: std::sync::atomic::AtomicPtr::new(ptr::null_mut()), length: 0 }
    }
}

impl<C> Drop for Chain<C> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
    }
}

/// A producer.
#[derive(Debug)]
pub struct StackSender<C>(Arc<Shared<C>>);

impl<C: Carrier> Sender for StackSender<C> {
    #[inline]
    fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        let message = C::carry(message).ok_or(SendError::Size)?;
        let was_empty = self.0.push(message).map_err(|_| SendError::Closed)?;
        if was_empty {
            self.0.sleeper.wake();
        }
        Ok(())
    }

    #[inline]
    async fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.try_send(message)
    }
}

impl<C> Clone for StackSender<C> {
    fn clone(&self) -> Self {
        // Relaxed: a new sender comes from a living one, so the count cannot reach zero beside this.
        self.0.senders.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&self.0))
    }
}

impl<C> Drop for StackSender<C> {
    fn drop(&mut self) {
        // Release: a consumer that reads zero (Acquire in `look`) sees all that was pushed. Acquire is not needed: nothing
        // is read after.
        if self.0.senders.fetch_sub(1, Ordering::Release) == 1 {
            self.0.sleeper.wake();
        }
    }
}

/// The consumer.
#[derive(Debug)]
pub struct StackReceiver<C: Carrier> {
    shared: Arc<Shared<C>>,
    batch: Pieces<C>,
    /// What was taken off the stack and is not drained yet.
    chain: Chain<C>,
    /// What stood in the queue when it was closed.
    rest: Chain<C>,
    backlog: usize,
}

impl<C: Carrier> StackReceiver<C> {
    /// Takes what is there. `Ready(false)` at the end.
    fn look(&mut self) -> Poll<bool> {
        // The end is read before the look, so that what the last sender pushed is found by it. Acquire: the partner is in
        // the senders' drop.
        let ended = self.shared.senders.load(Ordering::Acquire) == 0 || self.shared.is_closed();
        if self.chain.length == 0 {
            let closed = self.shared.is_closed();
            self.chain = if closed { std::mem::take(&mut self.rest) } else { self.shared.take(ptr::null_mut()) };
        }
        let chain = &mut self.chain;
        let found = self.batch.refill(|items| items.extend(std::iter::from_fn(|| chain.pop()).take(MOST)));
        self.backlog = self.batch.backlog(self.chain.length);
        match (found, ended) {
            (true, _) => Poll::Ready(true),
            (false, true) => Poll::Ready(false),
            (false, false) => Poll::Pending,
        }
    }

    fn poll_drain(&mut self, sleeper: &Waker) -> Poll<bool> {
        let found = self.look();
        if found.is_ready() {
            return found;
        }
        // A push after the second look finds null, and wakes; the look's exchange (Release) has shown it this waker.
        self.shared.sleeper.register(sleeper);
        self.look()
    }
}

impl<C: Carrier> Receiver for StackReceiver<C> {
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
        let rest = self.shared.take(closed());
        if rest.length > 0 {
            self.rest = rest;
        }
    }
}

impl<C: Carrier> Drop for StackReceiver<C> {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use bytes::Buf;

    use super::*;

    type Message = Box<[u8]>;

    fn open() -> (StackSender<Message>, StackReceiver<Message>) {
        Stack::open(&Shape::default())
    }

    fn bytes(receiver: &mut StackReceiver<Message>) -> Vec<u8> {
        let batch = receiver.batch();
        let mut out = vec![0; batch.remaining()];
        batch.copy_to_slice(&mut out);
        out
    }

    #[test]
    fn comes_out_in_the_order_of_sending() {
        let (mut sender, mut receiver) = open();
        for message in [&b"a"[..], b"bc", b"", b"d"] {
            sender.try_send(message).unwrap();
        }
        assert!(pollster::block_on(receiver.drain()));
        assert_eq!(bytes(&mut receiver), b"abcd");
    }

    #[test]
    fn what_was_taken_before_the_closing_comes_out() {
        let (mut sender, mut receiver) = open();
        sender.try_send(b"in").unwrap();
        receiver.close();
        receiver.close();
        assert_eq!(sender.try_send(b"out"), Err(SendError::Closed));
        assert!(pollster::block_on(receiver.drain()));
        assert_eq!(bytes(&mut receiver), b"in");
        assert!(!pollster::block_on(receiver.drain()));
    }

    #[test]
    fn four_threads_lose_nothing() {
        let (sender, mut receiver) = open();
        let threads: Vec<_> = (0..4_u8)
            .map(|producer| {
                let mut sender = sender.clone();
                std::thread::spawn(move || (0..5000).for_each(|_| sender.try_send(&[producer]).unwrap()))
            })
            .collect();
        drop(sender);
        let mut counts = [0; 4];
        while pollster::block_on(receiver.drain()) {
            for producer in bytes(&mut receiver) {
                counts[usize::from(producer)] += 1;
            }
        }
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(counts, [5000; 4]);
    }

    #[test]
    fn what_nobody_drains_is_freed() {
        let (mut sender, receiver) = open();
        sender.try_send(b"left").unwrap();
        drop(receiver);
        assert_eq!(sender.try_send(b"late"), Err(SendError::Closed));
    }
}
