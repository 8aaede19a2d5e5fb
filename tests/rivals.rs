//! What is found out about the queues of other crates.

#![cfg(feature = "rivals")]
#![allow(clippy::unwrap_used, clippy::panic)]

use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use fanin::lab::{self, Cell, Producers, Signal, Status};
use fanin::queue::rivals::spillway::Spillway;
use fanin::queue::swap::Swap;
use fanin::queue::{Algorithm, Queue, Receiver, Sender, Shape};

/// A consumer that looks all the time, and a sender that sends one message and goes; whether the message came.
fn arrives<Q: Queue>(producer: &mpsc::Sender<Q::Sender>) -> bool {
    let (sender, mut receiver) = Q::open(&Shape { size: Some(1), longest: None, capacity: None });
    producer.send(sender).unwrap();
    loop {
        let drained = pin!(receiver.drain()).poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(some) = drained {
            return some;
        }
    }
}

/// Rounds until a message is lost, and at most so long.
fn rounds_to_a_loss<Q: Queue>(patience: Duration) -> Option<u64> {
    let (producer, senders) = mpsc::channel::<Q::Sender>();
    let sending = thread::spawn(move || senders.iter().for_each(|mut sender| sender.try_send(&[1]).unwrap()));
    let begun = Instant::now();
    let mut rounds = 0;
    let lost = loop {
        rounds += 1;
        if !arrives::<Q>(&producer) {
            break Some(rounds);
        }
        if begun.elapsed() > patience {
            break None;
        }
    };
    drop(producer);
    sending.join().unwrap();
    lost
}

/// The test below would blame anybody, if it were wrong.
#[test]
fn swap_loses_nothing_that_way() {
    assert_eq!(rounds_to_a_loss::<Swap>(Duration::from_secs(1)), None);
}

/// spillway looks for messages first and counts the senders after: the last message of a sender that goes between the two
/// is lost. How often that happens is the scheduler's business, so the proof may take a while.
#[test]
#[ignore = "a race with the scheduler; `make prove`"]
fn spillway_loses_a_last_message() {
    let lost = rounds_to_a_loss::<<Spillway as Algorithm>::Queue<u8>>(Duration::from_secs(60));
    println!("a message was lost in round {}", lost.unwrap());
}

/// The same in the lab: the run is invalid, and says which message it was.
#[test]
#[ignore = "a race with the scheduler; `make prove`"]
fn the_lab_finds_what_spillway_loses() {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        let cell = Cell {
            messages: 64,
            payload: 16,
            bursts: 1000,
            producers_as: Producers::Tasks,
            ..Cell::new("spillway/batch".parse().unwrap(), 2)
        };
        let report = lab::run(&cell, &Signal::new()).unwrap();
        if report.status == Status::Invalid {
            println!("burst {}: {}", report.bursts, report.counterexample.as_deref().unwrap());
            assert!(report.lost > 0);
            return;
        }
    }
    panic!("it has lost nothing in a minute");
}
