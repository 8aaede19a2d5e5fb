//! Every interleaving, at preemption bound 2, of callers and the actor at a sink's lock: `make loom`.
//!
//! A model fails on a deadlock (a wake-up that is lost) and on what it asserts: that nobody is left waiting, and that the
//! account is even, at the end and at every look in between.

mod every;

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use every::model;
use fanin_models::error::SendError;
use fanin_models::sink::{Actor, Callers, Delivery, open};
use loom::future::block_on;
use loom::thread;

/// Sends messages of four bytes from a thread of its own; how many were taken.
fn produce(sink: &Callers, count: usize) -> thread::JoinHandle<u64> {
    let sink = sink.clone();
    thread::spawn(move || (0..count).take_while(|_| block_on(sink.send(b"abcd")).is_ok()).count() as u64)
}

/// Writes all, to the end.
fn carry(mut actor: Actor) {
    while block_on(actor.lend()) {
        actor.write();
    }
}

fn assert_even(delivery: Delivery) {
    assert!(delivery.is_even(), "{delivery:?}");
}

#[test]
fn a_sleeping_actor_is_woken() {
    model("sink_a_sleeping_actor_is_woken", || {
        let (sink, actor) = open(100);
        let producer = produce(&sink, 2);
        let actor = thread::spawn(move || carry(actor));
        assert_eq!(producer.join().unwrap(), 2);
        // Before the close, which would wake it too.
        assert_eq!(block_on(sink.flush()).unwrap().written.messages, 2);
        let _ = sink.close();
        actor.join().unwrap();
        assert_eq!(sink.delivery().written.messages, 2);
        assert_even(sink.delivery());
    });
}

#[test]
fn senders_that_wait_get_the_room_that_is_written() {
    model("sink_senders_that_wait_get_the_room_that_is_written", || {
        let (sink, actor) = open(4);
        let producer = produce(&sink, 3);
        let actor = thread::spawn(move || carry(actor));
        assert_eq!(producer.join().unwrap(), 3);
        let _ = sink.close();
        actor.join().unwrap();
        assert_eq!(sink.delivery().written.messages, 3);
    });
}

#[test]
fn two_senders_wait_in_turn() {
    model("sink_two_senders_wait_in_turn", || {
        let (sink, actor) = open(4);
        let producers = [produce(&sink, 1), produce(&sink, 1)];
        let actor = thread::spawn(move || carry(actor));
        assert_eq!(producers.map(|producer| producer.join().unwrap()), [1, 1]);
        let _ = sink.close();
        actor.join().unwrap();
        assert_eq!(sink.delivery().written.messages, 2);
    });
}

#[test]
fn a_close_beside_sends_loses_none_that_was_taken() {
    model("sink_a_close_beside_sends_loses_none_that_was_taken", || {
        let (sink, actor) = open(4);
        let producer = produce(&sink, 2);
        let actor = thread::spawn(move || carry(actor));
        assert_even(sink.close());
        let taken = producer.join().unwrap();
        actor.join().unwrap();
        assert_eq!((sink.delivery().accepted.messages, sink.delivery().written.messages), (taken, taken));
    });
}

#[test]
fn a_close_wakes_who_waits_though_the_actor_stalls() {
    model("sink_a_close_wakes_who_waits_though_the_actor_stalls", || {
        let (sink, mut actor) = open(4);
        sink.try_send(b"abcd").unwrap();
        assert!(block_on(actor.lend()));
        let producer = produce(&sink, 1);
        let _ = sink.close();
        assert_eq!(producer.join().unwrap(), 0);
        actor.write();
        carry(actor);
        assert_eq!(sink.delivery().written.messages, 1);
    });
}

#[test]
fn an_actor_that_dies_in_its_write_leaves_nobody_waiting() {
    model("sink_an_actor_that_dies_in_its_write_leaves_nobody_waiting", || {
        let (sink, mut actor) = open(4);
        sink.try_send(b"abcd").unwrap();
        let flush = sink.flush();
        let producer = produce(&sink, 2);
        assert!(block_on(actor.lend()));
        actor.fail();
        assert!(block_on(flush).is_err());
        assert_eq!(producer.join().unwrap(), 0);
        let delivery = sink.delivery();
        assert_even(delivery);
        assert_eq!((delivery.in_doubt.messages, delivery.accepted.messages), (1, 1));
        assert_eq!(sink.try_send(b"abcd"), Err(SendError::Disconnected));
    });
}

#[test]
fn a_flush_ends_when_all_before_it_is_written() {
    model("sink_a_flush_ends_when_all_before_it_is_written", || {
        let (sink, actor) = open(100);
        sink.try_send(b"abcd").unwrap();
        let other = sink.clone();
        let flusher = thread::spawn(move || block_on(other.flush()).unwrap());
        let actor = thread::spawn(move || carry(actor));
        assert_eq!(flusher.join().unwrap().written.messages, 1);
        let _ = sink.close();
        actor.join().unwrap();
    });
}

#[test]
fn a_sender_that_gives_up_hands_its_turn_on() {
    model("sink_a_sender_that_gives_up_hands_its_turn_on", || {
        let (sink, actor) = open(4);
        sink.try_send(b"abcd").unwrap();
        let other = sink.clone();
        let fickle = thread::spawn(move || {
            let mut sending = other.send(b"abcd");
            Pin::new(&mut sending).poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(Ok(()))
        });
        let patient = produce(&sink, 1);
        let actor = thread::spawn(move || carry(actor));
        assert_eq!(patient.join().unwrap(), 1);
        let fickle = u64::from(fickle.join().unwrap());
        let _ = sink.close();
        actor.join().unwrap();
        assert_eq!(sink.delivery().written.messages, 2 + fickle);
    });
}
