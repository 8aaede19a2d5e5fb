//! How far apart the processor's cores are.
//!
//! What one thread writes and another reads goes from cache to cache, a line at a time. Between cores that share a cache that
//! takes some tens of nanoseconds, between sockets some hundreds, and every queue pays it. On a virtual machine it may
//! change while one looks: the host moves its cores about.

use std::hint;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Round trips that are timed together.
const BATCH: u32 = 500;

/// The longest that it takes.
const LONGEST: Duration = Duration::from_millis(20);

/// On a line of its own, with its neighbour: processors fetch lines by pairs.
#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU32);

/// How long a cache line takes to another core and back, at its best: the quickest of some batches, in 20 ms. Nothing where
/// there is one core only, or no thread and no core was free.
///
/// # Example
/// ```
/// if let Some(took) = fanin::cores::line_round_trip() {
///     assert!(took.as_nanos() > 0);
/// }
/// ```
#[must_use]
pub fn line_round_trip() -> Option<Duration> {
    if thread::available_parallelism().map_or(1, usize::from) < 2 {
        return None;
    }
    let (line, over) = (Line::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        // Where the system has no thread to give, there is nothing to say.
        thread::Builder::new().spawn_scoped(scope, || answer(&line, &over)).ok()?;
        let best = ask(&line);
        // Relaxed: nothing is read on its strength.
        over.store(true, Ordering::Relaxed);
        best
    })
}

/// The quickest of the batches, a round trip; nothing when not even one came to its end.
fn ask(line: &Line) -> Option<Duration> {
    let (began, mut number, mut best) = (Instant::now(), 0, None::<Duration>);
    while began.elapsed() < LONGEST {
        let batch = Instant::now();
        if !(0..BATCH).all(|_| bounce(line, &mut number, began)) {
            break;
        }
        let took = batch.elapsed() / BATCH;
        best = Some(best.map_or(took, |best| best.min(took)));
    }
    best
}

/// Makes the number odd, and waits until it is even; `false` when that took too long.
#[inline]
fn bounce(line: &Line, number: &mut u32, began: Instant) -> bool {
    // Release and Acquire: as a queue passes a message on. The partner is in `answer`.
    line.0.store(*number + 1, Ordering::Release);
    *number += 2;
    let mut looks = 0_u32;
    while line.0.load(Ordering::Acquire) != *number {
        looks += 1;
        // The clock is read rarely: that takes as long as a line does.
        if looks.is_multiple_of(4096) && began.elapsed() > LONGEST {
            return false;
        }
        hint::spin_loop();
    }
    true
}

/// Makes it even again.
fn answer(line: &Line, over: &AtomicBool) {
    let mut number = 1;
    // Relaxed: see `line_round_trip`.
    while !over.load(Ordering::Relaxed) {
        // Acquire and Release: the partner is in `ask`.
        if line.0.load(Ordering::Acquire) == number {
            line.0.store(number + 1, Ordering::Release);
            number += 2;
        } else {
            hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_takes_some_time_and_the_answer_comes_in_time() {
        let began = Instant::now();
        let took = line_round_trip();
        assert!(began.elapsed() < Duration::from_secs(10));
        assert!(took.is_none_or(|took| took > Duration::ZERO && took < LONGEST), "{took:?}");
    }
}
