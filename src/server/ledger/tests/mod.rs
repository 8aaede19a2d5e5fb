//! Tests of the ledger through its public face. What they share: streams, faults planted in them, and a judge that holds
//! every way of checking to the same verdict.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod frames;
mod gaps;
mod hostile;
mod oracle;
mod planted;
mod shuffle;
mod stream;

use std::time::Instant;

use super::{Ledger, Verdict};
use crate::message::Layout;

/// What was sent, or arrives: producers and sequences, in some order.
type Order = Vec<(u32, u64)>;

/// All messages, the producers taking turns of up to `turn` messages.
fn fair(layout: Layout, messages: u64, turn: u64) -> Order {
    let turns = (0..messages).step_by(usize::try_from(turn).unwrap());
    turns
        .flat_map(|start| {
            let end = messages.min(start + turn);
            (0..layout.producers()).flat_map(move |producer| (start..end).map(move |sequence| (producer, sequence)))
        })
        .collect()
}

/// The bytes of the messages in `order`.
fn bytes(layout: Layout, order: &[(u32, u64)]) -> Vec<u8> {
    let mut stream = vec![0; layout.size() * order.len()];
    for (record, (producer, sequence)) in stream.chunks_exact_mut(layout.size()).zip(order) {
        layout.write(record, *producer, *sequence);
    }
    stream
}

/// The verdict on a stream that comes in `pieces`, the same by both ways of checking.
fn judge(layout: Layout, messages: u64, pieces: &[&[u8]]) -> Verdict {
    let at = Instant::now();
    let [recorded, online] =
        [Ledger::recorded(layout, messages), Ledger::online(layout, messages)].map(|mut ledger| {
            for piece in pieces {
                ledger.received(piece, at);
            }
            ledger.close()
        });
    assert_eq!(recorded, online);
    assert_eq!(recorded.delivered + recorded.lost, u64::from(layout.producers()) * messages);
    let faults = recorded.lost + recorded.duplicated + recorded.reordered + recorded.corrupted;
    assert_eq!(recorded.counterexample.is_some(), faults > 0, "{recorded:?}");
    recorded
}

/// The verdict on a stream that comes in one piece.
fn judge_whole(layout: Layout, messages: u64, stream: &[u8]) -> Verdict {
    judge(layout, messages, &[stream])
}
