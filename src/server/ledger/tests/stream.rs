//! How the stream comes in makes no difference: its pieces, its time stamps, more of it than is expected.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{bytes, fair, judge, judge_whole};
use crate::message::Layout;
use crate::properties::cases;
use crate::server::ledger::{CHECKED, Ledger, RECORDED};

/// A stream with a fault or two in it.
fn broken(layout: Layout) -> Vec<u8> {
    let mut order = fair(layout, 40, 3);
    order.swap(20, 21);
    order.remove(50);
    order.insert(70, order[60]);
    let mut stream = bytes(layout, &order);
    stream.truncate(stream.len() - layout.size() / 2);
    stream
}

#[test]
fn every_place_to_cut_gives_the_same_verdict() {
    for size in [1, 2, 4, 15, 16, 64, 100] {
        let layout = Layout::new(size, 2).unwrap();
        let stream = broken(layout);
        let whole = judge_whole(layout, 40, &stream);
        for cut in 0..=stream.len() {
            let (head, tail) = stream.split_at(cut);
            let parts = judge(layout, 40, &[head, tail]);
            assert_eq!((parts.lost, parts.duplicated), (whole.lost, whole.duplicated), "size {size}, cut at {cut}");
            assert_eq!((parts.reordered, parts.corrupted), (whole.reordered, whole.corrupted));
            assert_eq!(parts.counterexample, whole.counterexample);
        }
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn any_pieces_give_the_same_verdict(size in 1_usize..130, lengths in prop::collection::vec(1_usize..300, 1..20)) {
        let layout = Layout::new(size, 2).unwrap();
        let stream = broken(layout);
        let mut rest = &stream[..];
        let mut pieces = Vec::new();
        for length in lengths.iter().cycle() {
            let (piece, after) = rest.split_at((*length).min(rest.len()));
            pieces.push(piece);
            rest = after;
            if rest.is_empty() { break }
        }
        let (parts, whole) = (judge(layout, 40, &pieces), judge_whole(layout, 40, &stream));
        prop_assert_eq!(parts.counterexample, whole.counterexample);
        prop_assert_eq!((parts.delivered, parts.lost), (whole.delivered, whole.lost));
        prop_assert_eq!((parts.duplicated, parts.reordered, parts.corrupted), (whole.duplicated, whole.reordered, whole.corrupted));
    }
}

#[test]
fn the_clock_stops_at_the_last_expected_byte() {
    let layout = Layout::new(4, 1).unwrap();
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let stream = bytes(layout, &fair(layout, 3, 1));
    for mut ledger in [Ledger::new(layout, 3), Ledger::online(layout, 3)] {
        ledger.received(&[], at(1));
        ledger.received(&stream[..5], at(2));
        ledger.received(&stream[5..], at(3));
        ledger.received(&stream[8..], at(4)); // the last again
        let verdict = ledger.close();
        assert_eq!((verdict.first_byte, verdict.last_byte), (Some(at(2)), Some(at(3))));
        assert_eq!((verdict.duplicated, verdict.bytes), (1, 16));
    }
}

#[test]
fn a_recording_that_runs_over_goes_on_online() {
    for size in [1, 4, 64] {
        let layout = Layout::new(size, 1).unwrap();
        let stream = bytes(layout, &fair(layout, 1000, 1));
        let pieces = vec![&stream[..]; 300_000 / stream.len() + 2];
        let verdict = judge(layout, 1000, &pieces);
        assert_eq!(verdict.bytes, (stream.len() * pieces.len()) as u64);
        assert_eq!((verdict.delivered, verdict.lost), (1000, 0));
        assert_eq!(verdict.duplicated, verdict.bytes / size as u64 - 1000);
    }
}

#[test]
fn what_was_recorded_is_checked_before_what_did_not_fit() {
    let layout = Layout::new(16, 1).unwrap();
    let stream = bytes(layout, &fair(layout, 1000, 1));
    let garbage = vec![0xFF; 96_000];
    let verdict = judge(layout, 1000, &[&stream[..8000], &garbage, &stream[8000..]]);
    assert_eq!(verdict.counterexample.unwrap().byte(), 8000);
    assert_eq!((verdict.delivered, verdict.corrupted), (1000, 6000));

    let mut ledger = Ledger::new(layout, 1000);
    ledger.received(&garbage, Instant::now());
    assert!(ledger.recording.is_none(), "what exceeds the room is not kept");
}

#[test]
fn a_stream_of_nothing_has_no_times() {
    let mut ledger = Ledger::new(Layout::new(4, 1).unwrap(), 3);
    ledger.received(&[], Instant::now());
    let verdict = ledger.close();
    assert_eq!((verdict.first_byte, verdict.last_byte), (None, None));
}

#[test]
fn only_small_runs_are_recorded() {
    let layout = Layout::new(32, 1).unwrap();
    let most = RECORDED / 32;
    assert!(Ledger::new(layout, most).recording.is_some());
    assert!(Ledger::new(layout, most + 1).recording.is_none());
    assert!(Ledger::new(layout, u64::MAX).recording.is_none());
    assert!(Ledger::online(layout, 1).recording.is_none());
}

#[test]
fn only_small_records_are_recorded() {
    for (size, is_recorded) in [(1, true), (CHECKED - 1, true), (CHECKED, false), (1 << 16, false)] {
        let layout = Layout::new(size, 1).unwrap();
        assert_eq!(Ledger::new(layout, 10).recording.is_some(), is_recorded, "size {size}");
        assert!(Ledger::recorded(layout, 10).recording.is_some());
    }
}

#[test]
fn claims_of_far_sequences_take_no_memory() {
    let layout = Layout::new(16, 1).unwrap();
    let stream = bytes(layout, &[(0, u64::MAX / 2), (0, u64::MAX - 2), (0, 5), (0, u64::MAX)]);
    let verdict = judge_whole(layout, u64::MAX - 1, &stream);
    assert_eq!((verdict.delivered, verdict.reordered, verdict.corrupted), (3, 1, 1));
}
