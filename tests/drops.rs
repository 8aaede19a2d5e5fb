//! Dropping the oldest: what every queue that can do it owes, whatever its algorithm.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use bytes::Buf;
use fanin::SendError;
use fanin::queue::{Capacity, Kind, OnFull, Queue, Receiver, Sender, Shape, Visitor};

/// Runs a check over every queue that can drop the oldest.
fn each<V: Visitor<Output = ()> + Clone>(visitor: &V, size: Option<usize>) {
    let able = Kind::ALL.iter().filter(|kind| kind.policies().contains(&OnFull::DropOldest));
    let mut count = 0;
    for kind in able {
        kind.visit(size, visitor.clone());
        count += 1;
    }
    assert!(count >= 3, "swap, swap-yield and locked can");
}

fn drained<R: Receiver>(receiver: &mut R) -> Vec<u8> {
    assert!(pollster::block_on(receiver.drain()));
    let batch = receiver.batch();
    let mut bytes = Vec::new();
    while batch.has_remaining() {
        let piece = batch.chunk().len();
        bytes.extend_from_slice(batch.chunk());
        batch.advance(piece);
    }
    bytes
}

#[derive(Clone)]
struct Newest(Capacity);

impl Visitor for Newest {
    type Output = ();

    /// Of 100 messages of two bytes the last eight stay, in order; what was drained before is safe.
    fn visit<Q: Queue>(self) {
        for size in [Some(2), None] {
            let (mut sender, mut receiver) = Q::open(&Shape { size, longest: None, capacity: Some(self.0) });
            let mut dropped = 0;
            for turn in 0..100_u8 {
                dropped += sender.displace(&[turn, turn]).unwrap();
            }
            assert_eq!(dropped, 92);
            let lent: Vec<u8> = (92..100).flat_map(|turn| [turn, turn]).collect();
            assert_eq!(drained(&mut receiver), lent);
            let later: usize = (100..112_u8).map(|turn| sender.displace(&[turn, turn]).unwrap()).sum();
            assert_eq!(later, 4, "what was drained has left its room");
            assert_eq!(drained(&mut receiver)[0], 104);
            receiver.close();
            assert_eq!(sender.displace(&[0, 0]), Err(SendError::Closed));
        }
    }
}

#[test]
fn the_newest_stay_in_order() {
    each(&Newest(Capacity::Messages(8)), Some(2));
    each(&Newest(Capacity::Bytes(16)), Some(2));
}

#[derive(Clone)]
struct Sizes;

impl Visitor for Sizes {
    type Output = ();

    fn visit<Q: Queue>(self) {
        let (mut sender, mut receiver) =
            Q::open(&Shape { size: None, longest: None, capacity: Some(Capacity::Bytes(10)) });
        for message in [&b"aa"[..], b"bb", b"cc", b"dd", b"ee"] {
            assert_eq!(sender.displace(message), Ok(0));
        }
        assert_eq!(sender.displace(b"fff!"), Ok(2), "as many as it needs the room of");
        assert_eq!(sender.displace(&[0; 11]), Err(SendError::TooLarge));
        assert_eq!(drained(&mut receiver), b"ccddeefff!", "and none for what can never be taken");
    }
}

#[test]
fn a_large_message_displaces_several() {
    each(&Sizes, None);
}

#[test]
fn without_a_bound_nothing_is_ever_full() {
    assert_eq!(Kind::Mpsc.policies(), [OnFull::Wait]);
    for kind in Kind::ALL {
        assert_eq!(kind.policies().contains(&OnFull::DropNewest), kind.facts().bounded, "{}", kind.facts().name);
    }
}
