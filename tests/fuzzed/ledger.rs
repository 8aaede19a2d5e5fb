//! The ledger beside a plain count of what is in the stream.
//!
//! Byte 0 is the size of a record (0: frames of several sizes), byte 1 the producers, byte 2 the messages of each, byte 3
//! the seed of the pieces, and byte 4 whether the stream is made up (odd) or begins as a good one (even) with gaps allowed
//! or not. What follows is the stream, or wounds of four bytes each that a good one gets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use fanin::message::{Contents, Frames, HEADER, Layout, Proof, Stamp};
use fanin::server::ledger::{Ledger, Verdict};

use super::pieces;

pub(crate) fn try_bytes(data: &[u8]) {
    let Some(([size, producers, messages, seed, how], rest)) = data.split_first_chunk::<5>() else { return };
    let (producers, messages) = (1 + u32::from(producers % 5), u64::from(messages % 24));
    let records = match size % 71 {
        0 => Records::Mixed(Arc::new(mixed().frames(producers).unwrap())),
        size => Records::Equal(Layout::new(size.into(), producers).unwrap()),
    };
    let stream = if how % 2 == 1 { rest.to_vec() } else { wounded(records.good(messages), rest) };
    let stream = &stream[..stream.len().min(1 << 14)];
    let pieces = pieces(stream, *seed);
    let verdicts = records.ledgers(messages).map(|ledger| judge(ledger, &pieces));
    let [verdict, again] = verdicts;
    assert_eq!(verdict, again, "recorded and checked at once");
    check(&records, messages, stream, &verdict);
    if how & 2 == 2 {
        let verdict = judge(records.ledgers(messages).into_iter().next_back().unwrap().with_gaps(), &pieces);
        assert_eq!(verdict.delivered + verdict.lost, u64::from(producers) * messages, "{verdict:?}");
        check_gaps(&records, messages, stream, &verdict);
    }
}

fn mixed() -> Contents {
    Contents::mix(vec![(16, 1.0), (21, 2.0), (90, 1.0)]).unwrap()
}

/// What the producers send.
enum Records {
    Equal(Layout),
    Mixed(Arc<Frames>),
}

impl Records {
    fn layout(&self) -> Layout {
        match self {
            Self::Equal(layout) => *layout,
            Self::Mixed(frames) => frames.layout(),
        }
    }

    /// A ledger that may record, and one that checks at once.
    fn ledgers(&self, messages: u64) -> [Ledger; 2] {
        match self {
            Self::Equal(layout) => [Ledger::recorded(*layout, messages), Ledger::online(*layout, messages)],
            Self::Mixed(frames) => [(); 2].map(|()| Ledger::framed(Arc::clone(frames), messages)),
        }
    }

    /// All messages, the producers taking turns.
    fn good(&self, messages: u64) -> Vec<u8> {
        let (mut stream, mut record) = (Vec::new(), vec![0; self.layout().size()]);
        for sequence in 0..messages {
            for producer in 0..self.layout().producers() {
                match self {
                    Self::Equal(layout) => layout.write(&mut record, producer, sequence),
                    Self::Mixed(frames) => frames.write(&mut record, producer, sequence),
                }
                stream.extend_from_slice(&record);
            }
        }
        stream
    }

    /// Who sent each record of the stream, and as which; nothing where that cannot be read. The end of a stream that is no
    /// whole record is one of those.
    fn read(&self, mut stream: &[u8]) -> Vec<Option<(u32, u64)>> {
        let mut stamps = Vec::new();
        while !stream.is_empty() {
            let size = match self {
                Self::Equal(layout) => Some(layout.size()),
                Self::Mixed(frames) => stream.first_chunk::<HEADER>().and_then(|head| frames.length(head)),
            };
            let Some((record, rest)) = size.and_then(|size| stream.split_at_checked(size)) else {
                stamps.push(None);
                break;
            };
            let stamp = match self {
                Self::Equal(layout) => layout.read(record),
                Self::Mixed(frames) => frames.read(record),
            };
            stamps.push(if let Stamp::Known { producer, sequence } = stamp {
                Some((producer, sequence))
            } else {
                None
            });
            stream = rest;
        }
        stamps
    }
}

/// A stream of which pieces are overwritten, left out, doubled or moved.
fn wounded(mut stream: Vec<u8>, wounds: &[u8]) -> Vec<u8> {
    for wound in wounds.chunks_exact(4).take(8) {
        let at = usize::from(u16::from_le_bytes([wound[0], wound[1]])) % (stream.len() + 1);
        let to = stream.len().min(at + usize::from(wound[2]));
        match wound[3] % 5 {
            0 => drop(stream.drain(at..to)),
            1 => stream[at..to].fill(wound[3]),
            2 => stream.extend_from_within(at..to),
            3 => stream[at..].rotate_left(to - at),
            _ => stream.insert(at, wound[3]),
        }
    }
    stream
}

fn judge(mut ledger: Ledger, pieces: &[&[u8]]) -> Verdict {
    let at = Instant::now();
    for piece in pieces {
        ledger.received(piece, at);
    }
    // Two verdicts on the same stream are compared: their times are not.
    let mut verdict = ledger.close();
    (verdict.first_byte, verdict.last_byte, verdict.latest_byte) = (None, None, None);
    verdict
}

/// How often each message came, and whether any came after a later one of its producer.
fn tally(stamps: &[Option<(u32, u64)>]) -> (BTreeMap<(u32, u64), u64>, bool) {
    let (mut came, mut next, mut disordered) = (BTreeMap::new(), BTreeMap::new(), false);
    for &(producer, sequence) in stamps.iter().flatten() {
        *came.entry((producer, sequence)).or_default() += 1;
        let next = next.entry(producer).or_insert(0);
        disordered |= sequence < *next;
        *next = sequence + 1;
    }
    (came, disordered)
}

fn check(records: &Records, messages: u64, stream: &[u8], verdict: &Verdict) {
    let all = u64::from(records.layout().producers()) * messages;
    assert_eq!(verdict.bytes, stream.len() as u64);
    assert_eq!(verdict.delivered + verdict.lost, all, "{verdict:?}");
    let faults = verdict.lost + verdict.duplicated + verdict.reordered + verdict.corrupted;
    assert_eq!(verdict.counterexample.is_some(), faults > 0, "{verdict:?}");
    if let Some(counterexample) = &verdict.counterexample {
        assert!(counterexample.byte() <= stream.len() as u64 && !counterexample.to_string().is_empty());
    }
    if verdict.proof != Proof::Exact {
        assert!(!verdict.is_proved() || stream.len() == records.good(messages).len(), "{verdict:?}");
        return;
    }
    let stamps = records.read(stream);
    let (came, disordered) = tally(&stamps);
    let ours: Vec<_> = came.iter().filter(|((_, sequence), _)| *sequence < messages).collect();
    assert_eq!(verdict.delivered, ours.len() as u64, "{verdict:?}");
    assert_eq!(verdict.duplicated, ours.iter().map(|(_, times)| **times - 1).sum::<u64>(), "{verdict:?}");
    let foreign = stamps.iter().filter(|stamp| stamp.is_none_or(|(_, sequence)| sequence >= messages)).count();
    assert_eq!(verdict.corrupted, foreign as u64, "{verdict:?}");
    assert_eq!(verdict.is_proved(), ours.len() as u64 == all && foreign == 0 && !disordered, "{verdict:?}");
}

/// Whether what came with gaps is what a plain count says.
fn check_gaps(records: &Records, messages: u64, stream: &[u8], verdict: &Verdict) {
    if verdict.proof != Proof::Exact {
        return;
    }
    let stamps = records.read(stream);
    let (came, disordered) = tally(&stamps);
    let is_good = !disordered && stamps.iter().all(|stamp| stamp.is_some_and(|(_, sequence)| sequence < messages));
    assert_eq!(verdict.is_accounted(verdict.lost), is_good, "{verdict:?}");
    if is_good {
        assert_eq!(verdict.delivered, came.len() as u64, "{verdict:?}");
    }
}
