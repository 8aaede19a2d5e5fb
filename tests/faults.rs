//! Queues that are wrong on purpose: the ledger must see it, and no number may come of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use fanin::error::SendError;
use fanin::lab::{Cell, Report, Signal, Status, run_queue};
use fanin::message::Proof;
use fanin::queue::swap::{Swap, SwapReceiver, SwapSender};
use fanin::queue::{Queue, Sender, Shape};

const DROP: u8 = 0;
const DOUBLE: u8 = 1;
const REORDER: u8 = 2;
const OVERWRITE: u8 = 3;
const FLIP: u8 = 4;
const NOTHING: u8 = 5;

/// Which message of the faulty producer is hit: not the first, not the last, and none that a wrap of the article's
/// counter could hide.
const HIT: u64 = 500;

/// `swap`, with one sender (the first that sends its 500th message) that does one thing wrong.
struct Faulty<const FAULT: u8>;

/// A sender that goes wrong at its 500th message.
struct FaultySender<const FAULT: u8> {
    inner: SwapSender,
    faulty: bool,
    sent: u64,
    last: Vec<u8>,
}

impl<const FAULT: u8> Queue for Faulty<FAULT> {
    type Sender = FaultySender<FAULT>;
    type Receiver = SwapReceiver;

    fn open(shape: &Shape) -> (Self::Sender, SwapReceiver) {
        let (inner, receiver) = Swap::open(shape);
        (FaultySender { inner, faulty: true, sent: 0, last: Vec::new() }, receiver)
    }
}

impl<const FAULT: u8> Clone for FaultySender<FAULT> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), faulty: false, sent: 0, last: Vec::new() }
    }
}

impl<const FAULT: u8> Sender for FaultySender<FAULT> {
    fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        let hit = self.faulty && self.sent == HIT;
        let before = self.faulty && self.sent + 1 == HIT;
        self.sent += 1;
        if before {
            self.last = message.to_vec();
        }
        match FAULT {
            DROP if hit => Ok(()),
            DOUBLE if hit => self.inner.try_send(message).and_then(|()| self.inner.try_send(message)),
            REORDER if before => Ok(()),
            REORDER if hit => self.inner.try_send(message).and_then(|()| self.inner.try_send(&self.last)),
            OVERWRITE if hit => self.inner.try_send(&self.last),
            FLIP if hit => {
                let mut changed = message.to_vec();
                *changed.last_mut().unwrap() ^= 0x80;
                self.inner.try_send(&changed)
            }
            _ => self.inner.try_send(message),
        }
    }

    async fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        self.try_send(message)
    }
}

fn run<const FAULT: u8>(payload: usize, producers: u32) -> Report {
    let cell = Cell { payload, ..Cell::new("swap/batch".parse().unwrap(), producers) };
    run_queue::<Faulty<FAULT>>(&cell, &Signal::new()).unwrap()
}

fn assert_caught<const FAULT: u8>(payload: usize, producers: u32) -> Report {
    let report = run::<FAULT>(payload, producers);
    let case = format!("fault {FAULT}, {payload} bytes, {producers} producers: {report:?}");
    assert_eq!(report.status, Status::Invalid, "{case}");
    assert!(report.counterexample.as_ref().is_some_and(|found| !found.is_empty()), "{case}");
    assert_eq!(report.messages_per_second(), None, "no number without delivery: {case}");
    report
}

#[test]
fn a_sound_queue_passes_at_every_level() {
    for (payload, proof) in [(1, Proof::Shuffle), (4, Proof::Tagged), (64, Proof::Exact)] {
        let report = run::<NOTHING>(payload, 4);
        assert_eq!((report.status, report.proof), (Status::Ok, proof));
        assert_eq!((report.sent, report.delivered), (4000, 4000));
        assert!(report.messages_per_second().is_some());
    }
}

#[test]
fn a_dropped_message_is_caught_at_every_level() {
    for payload in [1, 4, 64] {
        for producers in [1, 4] {
            let report = assert_caught::<DROP>(payload, producers);
            assert_eq!((report.lost, report.delivered), (1, report.sent - 1));
        }
    }
}

#[test]
fn a_doubled_message_is_caught_at_every_level() {
    for payload in [1, 4, 64] {
        for producers in [1, 4] {
            assert_eq!(assert_caught::<DOUBLE>(payload, producers).duplicated, 1);
        }
    }
}

#[test]
fn a_reordered_message_is_caught_at_every_level() {
    for payload in [1, 4, 64] {
        let report = assert_caught::<REORDER>(payload, 1);
        assert_eq!((report.lost, report.duplicated, report.reordered), (0, 0, 1));
    }
    // Among several producers one byte cannot tell it from an interleaving; larger records can.
    for payload in [4, 64] {
        assert_eq!(assert_caught::<REORDER>(payload, 4).reordered, 1);
    }
}

#[test]
fn a_message_overwritten_by_another_is_caught() {
    for payload in [1, 4, 64] {
        let report = assert_caught::<OVERWRITE>(payload, 1);
        assert_eq!((report.lost, report.duplicated), (1, 1), "{payload} bytes");
    }
    assert_caught::<OVERWRITE>(64, 4);
}

#[test]
fn a_changed_byte_is_caught_where_records_are_exact() {
    for payload in [16, 64, 4096] {
        assert_eq!(assert_caught::<FLIP>(payload, 4).corrupted, 1);
    }
}
