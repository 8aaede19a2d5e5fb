//! Every interleaving, at preemption bound 2, of the queues that have atomics or waiting of their own:
//! `RUSTFLAGS='--cfg fanin_loom' cargo test --release --test loom`.
//!
//! A model fails on a deadlock (a wake-up that is lost), on two accesses to one byte that nothing orders (a segment used
//! anew too early), and on what it asserts. Segments are four bytes long here, so that every message or two opens one.
//! `lanes` is checked with a fence on both sides; what stands in its place where there is `membarrier` no model knows.
#![cfg(fanin_loom)]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Buf;
use fanin::error::SendError;
use fanin::queue::lanes::Lanes;
use fanin::queue::locked::Locked;
use fanin::queue::swap::Swap;
use fanin::queue::{Batch, Capacity, Queue, Receiver, Sender, Shape};
use loom::future::block_on;
use loom::thread;

fn model(body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(builder.preemption_bound.unwrap_or(2));
    builder.check(body);
}

fn open<Q: Queue>(capacity: Option<usize>) -> (Q::Sender, Q::Receiver) {
    Q::open(&Shape { size: None, capacity: capacity.map(Capacity::Messages) })
}

fn send<S: Sender>(sender: &mut S, message: &[u8]) -> Result<(), SendError> {
    block_on(sender.send(message))
}

/// The messages of a batch, written byte by byte, as a slow socket takes them.
fn taken(batch: &mut impl Batch) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while batch.has_remaining() {
        let mut message = Vec::new();
        for _ in 0..batch.first() {
            message.push(batch.chunk()[0]);
            batch.advance(1);
        }
        messages.push(message);
    }
    messages
}

fn drain_to_the_end<R: Receiver>(receiver: &mut R) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    while block_on(receiver.drain()) {
        all.extend(taken(receiver.batch()));
    }
    all
}

/// A producer sends `messages` from a thread of its own and goes.
fn produce<S: Sender>(mut sender: S, messages: &'static [&'static [u8]]) -> thread::JoinHandle<usize> {
    thread::spawn(move || messages.iter().take_while(|message| send(&mut sender, message).is_ok()).count())
}

/// The consumer sleeps, is woken, and is told of the end.
fn one_producer<Q: Queue>(messages: &'static [&'static [u8]], capacity: Option<usize>) {
    model(move || {
        let (sender, mut receiver) = open::<Q>(capacity);
        let producer = produce(sender, messages);
        let all = drain_to_the_end(&mut receiver);
        assert_eq!(producer.join().unwrap(), messages.len());
        assert_eq!(all, messages);
    });
}

fn two_producers<Q: Queue>(capacity: Option<usize>) {
    model(move || {
        let (sender, mut receiver) = open::<Q>(capacity);
        let first = produce(sender.clone(), &[b"a"]);
        let second = produce(sender, &[b"b"]);
        let mut all = drain_to_the_end(&mut receiver);
        all.sort();
        assert_eq!(all, [b"a", b"b"]);
        first.join().unwrap();
        second.join().unwrap();
    });
}

/// Together they send more than there is room for, so they wait for each other.
fn producers_in_turn<Q: Queue>(capacity: usize) {
    model(move || {
        let (sender, mut receiver) = open::<Q>(Some(capacity));
        let first = produce(sender.clone(), &[b"a", b"b"]);
        let second = produce(sender, &[b"c"]);
        let mut all = drain_to_the_end(&mut receiver);
        let place = |message: &[u8]| all.iter().position(|found| found == message);
        assert!(place(b"a") < place(b"b"));
        all.sort();
        assert_eq!(all, [b"a", b"b", b"c"]);
        assert_eq!((first.join().unwrap(), second.join().unwrap()), (2, 1));
    });
}

/// What was taken is drained and what was not is refused, whenever the close comes.
fn close_beside_sends<Q: Queue>(capacity: Option<usize>) {
    model(move || {
        let (sender, mut receiver) = open::<Q>(capacity);
        let producer = produce(sender, &[b"a", b"bc"]);
        let mut all = Vec::new();
        if block_on(receiver.drain()) {
            all.extend(taken(receiver.batch()));
        }
        receiver.close();
        all.extend(drain_to_the_end(&mut receiver));
        assert_eq!(producer.join().unwrap(), all.len());
    });
}

/// As above, with a consumer that has drained nothing before.
fn close_first<Q: Queue>() {
    model(|| {
        let (sender, mut receiver) = open::<Q>(None);
        let producer = produce(sender, &[b"a"]);
        receiver.close();
        let all = drain_to_the_end(&mut receiver);
        assert_eq!(producer.join().unwrap(), all.len());
    });
}

/// A sender waits for room while the receiver dies, in the middle of a message.
fn receiver_dies<Q: Queue>() {
    model(|| {
        let (mut sender, mut receiver) = open::<Q>(Some(1));
        send(&mut sender, b"ab").unwrap();
        let producer = produce(sender, &[b"c", b"d", b"e"]);
        assert!(block_on(receiver.drain()));
        receiver.batch().advance(1);
        drop(receiver);
        assert!(producer.join().unwrap() < 3);
    });
}

/// One of two senders that wait gives up, at any moment; the other gets the room.
fn a_waiter_gives_up<Q: Queue>() {
    model(|| {
        let (mut sender, mut receiver) = open::<Q>(Some(1));
        send(&mut sender, b"a").unwrap();
        let mut other = sender.clone();
        let fickle = thread::spawn(move || {
            let mut waiting = pin!(sender.send(b"b"));
            waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(Ok(()))
        });
        let patient = thread::spawn(move || send(&mut other, b"c"));
        let all = drain_to_the_end(&mut receiver);
        assert_eq!(patient.join().unwrap(), Ok(()));
        assert_eq!(all.len(), 2 + usize::from(fickle.join().unwrap()));
    });
}

macro_rules! models {
    ($($(#[$about:meta])* $name:ident: $model:expr;)*) => {
        $($(#[$about])* #[test] fn $name() { $model })*
    };
}

models! {
    lanes_wake_a_sleeper: one_producer::<Lanes>(&[b"a"], None);
    lanes_ring_after_each_park: one_producer::<Lanes>(&[b"a", b"b"], None);
    /// Each message opens a segment; the reader follows the chain while it grows.
    lanes_grow_while_they_are_read: one_producer::<Lanes>(&[b"ab", b"cd", b"ef"], None);
    /// Larger than any segment that is shared.
    lanes_carry_a_message_of_its_own_segment: one_producer::<Lanes>(&[b"a", &[7; 9]], None);
    lanes_of_two_producers: two_producers::<Lanes>(None);
    lanes_that_wait_for_room: one_producer::<Lanes>(&[b"a", b"b"], Some(1));
    lanes_that_wait_in_turn: two_producers::<Lanes>(Some(1));
    /// Who has waited goes on ahead of who still waits, as far as the queue holds.
    lanes_that_take_a_turn: one_producer::<Lanes>(&[b"a", b"b", b"c", b"d"], Some(2));
    lanes_that_take_turns: producers_in_turn::<Lanes>(2);
    lanes_close_before_a_send: close_first::<Lanes>();
    lanes_close_beside_sends: close_beside_sends::<Lanes>(None);
    lanes_close_beside_a_sender_that_waits: close_beside_sends::<Lanes>(Some(1));
    lanes_whose_receiver_dies: receiver_dies::<Lanes>();
    lanes_whose_waiter_gives_up: a_waiter_gives_up::<Lanes>();
    swap_wakes_a_sleeper: one_producer::<Swap>(&[b"a", b"b"], None);
    swap_of_two_producers: two_producers::<Swap>(None);
    swap_that_waits_for_room: one_producer::<Swap>(&[b"a", b"b", b"c"], Some(1));
    swap_closes_beside_a_sender_that_waits: close_beside_sends::<Swap>(Some(1));
    swap_whose_receiver_dies: receiver_dies::<Swap>();
    swap_whose_waiter_gives_up: a_waiter_gives_up::<Swap>();
    locked_wakes_a_sleeper: one_producer::<Locked>(&[b"a", b"b"], Some(1));
    locked_closes_beside_sends: close_beside_sends::<Locked>(None);
}

/// A segment that was read is used anew, by the producer that filled it, while the other reads on.
#[test]
fn lanes_use_a_segment_anew() {
    model(|| {
        let (mut sender, mut receiver) = open::<Lanes>(None);
        for message in [b"ab", b"cd"] {
            send(&mut sender, message).unwrap();
        }
        assert!(block_on(receiver.drain()));
        assert_eq!(taken(receiver.batch()), [b"ab", b"cd"]);
        let producer = produce(sender, &[b"ef", b"gh"]);
        assert_eq!(drain_to_the_end(&mut receiver), [b"ef", b"gh"]);
        producer.join().unwrap();
    });
}
