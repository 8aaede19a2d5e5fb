//! Messages that differ in size: a mix of sizes, or records of the user's own.
//!
//! Where sizes differ, a stream of records cannot be cut by one size, so each message says its own: it is a *frame*, a
//! head of [`HEADER`] bytes and a body.
//!
//! | bytes of the head | what they are, little-endian |
//! | --- | --- |
//! | 0 to 3 | the length of the whole frame |
//! | 4 to 5 | the producer |
//! | 6 to 7 | a mark, derived from producer and sequence |
//! | 8 to 15 | the sequence |
//!
//! The body of a mixed size is filler, as in an `exact` record; its head is part of the size that was asked for. The body
//! of a user's record is that record, and the head comes on top.
//!
//! Which message has which body is no secret: of all messages in turn, message `sequence` of `producer` being number
//! `sequence * producers + producer`, the k-th has body `k % bodies`. So who checks knows every length and every byte
//! beforehand, and the proof is `exact`.

use std::sync::Arc;

use super::{HEADER, LARGEST_RECORD, Layout, Stamp, is_filled, mix};
use crate::error::{Error, Result};

/// A mix has so many turns or a few more, over which the sizes are spread by their weights.
pub const TURNS: usize = 10_007;

/// The most sizes in a mix.
pub const MOST_SIZES: usize = 64;

/// The most bytes of records that a run can be given.
pub const MOST_RECORDED: usize = 64 << 20;

/// What messages hold, where they differ in size.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Contents {
    /// Sizes in bytes, each with its weight.
    Mix(Arc<[(usize, f64)]>),
    /// Records of the user's own, in order.
    Records(Arc<[Box<[u8]>]>),
}

impl Contents {
    /// A mix of sizes with weights.
    ///
    /// # Errors
    /// [`Error::Argument`] for no sizes or too many, one that has no room for a head, or a weight that is none.
    pub fn mix(sizes: Vec<(usize, f64)>) -> Result<Self> {
        let bad = |what: String, allowed: String| Err(Error::argument("payload", what, allowed));
        if !(1..=MOST_SIZES).contains(&sizes.len()) {
            return bad(format!("a mix of {} sizes", sizes.len()), format!("allowed are 1 to {MOST_SIZES}"));
        }
        let sum: f64 = sizes.iter().map(|(_, weight)| weight).sum();
        let least = sum / TURNS as f64;
        for &(size, weight) in &sizes {
            if !(HEADER..=LARGEST_RECORD).contains(&size) {
                let allowed =
                    format!("in a mix allowed are {HEADER} to {LARGEST_RECORD} bytes: {HEADER} say which it is");
                return bad(size.to_string(), allowed);
            }
            // Written so that NaN is refused too.
            if !(weight.is_finite() && weight > 0.0 && weight >= least) {
                let allowed = "allowed are weights above 0, none below a ten-thousandth of their sum".to_owned();
                return bad(format!("{size} with weight {weight}"), allowed);
            }
        }
        Ok(Self::Mix(sizes.into()))
    }

    /// Records of the user's own; they may be empty, since a head goes with each.
    ///
    /// # Errors
    /// [`Error::Argument`] for no records, or too many bytes of them.
    pub fn records(records: Vec<Box<[u8]>>) -> Result<Self> {
        let bytes: usize = records.iter().map(|record| record.len()).sum();
        if records.is_empty() {
            return Err(Error::argument("payload", "no records", "allowed is at least 1"));
        }
        if records.len() + bytes > MOST_RECORDED || records.iter().any(|one| one.len() > LARGEST_RECORD - HEADER) {
            let allowed = format!("allowed are {MOST_RECORDED} bytes in all, and {} in one", LARGEST_RECORD - HEADER);
            return Err(Error::argument("payload", format!("{} records of {bytes} bytes", records.len()), allowed));
        }
        Ok(Self::Records(records.into()))
    }

    /// The mean and the largest size of a message on its way, in bytes.
    #[must_use]
    pub fn sizes(&self) -> (usize, usize) {
        match self {
            Self::Mix(sizes) => {
                let weights: f64 = sizes.iter().map(|(_, weight)| weight).sum();
                let sum: f64 = sizes.iter().map(|&(size, weight)| size as f64 * weight).sum();
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a mean of sizes
                let mean = (sum / weights).ceil() as usize;
                (mean, sizes.iter().map(|(size, _)| *size).max().unwrap_or(HEADER))
            }
            Self::Records(records) => {
                let lengths = || records.iter().map(|record| record.len() + HEADER);
                (lengths().sum::<usize>().div_ceil(records.len().max(1)), lengths().max().unwrap_or(HEADER))
            }
        }
    }

    /// The frames of `producers` that send this.
    ///
    /// # Errors
    /// [`Error::Argument`] for producers out of bounds.
    pub fn frames(&self, producers: u32) -> Result<Frames> {
        let layout = Layout::new(HEADER, producers)?;
        let (lengths, records) = match self {
            Self::Mix(sizes) => (turns(sizes, producers), None),
            Self::Records(records) => (lengths_of(records), Some(Arc::clone(records))),
        };
        Ok(Frames { layout, lengths, records })
    }
}

/// What each message of a run is, whoever asks: its producer, or who checks it.
#[derive(Debug)]
pub struct Frames {
    layout: Layout,
    /// The length of the frame at each turn, head included.
    lengths: Vec<u32>,
    /// The body at each turn, where that is not filler.
    records: Option<Arc<[Box<[u8]>]>>,
}

impl Frames {
    /// How heads say who sends: exactly.
    #[must_use]
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// The bytes of all messages, if each producer sends so many.
    #[must_use]
    pub fn bytes(&self, messages: u64) -> u64 {
        let sum = |lengths: &[u32]| lengths.iter().map(|length| u64::from(*length)).sum::<u64>();
        let all = messages.saturating_mul(u64::from(self.layout.producers()));
        let turns = self.lengths.len() as u64;
        let begun = usize::try_from(all % turns).unwrap_or(0);
        (all / turns).saturating_mul(sum(&self.lengths)).saturating_add(sum(&self.lengths[..begun]))
    }

    /// Writes message `sequence` of `producer` in the place of what `frame` holds.
    #[inline]
    pub fn write(&self, frame: &mut Vec<u8>, producer: u32, sequence: u64) {
        let turn = self.turn(producer, sequence);
        let (length, word) = (self.lengths[turn], mix(producer, sequence));
        frame.clear();
        frame.extend_from_slice(&head(length, producer, sequence, word).to_le_bytes());
        match &self.records {
            Some(records) => frame.extend_from_slice(&records[turn]),
            None => fill(frame, length as usize, word),
        }
    }

    /// The length of the frame that begins with `head`; nothing, if no message of this run begins so.
    #[inline]
    #[must_use]
    pub fn length(&self, head: &[u8; HEADER]) -> Option<usize> {
        let (length, producer, sequence) = fields(head);
        let is_whole = u128::from_le_bytes(*head) == self::head(length, producer, sequence, mix(producer, sequence));
        let is_ours = producer < self.layout.producers() && self.lengths[self.turn(producer, sequence)] == length;
        (is_whole && is_ours).then_some(length as usize)
    }

    /// What a frame says of itself; it is as long as [`length`](Self::length) says.
    #[inline]
    #[must_use]
    pub fn read(&self, frame: &[u8]) -> Stamp {
        let Some((head, body)) = frame.split_first_chunk::<HEADER>() else { return Stamp::Corrupt };
        let (_, producer, sequence) = fields(head);
        let is_right = match &self.records {
            Some(records) => *body == *records[self.turn(producer, sequence)],
            None => is_filled(body, mix(producer, sequence)),
        };
        if is_right { Stamp::Known { producer, sequence } } else { Stamp::Corrupt }
    }

    /// Whose turn it is among the bodies; whatever a head claims, it is one of them.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // below the number of bodies
    fn turn(&self, producer: u32, sequence: u64) -> usize {
        let number = sequence.wrapping_mul(u64::from(self.layout.producers())).wrapping_add(u64::from(producer));
        (number % self.lengths.len() as u64) as usize
    }
}

#[inline]
fn head(length: u32, producer: u32, sequence: u64, word: u64) -> u128 {
    let mark = u128::from(word >> 48);
    u128::from(sequence) << 64 | mark << 48 | u128::from(producer & 0xFFFF) << 32 | u128::from(length)
}

/// Length, producer and sequence, as a head claims them.
#[inline]
#[allow(clippy::cast_possible_truncation)] // the head's fields
fn fields(head: &[u8; HEADER]) -> (u32, u32, u64) {
    let head = u128::from_le_bytes(*head);
    (head as u32, u32::from((head >> 32) as u16), (head >> 64) as u64)
}

#[inline]
fn fill(frame: &mut Vec<u8>, length: usize, word: u64) {
    let from = frame.len();
    frame.resize(length, 0);
    let (words, rest) = frame[from..].as_chunks_mut::<8>();
    words.fill(word.to_le_bytes());
    let left = rest.len();
    rest.copy_from_slice(&word.to_le_bytes()[..left]);
}

#[allow(clippy::cast_possible_truncation)] // at most the largest record
fn lengths_of(records: &[Box<[u8]>]) -> Vec<u32> {
    records.iter().map(|record| (record.len() + HEADER) as u32).collect()
}

/// Each size as often as its weight says, in an order that looks drawn; as many turns as have no common divisor with the
/// producers, so that each of them comes through all.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // shares of the turns; sizes of records
fn turns(sizes: &[(usize, f64)], producers: u32) -> Vec<u32> {
    // No number of producers has so many different divisors that none of a hundred neighbours is without one.
    let turns = (TURNS..TURNS + 100).find(|turns| divisor(*turns as u64, u64::from(producers)) == 1).unwrap_or(TURNS);
    let sum: f64 = sizes.iter().map(|(_, weight)| weight).sum();
    let mut lengths = Vec::with_capacity(turns);
    let mut through = 0.0;
    for (size, weight) in sizes {
        through += weight;
        let until = (through / sum * turns as f64).round() as usize;
        lengths.resize(until.clamp(lengths.len(), turns), *size as u32);
    }
    // Sums of fractions may end a turn short.
    lengths.resize(turns, sizes.last().map_or(HEADER as u32, |(size, _)| *size as u32));
    for place in (1..turns).rev() {
        lengths.swap(place, (mix(0, place as u64) % (place as u64 + 1)) as usize);
    }
    lengths
}

fn divisor(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { divisor(other, one % other) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(frames: &Frames, producer: u32, sequence: u64) -> Vec<u8> {
        let mut frame = vec![9; 3];
        frames.write(&mut frame, producer, sequence);
        frame
    }

    fn records(texts: &[&str]) -> Contents {
        Contents::records(texts.iter().map(|text| text.as_bytes().into()).collect()).unwrap()
    }

    #[test]
    fn what_was_written_is_read() {
        for contents in
            [Contents::mix(vec![(16, 1.0), (23, 2.0), (4096, 0.5)]).unwrap(), records(&["a", "", "long one"])]
        {
            let frames = contents.frames(7).unwrap();
            for (producer, sequence) in [(0, 0), (6, 0), (3, 12_345), (6, u64::MAX)] {
                let frame = frame(&frames, producer, sequence);
                let head = frame.first_chunk().unwrap();
                assert_eq!(frames.length(head), Some(frame.len()));
                assert_eq!(frames.read(&frame), Stamp::Known { producer, sequence });
            }
        }
    }

    #[test]
    fn every_changed_byte_is_seen() {
        for contents in [Contents::mix(vec![(67, 1.0)]).unwrap(), records(&["some text", "other"])] {
            let frames = contents.frames(4).unwrap();
            let mut frame = frame(&frames, 3, 1234);
            for at in 0..frame.len() {
                frame[at] ^= 0x40;
                let length = frames.length(frame.first_chunk().unwrap());
                assert!(length.is_none() || frames.read(&frame) == Stamp::Corrupt, "byte {at}");
                frame[at] ^= 0x40;
            }
        }
    }

    #[test]
    fn sizes_come_as_often_as_they_weigh() {
        for producers in [1, 8, 10_007, 65_536] {
            let frames = Contents::mix(vec![(64, 9.0), (4096, 1.0)]).unwrap().frames(producers).unwrap();
            let large = frames.lengths.iter().filter(|length| **length == 4096).count();
            assert!((large as f64 / frames.lengths.len() as f64 - 0.1).abs() < 2e-4, "{large}");
            let own: Vec<_> = (0..500).map(|sequence| frame(&frames, 0, sequence).len()).collect();
            assert!(own.contains(&64) && own.contains(&4096), "each producer sends every size");
        }
    }

    #[test]
    fn all_bytes_are_the_sum_of_all_frames() {
        for contents in [Contents::mix(vec![(16, 1.0), (100, 3.0)]).unwrap(), records(&["a", "bcd", ""])] {
            let frames = contents.frames(3).unwrap();
            let lengths = (0..4000).flat_map(|sequence| (0..3).map(move |producer| (producer, sequence)));
            let sum: usize = lengths.map(|(producer, sequence)| frame(&frames, producer, sequence).len()).sum();
            assert_eq!(frames.bytes(4000), sum as u64);
        }
        assert_eq!(records(&["abc"]).frames(1).unwrap().bytes(u64::MAX), u64::MAX);
    }

    #[test]
    fn means_and_bounds_are_told() {
        assert_eq!(Contents::mix(vec![(64, 9.0), (4096, 1.0)]).unwrap().sizes(), (468, 4096));
        assert_eq!(records(&["abcd", "ab"]).sizes(), (19, 20));
        let nothing: Vec<(usize, f64)> = vec![];
        for sizes in [nothing, vec![(15, 1.0)], vec![(64, 0.0)], vec![(64, f64::NAN)], vec![(64, 1.0), (65, 1e-9)]] {
            assert!(Contents::mix(sizes).unwrap_err().to_string().starts_with("payload="));
        }
        assert!(Contents::records(vec![]).is_err());
        assert!(Contents::records(vec![vec![0; LARGEST_RECORD].into()]).is_err());
    }
}
