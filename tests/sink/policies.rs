//! What becomes of messages when there is no room, and what is told of it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use fanin::SendError;
use fanin::sink::{Confirm, Event, Framing, Full, Sink, Tally};

use super::tools::{LONG, Peer, assert_even, echo, listen, messages, opened, read_one, soon, with, within};

/// A peer that begins to read when it is told to.
fn late_reader() -> (Peer<Vec<u8>>, Sender<()>) {
    let (tell, told): (Sender<()>, Receiver<()>) = channel();
    let peer = Peer::start(move |listener: TcpListener| {
        told.recv().unwrap();
        read_one(&listener)
    });
    (peer, tell)
}

fn sink_when_full(peer: &Peer<Vec<u8>>, on_full: Full) -> Sink {
    opened(with(peer.config(), |config| {
        config.on_full = on_full;
        config.framing = Framing::Lines;
        config.capacity = 200_000;
        config.send_buffer = Some(4_096);
    }))
}

/// Sends until well beyond what sink and socket hold together; how many.
fn overfill(sink: &Sink) -> u64 {
    let count = 60_000;
    for turn in 0..count {
        sink.try_send(format!("{turn:0>200}").as_bytes()).unwrap();
        if turn % 100 == 0 {
            thread::yield_now();
        }
    }
    count
}

fn dropped_in(events: &[Event]) -> Tally {
    events.iter().fold(Tally::default(), |sum, event| match event {
        Event::Dropped(tally) => sum + *tally,
        _ => sum,
    })
}

#[test]
fn drops_are_counted_and_told_and_never_cut_a_frame() {
    for policy in [Full::DropNewest, Full::DropOldest] {
        let (peer, tell) = late_reader();
        let sink = sink_when_full(&peer, policy);
        let listener = listen(&sink);
        let count = overfill(&sink);
        tell.send(()).unwrap();
        let delivery = within(sink.close(LONG)).unwrap();
        assert_even(delivery);
        assert_eq!(delivery.accepted.messages, count);
        assert!(delivery.dropped.messages > 1_000, "{delivery}");
        assert_eq!(delivery.written.messages + delivery.dropped.messages, count);
        assert_eq!(dropped_in(&listener.join().unwrap()), delivery.dropped);
        let (lines, rest) = messages(Framing::Lines, &peer.join());
        assert_eq!((lines.len() as u64, rest), (delivery.written.messages, 0));
        assert!(lines.windows(2).all(|two| two[0] < two[1]));
        let last = lines.last().unwrap() == format!("{:0>200}", count - 1).as_bytes();
        assert_eq!(last, policy == Full::DropOldest, "the oldest or the newest are dropped");
        assert!(sink.stats().high_water_bytes <= 200_000);
    }
}

#[test]
fn who_does_not_wait_is_told_that_it_is_full() {
    for policy in [Full::Raise, Full::Wait] {
        let (peer, tell) = late_reader();
        let sink = sink_when_full(&peer, policy);
        let mut taken = 0;
        let deadline = soon();
        while sink.try_send(&[b'x'; 200]) == Ok(()) || taken < 900 {
            taken += 1;
            assert!(std::time::Instant::now() < deadline);
        }
        if policy == Full::Raise {
            // The actor may have made room in between: until it is full, all is taken.
            while within(sink.send(&[b'x'; 200])) == Ok(()) {}
            assert_eq!(within(sink.send(vec![b'x'; 150_000])), Err(SendError::Full));
        }
        tell.send(()).unwrap();
        let delivery = within(sink.close(LONG)).unwrap();
        assert_eq!(delivery.written, delivery.accepted);
        peer.join();
    }
}

/// A peer that reads all, and sends back as much as it is told to; all that is left at its end.
fn scanty_echo() -> (Peer<()>, Sender<usize>) {
    let (tell, told): (Sender<usize>, Receiver<usize>) = channel();
    let peer = Peer::start(move |listener: TcpListener| {
        let (mut stream, _) = listener.accept().unwrap();
        for count in told {
            let mut bytes = vec![0; count];
            stream.read_exact(&mut bytes).unwrap();
            stream.write_all(&bytes).unwrap();
        }
        echo(stream);
    });
    (peer, tell)
}

/// Those who wait are woken for much room at a time, where much becomes free; but not kept waiting where it does not.
#[test]
fn a_little_room_is_given_to_who_waits_before_long() {
    const MESSAGE: [u8; 1_000] = [b'x'; 1_000];
    let (peer, tell) = scanty_echo();
    let sink = opened(with(peer.config(), |config| {
        config.confirm = Confirm::Echo;
        config.capacity = 100_000;
    }));
    while sink.try_send(&MESSAGE) == Ok(()) {}
    let (mut first, mut second) = (sink.send(&MESSAGE), sink.send(&MESSAGE));
    for sending in [&mut first, &mut second] {
        assert!(Pin::new(sending).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    tell.send(1_000).unwrap();
    within(first).unwrap();
    tell.send(1_000).unwrap();
    within(second).unwrap();
    drop(tell);
    let delivery = within(sink.close(LONG)).unwrap();
    assert_eq!((delivery.acked, delivery.accepted.messages), (delivery.accepted, 102));
    peer.join();
}

/// However much the actor would have liked to take, while messages came faster than it wrote.
#[test]
fn the_newest_are_kept() {
    for _ in 0..30 {
        let (peer, tell) = late_reader();
        let sink = opened(with(peer.config(), |config| {
            config.on_full = Full::DropOldest;
            config.framing = Framing::Lines;
            config.capacity = 16_384;
            config.send_buffer = Some(4_096);
        }));
        let mut count = 0;
        while sink.delivery().dropped.messages < 1_000 {
            for _ in 0..100 {
                sink.try_send(format!("{count:0>99}").as_bytes()).unwrap();
                count += 1;
            }
            assert!(count < 1_000_000, "nothing was dropped");
        }
        tell.send(()).unwrap();
        let delivery = within(sink.close(LONG)).unwrap();
        let (lines, _) = messages(Framing::Lines, &peer.join());
        assert_eq!(lines.len() as u64, delivery.written.messages);
        let newest: Vec<_> = (count - 40..count).map(|number| format!("{number:0>99}").into_bytes()).collect();
        assert!(lines.ends_with(&newest), "{:?}", lines.last().map(|line| String::from_utf8_lossy(line).into_owned()));
    }
}

#[test]
fn where_all_is_lent_the_message_itself_is_dropped() {
    let (peer, tell) = late_reader();
    let sink = opened(with(peer.config(), |config| {
        config.on_full = Full::DropOldest;
        config.capacity = 1_000;
        config.send_buffer = Some(4_096);
    }));
    for turn in 0..100_000_u64 {
        sink.try_send(&[b'x'; 1_000]).unwrap();
        if sink.delivery().dropped.messages > 10 {
            break;
        }
        assert!(turn < 99_999, "nothing was ever dropped");
        thread::yield_now();
    }
    tell.send(()).unwrap();
    let delivery = within(sink.close(LONG)).unwrap();
    assert_eq!(delivery.written.messages + delivery.dropped.messages, delivery.accepted.messages);
    assert_eq!(peer.join().len() as u64, delivery.written.bytes);
}

#[test]
fn a_send_that_is_cancelled_was_not_taken_and_hands_its_turn_on() {
    let (peer, tell) = late_reader();
    let sink = sink_when_full(&peer, Full::Wait);
    tell.send(()).unwrap();
    let (mut taken, mut cancelled) = (0, 0);
    for turn in 0..100_000_u32 {
        let mut sending = sink.send(format!("{turn:0>100}").into_bytes());
        let first = Pin::new(&mut sending).poll(&mut Context::from_waker(Waker::noop()));
        match first {
            Poll::Ready(outcome) => {
                outcome.unwrap();
                taken += 1;
            }
            Poll::Pending if turn % 3 == 0 => {
                within(sending).unwrap();
                taken += 1;
            }
            Poll::Pending => cancelled += 1,
        }
    }
    let delivery = within(sink.close(LONG)).unwrap();
    assert_eq!((delivery.accepted.messages, taken + cancelled), (taken, 100_000));
    let (lines, rest) = messages(Framing::Lines, &peer.join());
    assert_eq!((lines.len() as u64, rest), (taken, 0));
    assert!(lines.windows(2).all(|two| two[0] < two[1]));
    assert_eq!(sink.stats().waiting, 0);
}

#[test]
fn thousands_that_wait_are_woken_by_a_close() {
    let (peer, tell) = late_reader();
    let sink = Arc::new(sink_when_full(&peer, Full::Wait));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..8_192)
            .map(|_| {
                let sink = Arc::clone(&sink);
                tokio::spawn(async move { sink.send(vec![b'x'; 1_000]).await })
            })
            .collect();
        while sink.stats().waiting < 1_000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tell.send(()).unwrap();
        let closing = sink.close(LONG);
        let mut accepted = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(()) => accepted += 1,
                Err(error) => assert_eq!(error, SendError::Closed),
            }
        }
        let delivery = closing.await.unwrap();
        assert_eq!((delivery.accepted.messages, delivery.written.messages), (accepted, accepted));
    });
    peer.join();
}

#[test]
fn long_messages_go_by_reference_and_are_counted_alike() {
    let (peer, tell) = late_reader();
    tell.send(()).unwrap();
    let sink = opened(with(peer.config(), |config| config.framing = Framing::Length));
    for length in [0, 1, 16_380, 16_381, 100_000, 1_000_000] {
        let message = vec![b'y'; length];
        within(sink.send(bytes::Bytes::from(message.clone()))).unwrap();
        within(sink.send(message.as_slice())).unwrap();
        while sink.try_send_owned(bytes::Bytes::from(message.clone())) == Err(SendError::Full) {
            thread::yield_now();
        }
        while sink.try_send(&message) == Err(SendError::Full) {
            thread::yield_now();
        }
    }
    let delivery = within(sink.close(LONG)).unwrap();
    let (all, rest) = messages(Framing::Length, &peer.join());
    assert_eq!((all.len(), rest), (24, 0));
    let bytes: usize = all.iter().map(Vec::len).sum();
    assert_eq!((delivery.written.messages, delivery.written.bytes), (24, bytes as u64));
}
