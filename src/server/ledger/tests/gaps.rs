//! Messages that are dropped on purpose, and messages whose time is known.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Order, bytes, fair};
use crate::message::{Layout, Proof};
use crate::server::ledger::{Ledger, Timetable, Verdict};

const MESSAGES: u64 = 60;

fn judge(size: usize, order: &[(u32, u64)]) -> Verdict {
    let layout = Layout::new(size, 3).unwrap();
    let stream = bytes(layout, order);
    let whole = |mut ledger: Ledger| {
        for piece in stream.chunks(37) {
            ledger.received(piece, Instant::now());
        }
        let verdict = ledger.with_no_times();
        assert_eq!(verdict.delivered + verdict.lost, 3 * MESSAGES);
        verdict
    };
    let recorded = whole(Ledger::new(layout, MESSAGES).with_gaps());
    assert_eq!(recorded, whole(Ledger::online(layout, MESSAGES).with_gaps()));
    recorded
}

impl Ledger {
    /// The verdict without what differs from clock to clock.
    fn with_no_times(self) -> Verdict {
        Verdict { first_byte: None, last_byte: None, latest_byte: None, ..self.close() }
    }
}

/// All messages but every seventh, and none of the last producer's last five.
fn thinned(size: usize) -> Order {
    let order = fair(Layout::new(size, 3).unwrap(), MESSAGES, 4);
    let gone = |index: usize, message: (u32, u64)| index % 7 == 3 || message.0 == 2 && message.1 >= MESSAGES - 5;
    order
        .into_iter()
        .enumerate()
        .filter(|(index, message)| !gone(*index, *message))
        .map(|(_, message)| message)
        .collect()
}

#[test]
fn what_was_dropped_is_accounted_for_and_nothing_else() {
    for (size, proof) in [(1, Proof::Count), (2, Proof::Tagged), (8, Proof::Tagged), (64, Proof::Exact)] {
        let order = thinned(size);
        let dropped = 3 * MESSAGES - order.len() as u64;
        let verdict = judge(size, &order);
        assert_eq!((verdict.proof, verdict.lost), (proof, dropped), "size {size}");
        assert!(verdict.is_accounted(dropped), "{verdict:?}");
        assert!(!verdict.is_accounted(dropped - 1) && !verdict.is_accounted(dropped + 1) && !verdict.is_proved());
    }
}

#[test]
fn disorder_and_doubles_are_seen_beside_gaps() {
    for size in [2, 64] {
        let mut doubled = thinned(size);
        doubled.insert(30, doubled[20]);
        let mut swapped = thinned(size);
        let (one, other) = (40, 41 + swapped[41..].iter().position(|message| message.0 == swapped[40].0).unwrap());
        swapped.swap(one, other);
        for order in [doubled, swapped] {
            let verdict = judge(size, &order);
            assert_eq!(verdict.reordered, 1, "{verdict:?}");
            let text = verdict.counterexample.unwrap().to_string();
            assert!(text.contains("arrived after a later one"), "{text}");
        }
    }
}

#[test]
fn records_that_are_only_counted_are_counted_exactly() {
    let order = fair(Layout::new(1, 3).unwrap(), MESSAGES + 1, 1);
    let verdict = judge(1, &order);
    assert_eq!((verdict.delivered, verdict.lost, verdict.duplicated), (180, 0, 3));
    assert_eq!(
        verdict.counterexample.unwrap().to_string(),
        "at byte 183: the stream ended; 183 messages had come, of 180"
    );
    // Two bytes for 16,000 producers leave two bits for a sequence: too few to say which message came.
    let crowded = Layout::new(2, 16_000).unwrap();
    let mut cut = Ledger::new(crowded, 3).with_gaps();
    cut.received(&[0; 7], Instant::now());
    let verdict = cut.close();
    assert_eq!((verdict.proof, verdict.delivered, verdict.corrupted), (Proof::Count, 3, 1));
    assert_eq!(
        verdict.counterexample.unwrap().to_string(),
        "at byte 6: the stream ended after 1 of a record's 2 bytes"
    );
}

#[test]
fn a_latency_runs_from_when_a_message_was_due() {
    let start = Instant::now();
    for size in [2, 24] {
        let layout = Layout::new(size, 2).unwrap();
        let timetable = Arc::new(Timetable::even(1000.0));
        timetable.start(start);
        let mut ledger = Ledger::new(layout, 3).with_gaps().with_latency(Arc::clone(&timetable)).unwrap();
        // Due at 1, 2, 3, 4, 6 ms; the one due at 5 ms was dropped. All but half a record are read at 10 ms.
        let stream = bytes(layout, &[(0, 0), (1, 0), (0, 1), (1, 1), (1, 2)]);
        let cut = stream.len() - size / 2;
        ledger.received(&stream[..cut], start + Duration::from_millis(10));
        ledger.received(&stream[cut..], start + Duration::from_millis(106));
        let verdict = ledger.close();
        assert!(verdict.is_accounted(1), "{verdict:?}");
        let latencies = verdict.latencies.unwrap();
        let milliseconds = |nanoseconds: u64| (nanoseconds + 500_000) / 1_000_000;
        assert_eq!(latencies.count(), 5);
        assert_eq!((milliseconds(latencies.min()), milliseconds(latencies.max())), (6, 100));
        assert_eq!([10.0, 30.0, 50.0, 70.0].map(|at| milliseconds(latencies.percentile(at))), [6, 7, 8, 9]);
    }
}
