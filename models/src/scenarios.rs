//! What queues are put through. The small ones are for loom, which tries every interleaving of them; the [`many`] are for
//! shuttle, which tries some.
//!
//! Each ends in one of two ways: all that was taken has come out, once and in order, and nobody sleeps; or it never ends,
//! which the scheduler calls a deadlock.

pub mod many;
pub mod parts;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Buf;

#[cfg(fanin_loom)]
use loom::{future::block_on, thread};
#[cfg(fanin_shuttle)]
use shuttle::{future::block_on, thread};

use crate::error::SendError;
use crate::queue::{Batch, Capacity, Queue, Receiver, Sender, Shape};

/// What a producer sends.
pub type Messages = &'static [&'static [u8]];

/// Any sizes, no bound.
pub const UNBOUNDED: Shape = Shape { size: None, longest: None, capacity: None };

/// Any sizes, and room for `messages` messages.
#[must_use]
pub const fn room_for(messages: usize) -> Shape {
    Shape { size: None, longest: None, capacity: Some(Capacity::Messages(messages)) }
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

/// A producer sends `messages` from a thread of its own until one is refused, and goes. How many were taken.
fn produce<S: Sender>(mut sender: S, messages: Messages) -> thread::JoinHandle<usize> {
    thread::spawn(move || messages.iter().take_while(|message| send(&mut sender, message).is_ok()).count())
}

/// A producer that looks once whether there is room, and gives up. Whether its message was taken.
fn give_up<S: Sender>(mut sender: S, message: &'static [u8]) -> thread::JoinHandle<bool> {
    thread::spawn(move || {
        let mut waiting = pin!(sender.send(message));
        waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(Ok(()))
    })
}

/// The consumer sleeps, is woken, and is told of the end.
pub fn one_producer<Q: Queue>(shape: Shape, messages: Messages) {
    let (sender, mut receiver) = Q::open(&shape);
    let producer = produce(sender, messages);
    let all = drain_to_the_end(&mut receiver);
    assert_eq!(producer.join().unwrap(), messages.len());
    assert_eq!(all, messages);
}

/// Both are served, whoever comes first.
pub fn two_producers<Q: Queue>(shape: Shape) {
    let (sender, mut receiver) = Q::open(&shape);
    let first = produce(sender.clone(), &[b"a"]);
    let second = produce(sender, &[b"b"]);
    let mut all = drain_to_the_end(&mut receiver);
    all.sort();
    assert_eq!(all, [b"a", b"b"]);
    first.join().unwrap();
    second.join().unwrap();
}

/// Together they send more than there is room for, so they wait for each other.
pub fn producers_in_turn<Q: Queue>(shape: Shape) {
    let (sender, mut receiver) = Q::open(&shape);
    let first = produce(sender.clone(), &[b"a", b"b"]);
    let second = produce(sender, &[b"c"]);
    let mut all = drain_to_the_end(&mut receiver);
    let place = |message: &[u8]| all.iter().position(|found| found == message);
    assert!(place(b"a") < place(b"b"));
    all.sort();
    assert_eq!(all, [b"a", b"b", b"c"]);
    first.join().unwrap();
    second.join().unwrap();
}

/// Both send at once, and nobody looks before they are done.
pub fn two_that_meet<Q: Queue>(shape: Shape) {
    let (mut sender, mut receiver) = Q::open(&shape);
    let producer = produce(sender.clone(), &[b"a"]);
    send(&mut sender, b"b").unwrap();
    drop(sender);
    producer.join().unwrap();
    let mut all = drain_to_the_end(&mut receiver);
    all.sort();
    assert_eq!(all, [b"a", b"b"]);
}

/// What was taken is drained and what was not is refused, whenever the close comes.
pub fn close_beside_sends<Q: Queue>(shape: Shape) {
    let (sender, mut receiver) = Q::open(&shape);
    let producer = produce(sender, &[b"a", b"bc"]);
    let mut all = Vec::new();
    if block_on(receiver.drain()) {
        all.extend(taken(receiver.batch()));
    }
    receiver.close();
    all.extend(drain_to_the_end(&mut receiver));
    assert_eq!(producer.join().unwrap(), all.len());
}

/// As above, with a consumer that has drained nothing before.
pub fn close_first<Q: Queue>(shape: Shape) {
    let (sender, mut receiver) = Q::open(&shape);
    let producer = produce(sender, &[b"a"]);
    receiver.close();
    let all = drain_to_the_end(&mut receiver);
    assert_eq!(producer.join().unwrap(), all.len());
}

/// Two wait for room that never comes: the close ends both.
pub fn close_beside_two_that_wait<Q: Queue>(shape: Shape) {
    let (mut sender, mut receiver) = Q::open(&shape);
    send(&mut sender, b"a").unwrap();
    let first = produce(sender.clone(), &[b"b"]);
    let second = produce(sender, &[b"c"]);
    receiver.close();
    let all = drain_to_the_end(&mut receiver);
    assert_eq!(all.len(), 1 + first.join().unwrap() + second.join().unwrap());
}

/// A sender waits for room while the receiver dies, in the middle of a message.
pub fn receiver_dies<Q: Queue>(shape: Shape) {
    let (mut sender, mut receiver) = Q::open(&shape);
    send(&mut sender, b"ab").unwrap();
    let producer = produce(sender, &[b"c", b"d", b"e"]);
    assert!(block_on(receiver.drain()));
    receiver.batch().advance(1);
    drop(receiver);
    assert!(producer.join().unwrap() < 3 || shape.capacity.is_none());
}

/// One of two senders that wait gives up, at any moment; the other gets the room.
pub fn a_waiter_gives_up<Q: Queue>(shape: Shape) {
    let (mut sender, mut receiver) = Q::open(&shape);
    send(&mut sender, b"a").unwrap();
    let patient = produce(sender.clone(), &[b"c"]);
    let fickle = give_up(sender, b"b");
    let all = drain_to_the_end(&mut receiver);
    assert_eq!(patient.join().unwrap(), 1);
    assert_eq!(all.len(), 2 + usize::from(fickle.join().unwrap()));
}

/// The same on two threads: the consumer's own thread waits too, and gives up once it has made room.
pub fn a_waiter_gives_up_after_a_drain<Q: Queue>(shape: Shape) {
    let (mut sender, mut receiver) = Q::open(&shape);
    send(&mut sender, b"a").unwrap();
    let patient = produce(sender.clone(), &[b"c"]);
    let mut all = Vec::new();
    {
        let mut waiting = pin!(sender.send(b"b"));
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert!(block_on(receiver.drain()));
        all.extend(taken(receiver.batch()));
    }
    drop(sender);
    all.extend(drain_to_the_end(&mut receiver));
    assert_eq!(all, [b"a", b"c"]);
    assert_eq!(patient.join().unwrap(), 1);
}

/// The consumer stalls in the middle of a message until one of two senders has given up; then it goes on, and the other
/// gets the room.
pub fn stalls_in_its_write<Q: Queue>(shape: Shape) {
    let (mut sender, mut receiver) = Q::open(&shape);
    send(&mut sender, b"ab").unwrap();
    let patient = produce(sender.clone(), &[b"c"]);
    let fickle = give_up(sender, b"d");
    assert!(block_on(receiver.drain()));
    receiver.batch().advance(1);
    let gave_in = usize::from(fickle.join().unwrap());
    let mut all = taken(receiver.batch());
    assert_eq!(all[0], b"b");
    all.extend(drain_to_the_end(&mut receiver));
    assert_eq!(all.len(), 2 + gave_in);
    assert_eq!(patient.join().unwrap(), 1);
}

/// A sender drops the oldest beside a consumer that drains: each message comes out, or is counted as dropped.
pub fn displace_beside_a_drain<Q: Queue>(shape: Shape) {
    let (mut sender, mut receiver) = Q::open(&shape);
    let producer = thread::spawn(move || {
        let messages: Messages = &[b"a", b"b", b"c"];
        messages.iter().map(|message| sender.displace(message).unwrap()).sum::<usize>()
    });
    let all = drain_to_the_end(&mut receiver);
    assert_eq!(all.len() + producer.join().unwrap(), 3);
    assert!(all.is_sorted() && all.last().is_some_and(|last| last == b"c"));
}

/// Memory that was read is written anew, by the producer that filled it, while the other reads on.
pub fn memory_is_used_anew<Q: Queue>(shape: Shape) {
    let (mut sender, mut receiver) = Q::open(&shape);
    for message in [b"ab", b"cd"] {
        send(&mut sender, message).unwrap();
    }
    assert!(block_on(receiver.drain()));
    assert_eq!(taken(receiver.batch()), [b"ab", b"cd"]);
    let producer = produce(sender, &[b"ef", b"gh"]);
    assert_eq!(drain_to_the_end(&mut receiver), [b"ef", b"gh"]);
    producer.join().unwrap();
}
