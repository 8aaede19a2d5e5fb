//! More producers and messages than every interleaving can be tried of.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Buf;

use super::{Queue, Receiver, Sender, Shape, block_on, drain_to_the_end, taken, thread};

/// The producers of a scenario, and what each sends.
pub const PRODUCERS: u8 = 8;
/// See [`PRODUCERS`].
pub const MESSAGES: u8 = 16;

/// Who sends it and as which, in some length, so that segments and laps end at all places.
fn message(shape: Shape, producer: u8, sequence: u8) -> Vec<u8> {
    let length = shape.size.unwrap_or(usize::from(2 + (producer * 3 + sequence * 5) % 7));
    [producer, sequence].into_iter().chain(std::iter::repeat(producer ^ sequence)).take(length).collect()
}

/// Each message is one that was sent, whole; each producer's come in order, without a gap where `dense`. How many of each.
fn judge(shape: Shape, all: &[Vec<u8>], dense: bool) -> Vec<u8> {
    let mut counts = vec![0; usize::from(PRODUCERS)];
    let mut next = vec![0; usize::from(PRODUCERS)];
    for found in all {
        let (producer, sequence) = (found[0], found[1]);
        assert_eq!(*found, message(shape, producer, sequence), "torn");
        let next = &mut next[usize::from(producer)];
        assert!(if dense { sequence == *next } else { sequence >= *next }, "{sequence} of {producer}, after {next}");
        *next = sequence + 1;
        counts[usize::from(producer)] += 1;
    }
    counts
}

/// Every producer runs `send` for each of its messages until that says that the queue is closed, and counts what was
/// taken.
fn produce<S: Sender>(
    shape: Shape,
    sender: S,
    send: fn(&mut S, &[u8], u8) -> Option<bool>,
) -> Vec<thread::JoinHandle<u8>> {
    let mut senders: Vec<S> = (1..PRODUCERS).map(|_| sender.clone()).collect();
    senders.push(sender);
    let spawn = |(producer, mut sender): (u8, S)| {
        thread::spawn(move || {
            let outcomes =
                (0..MESSAGES).map(|sequence| send(&mut sender, &message(shape, producer, sequence), sequence));
            outcomes.map_while(|outcome| outcome).map(u8::from).sum()
        })
    };
    (0..).zip(senders).map(spawn).collect()
}

fn joined(producers: Vec<thread::JoinHandle<u8>>) -> Vec<u8> {
    producers.into_iter().map(|producer| producer.join().unwrap()).collect()
}

fn patiently<S: Sender>(sender: &mut S, message: &[u8], _: u8) -> Option<bool> {
    block_on(sender.send(message)).is_ok().then_some(true)
}

/// Every third message is given up if it has to wait longer than two looks.
fn fickly<S: Sender>(sender: &mut S, message: &[u8], sequence: u8) -> Option<bool> {
    if !sequence.is_multiple_of(3) {
        return patiently(sender, message, sequence);
    }
    let mut waiting = pin!(sender.send(message));
    for _ in 0..2 {
        if let Poll::Ready(outcome) = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return outcome.is_ok().then_some(true);
        }
        thread::yield_now();
    }
    Some(false)
}

/// Everything is delivered.
pub fn deliver<Q: Queue>(shape: Shape) {
    let (sender, mut receiver) = Q::open(&shape);
    let producers = produce(shape, sender, patiently);
    let all = drain_to_the_end(&mut receiver);
    assert_eq!(joined(producers), judge(shape, &all, true));
    assert_eq!(all.len(), usize::from(PRODUCERS) * usize::from(MESSAGES));
}

/// Some give up while they wait: everything that was taken is delivered, and nothing else.
pub fn give_up<Q: Queue>(shape: Shape) {
    let (sender, mut receiver) = Q::open(&shape);
    let producers = produce(shape, sender, fickly);
    let all = drain_to_the_end(&mut receiver);
    assert_eq!(joined(producers), judge(shape, &all, false));
}

/// The consumer closes in the midst: what was taken before is delivered, and who waits is sent home.
pub fn close<Q: Queue>(shape: Shape) {
    let (sender, mut receiver) = Q::open(&shape);
    let producers = produce(shape, sender, patiently);
    let mut all = Vec::new();
    while all.len() < 30 && block_on(receiver.drain()) {
        all.extend(taken(receiver.batch()));
    }
    receiver.close();
    all.extend(drain_to_the_end(&mut receiver));
    assert_eq!(joined(producers), judge(shape, &all, true));
}

/// The consumer dies in its third write, in the middle of a message: who waits is sent home.
pub fn die<Q: Queue>(shape: Shape) {
    let (sender, mut receiver) = Q::open(&shape);
    let producers = produce(shape, sender, patiently);
    let mut all = Vec::new();
    for _ in 0..2 {
        if block_on(receiver.drain()) {
            all.extend(taken(receiver.batch()));
        }
    }
    if block_on(receiver.drain()) {
        receiver.batch().advance(1);
    }
    drop(receiver);
    let sent = joined(producers);
    assert!(judge(shape, &all, true).iter().zip(&sent).all(|(came, sent)| came <= sent));
}
