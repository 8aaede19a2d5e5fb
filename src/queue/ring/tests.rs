//! What the ring does at its edges.

use super::*;

fn open(size: Option<usize>, capacity: Option<Capacity>) -> (RingSender, RingReceiver) {
    Ring::open(&Shape { size, longest: None, capacity })
}

fn drained(receiver: &mut RingReceiver) -> Vec<u8> {
    let mut out = Vec::new();
    while receiver.poll_drain(Waker::noop()) == Poll::Ready(true) {
        let batch = receiver.batch();
        while batch.has_remaining() {
            // In threes, so that messages and the ring's end are crossed in their middle.
            let taken = batch.chunk().len().min(3);
            out.extend_from_slice(&batch.chunk()[..taken]);
            batch.advance(taken);
        }
        assert_eq!((batch.first(), batch.messages()), (0, 0));
    }
    out
}

#[test]
fn goes_round_many_times() {
    let (mut sender, mut receiver) = open(None, Some(Capacity::Bytes(16)));
    let (mut sent, mut seen) = (Vec::new(), Vec::new());
    for turn in 0..200_u8 {
        let message = vec![turn; 1 + usize::from(turn) % 7];
        while sender.try_send(&message) == Err(SendError::Full) {
            seen.append(&mut drained(&mut receiver));
        }
        sent.extend_from_slice(&message);
    }
    seen.append(&mut drained(&mut receiver));
    assert_eq!(seen, sent);
}

#[test]
fn counts_what_is_lent() {
    let (mut sender, mut receiver) = open(None, Some(Capacity::Bytes(100)));
    for message in [&b"abc"[..], b"", b"de"] {
        sender.try_send(message).unwrap();
    }
    assert_eq!(receiver.poll_drain(Waker::noop()), Poll::Ready(true));
    let batch = receiver.batch();
    assert_eq!((batch.remaining(), batch.first(), batch.messages()), (5, 3, 2));
    batch.advance(2);
    assert_eq!((batch.remaining(), batch.first(), batch.messages()), (3, 1, 2));
    batch.advance(1);
    assert_eq!((batch.remaining(), batch.first(), batch.messages()), (2, 2, 1));
}

#[test]
fn holds_what_it_was_asked_for_and_no_more() {
    let (mut sender, _receiver) = open(Some(4), Some(Capacity::Bytes(12)));
    (0..3).for_each(|_| sender.try_send(b"four").unwrap());
    assert_eq!(sender.try_send(b"four"), Err(SendError::Full));
    assert_eq!(sender.try_send(b"three"), Err(SendError::Size));
    let (mut sender, _receiver) = open(None, Some(Capacity::Messages(2)));
    (0..2).for_each(|_| sender.try_send(b"x").unwrap());
    assert_eq!(sender.try_send(b"x"), Err(SendError::Full));
    let (mut sender, _receiver) = open(None, Some(Capacity::Bytes(5)));
    assert_eq!(sender.try_send(b"sixsix"), Err(SendError::TooLarge));
    assert_eq!(sender.try_send(b"five5"), Ok(()));
}

#[test]
fn a_message_larger_than_half_goes_through() {
    let (mut sender, mut receiver) = open(Some(10), Some(Capacity::Bytes(10)));
    for _ in 0..5 {
        sender.try_send(b"0123456789").unwrap();
        assert_eq!(drained(&mut receiver), b"0123456789");
    }
    let (mut sender, mut receiver) = open(Some(1 << 20), None);
    sender.try_send(&vec![7; 1 << 20]).unwrap();
    assert_eq!(drained(&mut receiver).len(), 1 << 20);
}

#[test]
fn closing_keeps_what_was_taken() {
    let (mut sender, mut receiver) = open(None, None);
    sender.try_send(b"in").unwrap();
    receiver.close();
    assert_eq!(sender.try_send(b"out"), Err(SendError::Closed));
    assert_eq!(drained(&mut receiver), b"in");
    assert_eq!(receiver.poll_drain(Waker::noop()), Poll::Ready(false));
}

#[test]
fn four_threads_in_a_small_ring_lose_nothing() {
    let (sender, mut receiver) = open(None, Some(Capacity::Bytes(64)));
    let threads: Vec<_> = (0..4_u8)
        .map(|producer| {
            let mut sender = sender.clone();
            std::thread::spawn(move || (0..5000).for_each(|_| sender.send_blocking(&[producer; 3]).unwrap()))
        })
        .collect();
    drop(sender);
    let mut counts = [0; 4];
    while pollster::block_on(receiver.drain()) {
        let batch = receiver.batch();
        let mut bytes = vec![0; batch.remaining()];
        batch.copy_to_slice(&mut bytes);
        for message in bytes.as_chunks::<3>().0 {
            assert!(message.iter().all(|byte| *byte == message[0]), "a torn message");
            counts[usize::from(message[0])] += 1;
        }
    }
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(counts, [5000; 4]);
}

#[test]
fn an_empty_message_keeps_nobody_from_a_place() {
    let (sender, mut receiver) = open(None, Some(Capacity::Messages(1)));
    let mut senders: Vec<_> = (0..3).map(|_| sender.clone()).collect();
    let mut cx = std::task::Context::from_waker(Waker::noop());
    senders[0].try_send(b"x").unwrap();
    let mut sends: Vec<_> = senders.iter_mut().zip([&b"a"[..], b"", b"b"]).map(|(s, m)| Box::pin(s.send(m))).collect();
    let polled: Vec<_> = sends.iter_mut().map(|send| send.as_mut().poll(&mut cx).is_ready()).collect();
    assert_eq!(polled, [false, true, false], "it takes no room, so it waits for none");
    for at in [0, 2] {
        assert_eq!(drained(&mut receiver).len(), 1);
        assert_eq!(sends[at].as_mut().poll(&mut cx), Poll::Ready(Ok(())));
    }
}
