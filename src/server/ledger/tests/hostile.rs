//! Whatever arrives: the ledger says what is wrong with it, and its counts hold together.

use std::time::Instant;

use proptest::prelude::*;

use super::{bytes, fair, judge};
use crate::message::Layout;
use crate::properties::cases;
use crate::server::ledger::Ledger;

/// A good stream of a few messages, of which pieces are overwritten, doubled or left out.
fn wounded(layout: Layout, messages: u64, wounds: &[(u8, usize, usize, u8)]) -> Vec<u8> {
    let mut stream = bytes(layout, &fair(layout, messages, 3));
    for (kind, at, length, byte) in wounds {
        let at = at % (stream.len() + 1);
        let to = stream.len().min(at + length % 40);
        match kind % 4 {
            0 => stream[at..to].fill(*byte),
            1 => drop(stream.drain(at..to)),
            2 => {
                let piece = stream[at..to].to_vec();
                stream.splice(at..at, piece);
            }
            _ => stream.insert(at, *byte),
        }
    }
    stream
}

fn wounds() -> impl Strategy<Value = Vec<(u8, usize, usize, u8)>> {
    prop::collection::vec((any::<u8>(), any::<usize>(), any::<usize>(), any::<u8>()), 0..5)
}

proptest! {
    #![proptest_config(cases())]

    /// `judge` holds that both ways of checking agree, that what is sent is delivered or lost, and that a fault is quoted.
    #[test]
    fn wounded_streams_are_judged(
        size in 1_usize..70,
        producers in 1_u32..6,
        messages in 0_u64..20,
        wounds in wounds(),
        cut in any::<usize>(),
    ) {
        let layout = Layout::new(size, producers).unwrap();
        let stream = wounded(layout, messages, &wounds);
        let (head, tail) = stream.split_at(cut % (stream.len() + 1));
        let verdict = judge(layout, messages, &[head, tail]);
        prop_assert_eq!(verdict.bytes, stream.len() as u64);
        let good = bytes(layout, &fair(layout, messages, 3));
        prop_assert!(verdict.is_proved() || stream != good, "{:?}", verdict);
        // As many whole records as came are accounted for, in one way or another.
        let records = (stream.len() / size) as u64;
        prop_assert!(verdict.delivered + verdict.duplicated + verdict.corrupted >= records, "{:?}", verdict);
    }

    /// The same where messages may be dropped: gaps are no fault, and never make more of what came.
    #[test]
    fn wounded_streams_with_gaps_are_judged(
        size in 1_usize..70,
        producers in 1_u32..6,
        messages in 1_u64..20,
        wounds in wounds(),
    ) {
        let layout = Layout::new(size, producers).unwrap();
        let stream = wounded(layout, messages, &wounds);
        let mut ledger = Ledger::online(layout, messages).with_gaps();
        ledger.received(&stream, Instant::now());
        let verdict = ledger.close();
        prop_assert_eq!(verdict.delivered + verdict.lost, u64::from(producers) * messages);
        prop_assert!(verdict.delivered <= (stream.len() / size) as u64, "{:?}", verdict);
    }
}
