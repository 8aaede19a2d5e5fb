//! The check for records that say who sent them, and as which message (`exact` and `tagged`).
//!
//! For each producer the ledger knows which message is next. One that is ahead opens a gap; one that is behind fills a gap
//! (it is late) or has been there before (it is a double). What is still missing when the stream ends is lost.
//!
//! A `tagged` record carries only the low bits of its sequence, so it names one message in each *window* of 2 to the
//! number of those bits. The nearest is meant: up to half a window ahead of the expected one, or behind it. If the nearest
//! cannot be (before the producer's first message, or after its last), the one on the other side is; if that cannot be
//! either, no producer sent it. `exact` is the same with a window so large that it never matters.

use super::gaps::Gaps;
use super::verdict::{Finding, Findings};
use crate::message::{Layout, Stamp};

/// Who has sent how far.
#[derive(Debug)]
pub(super) struct Sequences {
    layout: Layout,
    /// How many messages each producer sends.
    messages: u64,
    /// The bits of a sequence that a record carries.
    mask: u64,
    /// For each producer, the message that comes next if all goes well.
    next: Vec<u64>,
    gaps: Gaps,
    /// Where in the stream the next record begins.
    byte: u64,
    findings: Findings,
}

impl Sequences {
    pub(super) fn new(layout: Layout, messages: u64) -> Self {
        Self {
            layout,
            messages,
            mask: u64::MAX >> (u64::BITS - layout.sequence_bits()),
            next: vec![0; layout.producers() as usize],
            gaps: Gaps::default(),
            byte: 0,
            findings: Findings::default(),
        }
    }

    /// Takes whole records.
    #[inline]
    pub(super) fn arrived(&mut self, records: &[u8]) {
        // A copy, which no write through `self` can change, so that its fields stay in registers.
        let layout = self.layout;
        for record in records.chunks_exact(layout.size()) {
            let stamp = layout.read(record);
            if !self.is_next(stamp) {
                self.examine(stamp);
            }
            self.byte += layout.size() as u64;
        }
    }

    /// The path of every good record: one look at its producer's next, one step on.
    #[inline]
    fn is_next(&mut self, stamp: Stamp) -> bool {
        let Stamp::Known { producer, sequence } = stamp else { return false };
        let Some(next) = self.next.get_mut(producer as usize) else { return false };
        let good = (sequence ^ *next) & self.mask == 0 && *next < self.messages;
        *next += u64::from(good);
        good
    }

    /// A record that is not the next of its producer.
    #[cold]
    fn examine(&mut self, stamp: Stamp) {
        let Stamp::Known { producer, sequence } = stamp else { return self.corrupted(Finding::Foreign) };
        let next = self.next[producer as usize];
        match self.nearest(next, sequence) {
            None => self.corrupted(Finding::Beyond { producer, sequence, messages: self.messages }),
            Some(sequence) if sequence >= next => self.ahead(producer, sequence, next),
            Some(sequence) => self.behind(producer, sequence),
        }
    }

    /// The whole sequence that `cut` most likely stands for, if there is any.
    fn nearest(&self, next: u64, cut: u64) -> Option<u64> {
        let distance = cut.wrapping_sub(next) & self.mask;
        let ahead = next.checked_add(distance).filter(|sequence| *sequence < self.messages);
        let behind = next.checked_sub(self.mask - distance).and_then(|after| after.checked_sub(1));
        if distance <= self.mask / 2 { ahead.or(behind) } else { behind.or(ahead) }
    }

    fn ahead(&mut self, producer: u32, sequence: u64, next: u64) {
        self.gaps.open(producer, next, sequence);
        self.next[producer as usize] = sequence + 1;
        self.findings.quote(self.byte, Finding::Skipped { producer, sequence, next });
    }

    fn behind(&mut self, producer: u32, sequence: u64) {
        if self.gaps.fill(producer, sequence) {
            self.findings.reordered += 1; // its gap is quoted already
        } else {
            self.findings.duplicated += 1;
            self.findings.quote(self.byte, Finding::Repeated { producer, sequence });
        }
    }

    /// Counts a record that no producer sent.
    pub(super) fn corrupted(&mut self, finding: Finding) {
        self.findings.corrupted += 1;
        self.findings.quote(self.byte, finding);
    }

    /// Ends the stream: what has not come is lost.
    pub(super) fn close(mut self) -> Findings {
        let messages = self.messages;
        let mut tails = 0_u64;
        for (producer, next) in (0..).zip(&self.next).filter(|(_, next)| **next < messages) {
            tails = tails.saturating_add(messages - next);
            self.findings.quote(self.byte, Finding::Missing { producer, next: *next, messages });
        }
        let missing = self.gaps.missing();
        let passed = self.next.iter().fold(0_u64, |sum, next| sum.saturating_add(*next));
        self.findings.delivered = passed.saturating_sub(missing);
        self.findings.lost = missing.saturating_add(tails);
        self.findings
    }
}
