//! Streams of messages that differ in size: the same faults are seen, wherever the pieces are cut.

use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;

use super::{Order, fair};
use crate::message::{Contents, Frames, HEADER, Proof};
use crate::properties::cases;
use crate::server::ledger::{Ledger, Verdict};

const MESSAGES: u64 = 40;

fn mixed() -> Arc<Frames> {
    Arc::new(Contents::mix(vec![(16, 1.0), (33, 2.0), (200, 1.0)]).unwrap().frames(3).unwrap())
}

fn recorded() -> Arc<Frames> {
    let texts = ["GET /", "", "POST /form", "a longer line than those before it"];
    let records = texts.map(|text| text.as_bytes().into()).to_vec();
    Arc::new(Contents::records(records).unwrap().frames(3).unwrap())
}

fn order(frames: &Frames) -> Order {
    fair(frames.layout(), MESSAGES, 3)
}

fn bytes(frames: &Frames, order: &Order) -> Vec<u8> {
    let mut frame = Vec::new();
    let frames = order.iter().flat_map(|(producer, sequence)| {
        frames.write(&mut frame, *producer, *sequence);
        frame.clone()
    });
    frames.collect()
}

fn judge(frames: &Arc<Frames>, pieces: &[&[u8]]) -> Verdict {
    let mut ledger = Ledger::framed(Arc::clone(frames), MESSAGES);
    let at = Instant::now();
    for piece in pieces {
        ledger.received(piece, at);
    }
    let verdict = ledger.close();
    assert_eq!(verdict.delivered + verdict.lost, 3 * MESSAGES);
    verdict
}

/// Lost, duplicated, reordered, corrupted.
fn faults(verdict: &Verdict) -> [u64; 4] {
    [verdict.lost, verdict.duplicated, verdict.reordered, verdict.corrupted]
}

#[test]
fn whatever_the_pieces_a_whole_stream_is_proved() {
    for frames in [mixed(), recorded()] {
        let stream = bytes(&frames, &order(&frames));
        assert_eq!(stream.len() as u64, frames.bytes(MESSAGES));
        for cut in 0..=stream.len() {
            let (head, tail) = stream.split_at(cut);
            let verdict = judge(&frames, &[head, tail]);
            assert!(verdict.is_proved(), "cut at {cut}: {verdict:?}");
            assert!(verdict.last_byte.is_some());
            assert_eq!(verdict.proof, Proof::Exact);
        }
        let single: Vec<_> = stream.chunks(1).collect();
        assert!(judge(&frames, &single).is_proved());
    }
}

#[test]
fn faults_of_delivery_are_told_apart() {
    for frames in [mixed(), recorded()] {
        let whole = order(&frames);
        let with = |change: &dyn Fn(&mut Order)| {
            let mut order = whole.clone();
            change(&mut order);
            faults(&judge(&frames, &[&bytes(&frames, &order)]))
        };
        assert_eq!(with(&|order| _ = order.remove(50)), [1, 0, 0, 0]);
        assert_eq!(with(&|order| order.insert(60, order[10])), [0, 1, 0, 0]);
        assert_eq!(with(&|order| order.swap(18, 19)), [0, 0, 1, 0]);
        assert_eq!(with(&|order| order[5].1 = MESSAGES), [1, 0, 0, 1]);
    }
}

#[test]
fn a_changed_body_costs_one_message_and_a_changed_head_all_that_follow() {
    for frames in [mixed(), recorded()] {
        let stream = bytes(&frames, &order(&frames));
        let mut begin = 0;
        for number in 0..3 * MESSAGES {
            let length = frames.length(stream[begin..].first_chunk().unwrap()).unwrap();
            for at in [begin, begin + HEADER].into_iter().filter(|at| *at < begin + length) {
                let mut changed = stream.clone();
                changed[at] ^= 1;
                let verdict = judge(&frames, &[&changed]);
                let lost = if at == begin { 3 * MESSAGES - number } else { 1 };
                assert_eq!(faults(&verdict), [lost, 0, 0, 1], "byte {at}");
                assert_eq!(verdict.counterexample.unwrap().byte(), begin as u64);
            }
            begin += length;
        }
    }
}

#[test]
fn what_the_end_cuts_off_is_told() {
    let frames = recorded();
    let stream = bytes(&frames, &order(&frames));
    let verdict = judge(&frames, &[&stream[..stream.len() - 1]]);
    assert_eq!(faults(&verdict), [1, 0, 0, 1]);
    let told = verdict.counterexample.unwrap().to_string();
    assert!(told.contains("the stream ended after"), "{told}");
}

#[test]
fn dropped_messages_are_gaps() {
    let frames = mixed();
    let mut order = order(&frames);
    order.retain(|(producer, sequence)| producer + 1 != 2 || sequence % 5 != 0);
    let mut ledger = Ledger::framed(Arc::clone(&frames), MESSAGES).with_gaps();
    ledger.received(&bytes(&frames, &order), Instant::now());
    let verdict = ledger.close();
    assert!(verdict.is_accounted(8) && !verdict.is_accounted(7), "{verdict:?}");
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn no_bytes_bring_the_ledger_down(stream in prop::collection::vec(any::<u8>(), 0..400), cut in 0_usize..300) {
        let frames = mixed();
        let good = bytes(&frames, &order(&frames));
        let verdict = judge(&frames, &[&good[..cut], &stream, &good[cut..]]);
        prop_assert_eq!(verdict.bytes, (stream.len() + good.len()) as u64);
        prop_assert!(stream.is_empty() || !verdict.is_proved());
    }
}
