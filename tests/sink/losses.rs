//! Connections that are reset, at every byte: what is in the account is what the peer has seen, or may have.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::time::Duration;

use fanin::sink::{Backoff, Config, Confirm, Delivery, FailureKind, Framing, Reconnect, Sink};
use socket2::SockRef;

use super::tools::{LONG, Peer, accounts, assert_even, echo, messages, opened, opened_or_lost, read_one, with, within};

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

fn quick(config: Config, framing: Framing, reconnect: Reconnect, confirm: Confirm) -> Config {
    with(config, |config| {
        config.framing = framing;
        config.reconnect = reconnect;
        config.confirm = confirm;
        config.backoff = Backoff { first: Duration::from_millis(1), longest: Duration::from_millis(5), seed: Some(1) };
    })
}

/// Numbered messages of different lengths.
fn message(turn: usize) -> Vec<u8> {
    let filler = "x".repeat(turn * 7 % 23);
    format!("{turn}{filler}").into_bytes()
}

fn number(message: &[u8]) -> usize {
    let digits: Vec<u8> = message.iter().copied().take_while(u8::is_ascii_digit).collect();
    String::from_utf8(digits).unwrap().parse().unwrap()
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
    let sink = opened_or_lost(quick(peer.config(), framing, Reconnect::Off, confirm));
    send(&sink, count);
    // It is lost before, or while it closes: the peer does not read to the end.
    let outcome = within(sink.close(LONG));
    let (seen, _) = numbers(framing, &peer.join());
    let failure = outcome.expect_err("the connection was reset");
    assert_eq!(failure.kind, FailureKind::Disconnected, "{failure}");
    let Delivery { accepted, acked, written, in_doubt, unsent, dropped } = failure.delivery;
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
    let sink = opened(quick(peer.config(), framing, Reconnect::AtMostOnce, confirm));
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
    let sink = opened(quick(peer.config(), framing, Reconnect::AtLeastOnce, Confirm::Echo));
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

#[test]
fn resets_at_random_bytes_in_every_mode() {
    let mut random = 1_u64;
    for turn in 0..1_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let offset = (random >> 33) as usize % 4_000;
        let framing = FRAMINGS[turn % 3];
        match turn % 5 {
            0 => lost_at(framing, Confirm::None, offset, 500),
            1 => lost_at(framing, Confirm::Echo, offset, 500),
            2 => at_most_once(framing, Confirm::None, offset, 500),
            3 => at_most_once(framing, Confirm::Echo, offset, 500),
            _ => at_least_once(framing, offset, offset / 2, 500),
        }
    }
}

/// Resets connection after connection, then lets one live.
fn cut_often(listener: &TcpListener, cuts: usize, answers: bool) -> Vec<Vec<u8>> {
    let mut streams = Vec::new();
    for turn in 0..cuts {
        let count = 1 + turn * 7_919 % 3_000;
        streams.push(reset_after(listener, count, if answers { count } else { 0 }));
    }
    let (mut stream, _) = listener.accept().unwrap();
    streams.push(read_some(&mut stream, usize::MAX, if answers { usize::MAX } else { 0 }));
    streams
}

fn through_cuts(reconnect: Reconnect, confirm: Confirm, cuts: usize) -> (Delivery, Vec<Vec<usize>>) {
    let count = cuts * 100;
    let peer = Peer::start(move |listener| cut_often(&listener, cuts, confirm == Confirm::Echo));
    let config = quick(peer.config(), Framing::Lines, reconnect, confirm);
    let sink = opened(with(config, |config| config.capacity = 8_000));
    for turn in 0..count {
        within(sink.send(message(turn))).unwrap();
    }
    // Cuts that are left are made by others, so that the peer comes to its end.
    let closing = sink.close(LONG);
    let delivery = within(closing).unwrap_or_else(|failure| panic!("{failure}"));
    while TcpStream::connect(peer.address).is_ok_and(|mut stream| stream.write_all(&[b'0'; 4_000]).is_ok()) {}
    let streams = peer.join();
    assert!(sink.stats().losses >= cuts as u64 / 10, "{:?}", sink.stats());
    (delivery, streams.iter().map(|stream| numbers(Framing::Lines, stream).0).collect())
}

#[test]
fn at_least_once_through_many_cuts_has_no_gap() {
    let (delivery, streams) = through_cuts(Reconnect::AtLeastOnce, Confirm::Echo, 200);
    assert_even(delivery);
    assert_eq!(delivery.acked, delivery.accepted);
    let mut next = 0;
    for stream in streams {
        for number in stream {
            assert!(number <= next, "a gap before {number}");
            next = next.max(number + 1);
        }
    }
    assert_eq!(next, 20_000);
}

#[test]
fn at_most_once_through_many_cuts_has_no_double() {
    for confirm in [Confirm::None, Confirm::Echo] {
        let (delivery, streams) = through_cuts(Reconnect::AtMostOnce, confirm, 200);
        assert_even(delivery);
        let seen: Vec<_> = streams.into_iter().flatten().collect();
        assert!(seen.windows(2).all(|two| two[0] < two[1]));
        let settled = delivery.acked.messages + delivery.written.messages;
        let seen = seen.len() as u64;
        assert!(settled <= seen && seen <= settled + delivery.in_doubt.messages, "{seen} of {delivery}");
        assert_eq!(delivery.unsent.messages + delivery.dropped.messages, 0);
    }
}

#[test]
fn a_loss_is_told_with_the_account_of_its_moment() {
    let peer = Peer::start(|listener| {
        reset_after(&listener, 30, 10);
        echo(listener.accept().unwrap().0)
    });
    let sink = Sink::new(quick(peer.config(), Framing::Lines, Reconnect::AtLeastOnce, Confirm::Echo)).unwrap();
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
        std::thread::sleep(Duration::from_millis(1));
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
            std::thread::spawn(move || {
                let outcome = (0..).find_map(|_| within(sink.send(vec![0; 50_000])).err());
                outcome.unwrap()
            })
        })
        .collect();
    let flush = {
        let sink = sink.clone();
        std::thread::spawn(move || {
            while sink.stats().waiting < 190 {
                std::thread::sleep(Duration::from_millis(1));
            }
            within(sink.flush())
        })
    };
    while sink.stats().waiting < 200 {
        std::thread::sleep(Duration::from_millis(1));
    }
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
    let sink = opened(quick(peer.config(), Framing::Lines, Reconnect::AtLeastOnce, Confirm::Echo));
    send(&sink, 100);
    assert_eq!(within(sink.flush()).unwrap().acked.messages, 100);
    within(sink.close(LONG)).unwrap();
    peer.join();
}
