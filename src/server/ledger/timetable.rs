//! When each message is meant to be sent, whether or not it can be.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The times of all messages of a burst, in the order in which they are due. Who sends and who checks share it, so a
/// message need not carry its time: small ones can be timed too.
#[derive(Debug)]
pub struct Timetable {
    times: Times,
    start: OnceLock<Instant>,
}

#[derive(Debug)]
enum Times {
    /// At even distances, in nanoseconds.
    Even(f64),
    /// One by one, in nanoseconds from the start.
    Listed(Vec<u64>),
}

impl Timetable {
    /// Messages at even distances, `rate` a second; the first is due one distance after the start.
    #[must_use]
    pub const fn even(rate: f64) -> Self {
        Self { times: Times::Even(1e9 / rate), start: OnceLock::new() }
    }

    /// Messages at the given times after the start, in nanoseconds, in order.
    #[must_use]
    pub const fn listed(times: Vec<u64>) -> Self {
        Self { times: Times::Listed(times), start: OnceLock::new() }
    }

    /// Starts the clock, once; says when that was.
    pub fn start(&self, now: Instant) -> Instant {
        *self.start.get_or_init(|| now)
    }

    /// When the clock was started; nothing before.
    #[must_use]
    pub fn started(&self) -> Option<Instant> {
        self.start.get().copied()
    }

    /// How long after the start message `index` of all is due. Beyond a list's end its last time holds.
    #[inline]
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates; never negative
    pub fn due(&self, index: u64) -> Duration {
        Duration::from_nanos(match &self.times {
            Times::Even(distance) => ((index as f64 + 1.0) * distance) as u64,
            Times::Listed(times) => {
                let at = usize::try_from(index).unwrap_or(usize::MAX);
                times.get(at).or(times.last()).copied().unwrap_or(0)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_times_do_not_drift() {
        let timetable = Timetable::even(3.0);
        assert_eq!(timetable.due(0), Duration::from_nanos(333_333_333));
        assert_eq!(timetable.due(2_999_999), Duration::from_secs(1_000_000));
    }

    #[test]
    fn listed_times_are_as_listed() {
        let timetable = Timetable::listed(vec![5, 7]);
        assert_eq!([0, 1, 2].map(|index| timetable.due(index).as_nanos()), [5, 7, 7]);
    }

    #[test]
    fn the_clock_starts_once() {
        let timetable = Timetable::even(1.0);
        assert_eq!(timetable.started(), None);
        let now = Instant::now();
        assert_eq!(timetable.start(now), now);
        assert_eq!(timetable.start(now + Duration::from_secs(1)), now);
    }
}
