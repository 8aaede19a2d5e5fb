//! What the claims are made with: messages, and ways to drain them.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Buf;
use fanin::queue::{Batch, Capacity, Facts, Receiver, Sender, Shape};

/// The message of `producer` with number `sequence`, of the size that the queue was opened for.
pub(crate) fn message(size: Option<usize>, producer: usize, sequence: usize) -> Vec<u8> {
    let tag = ((producer as u64) << 40 | sequence as u64).to_le_bytes();
    let length = size.unwrap_or(9 + (producer * 31 + sequence * 7) % 90);
    if length == 1 {
        return vec![u8::try_from(sequence % 251).unwrap()];
    }
    let mut bytes = vec![u8::try_from(length).unwrap(); length];
    bytes[length - 8..].copy_from_slice(&tag);
    bytes
}

pub(crate) fn shape(size: Option<usize>, capacity: Option<Capacity>) -> Shape {
    Shape { size, longest: None, capacity }
}

pub(crate) fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Takes the batch as a list of messages.
pub(crate) fn messages(batch: &mut impl Batch) -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    while batch.has_remaining() {
        let (left, length) = (batch.messages(), batch.first());
        assert!(length > 0, "something is left, and no message");
        taken.push(batch.copy_to_bytes(length).to_vec());
        assert_eq!(batch.messages(), left - 1);
    }
    assert_eq!((batch.first(), batch.messages()), (0, 0));
    taken
}

/// What can be drained without waiting, and whether the end was told.
pub(crate) fn drain_now<R: Receiver>(receiver: &mut R) -> (Vec<Vec<u8>>, bool) {
    let mut taken = Vec::new();
    loop {
        match poll(receiver.drain()) {
            Poll::Ready(true) => {
                let before = taken.len();
                taken.extend(messages(receiver.batch()));
                assert!(taken.len() > before, "a drain that brings nothing does not end");
            }
            Poll::Ready(false) => return (taken, true),
            Poll::Pending => return (taken, false),
        }
    }
}

pub(crate) fn drain_to_the_end<R: Receiver>(mut receiver: R) -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    pollster::block_on(async {
        while receiver.drain().await {
            taken.extend(messages(receiver.batch()));
        }
    });
    taken
}

/// Every producer's messages came once each and in order.
pub(crate) fn assert_delivered(taken: &[Vec<u8>], size: Option<usize>, producers: usize, each: usize) {
    assert_eq!(taken.len(), producers * each);
    if size == Some(1) {
        return;
    }
    let mut next = vec![0; producers];
    for bytes in taken {
        let tag = u64::from_le_bytes(bytes[bytes.len() - 8..].try_into().unwrap());
        let producer = usize::try_from(tag >> 40).unwrap();
        assert_eq!(*bytes, message(size, producer, next[producer]), "producer {producer}");
        next[producer] += 1;
    }
    assert!(next.iter().all(|&count| count == each));
}

pub(crate) fn push<S: Sender>(sender: &mut S, bytes: &[u8]) {
    assert_eq!(poll(sender.send(bytes)), Poll::Ready(Ok(())));
}

/// Room for three messages, where the queue can be told so.
pub(crate) fn three(facts: &Facts) -> Option<Capacity> {
    facts.bounded.then_some(Capacity::Messages(3))
}

/// Sends until the queue is full, or a few; returns how many were taken.
pub(crate) fn fill<S: Sender>(sender: &mut S, size: Option<usize>) -> usize {
    (0..5).take_while(|&sequence| poll(sender.send(&message(size, 0, sequence))) == Poll::Ready(Ok(()))).count()
}
