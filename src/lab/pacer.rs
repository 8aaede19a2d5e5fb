//! The pacing thread of an open load: it sends every message at its time, or as soon after as it can.
//!
//! One thread sends for all producers, each through a sender of its own. Handing the times out to that many tasks or
//! threads would measure how fast the machine wakes them (some microseconds each, more than most queues need for a
//! message, and at a hundred thousand a second more than there is time). So what is measured is the way from the sender
//! on. What it cannot show is producers that hinder each other; that is what a closed load is for.
//!
//! The clock is absolute: a late message does not move the next one. When a send has to wait for room, those behind it
//! wait too, and their latency counts from when they were due.
//!
//! It sleeps until shortly before a message is due, and looks at the clock for the rest: the runtime's timers tick at a
//! millisecond only, and a sleep ends some 40 µs late. It does not offer its core to others while it looks: on a busy
//! machine who yields is put behind everybody, for many milliseconds, while who sleeps is let in when it wakes. Above
//! some 30,000 messages a second it never sleeps, and has a core for itself.

use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{hint, thread};

use super::producer::{Offer, Produced};
use super::script::{Pen, Script};
use super::signal::Signal;
use crate::queue::Sender;
use crate::server::ledger::Timetable;

/// What is left of a wait when it goes on without sleeping, on a machine where others have a core meanwhile.
const AWAKE: Duration = Duration::from_micros(30);

/// How long it sleeps before it looks whether it should stop.
const SLICE: Duration = Duration::from_millis(20);

/// A start is late when the send began so long after the message was due: some classes of latency above what the clock and
/// the scheduler do to everybody.
pub(super) const LATE: Duration = Duration::from_micros(100);

/// How far the sends began behind their times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lateness {
    /// Sends that began more than 100 µs late.
    pub late: u64,
    /// The worst.
    pub worst: Duration,
}

impl Lateness {
    #[inline]
    fn note(&mut self, late: Duration) {
        self.late += u64::from(late > LATE);
        self.worst = self.worst.max(late);
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self { late: self.late + other.late, worst: self.worst.max(other.worst) }
    }
}

/// All producers of an open load.
pub(super) struct Pacer<S> {
    pub(super) senders: Vec<S>,
    pub(super) offer: Offer,
    pub(super) script: Script,
    pub(super) messages: u64,
    pub(super) timetable: Arc<Timetable>,
    /// What is left of a wait when it goes on without sleeping.
    pub(super) awake: Duration,
    pub(super) start: Signal,
    pub(super) stop: Signal,
}

/// How long before its time a message is waited for without sleeping. With one core the others would not run meanwhile.
pub(super) fn awake() -> Duration {
    let has_another = thread::available_parallelism().is_ok_and(|cores| cores.get() > 1);
    if has_another { AWAKE } else { Duration::ZERO }
}

impl<S: Sender> Pacer<S> {
    /// Sends all messages, in turn.
    pub(super) fn thread(mut self) -> Produced {
        wake_precisely();
        pollster::block_on(self.start.raised());
        let begun = self.timetable.start(Instant::now());
        let mut produced = Produced { first: begun, last: begun, ..Produced::at(begun) };
        let producers = self.script.layout().producers();
        let mut pen = self.script.clone().pen();
        'burst: for sequence in 0..self.messages {
            for producer in 0..producers {
                if !self.send(begun, &mut pen, producer, sequence, &mut produced) {
                    break 'burst;
                }
            }
        }
        produced.last = Instant::now();
        produced
    }

    /// Sends one message at its time; `false` when the run was stopped, or the queue was closed.
    fn send(&mut self, begun: Instant, pen: &mut Pen, producer: u32, sequence: u64, sum: &mut Produced) -> bool {
        let index = sequence * self.senders.len() as u64 + u64::from(producer);
        let due = begun + self.timetable.due(index);
        let Some(now) = self.wait_until(due) else { return false };
        sum.lateness.note(now - due);
        let message = pen.write(producer, sequence);
        let offered = self.offer.blocking(&mut self.senders[producer as usize], message);
        sum.count(offered)
    }

    /// The first look at the clock that is not before `due`; nothing when the run was stopped meanwhile.
    #[inline]
    fn wait_until(&self, due: Instant) -> Option<Instant> {
        loop {
            let now = Instant::now();
            match due.saturating_duration_since(now) {
                Duration::ZERO => return Some(now),
                left if left > self.awake => thread::sleep(left.saturating_sub(self.awake).min(SLICE)),
                _ => hint::spin_loop(),
            }
            if self.stop.is_raised() {
                return None;
            }
        }
    }
}

/// Has this thread's sleeps end as soon as the system can, instead of gathered with others'. Where it cannot be had, the
/// lateness that is reported shows it.
fn wake_precisely() {
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_timerslack(1);
}
