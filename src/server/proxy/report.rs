//! What a proxy has done so far, and to whom.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Way;

/// The most events that are kept; counting goes on.
const MOST_EVENTS: usize = 100_000;

/// Something that was done to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// It was turned away.
    TurnedAway,
    /// The target took no connection.
    Unreachable,
    /// A fault ended it with a reset.
    Reset,
    /// A fault closed it.
    Closed,
    /// A fault ended one way.
    HalfClosed,
    /// A fault stopped one way.
    Stalled,
    /// A byte was made wrong.
    Spoilt,
    /// It was open when the line was cut.
    Cut,
}

impl What {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TurnedAway => "turned_away",
            Self::Unreachable => "unreachable",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::HalfClosed => "half_closed",
            Self::Stalled => "stalled",
            Self::Spoilt => "spoilt",
            Self::Cut => "cut",
        }
    }
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Which connection; the first accepted is 0.
    pub connection: u64,
    /// Which way; none where it is about the whole connection.
    pub way: Option<Way>,
    /// After how many bytes of that way.
    pub bytes: u64,
    /// What was done.
    pub what: What,
}

/// A proxy's account at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Connections that were accepted and passed on.
    pub opened: u64,
    /// Of these, how many are open now.
    pub open: u64,
    /// Bytes passed from clients to the target.
    pub bytes_up: u64,
    /// Bytes passed from the target to clients.
    pub bytes_down: u64,
    /// How often something was done to a connection.
    pub faults: u64,
    /// What that was, in order; the first hundred thousand.
    pub events: Vec<Event>,
}

/// The account while it changes.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<Report>);

impl Counters {
    pub(super) fn report(&self) -> Report {
        self.lock().clone()
    }

    pub(super) fn open(&self) -> u64 {
        self.lock().open
    }

    pub(super) fn opened(&self) {
        let mut report = self.lock();
        report.opened += 1;
        report.open += 1;
    }

    pub(super) fn closed(&self) {
        self.lock().open -= 1;
    }

    pub(super) fn passed(&self, way: Way, bytes: u64) {
        let mut report = self.lock();
        match way {
            Way::Up => report.bytes_up += bytes,
            Way::Down => report.bytes_down += bytes,
        }
    }

    pub(super) fn turned_away(&self, connection: u64) {
        self.note(Event { connection, way: None, bytes: 0, what: What::TurnedAway });
    }

    pub(super) fn note(&self, event: Event) {
        let mut report = self.lock();
        report.faults += 1;
        if report.events.len() < MOST_EVENTS {
            report.events.push(event);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Report> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
