//! The ledger against a naive oracle that keeps everything that ever arrived.

use std::collections::HashSet;

use proptest::prelude::*;

use super::{Order, bytes, fair, judge_whole};
use crate::message::{Layout, Stamp};
use crate::properties::cases;

const MESSAGES: u64 = 40;

/// Delivered, lost, duplicated, reordered, corrupted; from the definitions, for records whose window is never left.
fn naive(layout: Layout, stream: &[u8]) -> [u64; 5] {
    let mut seen: HashSet<(u32, u64)> = HashSet::new();
    let [mut duplicated, mut reordered, mut corrupted] = [0; 3];
    for record in stream.chunks(layout.size()) {
        match (record.len() == layout.size()).then(|| layout.read(record)) {
            Some(Stamp::Known { producer, sequence }) if sequence < MESSAGES => {
                let is_late = seen.iter().any(|(other, later)| *other == producer && *later > sequence);
                if !seen.insert((producer, sequence)) {
                    duplicated += 1;
                } else if is_late {
                    reordered += 1;
                }
            }
            _ => corrupted += 1,
        }
    }
    let delivered = seen.len() as u64;
    [delivered, u64::from(layout.producers()) * MESSAGES - delivered, duplicated, reordered, corrupted]
}

/// Something that a bad queue might do, at a place that is taken modulo the length.
#[derive(Clone, Debug)]
enum Fault {
    Drop(usize),
    Double(usize, usize),
    Swap(usize, usize),
    Overwrite(usize, usize),
    Beyond(usize, u64),
}

fn fault() -> impl Strategy<Value = Fault> {
    let place = || any::<usize>();
    prop_oneof![
        place().prop_map(Fault::Drop),
        (place(), place()).prop_map(|(from, to)| Fault::Double(from, to)),
        (place(), place()).prop_map(|(one, other)| Fault::Swap(one, other)),
        (place(), place()).prop_map(|(from, to)| Fault::Overwrite(from, to)),
        (place(), 0_u64..5).prop_map(|(at, beyond)| Fault::Beyond(at, beyond)),
    ]
}

fn apply(order: &mut Order, fault: &Fault) {
    let length = order.len();
    match *fault {
        _ if length == 0 => {}
        Fault::Drop(at) => {
            order.remove(at % length);
        }
        Fault::Double(from, to) => order.insert(to % length, order[from % length]),
        Fault::Swap(one, other) => order.swap(one % length, other % length),
        Fault::Overwrite(from, to) => order[to % length] = order[from % length],
        Fault::Beyond(at, beyond) => order[at % length].1 = MESSAGES + beyond,
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn the_counts_are_the_oracles(
        size in prop::sample::select(vec![2_usize, 3, 4, 9, 15, 16, 17, 64, 100]),
        producers in 1_u32..9,
        turn in 1_u64..20,
        faults in prop::collection::vec(fault(), 0..12),
        flips in prop::collection::vec((any::<usize>(), 1_u8..), 0..3),
        cut in prop::option::of(any::<usize>()),
    ) {
        let layout = Layout::new(size, producers).unwrap();
        let mut order = fair(layout, MESSAGES, turn);
        for fault in &faults {
            apply(&mut order, fault);
        }
        let mut stream = bytes(layout, &order);
        let length = stream.len();
        // A flipped bit of a tag may name a message far away, whose window the oracle does not know.
        for (at, mask) in flips.iter().filter(|_| size >= 16) {
            stream[at % length] ^= mask;
        }
        if let Some(cut) = cut {
            stream.truncate(cut % length);
        }
        let verdict = judge_whole(layout, MESSAGES, &stream);
        let counts =
            [verdict.delivered, verdict.lost, verdict.duplicated, verdict.reordered, verdict.corrupted];
        prop_assert_eq!(counts, naive(layout, &stream));
    }

    #[test]
    fn no_bytes_bring_the_ledger_down(
        size in 1_usize..20,
        producers in 1_u32..9,
        messages in 0_u64..20,
        stream in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let verdict = judge_whole(Layout::new(size, producers).unwrap(), messages, &stream);
        prop_assert_eq!(verdict.bytes, stream.len() as u64);
    }
}
