//! Opening, sending, flushing, closing: the plain way through.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use fanin::SendError;
use fanin::sink::{FailureKind, Framing, Sink, Wait};

use super::tools::{LONG, Peer, assert_even, messages, opened, read_one, with, within};

fn reader() -> Peer<Vec<u8>> {
    Peer::start(|listener| read_one(&listener))
}

#[test]
fn what_is_sent_arrives_in_every_framing() {
    for framing in Framing::ALL {
        let peer = reader();
        let sink = opened(with(peer.config(), |config| config.framing = *framing));
        let sent: Vec<_> = (0..2_000_usize).map(|turn| vec![b'a' + (turn % 26) as u8; turn * 31 % 9_000]).collect();
        for message in &sent {
            within(sink.send(message.as_slice())).unwrap();
        }
        let delivery = within(sink.flush()).unwrap();
        assert_eq!(delivery.written, delivery.accepted);
        assert_eq!(within(sink.close(LONG)).unwrap(), delivery);
        let bytes: usize = sent.iter().map(Vec::len).sum();
        assert_eq!((delivery.accepted.messages, delivery.accepted.bytes), (2_000, bytes as u64));
        let stream = peer.join();
        if *framing == Framing::None {
            assert!(stream.iter().eq(sent.iter().flatten()));
        } else {
            assert_eq!(messages(*framing, &stream), (sent, 0));
        }
    }
}

#[test]
fn many_threads_send_at_once_and_each_keeps_its_order() {
    let peer = reader();
    let sink = opened(with(peer.config(), |config| {
        config.framing = Framing::Lines;
        config.capacity = 10_000;
    }));
    let threads: Vec<_> = (0..8)
        .map(|producer| {
            let sink = sink.clone();
            thread::spawn(move || {
                (0..5_000).for_each(|turn| within(sink.send(format!("{producer} {turn}").into_bytes())).unwrap());
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let stats = sink.stats();
    assert!(stats.waits > 0 && stats.high_water_bytes <= 10_000, "{stats:?}");
    assert_eq!(within(sink.close(LONG)).unwrap().written.messages, 40_000);
    let (lines, rest) = messages(Framing::Lines, &peer.join());
    assert_eq!(rest, 0);
    for producer in 0..8 {
        let prefix = format!("{producer} ");
        let mine = lines.iter().filter(|line| line.starts_with(prefix.as_bytes()));
        assert!(mine.eq((0..5_000).map(|turn| format!("{prefix}{turn}").into_bytes()).collect::<Vec<_>>().iter()));
    }
}

#[test]
fn many_at_once_stop_at_the_first_that_cannot_be_taken() {
    let peer = reader();
    let sink = opened(with(peer.config(), |config| config.framing = Framing::Lines));
    assert_eq!(sink.try_send_many((0..1_000).map(|turn| format!("{turn}"))), Ok(1_000));
    assert_eq!(sink.try_send_many([&b"a"[..], b"b", b"c\n", b"d"]), Err((2, SendError::Newline)));
    assert_eq!(within(sink.close(LONG)).unwrap().written.messages, 1_002);
    assert!(peer.join().ends_with(b"999\na\nb\n"));
}

#[test]
fn what_can_never_be_taken_is_refused_at_once() {
    let peer = reader();
    let sink = opened(with(peer.config(), |config| {
        config.framing = Framing::Length;
        config.capacity = 100;
        config.max_frame = Some(98);
    }));
    assert_eq!(sink.try_send(&[0; 96]), Ok(()));
    assert_eq!(sink.try_send(&[0; 97]), Err(SendError::TooLarge));
    assert_eq!(sink.try_send(&[0; 99]), Err(SendError::Frame));
    assert_eq!(within(sink.send(vec![0; 97])), Err(SendError::TooLarge));
    let delivery = within(sink.close(LONG)).unwrap();
    assert_eq!((delivery.accepted.messages, delivery.written.messages), (1, 1));
    assert_eq!(peer.join().len(), 100);
}

#[test]
fn the_states_of_a_sink() {
    let peer = reader();
    let sink = Sink::new(peer.config()).unwrap();
    assert_eq!(sink.try_send(b"a"), Err(SendError::Unopened));
    within(sink.open()).unwrap();
    within(sink.open()).unwrap();
    assert!(sink.is_open() && sink.is_connected());
    sink.try_send(b"a").unwrap();
    let first = within(sink.close(LONG)).unwrap();
    assert_eq!(within(sink.close(Duration::ZERO)).unwrap(), first);
    assert_eq!(sink.try_send(b"a"), Err(SendError::Closed));
    assert_eq!(within(sink.send(b"a")), Err(SendError::Closed));
    assert_eq!(within(sink.flush()).unwrap(), first);
    assert!(!sink.is_open() && !sink.is_connected());
    assert_eq!(within(sink.open()).unwrap_err().kind, FailureKind::Closed);
    assert_eq!(peer.join(), b"a");
}

#[test]
fn a_sink_that_was_never_opened_is_closed_at_once() {
    let sink = Sink::new(super::tools::config(([127, 0, 0, 1], 9).into())).unwrap();
    let delivery = within(sink.close(LONG)).unwrap();
    assert_eq!(delivery.accepted.messages, 0);
    assert_even(delivery);
}

#[test]
fn nobody_listens() {
    let address = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let sink = Sink::new(super::tools::config(address)).unwrap();
    let failure = within(sink.open()).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Disconnected);
    assert_eq!(failure.os_error(), Some(111), "{failure}");
    assert!(failure.to_string().starts_with(&format!("cannot connect to tcp://{address}: ")), "{failure}");
    assert_eq!(sink.try_send(b"a"), Err(SendError::Disconnected));
}

#[test]
fn the_last_handle_is_dropped_and_all_is_written() {
    let peer = reader();
    let sink = opened(peer.config());
    (0..1_000).for_each(|_| sink.try_send(&[b'a'; 1_000]).unwrap());
    drop(sink);
    assert_eq!(peer.join().len(), 1_000_000);
}

#[test]
fn a_stalled_reader_is_not_waited_for_longer_than_the_close_may_take() {
    let peer = Peer::start(|listener| {
        let (stream, _) = listener.accept().unwrap();
        thread::sleep(Duration::from_secs(2));
        drop(stream);
    });
    let sink = opened(with(peer.config(), |config| config.capacity = 1 << 20));
    let sink = Arc::new(sink);
    let waiting: Vec<_> = (0..8)
        .map(|_| {
            let sink = Arc::clone(&sink);
            thread::spawn(move || {
                let mut taken = 0;
                loop {
                    match sink.send(vec![0; 10_000]).wait() {
                        Ok(()) => taken += 1,
                        Err(error) => return (taken, error),
                    }
                }
            })
        })
        .collect();
    while sink.stats().waiting < 8 {
        thread::sleep(Duration::from_millis(5));
    }
    assert!(sink.stats().held_bytes <= 1 << 20);
    let began = Instant::now();
    let failure = within(sink.close(Duration::from_millis(100))).unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(failure.kind, FailureKind::TimedOut);
    let taken: Vec<_> = waiting.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(taken.iter().all(|(_, error)| *error == SendError::Closed));
    let delivery = failure.delivery;
    assert_even(delivery);
    assert_eq!(delivery.accepted.messages, taken.iter().map(|(taken, _)| taken).sum::<u64>());
    assert!(delivery.unsent.messages > 0);
    peer.join();
}
