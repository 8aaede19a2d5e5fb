//! One fault, planted at a known place: it must be seen, counted as what it is, and quoted where it is.

use super::{Order, bytes, fair, judge_whole};
use crate::message::{Layout, Proof};
use crate::server::ledger::Verdict;

const SIZES: [usize; 7] = [1, 2, 4, 15, 16, 64, 100];
const MESSAGES: u64 = 300;

/// Plants a fault at the first, a middle and the last place, at every size, and hands on what the ledger says.
fn plant(producers: u32, fault: impl Fn(&mut Order, usize), check: impl Fn(Layout, usize, &Verdict)) {
    for size in SIZES {
        let layout = Layout::new(size, producers).unwrap();
        let order = fair(layout, MESSAGES, 7);
        for place in [0, 1, order.len() / 2, order.len() - 2, order.len() - 1] {
            let mut broken = order.clone();
            fault(&mut broken, place);
            let verdict = judge_whole(layout, MESSAGES, &bytes(layout, &broken));
            assert!(!verdict.is_proved(), "size {size}, place {place}");
            check(layout, place, &verdict);
        }
    }
}

/// Lost, duplicated, reordered, corrupted.
fn counts(verdict: &Verdict) -> [u64; 4] {
    [verdict.lost, verdict.duplicated, verdict.reordered, verdict.corrupted]
}

#[test]
fn a_good_stream_is_proved() {
    for size in SIZES {
        for (producers, messages, turn) in [(1, 1, 1), (1, 1000, 1), (3, 255, 1), (100, 256, 9), (1000, 20, 3)] {
            let layout = Layout::new(size, producers).unwrap();
            let stream = bytes(layout, &fair(layout, messages, turn));
            let verdict = judge_whole(layout, messages, &stream);
            assert!(verdict.is_proved(), "{verdict:?}");
            assert_eq!(verdict.delivered, u64::from(producers) * messages);
            assert_eq!(verdict.bytes, stream.len() as u64);
            assert_eq!(verdict.proof, layout.proof());
        }
    }
}

#[test]
fn nothing_sent_and_nothing_come_is_proved() {
    let layout = Layout::new(64, 8).unwrap();
    assert!(judge_whole(layout, 0, &[]).is_proved());
    assert_eq!(judge_whole(layout, 0, &[]).last_byte, None);
}

#[test]
fn a_dropped_message_is_lost() {
    for producers in [1, 3] {
        plant(
            producers,
            |order, place| {
                order.remove(place);
            },
            |_, place, verdict| {
                assert_eq!(verdict.lost, 1, "{verdict:?}");
                assert_eq!(verdict.duplicated + verdict.corrupted, 0);
                assert!(verdict.counterexample.as_ref().unwrap().byte() >= place as u64);
            },
        );
    }
}

#[test]
fn a_doubled_message_is_duplicated() {
    for producers in [1, 3] {
        plant(
            producers,
            |order, place| order.insert(place, order[place]),
            |layout, place, verdict| {
                assert_eq!(verdict.duplicated, 1, "{verdict:?}");
                assert_eq!(verdict.lost + verdict.corrupted, 0);
                let byte = verdict.counterexample.as_ref().unwrap().byte();
                assert!(byte >= (layout.size() * (place + 1)) as u64 || layout.proof() == Proof::Shuffle);
            },
        );
    }
}

#[test]
fn exchanged_neighbours_are_reordered() {
    plant(
        1,
        |order, place| order.swap(place, place.saturating_sub(1) + usize::from(place == 0)),
        |layout, place, verdict| {
            assert_eq!(counts(verdict), [0, 0, 1, 0]);
            let byte = verdict.counterexample.as_ref().unwrap().byte();
            assert_eq!(byte, (layout.size() * place.saturating_sub(1)) as u64);
        },
    );
}

#[test]
fn a_message_written_over_by_another_is_lost_and_the_other_duplicated() {
    plant(
        3,
        |order, place| order[place] = order[(place + 5) % order.len()],
        |_, _, verdict| {
            assert_eq!((verdict.lost, verdict.duplicated, verdict.corrupted), (1, 1, 0), "{verdict:?}");
        },
    );
}

#[test]
fn a_flipped_bit_is_seen_wherever_it_is() {
    for size in SIZES {
        let layout = Layout::new(size, 1).unwrap();
        let order = fair(layout, MESSAGES, 7);
        for place in [0, order.len() / 2, order.len() - 1] {
            for byte in 0..size {
                let mut stream = bytes(layout, &order);
                stream[place * size + byte] ^= 1 << (byte % 8);
                let verdict = judge_whole(layout, MESSAGES, &stream);
                assert!(!verdict.is_proved(), "size {size}, place {place}, byte {byte}");
                if layout.proof() == Proof::Exact {
                    assert_eq!(counts(&verdict), [1, 0, 0, 1]);
                }
            }
        }
    }
}

#[test]
fn a_stream_cut_off_within_a_record_is_told() {
    for size in SIZES {
        let layout = Layout::new(size, 2).unwrap();
        let stream = bytes(layout, &fair(layout, 50, 1));
        let verdict = judge_whole(layout, 50, &stream[..stream.len() - 1]);
        assert_eq!(counts(&verdict), [1, 0, 0, u64::from(size > 1)]);
        assert_eq!(verdict.last_byte, None);
        if size > 1 {
            let text = verdict.counterexample.unwrap().to_string();
            let (byte, there) = (99 * size, size - 1);
            assert_eq!(text, format!("at byte {byte}: the stream ended after {there} of a record's {size} bytes"));
        }
    }
}

#[test]
fn more_than_was_to_be_sent_is_told() {
    for size in SIZES {
        let layout = Layout::new(size, 3).unwrap();
        let stream = bytes(layout, &fair(layout, 21, 7));
        let verdict = judge_whole(layout, 20, &stream);
        assert!(!verdict.is_proved());
        assert_eq!((verdict.delivered, verdict.lost), (60, 0));
        assert_eq!(verdict.duplicated + verdict.corrupted, 3, "{verdict:?}");
    }
}

#[test]
fn a_producer_that_is_not_of_the_run_is_told() {
    for size in [2, 4, 15, 16, 64] {
        let many = Layout::new(size, 4).unwrap(); // as many bits for the producer as 3 need
        let layout = Layout::new(size, 3).unwrap();
        let verdict = judge_whole(layout, 5, &bytes(many, &fair(many, 5, 1)));
        assert_eq!(counts(&verdict), [0, 0, 0, 5]);
        assert_eq!(verdict.counterexample.unwrap().byte(), 3 * size as u64);
    }
}

#[test]
fn the_tags_window_may_wrap_any_number_of_times() {
    let layout = Layout::new(2, 16_000).unwrap();
    assert_eq!(layout.sequence_bits(), 2);
    assert!(judge_whole(layout, 40, &bytes(layout, &fair(layout, 40, 4))).is_proved());
    for count in 1..30 {
        let mut order = fair(layout, 40, 40);
        order.drain(210..210 + count); // of producer 5, from its message 10 on
        let verdict = judge_whole(layout, 40, &bytes(layout, &order));
        assert!(verdict.lost >= count as u64, "{count} lost: {verdict:?}");
        // One lost in a window of four is nearer ahead than behind.
        assert!(count > 1 || counts(&verdict) == [1, 0, 0, 0], "{verdict:?}");
    }
}

#[test]
fn counterexamples_read_as_sentences() {
    let layout = Layout::new(16, 4).unwrap();
    let text = |order: &[(u32, u64)]| {
        let verdict = judge_whole(layout, 3, &bytes(layout, order));
        verdict.counterexample.unwrap().to_string()
    };
    assert_eq!(
        text(&[(3, 0), (3, 2)]),
        "at byte 16: message 2 of producer 3 arrived after message 0; message 1 had not come"
    );
    assert_eq!(text(&[(3, 2)]), "at byte 0: message 2 of producer 3 arrived first; messages 0 to 1 had not come");
    assert_eq!(text(&[(3, 0), (3, 0)]), "at byte 16: message 0 of producer 3 arrived again");
    assert_eq!(text(&[(1, 7)]), "at byte 0: message 7 of producer 1 arrived, which sends only 3, from 0 on");
    assert_eq!(
        text(&[(0, 0), (0, 1), (0, 2)]),
        "at byte 48: the stream ended; of producer 1 messages 0 to 2 had not come"
    );
    let verdict = judge_whole(layout, 3, &[7; 16]);
    assert_eq!(verdict.counterexample.unwrap().to_string(), "at byte 0: a record that no producer sent");
}

#[test]
fn counterexamples_of_the_counter_read_as_sentences() {
    let layout = Layout::new(1, 1).unwrap();
    let text = |stream: &[u8]| judge_whole(layout, 3, stream).counterexample.unwrap().to_string();
    assert_eq!(
        text(&[1, 3]),
        "at byte 1: value 3 arrived, and no producer was about to send it; the nearest was about to send 2"
    );
    assert_eq!(text(&[1, 255]), "at byte 1: value 255 arrived, which no producer sends");
    assert_eq!(text(&[1, 2]), "at byte 2: the stream ended; value 3 had come 0 times instead of 1");
}
