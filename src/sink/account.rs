//! The account as it is kept: every message in exactly one state, moved by what happens.
//!
//! ```text
//! accepted ─► unsent ─► written ─► acked
//!               │  ▲       │
//!    dropped ◄──┘  └─ in doubt ◄─┘  (a loss; back again only where it is sent again)
//! ```

use super::delivery::{Delivery, Tally};
use crate::queue::frames::Measure;

/// The counters. What is unsent is what is in no other state.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Account {
    accepted: Tally,
    acked: Tally,
    written: Tally,
    in_doubt: Tally,
    dropped: Tally,
}

impl Account {
    /// Messages were taken.
    #[inline]
    pub(super) fn accept(&mut self, what: Tally) {
        self.accepted += what;
    }

    /// Unsent messages were dropped.
    pub(super) fn drop(&mut self, what: Tally) {
        self.dropped += what;
    }

    /// Messages were wholly written: `fresh` for the first time, `again` after they were in doubt.
    pub(super) fn write(&mut self, fresh: Measure, again: Measure) {
        self.in_doubt -= again.into();
        self.written += (fresh + again).into();
    }

    /// Written messages were acknowledged.
    pub(super) fn acknowledge(&mut self, what: Measure) {
        self.written -= what.into();
        self.acked += what.into();
    }

    /// The connection is lost: what was written on it, and not acknowledged, is in doubt, and so is what was `begun`.
    pub(super) fn lose(&mut self, begun: Measure) {
        self.in_doubt += self.written + begun.into();
        self.written = Tally::default();
    }

    /// What is in doubt.
    pub(super) const fn in_doubt(&self) -> Tally {
        self.in_doubt
    }

    /// The account as callers see it.
    pub(super) fn delivery(&self) -> Delivery {
        let Self { accepted, acked, written, in_doubt, dropped } = *self;
        let unsent = accepted - acked - written - in_doubt - dropped;
        Delivery { accepted, acked, written, in_doubt, unsent, dropped }
    }
}

impl From<Measure> for Tally {
    fn from(measure: Measure) -> Self {
        Self { messages: measure.messages, bytes: measure.bytes }
    }
}
