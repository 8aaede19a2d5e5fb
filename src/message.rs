//! The unit that travels: bytes that say who sent them, and as which message.
//!
//! A message of the lab is a *record*. What a record can say depends on its size, and so does what the
//! [ledger](crate::server::ledger) can prove from it:
//!
//! | size in bytes | [`Proof`] | layout |
//! | --- | --- | --- |
//! | 1 | `shuffle` | the article's counter: the k-th message of each producer (from 0) is `(k + 1) % 255` |
//! | 2 to 15 | `tagged` | one little-endian number: the producer in the low bits, the sequence (cut) in all that are left |
//! | 16 and more | `exact` | producer (`u32`), mark (`u32`), sequence (`u64`), all little-endian; then filler to the end |
//!
//! Where messages may be dropped, a record that does not say without doubt which message it is can only be counted: the
//! proof is `count` then ([`Layout::is_unmistakable`]).
//!
//! How messages become a stream that can be taken apart again is [`framing`].
//!
//! The mark and the filler are derived from producer and sequence, so a byte that changed on the way is seen.
//!
//! Messages that differ in size are [frames], which say their length first; they are `exact` too.

pub mod frames;

pub use frames::{Contents, Frames};

pub mod framing;

use crate::error::{Error, Result};
pub use framing::Framing;

/// The most producers that one run can tell apart.
pub const MOST_PRODUCERS: u32 = 65_536;

/// The largest record, in bytes.
pub const LARGEST_RECORD: usize = 16 << 20;

/// The bytes of an exact record before its filler.
pub const HEADER: usize = 16;

/// The size of exact record that most runs have.
pub(crate) const COMMON: usize = 64;

/// The article's counter runs through this many values.
pub const COUNTER: u16 = 255;

/// How much the ledger can show for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Proof {
    /// Every message carries its producer, its whole sequence number and a filler made of both: every loss, double,
    /// disorder and changed byte is seen.
    Exact,
    /// Producer and the low bits of the sequence. Unseen stays what leaves all counts right and moves messages of one
    /// producer by a multiple of 2 to the number of sequence bits.
    Tagged,
    /// One byte, the article's counter. Unseen stays what leaves a stream that the same producers could have sent.
    Shuffle,
    /// Only how many messages arrive: where messages may be dropped, and records are too small to say which those are.
    Count,
}

impl Proof {
    /// The word that reports use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Tagged => "tagged",
            Self::Shuffle => "shuffle",
            Self::Count => "count",
        }
    }
}

/// What a record on the wire says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stamp {
    /// Producer and sequence; the sequence is cut to [`Layout::sequence_bits`].
    Known {
        /// Which producer sent it.
        producer: u32,
        /// Which of its messages this is, from 0; cut to the layout's sequence bits.
        sequence: u64,
    },
    /// Only the counter's value.
    Counter(u8),
    /// Bytes that no producer of this run can have sent.
    Corrupt,
}

/// How the records of one run are laid out: one size, one proof, a known number of producers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    size: usize,
    producers: u32,
    proof: Proof,
    producer_bits: u32,
}

impl Layout {
    /// The layout for `producers` that send records of `size` bytes.
    ///
    /// # Errors
    /// [`Error::Argument`] when either is out of bounds, or so many producers cannot be told apart in so few bytes.
    pub fn new(size: usize, producers: u32) -> Result<Self> {
        if !(1..=LARGEST_RECORD).contains(&size) {
            return Err(Error::argument("payload", size, format!("allowed are 1 to {LARGEST_RECORD} bytes")));
        }
        if !(1..=MOST_PRODUCERS).contains(&producers) {
            return Err(Error::argument("producers", producers, format!("allowed are 1 to {MOST_PRODUCERS}")));
        }
        let producer_bits = u32::BITS - (producers - 1).leading_zeros();
        let proof = match size {
            1 => Proof::Shuffle,
            2..HEADER => Proof::Tagged,
            _ => Proof::Exact,
        };
        if size == 2 && producer_bits > 14 {
            return Err(Error::argument("producers", producers, "with payload=2 allowed are 1 to 16384"));
        }
        Ok(Self { size, producers, proof, producer_bits })
    }

    /// A record's size in bytes.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// How many producers send.
    #[must_use]
    pub const fn producers(&self) -> u32 {
        self.producers
    }

    /// How much can be proved from records like these.
    #[must_use]
    pub const fn proof(&self) -> Proof {
        self.proof
    }

    /// How many bits of the sequence a record carries: 64 when exact, fewer when tagged, none for the counter.
    #[must_use]
    pub const fn sequence_bits(&self) -> u32 {
        match self.proof {
            Proof::Exact => 64,
            Proof::Shuffle | Proof::Count => 0,
            Proof::Tagged => {
                #[allow(clippy::cast_possible_truncation)] // below HEADER
                let bits = self.size as u32 * 8 - self.producer_bits;
                if bits > 64 { 64 } else { bits }
            }
        }
    }

    /// Whether a record says without doubt which of a producer's `messages` it is, wherever it comes in the stream: the
    /// window of its sequence bits is twice as long as all of them.
    #[must_use]
    pub const fn is_unmistakable(&self, messages: u64) -> bool {
        match self.sequence_bits() {
            0 => false,
            64 => true,
            bits => messages <= 1 << (bits - 1),
        }
    }

    /// Writes the record of `producer` with number `sequence` over `record`, which is [`size`](Self::size) bytes long.
    #[inline]
    pub fn write(&self, record: &mut [u8], producer: u32, sequence: u64) {
        match self.proof {
            Proof::Shuffle | Proof::Count => record[0] = counter(sequence),
            Proof::Tagged => self.write_tag(record, producer, sequence),
            Proof::Exact => write_exact(record, producer, sequence),
        }
    }

    /// Writes the records of `producer` from number `first` on over `records`, one behind the other. It is
    /// [`write`](Self::write) for many, and faster where they are small.
    pub fn write_run(&self, records: &mut [u8], producer: u32, first: u64) {
        if self.sequence_bits() == 0 {
            return count_on(records, first);
        }
        if (self.proof, self.size) == (Proof::Exact, COMMON) {
            // A loop of a few wide stores, without a call a record.
            let records = records.as_chunks_mut::<COMMON>().0.iter_mut();
            return records.zip(first..).for_each(|(record, sequence)| lay_out(record, producer, sequence));
        }
        for (record, sequence) in records.chunks_exact_mut(self.size).zip(first..) {
            self.write(record, producer, sequence);
        }
    }

    /// Reads what `record` says of itself.
    #[inline]
    #[must_use]
    pub fn read(&self, record: &[u8]) -> Stamp {
        match self.proof {
            Proof::Shuffle | Proof::Count => Stamp::Counter(record[0]),
            Proof::Tagged => self.read_tag(record),
            Proof::Exact => self.read_exact(record),
        }
    }

    fn write_tag(&self, record: &mut [u8], producer: u32, sequence: u64) {
        let tag = u128::from(sequence) << self.producer_bits | u128::from(producer);
        let size = record.len();
        record.copy_from_slice(&tag.to_le_bytes()[..size]);
    }

    #[inline]
    pub(crate) fn read_tag(&self, record: &[u8]) -> Stamp {
        let tag = tag_of(record);
        #[allow(clippy::cast_possible_truncation)] // masked to at most 17 bits
        let producer = (tag & ((1 << self.producer_bits) - 1)) as u32;
        let sequence = tag >> self.producer_bits;
        match u64::try_from(sequence) {
            Ok(sequence) if producer < self.producers => Stamp::Known { producer, sequence },
            _ => Stamp::Corrupt,
        }
    }

    #[inline]
    pub(crate) fn read_exact(&self, record: &[u8]) -> Stamp {
        let Some((header, filler)) = record.split_first_chunk::<HEADER>() else { return Stamp::Corrupt };
        let tag = u128::from_le_bytes(*header);
        #[allow(clippy::cast_possible_truncation)] // the header's three fields
        let (producer, mark, sequence) = (tag as u32, (tag >> 32) as u32, (tag >> 64) as u64);
        let word = mix(producer, sequence);
        if producer >= self.producers || mark != mark_of(word) || !is_filled(filler, word) {
            return Stamp::Corrupt;
        }
        Stamp::Known { producer, sequence }
    }
}

/// The number that a tagged record is: two loads that may overlap, since a copy of any length costs a call.
#[inline]
fn tag_of(record: &[u8]) -> u128 {
    if let (Some(low), Some(high)) = (record.first_chunk::<8>(), record.last_chunk::<8>()) {
        u128::from(u64::from_le_bytes(*low)) | u128::from(u64::from_le_bytes(*high)) << (8 * (record.len() - 8))
    } else if let (Some(low), Some(high)) = (record.first_chunk::<4>(), record.last_chunk::<4>()) {
        u128::from(u32::from_le_bytes(*low)) | u128::from(u32::from_le_bytes(*high)) << (8 * (record.len() - 4))
    } else if let (Some(low), Some(high)) = (record.first_chunk::<2>(), record.last_chunk::<2>()) {
        u128::from(u16::from_le_bytes(*low)) | u128::from(u16::from_le_bytes(*high)) << (8 * (record.len() - 2))
    } else {
        record.first().copied().map_or(0, u128::from)
    }
}

/// The article's counter: 1, 2, … 254, 0, 1, …
#[inline]
#[allow(clippy::cast_possible_truncation)] // below 255
const fn counter(sequence: u64) -> u8 {
    ((sequence + 1) % COUNTER as u64) as u8
}

/// The counter's values from number `first` on.
fn count_on(values: &mut [u8], first: u64) {
    let mut next = counter(first);
    for value in values {
        *value = next;
        next = if u16::from(next) + 1 == COUNTER { 0 } else { next + 1 };
    }
}

#[inline]
fn write_exact(record: &mut [u8], producer: u32, sequence: u64) {
    // A size that the compiler knows becomes a few wide stores.
    match <&mut [u8; COMMON]>::try_from(&mut *record) {
        Ok(record) => lay_out(record, producer, sequence),
        Err(_) => lay_out(record, producer, sequence),
    }
}

#[inline]
fn lay_out(record: &mut [u8], producer: u32, sequence: u64) {
    let word = mix(producer, sequence);
    let header = u128::from(sequence) << 64 | u128::from(mark_of(word)) << 32 | u128::from(producer);
    record[..HEADER].copy_from_slice(&header.to_le_bytes());
    let (words, rest) = record[HEADER..].as_chunks_mut::<8>();
    words.fill(word.to_le_bytes());
    let length = rest.len();
    rest.copy_from_slice(&word.to_le_bytes()[..length]);
}

#[inline]
fn is_filled(filler: &[u8], word: u64) -> bool {
    let expected = word.to_le_bytes();
    let (words, rest) = filler.as_chunks::<8>();
    // Without an early exit the loop is vectorised, and a good record is the rule.
    let wrong = words.iter().fold(0, |wrong, found| wrong | (u64::from_le_bytes(*found) ^ word));
    wrong == 0 && rest.iter().zip(expected).all(|(found, expected)| *found == expected)
}

#[inline]
#[allow(clippy::cast_possible_truncation)] // the mark is the upper half
const fn mark_of(word: u64) -> u32 {
    (word >> 32) as u32
}

/// A word that two records share only by chance (the finaliser of `SplitMix64`).
#[inline]
const fn mix(producer: u32, sequence: u64) -> u64 {
    let mut word = sequence.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (producer as u64).wrapping_mul(0xD1B5_4A32_D192_ED03);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(size: usize, producers: u32, producer: u32, sequence: u64) -> Stamp {
        let layout = Layout::new(size, producers).unwrap();
        let mut record = vec![0; size];
        layout.write(&mut record, producer, sequence);
        layout.read(&record)
    }

    #[test]
    fn exact_records_say_all() {
        for size in [16, 17, 23, 24, 64, 4096] {
            let stamp = round_trip(size, 8192, 8191, u64::MAX);
            assert_eq!(stamp, Stamp::Known { producer: 8191, sequence: u64::MAX }, "size {size}");
        }
    }

    #[test]
    fn tagged_records_cut_the_sequence() {
        for size in 2..HEADER {
            let layout = Layout::new(size, 100).unwrap();
            let bits = layout.sequence_bits();
            assert_eq!(bits, (u32::try_from(size).unwrap() * 8 - 7).min(64));
            let cut = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
            assert_eq!(round_trip(size, 100, 99, u64::MAX), Stamp::Known { producer: 99, sequence: cut });
        }
    }

    #[test]
    fn tagged_records_of_every_size_are_read_as_written() {
        for size in 2..HEADER {
            let bits = Layout::new(size, 100).unwrap().sequence_bits();
            for number in [0x0123_4567_89AB_CDEF, 0xFEDC_BA98_7654_3210, 1 << (bits - 1), 1] {
                let sequence = number & u64::MAX >> (u64::BITS - bits);
                assert_eq!(round_trip(size, 100, 37, sequence), Stamp::Known { producer: 37, sequence }, "size {size}");
            }
        }
    }

    #[test]
    fn the_counter_is_the_articles() {
        let values: Vec<_> = (0..256).map(|sequence| round_trip(1, 1, 0, sequence)).collect();
        assert_eq!(values[0], Stamp::Counter(1));
        assert_eq!(values[253], Stamp::Counter(254));
        assert_eq!(values[254], Stamp::Counter(0));
        assert_eq!(values[255], Stamp::Counter(1));
    }

    #[test]
    fn a_run_is_its_records() {
        for size in [1, 2, 7, 16, 24, 64, 100] {
            let layout = Layout::new(size, 3).unwrap();
            for first in [0, 250, 1_000_000] {
                let mut run = vec![0; size * 600];
                layout.write_run(&mut run, 2, first);
                let mut plain = vec![0; size * 600];
                plain
                    .chunks_exact_mut(size)
                    .zip(first..)
                    .for_each(|(record, sequence)| layout.write(record, 2, sequence));
                assert_eq!(run, plain, "size {size}, first {first}");
            }
        }
    }

    #[test]
    fn every_changed_byte_of_an_exact_record_is_seen() {
        let layout = Layout::new(67, 4).unwrap();
        let mut record = vec![0; 67];
        layout.write(&mut record, 3, 1234);
        for at in 0..record.len() {
            record[at] ^= 0x40;
            assert_eq!(layout.read(&record), Stamp::Corrupt, "byte {at}");
            record[at] ^= 0x40;
        }
    }

    #[test]
    fn bounds_are_named() {
        for (size, producers, name) in [(0, 1, "payload"), (LARGEST_RECORD + 1, 1, "payload"), (1, 0, "producers")] {
            let message = Layout::new(size, producers).unwrap_err().to_string();
            assert!(message.starts_with(name), "{message}");
        }
        assert!(Layout::new(2, 16_385).is_err());
        assert!(Layout::new(2, 16_384).is_ok());
    }
}
