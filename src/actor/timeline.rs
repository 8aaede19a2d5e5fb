//! How the backlog went: a few samples over a run of any length.
//!
//! The actor notes at each drain what stood in the queue, and after each write what of that is not written yet. What
//! producers add while it writes shows at the next drain.

use std::time::{Duration, Instant};

use super::Gauge;

/// The most samples. Beyond, neighbours are merged, so what is kept is always spread over the whole run.
const MOST: usize = 200;

/// The narrowest slot of time that has a sample of its own.
const NARROWEST: Duration = Duration::from_micros(100);

/// The highest backlog of each slot of time, at most 200 of them. A slot without a drain or a write has no sample.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// Zero when nothing is to be kept.
    width: Duration,
    /// When the slot of the last sample began.
    slot: Option<Instant>,
    samples: Vec<(Instant, u64)>,
    /// Who else is told, while it happens.
    gauge: Option<Gauge>,
}

/// Two are equal that have the same samples, whoever else was told.
impl PartialEq for Timeline {
    fn eq(&self, other: &Self) -> bool {
        (self.width, self.slot, &self.samples) == (other.width, other.slot, &other.samples)
    }
}

impl Eq for Timeline {}

impl Timeline {
    /// Keeps nothing, and reads no clock.
    #[must_use]
    pub fn off() -> Self {
        Self::default()
    }

    /// Keeps samples, for the price of a look at the clock each.
    #[must_use]
    pub fn watching() -> Self {
        Self { width: NARROWEST, slot: None, samples: Vec::with_capacity(MOST), gauge: None }
    }

    /// Has a gauge show the same, and what was drained, while it happens; whether samples are kept or not.
    #[must_use]
    pub fn with_gauge(self, gauge: Option<Gauge>) -> Self {
        Self { gauge, ..self }
    }

    /// When there was how much, in bytes; in order.
    #[must_use]
    pub fn samples(&self) -> &[(Instant, u64)] {
        &self.samples
    }

    /// Notes a drain, which found `backlog` bytes in the queue.
    pub(super) fn drained(&mut self, messages: u64, bytes: u64, backlog: u64) {
        if let Some(gauge) = &self.gauge {
            gauge.drained(messages, bytes, backlog);
        }
        if !self.width.is_zero() {
            self.note_at(Instant::now(), backlog);
        }
    }

    /// Notes what is left after a write.
    #[inline]
    pub(super) fn note(&mut self, backlog: u64) {
        if !self.width.is_zero() {
            self.note_at(Instant::now(), backlog);
        }
    }

    fn note_at(&mut self, at: Instant, backlog: u64) {
        let width = self.width;
        let is_same_slot = self.slot.is_some_and(|slot| at.saturating_duration_since(slot) < width);
        match self.samples.last_mut() {
            Some(last) if is_same_slot => *last = higher(*last, (at, backlog)),
            _ => self.open_slot(at, backlog),
        }
    }

    fn open_slot(&mut self, at: Instant, backlog: u64) {
        if self.samples.len() == MOST {
            self.samples = self.samples.chunks(2).map(|pair| higher(pair[0], pair[pair.len() - 1])).collect();
            self.width *= 2;
        }
        self.slot = Some(at);
        self.samples.push((at, backlog));
    }
}

fn higher(one: (Instant, u64), other: (Instant, u64)) -> (Instant, u64) {
    if other.1 > one.1 { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_keeps_its_peaks_in_few_samples() {
        let start = Instant::now();
        let mut timeline = Timeline::watching();
        for turn in 0..100_000_u64 {
            let backlog = if turn == 70_001 { 9_999 } else { turn % 7 };
            timeline.note_at(start + Duration::from_micros(turn * 30), backlog);
        }
        let samples = timeline.samples();
        assert!((50..=MOST).contains(&samples.len()), "{}", samples.len());
        assert!(samples.is_sorted_by_key(|sample| sample.0));
        assert!(samples.contains(&(start + Duration::from_micros(70_001 * 30), 9_999)));
        assert!(samples[samples.len() - 1].0 > start + Duration::from_millis(2_900));
    }

    #[test]
    fn when_off_it_keeps_nothing() {
        let mut timeline = Timeline::off();
        timeline.note(5);
        assert!(timeline.samples().is_empty());
    }
}
