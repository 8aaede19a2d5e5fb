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
use crate::message::{COMMON, Layout, Proof, Stamp};

/// Who has sent how far.
#[derive(Debug)]
pub(super) struct Sequences {
    /// How to read a record.
    layout: Layout,
    /// How many messages each producer sends.
    messages: u64,
    /// The bits of a sequence that a record carries.
    mask: u64,
    /// For each producer, the message that comes next if all goes well.
    next: Vec<u64>,
    /// What was passed over on the way there.
    gaps: Gaps,
    /// Where messages may be dropped, how many were passed over. A gap is then no fault by itself, and which messages are
    /// missing is not kept: one that comes after a later one is out of order, be it late or a double.
    dropped: Option<u64>,
    /// Where in the stream the next record begins.
    byte: u64,
    findings: Findings,
}

impl Sequences {
    /// Nothing has come yet, and of each producer message 0 is next.
    pub(super) fn new(layout: Layout, messages: u64) -> Self {
        Self {
            layout,
            messages,
            mask: u64::MAX >> (u64::BITS - layout.sequence_bits()),
            next: vec![0; layout.producers() as usize],
            gaps: Gaps::default(),
            dropped: None,
            byte: 0,
            findings: Findings::default(),
        }
    }

    /// Only counts gaps from now on.
    pub(super) fn allow_gaps(&mut self) {
        self.dropped = Some(0);
    }

    /// Takes whole records.
    #[inline]
    pub(super) fn arrived(&mut self, records: &[u8]) {
        // Each arm is a loop of its own, with its way to read a record inlined; that of a known size is unrolled.
        let layout = self.layout;
        match (layout.proof(), layout.size()) {
            (Proof::Exact, COMMON) => {
                let records = records.as_chunks::<COMMON>().0.iter();
                self.walk(records.map(|record| &record[..]), |record| layout.read_exact(record));
            }
            (Proof::Exact, size) => self.walk(records.chunks_exact(size), |record| layout.read_exact(record)),
            (_, size) => self.walk(records.chunks_exact(size), |record| layout.read_tag(record)),
        }
        self.byte += records.len() as u64;
    }

    /// The same, and tells `witness` of each message's producer and sequence, unless it came late or again.
    #[inline]
    pub(super) fn arrived_before(&mut self, records: &[u8], mut witness: impl FnMut(u32, u64)) {
        let (layout, mask, messages) = (self.layout, self.mask, self.messages);
        for record in records.chunks_exact(layout.size()) {
            let stamp = layout.read(record);
            let is_next = is_next(&mut self.next, mask, messages, stamp);
            let found = if is_next { self.passed(stamp) } else { self.examine(record, self.byte) };
            if let Some((producer, sequence)) = found {
                witness(producer, sequence);
            }
            self.byte += record.len() as u64;
        }
    }

    /// Takes one record that was read by other means, `length` bytes of the stream; the message that it is, unless it
    /// came late or again.
    #[inline]
    pub(super) fn stamped(&mut self, stamp: Stamp, length: usize) -> Option<(u32, u64)> {
        let is_next = is_next(&mut self.next, self.mask, self.messages, stamp);
        let found = if is_next { self.passed(stamp) } else { self.place(stamp, self.byte) };
        self.byte += length as u64;
        found
    }

    /// One record after the other; `read` is the layout's way to read one. Where a record begins is only worked out when
    /// it has to be quoted.
    #[inline]
    fn walk<'a>(&mut self, records: impl Iterator<Item = &'a [u8]>, read: impl Fn(&[u8]) -> Stamp) {
        let (mask, messages) = (self.mask, self.messages);
        for (index, record) in records.enumerate() {
            if !is_next(&mut self.next, mask, messages, read(record)) {
                self.examine(record, self.byte + (index * record.len()) as u64);
            }
        }
    }

    /// The whole sequence of a record that was its producer's next.
    #[inline]
    fn passed(&self, stamp: Stamp) -> Option<(u32, u64)> {
        let Stamp::Known { producer, .. } = stamp else { return None };
        self.next.get(producer as usize).map(|next| (producer, next - 1))
    }

    /// A record that is not the next of its producer; the message that it is, if that comes before its turn.
    #[cold]
    fn examine(&mut self, record: &[u8], byte: u64) -> Option<(u32, u64)> {
        // Read again: were the stamp handed over, every good one would have to go through memory.
        self.place(self.layout.read(record), byte)
    }

    /// Finds out what a stamp is that is not the next of its producer.
    #[cold]
    fn place(&mut self, stamp: Stamp, byte: u64) -> Option<(u32, u64)> {
        let Stamp::Known { producer, sequence } = stamp else {
            self.corrupted(byte, Finding::Foreign);
            return None;
        };
        let next = self.next[producer as usize];
        match self.nearest(next, sequence) {
            None => self.corrupted(byte, Finding::Beyond { producer, sequence, messages: self.messages }),
            Some(sequence) if sequence >= next => {
                self.ahead(byte, producer, sequence, next);
                return Some((producer, sequence));
            }
            Some(sequence) => self.behind(byte, producer, sequence),
        }
        None
    }

    /// The whole sequence that `cut` most likely stands for, if there is any.
    fn nearest(&self, next: u64, cut: u64) -> Option<u64> {
        let distance = cut.wrapping_sub(next) & self.mask;
        let ahead = next.checked_add(distance).filter(|sequence| *sequence < self.messages);
        let behind = next.checked_sub(self.mask - distance).and_then(|after| after.checked_sub(1));
        if distance <= self.mask / 2 { ahead.or(behind) } else { behind.or(ahead) }
    }

    /// A message that came before its time: those in between are missing until they come.
    fn ahead(&mut self, byte: u64, producer: u32, sequence: u64, next: u64) {
        self.next[producer as usize] = sequence + 1;
        if let Some(dropped) = &mut self.dropped {
            *dropped += sequence - next;
        } else {
            self.gaps.open(producer, next, sequence);
            self.findings.quote(byte, Finding::Skipped { producer, sequence, next });
        }
    }

    /// A message from before the expected one: it is late if it is missing, and else it has been there already.
    fn behind(&mut self, byte: u64, producer: u32, sequence: u64) {
        if self.dropped.is_some() {
            self.findings.reordered += 1;
            self.findings.quote(byte, Finding::Late { producer, sequence });
        } else if self.gaps.fill(producer, sequence) {
            self.findings.reordered += 1; // its gap is quoted already
        } else {
            self.findings.duplicated += 1;
            self.findings.quote(byte, Finding::Repeated { producer, sequence });
        }
    }

    /// A record that no producer sent. What it was before, if it was anything, shows as missing.
    fn corrupted(&mut self, byte: u64, finding: Finding) {
        self.findings.corrupted += 1;
        self.findings.quote(byte, finding);
    }

    /// Ends the stream, with what that cuts off: what has not come is lost.
    pub(super) fn close(mut self, cut: Option<Finding>) -> Findings {
        if let Some(cut) = cut {
            self.corrupted(self.byte, cut);
        }
        let messages = self.messages;
        let mut tails = 0_u64;
        for (producer, next) in (0..).zip(&self.next).filter(|(_, next)| **next < messages) {
            tails = tails.saturating_add(messages - next);
            if self.dropped.is_none() {
                self.findings.quote(self.byte, Finding::Missing { producer, next: *next, messages });
            }
        }
        let missing = self.dropped.unwrap_or_else(|| self.gaps.missing());
        let passed = self.next.iter().fold(0_u64, |sum, next| sum.saturating_add(*next));
        self.findings.delivered = passed.saturating_sub(missing);
        self.findings.lost = missing.saturating_add(tails);
        self.findings
    }
}

/// The path of every good record: one look at its producer's next, one step on.
#[inline]
fn is_next(next: &mut [u64], mask: u64, messages: u64, stamp: Stamp) -> bool {
    let Stamp::Known { producer, sequence } = stamp else { return false };
    let Some(next) = next.get_mut(producer as usize) else { return false };
    if (sequence ^ *next) & mask != 0 || *next >= messages {
        return false;
    }
    *next += 1;
    true
}
