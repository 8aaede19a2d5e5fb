//! When producers send: as fast as they can, or at a rate that does not care how fast they can.
//!
//! A *closed* load sends the next message when the last one was taken. It shows throughput; it cannot show latency, since a
//! system that stalls is then not asked for anything while it does.
//!
//! An *open* load sends at given times. All producers share one rate: the messages are due in turn, the k-th of all is
//! message `k / producers` of producer `k % producers`. The times are even, or those of a Poisson process, where
//! independent users meet.

use std::str::FromStr;

use crate::error::{Error, Result};
use crate::server::ledger::Timetable;

/// The highest rate that can be asked for: a message a nanosecond.
pub const HIGHEST_RATE: f64 = 1e9;

/// The longest burst of an open load, in seconds: a day.
pub const LONGEST_BURST: f64 = 86_400.0;

/// How messages are spread over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Arrivals {
    /// At even distances.
    Constant,
    /// At random, as from many independent users: the distances are exponentially distributed.
    Poisson,
}

impl Arrivals {
    /// The word that callers use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Poisson => "poisson",
        }
    }
}

impl FromStr for Arrivals {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        match word {
            "constant" => Ok(Self::Constant),
            "poisson" => Ok(Self::Poisson),
            _ => Err(Error::argument("arrivals", word, "allowed are constant, poisson")),
        }
    }
}

/// When producers send.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Load {
    /// Each as soon as its last message was taken.
    #[default]
    Closed,
    /// At given times.
    Open {
        /// Messages a second, of all producers together.
        rate: f64,
        /// How they are spread over time.
        arrivals: Arrivals,
        /// What the random times are drawn from; each burst of a run draws others.
        seed: u64,
    },
}

impl Load {
    /// The word that reports use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
        }
    }

    /// Messages a second, of all producers together, if that is given.
    #[must_use]
    pub const fn rate(self) -> Option<f64> {
        match self {
            Self::Closed => None,
            Self::Open { rate, .. } => Some(rate),
        }
    }

    /// How messages are spread over time, if that is given.
    #[must_use]
    pub const fn arrivals(self) -> Option<Arrivals> {
        match self {
            Self::Closed => None,
            Self::Open { arrivals, .. } => Some(arrivals),
        }
    }

    /// The bytes of memory that the times of `messages` messages take.
    pub(super) fn memory(self, messages: u64) -> u64 {
        match self.arrivals() {
            Some(Arrivals::Poisson) => messages.saturating_mul(8),
            _ => 0,
        }
    }

    /// The times of one burst of `messages` messages in all; nothing for a closed load.
    pub(super) fn timetable(self, messages: u64, burst: u64) -> Option<Timetable> {
        match self {
            Self::Closed => None,
            Self::Open { rate, arrivals: Arrivals::Constant, .. } => Some(Timetable::even(rate)),
            Self::Open { rate, seed, .. } => Some(Timetable::listed(poisson(rate, messages, seed.wrapping_add(burst)))),
        }
    }

    /// Refuses a rate that means nothing, or a burst that would not end.
    pub(super) fn validate(self, messages: u64) -> Result<()> {
        let Some(rate) = self.rate() else { return Ok(()) };
        // Written so that NaN is refused too.
        if !(rate > 0.0 && rate <= HIGHEST_RATE) {
            return Err(Error::argument(
                "rate",
                rate,
                format!("allowed are above 0 to {HIGHEST_RATE} messages a second"),
            ));
        }
        let seconds = messages as f64 / rate;
        if seconds > LONGEST_BURST {
            let allowed =
                format!("{messages} messages would take {seconds:.0} s; allowed are up to {LONGEST_BURST} s a burst");
            return Err(Error::argument("rate", rate, allowed));
        }
        Ok(())
    }
}

/// The times of a Poisson process of `rate` a second, in nanoseconds.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates; never negative
fn poisson(rate: f64, messages: u64, seed: u64) -> Vec<u64> {
    let mut random = Random(seed);
    let mut time = 0.0;
    let distances = (0..messages).map(|_| -random.unit().ln() / rate * 1e9);
    distances
        .map(|distance| {
            time += distance;
            time as u64
        })
        .collect()
}

/// `SplitMix64`: small, quick, and far better than arrivals need.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// Above 0, up to 1.
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f64 = 1000.0;

    #[test]
    fn poisson_has_the_rate_and_the_spread() {
        let times = poisson(RATE, 100_000, 7);
        assert!(times.is_sorted());
        let distances: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6).collect();
        let mean = distances.iter().sum::<f64>() / distances.len() as f64;
        let variance = distances.iter().map(|distance| (distance - mean).powi(2)).sum::<f64>() / distances.len() as f64;
        // Both are 1 ms; 100,000 draws err by a third of a per cent.
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
        assert!((variance.sqrt() - 1.0).abs() < 0.03, "{variance}");
    }

    #[test]
    fn a_seed_gives_the_same_times_and_another_burst_others() {
        let load = Load::Open { rate: RATE, arrivals: Arrivals::Poisson, seed: 3 };
        let due = |burst| load.timetable(10, burst).unwrap().due(9);
        assert_eq!(due(0), due(0));
        assert_ne!(due(0), due(1));
    }

    #[test]
    fn rates_that_mean_nothing_are_refused() {
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 2e9] {
            let load = Load::Open { rate, arrivals: Arrivals::Constant, seed: 0 };
            assert!(load.validate(1).unwrap_err().to_string().starts_with("rate="), "{rate}");
        }
        let slow = Load::Open { rate: 0.001, arrivals: Arrivals::Constant, seed: 0 };
        assert!(slow.validate(1000).unwrap_err().to_string().contains("a burst"));
        assert!(slow.validate(10).is_ok());
    }

    #[test]
    fn words_go_both_ways() {
        for word in ["constant", "poisson"] {
            assert_eq!(word.parse::<Arrivals>().unwrap().name(), word);
        }
        assert!("uniform".parse::<Arrivals>().is_err());
    }
}
