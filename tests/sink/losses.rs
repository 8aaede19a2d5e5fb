//! Connections that are reset, at every byte: what is in the account is what the peer has seen, or may have.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::thread;
use std::time::Duration;

use fanin::server::Place;
use fanin::sink::{Confirm, Delivery, FailureKind, Framing, Reconnect, Sink};
use socket2::SockRef;

use super::tools::{
    LONG, Peer, accounts, assert_even, echo, message, messages, number, opened, opened_or_lost, quick, read_one, with,
    within,
};

const FRAMINGS: [Framing; 3] = [Framing::Lines, Framing::Length, Framing::Rfc6587];

/// Reads `count` bytes, or fewer if there are no more, and answers what `answers` of them are.
fn read_some(stream: &mut TcpStream, count: usize, answers: usize) -> Vec<u8> {
    let (mut bytes, mut answered) = (Vec::new(), 0);
    let mut piece = [0; 4096];
    while bytes.len() < count {
        let most = piece.len().min(count - bytes.len());
        match stream.read(&mut piece[..most]) {
            Ok(0) | Err(_) => break,
            Ok(got) => bytes.extend_from_slice(&piece[..got]),
        }
        let due = bytes.len().min(answers);
        if stream.write_all(&bytes[answered..due]).is_err() {
            break;
        }
        answered = due;
    }
    bytes
}

/// Resets the next connection after `count` bytes of it, of which `answers` are echoed.
fn reset_after(listener: &TcpListener, count: usize, answers: usize) -> Vec<u8> {
    let (mut stream, _) = listener.accept().unwrap();
    let bytes = read_some(&mut stream, count, answers);
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    bytes
}

fn send(sink: &Sink, count: usize) {
    for turn in 0..count {
        match sink.try_send(&message(turn)) {
            Ok(()) | Err(fanin::SendError::Disconnected) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

/// The numbers of the whole messages of a stream that may be cut.
fn numbers(framing: Framing, stream: &[u8]) -> (Vec<usize>, usize) {
    let (messages, rest) = messages(framing, stream);
    (messages.iter().map(|message| number(message)).collect(), rest)
}

fn lost_at(framing: Framing, confirm: Confirm, offset: usize, count: usize) {
    let peer = Peer::start(move |listener| reset_after(&listener, offset, offset));
    let sink = opened_or_lost(quick(peer.target(), framing, Reconnect::Off, confirm));
    send(&sink, count);
    // It is lost before, or while it closes: the peer does not read to the end.
    let outcome = within(sink.close(LONG));
    let (seen, _) = numbers(framing, &peer.join());
    let failure = outcome.expect_err("the connection was reset");
    assert_eq!(failure.kind, FailureKind::Disconnected, "{failure}");
    let Delivery { accepted, acked, written, in_doubt, unsent, dropped, .. } = failure.delivery;
    assert_even(failure.delivery);
    assert_eq!((written.messages, dropped.messages), (0, 0), "at {offset}");
    assert!(
        acked.messages <= seen.len() as u64 && seen.len() as u64 <= acked.messages + in_doubt.messages,
        "at {offset}"
    );
    assert!(accepted.messages <= count as u64 && unsent.messages <= accepted.messages);
    assert!(seen.iter().copied().eq(0..seen.len()));
}

#[test]
fn a_loss_is_told_with_its_account_at_every_byte_of_two_frames() {
    for framing in FRAMINGS {
        for confirm in [Confirm::None, Confirm::Echo] {
            (0..=60).for_each(|offset| lost_at(framing, confirm, offset, 10));
        }
    }
}

fn at_most_once(framing: Framing, confirm: Confirm, offset: usize, count: usize) {
    let peer = Peer::start(move |listener| {
        let first = reset_after(&listener, offset, offset);
        if confirm == Confirm::None {
            return (first, read_one(&listener));
        }
        let (mut stream, _) = listener.accept().unwrap();
        (first, read_some(&mut stream, usize::MAX, usize::MAX))
    });
    let sink = opened(quick(peer.target(), framing, Reconnect::AtMostOnce, confirm));
    send(&sink, count);
    let delivery = match within(sink.close(LONG)) {
        Ok(delivery) => delivery,
        Err(failure) => panic!("at {offset}: {failure}"),
    };
    // Where nothing was left to be said, there is no second connection to wait for.
    drop(TcpStream::connect(peer.address));
    let (first, second) = peer.join();
    let ((first, _), (second, rest)) = (numbers(framing, &first), numbers(framing, &second));
    assert_even(delivery);
    assert_eq!(rest, 0, "the second connection begins and ends with whole frames");
    assert_eq!((delivery.unsent.messages, delivery.dropped.messages), (0, 0));
    assert_eq!(delivery.accepted.messages, count as u64);
    let settled = delivery.written.messages + delivery.acked.messages;
    assert!(settled <= (first.len() + second.len()) as u64, "at {offset}: {delivery}");
    assert_eq!(
        second.len() as u64 + delivery.in_doubt.messages + delivery.acked.messages
            - second.len() as u64 * u64::from(confirm == Confirm::Echo),
        count as u64,
        "at {offset}: {delivery}"
    );
    let all: Vec<_> = first.iter().chain(&second).collect();
    assert!(all.windows(2).all(|two| two[0] < two[1]), "at {offset}: twice or out of order: {all:?}");
}

#[test]
fn at_most_once_nothing_comes_twice_at_every_byte_of_two_frames() {
    for framing in FRAMINGS {
        for confirm in [Confirm::None, Confirm::Echo] {
            (0..=60).for_each(|offset| at_most_once(framing, confirm, offset, 12));
        }
    }
}

fn at_least_once(framing: Framing, offset: usize, answers: usize, count: usize) {
    let peer = Peer::start(move |listener| {
        let first = reset_after(&listener, offset, answers);
        let (mut stream, _) = listener.accept().unwrap();
        (first, read_some(&mut stream, usize::MAX, usize::MAX))
    });
    let sink = opened(quick(peer.target(), framing, Reconnect::AtLeastOnce, Confirm::Echo));
    send(&sink, count);
    let delivery = match within(sink.close(LONG)) {
        Ok(delivery) => delivery,
        Err(failure) => panic!("at {offset}: {failure}"),
    };
    // Where all was acknowledged before the reset, there is no second connection to wait for.
    drop(TcpStream::connect(peer.address));
    let (first, second) = peer.join();
    let ((first, _), (second, rest)) = (numbers(framing, &first), numbers(framing, &second));
    assert_even(delivery);
    assert_eq!((delivery.acked, rest), (delivery.accepted, 0), "at {offset}");
    assert!(first.iter().copied().eq(0..first.len()), "at {offset}: {first:?}");
    let from = second.first().copied().unwrap_or(count);
    assert!(second.iter().copied().eq(from..count), "at {offset}: {second:?}");
    assert!(from <= first.len(), "at {offset}: a gap from {} to {from}", first.len());
}

#[test]
fn at_least_once_nothing_is_missing_at_every_byte_of_two_frames() {
    for framing in FRAMINGS {
        for answered in [0, 1, 2] {
            (0..=60).for_each(|offset| at_least_once(framing, offset, offset * answered / 2, 12));
        }
    }
}

/// One of the thousand offsets, in every mode.
fn at_a_random_byte(turn: u64) {
    let offset = usize::try_from(Place::within(0, 3_999).draw(1, turn, 0)).unwrap();
    let framing = FRAMINGS[turn as usize % 3];
    for confirm in [Confirm::None, Confirm::Echo] {
        lost_at(framing, confirm, offset, 500);
        at_most_once(framing, confirm, offset, 500);
    }
    at_least_once(framing, offset, offset / 2, 500);
}

#[test]
fn resets_at_a_thousand_random_bytes_in_every_mode() {
    // Most of it is waiting.
    thread::scope(|scope| {
        for first in 0..4 {
            scope.spawn(move || (first..1_000).step_by(4).for_each(at_a_random_byte));
        }
    });
}

#[test]
fn a_loss_is_told_with_the_account_of_its_moment() {
    let peer = Peer::start(|listener| {
        reset_after(&listener, 30, 10);
        echo(listener.accept().unwrap().0)
    });
    let sink = Sink::new(quick(peer.target(), Framing::Lines, Reconnect::AtLeastOnce, Confirm::Echo)).unwrap();
    let mut events = sink.events();
    within(sink.open()).unwrap();
    send(&sink, 12);
    let last = within(sink.close(LONG)).unwrap();
    peer.join();
    // Told when all is over; by then every message is acknowledged.
    let [then] = accounts(&within(Pin::new(&mut events)))[..] else { panic!("it was lost once") };
    assert_even(then);
    assert_eq!((last.acked.messages, last.in_doubt.messages), (12, 0));
    assert!(then.acked.messages < 12 && then.in_doubt.messages > 0, "{then}");
}

#[test]
fn a_peer_that_closes_is_noticed_without_a_send() {
    let peer = Peer::start(|listener| drop(listener.accept().unwrap()));
    let sink = opened_or_lost(peer.config());
    peer.join();
    while sink.is_open() {
        thread::sleep(Duration::from_millis(1));
    }
    let failure = sink.failure().unwrap().to_string();
    assert!(failure.contains("the other end closed the connection"), "{failure}");
}

#[test]
fn a_loss_wakes_everybody_who_waits() {
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let peer = Peer::start(move |listener| {
        let (stream, _) = listener.accept().unwrap();
        told.recv().unwrap();
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    });
    let sink = opened(with(peer.config(), |config| config.capacity = 1 << 20));
    let senders: Vec<_> = (0..200)
        .map(|_| {
            let sink = sink.clone();
            thread::spawn(move || {
                let outcome = (0..).find_map(|_| within(sink.send(vec![0; 50_000])).err());
                outcome.unwrap()
            })
        })
        .collect();
    // The buffers of the system are full too: what waits will not be written.
    let mut seen = (0, 0);
    while seen.0 < 200 || seen != (sink.stats().waiting, sink.stats().wire_bytes) {
        seen = (sink.stats().waiting, sink.stats().wire_bytes);
        thread::sleep(Duration::from_millis(100));
    }
    let flush = {
        let sink = sink.clone();
        thread::spawn(move || within(sink.flush()))
    };
    thread::sleep(Duration::from_millis(20));
    tell.send(()).unwrap();
    for sender in senders {
        assert_eq!(sender.join().unwrap(), fanin::SendError::Disconnected);
    }
    let failure = flush.join().unwrap().unwrap_err();
    assert_eq!(failure.kind, FailureKind::Disconnected);
    assert!(failure.cause.is_some());
    assert_even(failure.delivery);
    peer.join();
}

#[test]
fn it_connects_again_when_the_peer_is_late() {
    let peer = Peer::start(|listener| {
        let (stream, _) = listener.accept().unwrap();
        drop(stream);
        let (stream, _) = listener.accept().unwrap();
        echo(stream)
    });
    let sink = opened(quick(peer.target(), Framing::Lines, Reconnect::AtLeastOnce, Confirm::Echo));
    send(&sink, 100);
    assert_eq!(within(sink.flush()).unwrap().acked.messages, 100);
    within(sink.close(LONG)).unwrap();
    peer.join();
}
