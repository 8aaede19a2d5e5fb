//! How long messages take, from when they were meant to be sent until the server has them.
//!
//! The time runs from the *intended* moment, not from the send: a message that had to wait for its predecessors (in a full
//! queue, behind a server that does not read) has waited, and no stall is left out because it kept anybody from sending.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};

use super::timetable::Timetable;
use crate::error::{Error, Result};

/// Significant decimal digits: values are told apart that differ by a thousandth.
const DIGITS: u8 = 3;

/// The longest latency that is told from longer ones, in nanoseconds: an hour.
const LONGEST: u64 = 3_600_000_000_000;

/// Latencies in nanoseconds, counted in classes that are a thousandth wide (`HdrHistogram`).
#[derive(Clone, Debug, PartialEq)]
pub struct Latencies(Histogram<u64>);

// Counts and whole numbers only: equality is total.
impl Eq for Latencies {}

impl Latencies {
    /// None yet.
    ///
    /// # Errors
    /// [`Error::Io`] when the histogram's bounds are refused, which is a bug.
    pub fn new() -> Result<Self> {
        Histogram::new_with_bounds(1, LONGEST, DIGITS).map(Self).map_err(failed("make a histogram"))
    }

    /// Counts one more. What is longer than an hour counts as an hour.
    #[inline]
    pub fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(LONGEST));
    }

    /// Counts another's latencies too.
    ///
    /// # Errors
    /// [`Error::Io`] when they do not fit, which is a bug.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        self.0.add(&other.0).map_err(failed("merge histograms"))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The lowest value of the shortest one's class, in nanoseconds.
    #[must_use]
    pub fn min(&self) -> u64 {
        self.0.min()
    }

    /// The highest value of the longest one's class, in nanoseconds.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.0.max()
    }

    /// The highest value of the class in which the percentile falls, in nanoseconds. The rank is rounded to the nearest,
    /// as the C and Python editions of `HdrHistogram` do it, so that all give the same number for the same histogram.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped to the count
    pub fn percentile(&self, percentile: f64) -> u64 {
        let rank = (percentile.clamp(0.0, 100.0) / 100.0 * self.count() as f64 + 0.5) as u64;
        let mut passed = 0;
        let mut classes = self.0.iter_recorded();
        let found = classes.find(|class| {
            passed += class.count_since_last_iteration();
            passed >= rank.max(1)
        });
        found.map_or(0, |class| self.0.highest_equivalent(class.value_iterated_to()))
    }

    /// The histogram in the V2 form of `HdrHistogram`'s logs: compressed, in base64.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be written, which is a bug.
    pub fn encode(&self) -> Result<String> {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&self.0, &mut bytes).map_err(failed("encode a histogram"))?;
        Ok(BASE64_STANDARD.encode(bytes))
    }
}

fn failed<E: std::error::Error + Send + Sync + 'static>(doing: &'static str) -> impl FnOnce(E) -> Error {
    move |source| Error::io(doing)(std::io::Error::other(source))
}

/// The latencies of one connection, while they come.
#[derive(Debug)]
pub(super) struct Latency {
    timetable: Arc<Timetable>,
    producers: u64,
    latencies: Latencies,
}

impl Latency {
    pub(super) fn new(timetable: Arc<Timetable>, producers: u32) -> Result<Self> {
        Ok(Self { timetable, producers: u64::from(producers), latencies: Latencies::new()? })
    }

    /// For the messages that a read at `at` has brought. Nothing is due before the clock has started.
    #[inline]
    pub(super) fn at(&mut self, at: Instant) -> Arrival<'_> {
        let since_start = self.timetable.started().map_or(Duration::ZERO, |start| at.saturating_duration_since(start));
        Arrival { latency: self, since_start }
    }

    pub(super) fn close(self) -> Latencies {
        self.latencies
    }
}

/// One read's messages.
pub(super) struct Arrival<'a> {
    latency: &'a mut Latency,
    since_start: Duration,
}

impl Arrival<'_> {
    #[inline]
    pub(super) fn arrived(&mut self, producer: u32, sequence: u64) {
        let Latency { timetable, producers, latencies } = &mut *self.latency;
        let due = timetable.due(sequence.saturating_mul(*producers).saturating_add(u64::from(producer)));
        latencies.record(self.since_start.saturating_sub(due));
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::Deserializer;

    use super::*;

    fn of(nanoseconds: impl IntoIterator<Item = u64>) -> Latencies {
        let mut latencies = Latencies::new().unwrap();
        nanoseconds.into_iter().for_each(|value| latencies.record(Duration::from_nanos(value)));
        latencies
    }

    #[test]
    fn percentiles_are_classes_a_thousandth_wide() {
        let latencies = of((1..=10_000).map(|value| value * 1000));
        for (percentile, expected) in [(50.0, 5e6), (90.0, 9e6), (99.0, 9.9e6), (100.0, 1e7)] {
            let found = latencies.percentile(percentile) as f64;
            assert!((found / expected - 1.0).abs() < 1e-3, "p{percentile}: {found}");
        }
        assert_eq!(latencies.percentile(0.0), of([1000]).max());
        assert_eq!(of([]).percentile(50.0), 0);
        assert_eq!((latencies.count(), latencies.min()), (10_000, 1000));
    }

    /// What the Python edition (0.10) says of the same values. Where ranks are rounded up instead of to the nearest, the
    /// 99th percentile of 1060 values is another one.
    #[test]
    fn other_editions_give_the_same_numbers() {
        let latencies = of((1..=1060_u64).map(|value| value.pow(3) % 1_000_003 * 1000 + value));
        assert_eq!((latencies.count(), latencies.min(), latencies.max()), (1060, 1001, 1_000_341_503));
        let found = [10.0, 50.0, 90.0, 99.0, 99.9].map(|percentile| latencies.percentile(percentile));
        assert_eq!(found, [69_206_015, 453_771_263, 894_959_615, 997_720_063, 1_000_341_503]);
    }

    #[test]
    fn beyond_an_hour_is_an_hour() {
        let latencies = of([LONGEST * 100]);
        assert_eq!(latencies.count(), 1);
        assert!(latencies.max() >= LONGEST / 1001 * 1000);
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        let mut latencies = of([0, 1, 2047, 2048, 1_000_000_007]);
        latencies.merge(&of([3, 77_777_777])).unwrap();
        let bytes = BASE64_STANDARD.decode(latencies.encode().unwrap()).unwrap();
        let decoded: Histogram<u64> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
        assert_eq!(decoded, latencies.0);
    }
}
