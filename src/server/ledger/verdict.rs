//! What a ledger says in the end.
//!
//! A verdict is numbers for a report and one sentence for whoever has to find the fault. The sentence is about the first
//! place in the stream at which it cannot be what was sent, and gives that place as a byte offset, so that it can be looked
//! up in a recording of the connection.

use std::fmt;
use std::time::Instant;

use super::latency::Latencies;
use crate::message::Proof;
use crate::usage::Usage;

/// The account of one connection: what arrived, what did not, and the first place where that shows.
///
/// `delivered + lost` is what was sent. [The module](super) says how far each count is to be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// How much could be shown at all.
    pub proof: Proof,
    /// Messages that arrived, each counted once.
    pub delivered: u64,
    /// Bytes that arrived, whatever they were.
    pub bytes: u64,
    /// Messages that never arrived.
    pub lost: u64,
    /// Arrivals of messages that had arrived before.
    pub duplicated: u64,
    /// Messages that arrived after a later one of their producer.
    pub reordered: u64,
    /// Records that no producer sent: changed, cut off, or numbered beyond the last.
    pub corrupted: u64,
    /// When the first byte was read.
    pub first_byte: Option<Instant>,
    /// When as many bytes as were expected had been read; nothing if they never were.
    pub last_byte: Option<Instant>,
    /// When the last of all bytes was read.
    pub latest_byte: Option<Instant>,
    /// The first fault, in the order of the stream.
    pub counterexample: Option<Counterexample>,
    /// How long each message took, if the ledger was told when they were meant to be sent.
    pub latencies: Option<Latencies>,
    /// What the server's thread used of the machine while the connection was open.
    pub served: Usage,
    /// What it used afterwards, to check.
    pub checked: Usage,
}

impl Verdict {
    /// Whether all that is missing was dropped on purpose, `dropped` messages, and the rest arrived exactly once and in
    /// its producer's order, as far as [`proof`](Self::proof) can tell.
    #[must_use]
    pub const fn is_accounted(&self, dropped: u64) -> bool {
        self.lost == dropped
            && self.duplicated == 0
            && self.reordered == 0
            && self.corrupted == 0
            && self.counterexample.is_none()
    }

    /// Whether every message arrived exactly once and in its producer's order, as far as [`proof`](Self::proof) can tell.
    #[must_use]
    pub const fn is_proved(&self) -> bool {
        self.is_accounted(0)
    }
}

/// The first place where a stream is not what was sent; its `Display` is one plain sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counterexample {
    byte: u64,
    finding: Finding,
}

impl Counterexample {
    pub(super) const fn new(byte: u64, finding: Finding) -> Self {
        Self { byte, finding }
    }

    /// Where in the stream the record begins that shows the fault; the stream's length when only its end shows it.
    #[must_use]
    pub const fn byte(&self) -> u64 {
        self.byte
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.byte, self.finding)
    }
}

/// What is wrong at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// Messages from `next` on were passed over.
    Skipped { producer: u32, sequence: u64, next: u64 },
    /// A message that had come already.
    Repeated { producer: u32, sequence: u64 },
    /// A message that came after a later one of its producer.
    Late { producer: u32, sequence: u64 },
    /// More messages than were sent, where they cannot be told apart.
    TooMany { came: u64, sent: u64 },
    /// A message beyond the producer's last.
    Beyond { producer: u32, sequence: u64, messages: u64 },
    /// Bytes that no producer of the run writes.
    Foreign,
    /// The stream ends within a record.
    Cut { bytes: usize, size: usize },
    /// The stream ends before a producer's last messages.
    Missing { producer: u32, next: u64, messages: u64 },
    /// A counter's value that no producer was about to send.
    Unawaited { value: u8, nearest: u8 },
    /// A value that the counter never takes.
    NoCounter { value: u8 },
    /// The stream is over, and a value came too often or too seldom.
    Tally { value: u8, came: u64, expected: u64 },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Skipped { producer, sequence, next } => {
                write!(f, "message {sequence} of producer {producer} arrived ")?;
                match next.checked_sub(1) {
                    Some(previous) => write!(f, "after message {previous}; ")?,
                    None => f.write_str("first; ")?,
                }
                had_not_come(f, next, sequence)
            }
            Self::Repeated { producer, sequence } => {
                write!(f, "message {sequence} of producer {producer} arrived again")
            }
            Self::Late { producer, sequence } => {
                write!(f, "message {sequence} of producer {producer} arrived after a later one")
            }
            Self::TooMany { came, sent } => write!(f, "the stream ended; {came} messages had come, of {sent}"),
            Self::Beyond { producer, sequence, messages } => {
                write!(f, "message {sequence} of producer {producer} arrived, which sends only {messages}, from 0 on")
            }
            Self::Foreign => f.write_str("a record that no producer sent"),
            Self::Cut { bytes, size } => write!(f, "the stream ended after {bytes} of a record's {size} bytes"),
            Self::Missing { producer, next, messages } => {
                write!(f, "the stream ended; of producer {producer} ")?;
                had_not_come(f, next, messages)
            }
            Self::Unawaited { value, nearest } => write!(
                f,
                "value {value} arrived, and no producer was about to send it; the nearest was about to send {nearest}"
            ),
            Self::NoCounter { value } => write!(f, "value {value} arrived, which no producer sends"),
            Self::Tally { value, came, expected } => {
                write!(f, "the stream ended; value {value} had come {came} times instead of {expected}")
            }
        }
    }
}

/// Names the messages from `start` to before `end`.
fn had_not_come(f: &mut fmt::Formatter<'_>, start: u64, end: u64) -> fmt::Result {
    let last = end - 1;
    if start == last {
        write!(f, "message {start} had not come")
    } else {
        write!(f, "messages {start} to {last} had not come")
    }
}

/// What a check found, without the clock's part of the verdict.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) delivered: u64,
    pub(super) lost: u64,
    pub(super) duplicated: u64,
    pub(super) reordered: u64,
    pub(super) corrupted: u64,
    pub(super) counterexample: Option<Counterexample>,
}

impl Findings {
    /// Quotes a fault, unless an earlier one is quoted already.
    pub(super) fn quote(&mut self, byte: u64, finding: Finding) {
        self.counterexample.get_or_insert(Counterexample::new(byte, finding));
    }
}
