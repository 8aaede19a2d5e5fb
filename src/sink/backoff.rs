//! How long to wait before the next attempt: doubled each time up to the longest, and of that a random part, half at least.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::config::Backoff;

/// The waits of one sink.
#[derive(Debug)]
pub(super) struct Waits {
    settings: Backoff,
    next: Duration,
    random: u64,
}

impl Waits {
    pub(super) fn new(settings: Backoff) -> Self {
        // The hasher's keys differ from process to process, and from call to call.
        let seed = settings.seed.unwrap_or_else(|| RandomState::new().hash_one(0));
        Self { settings, next: settings.first, random: seed }
    }

    /// The next wait.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.next;
        self.next = wait.saturating_mul(2).min(self.settings.longest);
        wait / 2 + (wait / 2).mul_f64(self.fraction())
    }

    /// Begins anew, after a connection that was good for something.
    pub(super) fn restart(&mut self) {
        self.next = self.settings.first;
    }

    /// From 0 to 1 (`SplitMix64`).
    fn fraction(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.random;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (word >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(seed: Option<u64>, count: usize) -> Vec<Duration> {
        let mut waits = Waits::new(Backoff { seed, ..Backoff::default() });
        (0..count).map(|_| waits.next()).collect()
    }

    #[test]
    fn waits_grow_to_the_longest_and_stay_within_their_half() {
        for seed in 0..1000 {
            for (turn, wait) in waits(Some(seed), 12).into_iter().enumerate() {
                let full = Duration::from_millis(100 << turn.min(7)).min(Duration::from_secs(10));
                assert!(wait >= full / 2 && wait <= full, "{wait:?} of {full:?}");
            }
        }
    }

    #[test]
    fn a_seed_repeats_them_and_none_does_not() {
        assert_eq!(waits(Some(7), 9), waits(Some(7), 9));
        assert_ne!(waits(Some(7), 9), waits(Some(8), 9));
        assert_ne!(waits(None, 9), waits(None, 9));
    }

    #[test]
    fn they_begin_anew() {
        let mut waits = Waits::new(Backoff::default());
        for _ in 0..9 {
            waits.next();
        }
        waits.restart();
        assert!(waits.next() <= Duration::from_millis(100));
    }
}
