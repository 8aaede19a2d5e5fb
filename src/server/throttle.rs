//! A slow reader: how much may be read now, and when there is more.

use std::time::{Duration, Instant};

/// A bucket of tokens, one a byte, that fills at a constant rate. It holds a hundredth of a second's worth, so a reader
/// that comes late (the runtime's timers tick at a millisecond) keeps the rate, and one that was idle gets no burst to
/// speak of.
#[derive(Debug)]
pub(super) struct Throttle {
    rate: f64,
    most: f64,
    tokens: f64,
    filled: Instant,
}

impl Throttle {
    /// `rate` bytes a second, from `now` on.
    pub(super) fn new(rate: u64, now: Instant) -> Self {
        let rate = (rate as f64).max(1.0);
        Self { rate, most: (rate / 100.0).max(1.0), tokens: 0.0, filled: now }
    }

    /// How many of `most` bytes may be read now: none until half the bucket is full, since many small reads would cost
    /// more than their bytes.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // whole, positive, at most `most`
    pub(super) fn allowed(&mut self, most: usize, now: Instant) -> usize {
        let grown = now.saturating_duration_since(self.filled).as_secs_f64() * self.rate;
        self.tokens = (self.tokens + grown).min(self.most);
        self.filled = now;
        if self.tokens < self.least() { 0 } else { self.tokens.min(most as f64) as usize }
    }

    /// Takes what was read off.
    pub(super) fn took(&mut self, bytes: usize) {
        self.tokens -= bytes as f64;
    }

    /// How long until something may be read.
    pub(super) fn wait(&self) -> Duration {
        Duration::from_secs_f64((self.least() - self.tokens).max(0.0) / self.rate)
    }

    fn least(&self) -> f64 {
        (self.most / 2.0).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_over_any_pattern_of_looks() {
        let start = Instant::now();
        for step in [50_u64, 1_000, 7_777] {
            let mut throttle = Throttle::new(1_000_000, start);
            let (mut read, mut reads) = (0, 0);
            for turn in 0..1_000_000 / step {
                let allowed = throttle.allowed(65_536, start + Duration::from_micros((turn + 1) * step));
                throttle.took(allowed);
                read += allowed;
                reads += u32::from(allowed > 0);
            }
            assert!(reads <= 201, "a read is never less than half the bucket: {reads}");
            assert!((980_000..=1_000_000).contains(&read), "every {step} us: {read}");
        }
    }

    #[test]
    fn idleness_saves_up_no_more_than_the_bucket() {
        let start = Instant::now();
        let mut throttle = Throttle::new(1_000, start);
        assert_eq!(throttle.allowed(65_536, start), 0);
        assert_eq!(throttle.wait(), Duration::from_millis(5));
        assert_eq!(throttle.allowed(65_536, start + Duration::from_secs(60)), 10);
        assert_eq!(throttle.allowed(4, start + Duration::from_secs(60)), 4);
    }
}
