//! The ledger: proves from the bytes of one connection that every message arrived exactly once and in order.
//!
//! A ledger knows what was to be sent (a [`Layout`], and how many messages each producer sends) and reads what arrives,
//! split in any way. It does no input or output and asks no clock: time stamps are handed in. [`Ledger::close`] ends in a
//! [`Verdict`], which counts what went wrong and quotes the first place where it did.
//!
//! # What each level of proof sees
//!
//! | [`Proof`] | seen | cannot be seen |
//! | --- | --- | --- |
//! | `exact` | every loss, double, disorder within a producer, and changed byte | a change that hits header and filler so that both still fit (by chance 1 in 2³² with 16 bytes, less with more) |
//! | `tagged` | every change of any producer's number of messages; every disorder, loss or double within half a *window* (2 to the number of sequence bits) | a message that takes the place of another of the same producer, a multiple of the window away: the bytes are equal |
//! | `shuffle` | every change of how often each value comes: so every loss, every double, every changed value, unless they cancel out; every disorder that leaves a stream that the producers could not have sent | messages of equal value exchanged; disorder that other producers' counters explain |
//!
//! Where messages may be dropped on purpose ([`Ledger::with_gaps`]) there is a fourth level, `count`: only the number of
//! records is known. It stands in for `tagged` and `shuffle`, whose small records cannot tell what was dropped. Order is
//! still proved by `exact`, and by `tagged` while all of a producer's messages fit into half a window.
//!
//! Messages that differ in size are [`Frames`]: their heads say producer and sequence, and lengths and bodies are known
//! beforehand, so the proof is `exact`. Only where a head was changed nothing after it can be read.
//!
//! No level looks at the order across producers, which no queue owes.
//!
//! # How the counts are to be read
//!
//! Whether there is a fault is proved; the counts say what kind it is. With `exact` they are facts: a message is *lost*
//! when it never came, *duplicated* for each time that it came again, *reordered* when a later one of its producer came
//! before it. With `tagged` the same holds as long as nothing moves by more than half a window; beyond that the nearest
//! reading is taken. With `shuffle` lost and duplicated are facts about values (a loss and a double of the same value
//! cancel out, and show as disorder or not at all), and reordered is the ledger's best reading.
//! A corrupted message counts as corrupted, and what it was before as lost. So `sent = delivered + lost`, always.
//!
//! # What it costs
//!
//! A run of up to [`RECORDED`] bytes in records of less than [`CHECKED`] bytes is *recorded*: while the clock runs its
//! bytes are only copied, into memory that was touched beforehand, and they are checked by `close`. A larger run is
//! checked *online*, as it arrives; so are larger records, since to check them costs no more than to copy them (3 µs for
//! 64 KiB of either; 1 µs from records of 4 KiB on; 15 to 55 µs for smaller records than 64 bytes). Both give the
//! same verdict. `cargo bench --bench ledger` tells what either costs beside a bare counter, and
//! `cargo bench --bench overhead` what it does to the speed of a connection.

mod carry;
mod count;
mod frames;
mod gaps;
pub mod latency;
mod recording;
mod sequences;
mod shuffle;
pub mod timetable;
mod verdict;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use crate::error::Result;
use crate::message::{Frames, Layout, Proof};
use crate::usage::Usage;

use carry::Carry;
use count::Count;
use frames::Framed;
pub use latency::Latencies;
use latency::{Arrival, Latency};
use recording::Recording;
use sequences::Sequences;
use shuffle::Shuffle;
pub use timetable::Timetable;
use verdict::Findings;
pub use verdict::{Counterexample, Verdict};

/// Runs of up to this many bytes are recorded, and checked when their clock has stopped.
pub const RECORDED: u64 = 16 << 20;

/// Records of this size and more are checked as they arrive, in any run: that costs no more than a copy.
pub const CHECKED: usize = 64;

/// The account of one connection.
#[derive(Debug)]
pub struct Ledger {
    layout: Layout,
    messages: u64,
    proof: Proof,
    progress: Progress,
    recording: Option<Recording>,
    checker: Checker,
    latency: Option<Latency>,
}

impl Ledger {
    /// A ledger for producers that send `messages` records each, which records or checks them, whichever costs less
    /// while the clock runs.
    #[must_use]
    pub fn new(layout: Layout, messages: u64) -> Self {
        if layout.size() < CHECKED { Self::recorded(layout, messages) } else { Self::online(layout, messages) }
    }

    /// A ledger that records whatever its records' size, unless the run is too large for that.
    ///
    /// Memory for the recording is allocated and touched here, before any clock runs.
    #[must_use]
    pub fn recorded(layout: Layout, messages: u64) -> Self {
        let ledger = Self::online(layout, messages);
        let recording = Recording::of(ledger.expected());
        Self { recording, ..ledger }
    }

    /// A ledger that checks as bytes arrive, however few they are.
    #[must_use]
    pub fn online(layout: Layout, messages: u64) -> Self {
        let expected = u64::from(layout.producers()).saturating_mul(messages).saturating_mul(layout.size() as u64);
        Self {
            layout,
            messages,
            proof: layout.proof(),
            progress: Progress { expected, ..Progress::default() },
            recording: None,
            checker: Checker::new(layout, messages),
            latency: None,
        }
    }

    /// A ledger for producers that send `messages` frames each, which are checked as they arrive.
    #[must_use]
    pub fn framed(frames: Arc<Frames>, messages: u64) -> Self {
        let (layout, expected) = (frames.layout(), frames.bytes(messages));
        let checker = Checker::Frames(Framed::new(frames), Sequences::new(layout, messages));
        Self { progress: Progress { expected, ..Progress::default() }, checker, ..Self::online(layout, messages) }
    }

    /// The same for producers some of whose messages are dropped on purpose: gaps are counted as `lost`, but are no fault
    /// by themselves. [`Verdict::is_accounted`] says whether they come to what was dropped. Records that could be mistaken
    /// for one another ([`Layout::is_unmistakable`]) are only counted.
    #[must_use]
    pub fn with_gaps(mut self) -> Self {
        if let Checker::Sequences(_, sequences) | Checker::Frames(_, sequences) = &mut self.checker
            && self.layout.is_unmistakable(self.messages)
        {
            sequences.allow_gaps();
            return self;
        }
        self.proof = Proof::Count;
        self.checker = Checker::Count(Count::new(self.layout, self.messages));
        self
    }

    /// The same for messages that are meant to be sent at the times of `timetable`, message `sequence` of `producer` at
    /// `sequence * producers + producer`. From then to the read that brought its last byte is a message's latency.
    ///
    /// The ledger then checks as bytes arrive: the time of a read is at hand only then. Records that do not say who sent
    /// them have no latency.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) when the histogram cannot be made, which is a bug.
    pub fn with_latency(mut self, timetable: Arc<Timetable>) -> Result<Self> {
        self.recording = None;
        self.latency = Some(Latency::new(timetable, self.layout.producers())?);
        Ok(self)
    }

    /// How many bytes are to come.
    #[must_use]
    pub const fn expected(&self) -> u64 {
        self.progress.expected
    }

    /// Takes the next bytes of the stream, which were read at `at`.
    #[inline]
    pub fn received(&mut self, bytes: &[u8], at: Instant) {
        self.progress.advance(bytes.len() as u64, at);
        let recorded = self.recording.as_mut().is_some_and(|recording| recording.take(bytes));
        if !recorded {
            self.replay();
            match &mut self.latency {
                None => self.checker.check(bytes),
                Some(latency) => self.checker.check_timed(bytes, &mut latency.at(at)),
            }
        }
    }

    /// Ends the stream and gives the verdict; checks what was recorded.
    #[must_use]
    pub fn close(mut self) -> Verdict {
        self.replay();
        let Self { proof, progress, checker, latency, .. } = self;
        let Findings { delivered, lost, duplicated, reordered, corrupted, counterexample } = checker.close();
        Verdict {
            proof,
            delivered,
            bytes: progress.bytes,
            lost,
            duplicated,
            reordered,
            corrupted,
            first_byte: progress.first,
            last_byte: progress.last,
            latest_byte: progress.latest,
            counterexample,
            latencies: latency.map(Latency::close),
            served: Usage::default(),
            checked: Usage::default(),
        }
    }

    /// Checks what was recorded, and records no more.
    fn replay(&mut self) {
        if let Some(recording) = self.recording.take() {
            self.checker.check(recording.bytes());
        }
    }
}

/// How far the stream has come, and when.
#[derive(Debug, Default)]
struct Progress {
    expected: u64,
    bytes: u64,
    first: Option<Instant>,
    last: Option<Instant>,
    latest: Option<Instant>,
}

impl Progress {
    #[inline]
    fn advance(&mut self, bytes: u64, at: Instant) {
        let before = self.bytes;
        self.bytes += bytes;
        if bytes > 0 {
            self.first.get_or_insert(at);
            self.latest = Some(at);
        }
        if before < self.expected && self.bytes >= self.expected {
            self.last = Some(at);
        }
    }
}

/// The check that fits a layout.
#[derive(Debug)]
enum Checker {
    /// Records that say who sent them, cut out of the stream.
    Sequences(Carry, Sequences),
    /// Records that also say how long they are.
    Frames(Framed, Sequences),
    /// Single bytes, which need no cutting.
    Shuffle(Box<Shuffle>),
    /// Records of which only the number is known.
    Count(Count),
}

impl Checker {
    fn new(layout: Layout, messages: u64) -> Self {
        match layout.proof() {
            Proof::Shuffle => Self::Shuffle(Box::new(Shuffle::new(layout.producers(), messages))),
            Proof::Count => Self::Count(Count::new(layout, messages)),
            Proof::Tagged | Proof::Exact => {
                Self::Sequences(Carry::new(layout.size()), Sequences::new(layout, messages))
            }
        }
    }

    fn check(&mut self, bytes: &[u8]) {
        match self {
            Self::Sequences(carry, sequences) => carry.cut(bytes, |records| sequences.arrived(records)),
            Self::Frames(framed, sequences) => framed.cut(bytes, |stamp, length| {
                sequences.stamped(stamp, length);
            }),
            Self::Shuffle(shuffle) => shuffle.arrived(bytes),
            Self::Count(count) => count.arrived(bytes),
        }
    }

    /// The same; how long each message took is recorded, where it says which it is.
    fn check_timed(&mut self, bytes: &[u8], arrival: &mut Arrival<'_>) {
        let mut witness = |producer, sequence| arrival.arrived(producer, sequence);
        match self {
            Self::Sequences(carry, sequences) => {
                carry.cut(bytes, |records| sequences.arrived_before(records, &mut witness));
            }
            Self::Frames(framed, sequences) => framed.cut(bytes, |stamp, length| {
                if let Some((producer, sequence)) = sequences.stamped(stamp, length) {
                    witness(producer, sequence);
                }
            }),
            Self::Shuffle(_) | Self::Count(_) => self.check(bytes),
        }
    }

    fn close(self) -> Findings {
        match self {
            Self::Sequences(carry, sequences) => sequences.close(carry.cut_off()),
            Self::Frames(framed, sequences) => sequences.close(framed.cut_off()),
            Self::Shuffle(shuffle) => shuffle.close(),
            Self::Count(count) => count.close(),
        }
    }
}
