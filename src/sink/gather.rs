//! Whether the actor pauses between two writes, so that the next one carries more.
//!
//! A write costs some microseconds whatever its size. Beside callers that send without a pause, an actor that writes what a
//! few microseconds bring is busy all the time, and in the way of the callers: it takes their lock, their cache lines and,
//! where cores are few, their core. So it pauses, but only where much is known to come:
//!
//! * What comes after a silence is written at once, and so is what follows it: single messages never wait.
//! * The last write was short and left nothing: an actor that is behind its callers has enough to write.
//! * They send so fast that the pause brings [`LEAST`] bytes at least. Whoever sends slower than that, however steadily,
//!   never waits.

use std::time::{Duration, Instant};

/// How long a pause is asked to last; the system's timers make it up to twice that.
const PAUSE: Duration = Duration::from_micros(50);

/// The bytes that a pause has to bring.
const LEAST: u128 = 8 * 1024;

/// A write that is shorter than this, and leaves nothing, is an early one: the actor is ahead of the callers.
const EARLY: usize = 64 * 1024;

/// What is known of how messages come.
#[derive(Debug)]
pub(super) struct Gather {
    /// Whether real time passes, which a simulator has not.
    allowed: bool,
    /// Writes shorter than this are early, if they leave nothing.
    early: usize,
    was_early: bool,
    /// Writes that followed each other without a silence.
    streak: u32,
    /// When messages were last taken from the callers; none after a silence.
    since: Option<Instant>,
    /// Whether those that were taken last came fast enough.
    is_fast: bool,
}

impl Gather {
    /// For a sink of this capacity: where little may wait, little is much.
    pub(super) fn new(allowed: bool, capacity: usize) -> Self {
        let early = EARLY.min(capacity / 8);
        Self { allowed, early, was_early: false, streak: 0, since: None, is_fast: false }
    }

    /// Nothing moves.
    pub(super) const fn note_silence(&mut self) {
        self.streak = 0;
        self.since = None;
    }

    /// So many bytes were written; whether others are left.
    pub(super) const fn note_write(&mut self, bytes: usize, leaves: bool) {
        self.streak = self.streak.saturating_add(1);
        self.was_early = bytes < self.early && !leaves;
    }

    /// So many bytes were taken from the callers: all that have come since they were last asked.
    pub(super) fn note_taken(&mut self, bytes: usize, now: Instant) {
        let elapsed = self.since.replace(now).map(|since| now.saturating_duration_since(since));
        self.is_fast = elapsed.is_some_and(|elapsed| bytes as u128 * PAUSE.as_nanos() >= LEAST * elapsed.as_nanos());
    }

    /// How long to pause before the next messages are taken.
    pub(super) fn pause(&self) -> Option<Duration> {
        (self.allowed && self.was_early && self.streak > 1 && self.is_fast).then_some(PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many writes of so many bytes, each so long after the one before.
    fn after(writes: u32, bytes: usize, gap: Duration) -> Gather {
        let (mut gather, began) = (Gather::new(true, 4 << 20), Instant::now());
        for write in 0..writes {
            gather.note_taken(bytes, began + gap * write);
            gather.note_write(bytes, false);
        }
        gather
    }

    #[test]
    fn only_a_fast_stream_is_gathered() {
        let gap = Duration::from_micros(5);
        assert_eq!(after(3, 5_000, gap).pause(), Some(PAUSE));
        assert_eq!(after(1, 5_000, gap).pause(), None, "the first after a silence");
        assert_eq!(after(100, 64, gap).pause(), None, "a message now and then");
        assert_eq!(after(100, 5_000, Duration::from_millis(1)).pause(), None, "5 MB a second");
        assert_eq!(after(3, EARLY, gap).pause(), None, "the callers are ahead");
    }

    #[test]
    fn a_silence_ends_it() {
        let mut gather = after(10, 5_000, Duration::from_micros(5));
        gather.note_silence();
        gather.note_taken(5_000, Instant::now());
        gather.note_write(5_000, false);
        assert_eq!(gather.pause(), None);
    }

    #[test]
    fn it_needs_real_time_and_an_actor_that_is_ahead() {
        let mut gather = after(10, 5_000, Duration::from_micros(5));
        gather.note_write(5_000, true);
        assert_eq!(gather.pause(), None);
        gather.note_write(5_000, false);
        gather.allowed = false;
        assert_eq!(gather.pause(), None);
    }
}
