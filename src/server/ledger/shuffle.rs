//! The check for the article's one-byte counter (`shuffle`).
//!
//! A byte does not say who sent it, so the question is whether the stream is an interleaving that the producers could
//! have sent. For each value the ledger knows how many producers wait to send it: in the beginning all wait to send 1. An
//! arriving value must have a waiter, and moves it on to the next value. In the end each value must have come as often as
//! it was sent.
//!
//! # Why that is exact
//!
//! A stream that passes splits into one chain for each producer. A chain may be 255 messages too long, or a multiple, if
//! others are too short by as much. But then the lead of a long chain over a short one starts at 0, moves in steps of one
//! and ends beyond 255. When it is 255, both wait for the same value, and may exchange what is still to come: the long one
//! becomes shorter, the short one longer. Repeated, that makes all chains equal. So the stream *could* have been sent.
//! That it *was* sent so, the bytes cannot tell.
//!
//! # After a fault
//!
//! A value without a waiter is given the nearest producer on the circle of 255 values. If that one waits *behind* the
//! value (at most as far as the nearest waits ahead), the values between are taken as skipped and it moves on; else the
//! value is late or double, and nobody moves. In the end a value that came too seldom was lost, one that came too often
//! duplicated; what was skipped but not lost, or stray but not duplicated, was reordered.

use super::verdict::{Finding, Findings};
use crate::message::COUNTER;

/// How many values the counter has.
const VALUES: usize = COUNTER as usize;

/// The same, as a step around the circle of values.
#[allow(clippy::cast_possible_truncation)] // 255
const LAP: u8 = COUNTER as u8;

/// How many values are looked at together. Producers that have much to send often send it in a row.
const RUN: usize = 16;

/// On a circle of 255 values none is farther away than this, in the nearer direction.
const MOST_DISTANT: u8 = LAP / 2;

/// Who waits to send what.
#[derive(Debug)]
pub(super) struct Shuffle {
    /// How many producers send; all alike.
    producers: u64,
    /// How many messages each producer sends.
    messages: u64,
    /// At `value + 1`: how many producers have passed `value`, plus all of them at value 0, which all are taken to have
    /// passed before they send 1. Slot 0 stands for 254 as the predecessor of 0, a lap of all producers ahead. So the
    /// producers that wait to send a value are, for every value alike, `passed[value] - passed[value + 1]`.
    /// The last slot is for value 255: it is never below its predecessor, so nobody ever waits to send 255.
    passed: [u64; VALUES + 2],
    /// How often each value was skipped, to keep step with a producer that was ahead.
    skipped: [u64; VALUES],
    /// How often each value came with nobody to send it.
    strays: [u64; VALUES],
    /// Where in the stream the next value is.
    bytes: u64,
    findings: Findings,
}

impl Shuffle {
    /// Nothing has come yet, and all wait to send 1.
    pub(super) fn new(producers: u32, messages: u64) -> Self {
        let producers = u64::from(producers);
        let mut passed = [0; VALUES + 2];
        passed[0] = producers;
        passed[1] = producers;
        passed[VALUES + 1] = u64::MAX;
        Self {
            producers,
            messages,
            passed,
            skipped: [0; VALUES],
            strays: [0; VALUES],
            bytes: 0,
            findings: Findings::default(),
        }
    }

    /// Takes the next values.
    #[inline]
    pub(super) fn arrived(&mut self, values: &[u8]) {
        let (chunks, rest) = values.as_chunks::<RUN>();
        for chunk in chunks {
            if !self.pass_run(chunk) {
                self.walk(chunk);
            }
            self.bytes += RUN as u64;
        }
        self.walk(rest);
        self.bytes += rest.len() as u64;
    }

    /// Takes one value after the other.
    #[inline]
    fn walk(&mut self, values: &[u8]) {
        for (byte, &value) in (self.bytes..).zip(values) {
            if self.waiting(value) > 0 {
                self.pass(value);
            } else {
                self.examine(value, byte);
            }
        }
    }

    /// Takes values that one producer sends in a row, at once: it waits to send the first, and after each the next. Says
    /// whether they are such a run; one over the end of the circle is not taken for one.
    #[inline]
    fn pass_run(&mut self, values: &[u8; RUN]) -> bool {
        let [first, ..] = *values;
        let wrong =
            values.iter().zip(0_u8..).fold(0, |wrong, (value, step)| wrong | (value ^ first.wrapping_add(step)));
        let start = usize::from(first) + 1;
        let is_run = wrong == 0 && start < VALUES - RUN && self.waiting(first) > 0;
        if is_run {
            self.passed[start..start + RUN].iter_mut().for_each(|passed| *passed += 1);
        }
        is_run
    }

    /// How many producers wait to send `value`.
    #[inline]
    fn waiting(&self, value: u8) -> u64 {
        let slot = usize::from(value);
        self.passed[slot].saturating_sub(self.passed[slot + 1])
    }

    /// Moves one producer past `value`.
    #[inline]
    fn pass(&mut self, value: u8) {
        let slot = usize::from(value) + 1;
        self.passed[slot] += 1;
        if slot == VALUES {
            self.passed[0] += 1;
        }
    }

    /// A value that nobody waits to send.
    #[cold]
    fn examine(&mut self, value: u8, byte: u64) {
        if usize::from(value) >= VALUES {
            self.findings.corrupted += 1;
            return self.findings.quote(byte, Finding::NoCounter { value });
        }
        let (nearest, distance, is_behind) = self.nearest(value);
        self.findings.quote(byte, Finding::Unawaited { value, nearest });
        if is_behind {
            self.skip(nearest, distance);
            self.pass(value);
        } else {
            self.strays[usize::from(value)] += 1;
        }
    }

    /// The value nearest to `value` that somebody waits to send, how far it is, and whether it lies behind.
    fn nearest(&self, value: u8) -> (u8, u8, bool) {
        let mut around = (1..=MOST_DISTANT).flat_map(|distance| {
            let other_way = LAP - distance;
            [(moved(value, other_way), distance, true), (moved(value, distance), distance, false)]
        });
        // There is always a producer that waits to send something.
        around.find(|(candidate, _, _)| self.waiting(*candidate) > 0).unwrap_or((value, 0, false))
    }

    /// Moves one producer past `count` values from `first` on, none of which came.
    fn skip(&mut self, first: u8, count: u8) {
        for step in 0..count {
            let value = moved(first, step);
            self.skipped[usize::from(value)] += 1;
            self.pass(value);
        }
    }

    /// Ends the stream: compares how often each value came with how often it was sent.
    pub(super) fn close(mut self) -> Findings {
        for value in 0..LAP {
            self.tally(value);
        }
        self.findings
    }

    /// Settles one value: what it came too seldom was lost, what it came too often is duplicated, and what was skipped or
    /// stray beyond that came in the wrong place.
    fn tally(&mut self, value: u8) {
        let (came, expected) = (self.came(value), self.expected(value));
        let (lost, duplicated) = (expected.saturating_sub(came), came.saturating_sub(expected));
        let slot = usize::from(value);
        let late = self.skipped[slot].saturating_sub(lost).max(self.strays[slot].saturating_sub(duplicated));
        let findings = &mut self.findings;
        findings.delivered = findings.delivered.saturating_add(came.min(expected));
        findings.lost = findings.lost.saturating_add(lost);
        findings.duplicated += duplicated;
        findings.reordered += late;
        if came != expected {
            findings.quote(self.bytes, Finding::Tally { value, came, expected });
        }
    }

    /// How often `value` arrived.
    fn came(&self, value: u8) -> u64 {
        let slot = usize::from(value);
        let beforehand = if value == 0 { self.producers } else { 0 };
        self.passed[slot + 1] - beforehand - self.skipped[slot] + self.strays[slot]
    }

    /// How often `value` was sent: once a lap by each producer, and once more if the last lap came so far.
    fn expected(&self, value: u8) -> u64 {
        let place = u64::from(moved(value, LAP - 1)); // value 1 is sent first
        let (laps, rest) = (self.messages / u64::from(COUNTER), self.messages % u64::from(COUNTER));
        self.producers.saturating_mul(laps + u64::from(place < rest))
    }
}

/// The value that comes `steps` after `value`.
#[allow(clippy::cast_possible_truncation)] // below 255
const fn moved(value: u8, steps: u8) -> u8 {
    ((value as u16 + steps as u16) % COUNTER) as u8
}
