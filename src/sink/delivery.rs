//! The account: what has become of every message that a sink took.

use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};

/// Messages, and their bytes as they were sent: without framing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Tally {
    /// How many messages.
    pub messages: u64,
    /// How many bytes they have together.
    pub bytes: u64,
}

impl Tally {
    /// One message of `length` bytes.
    #[must_use]
    pub const fn one(length: usize) -> Self {
        Self { messages: 1, bytes: length as u64 }
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { messages: self.messages + other.messages, bytes: self.bytes + other.bytes }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Tally {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { messages: self.messages - other.messages, bytes: self.bytes - other.bytes }
    }
}

impl SubAssign for Tally {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

/// What has become of all messages. At every moment `accepted = acked + written + in_doubt + unsent + dropped`, in
/// messages and in bytes: each message is in exactly one of the five.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Delivery {
    /// The sends that were taken; those that failed are not among them.
    pub accepted: Tally,
    /// Seen by the other end: its echo came back equal. Only with [`Confirm::Echo`](super::Confirm::Echo).
    pub acked: Tally,
    /// Wholly given to the system, on a connection that was not lost. Whether the other end has it is not known.
    pub written: Tally,
    /// Begun on a connection that was lost, and not acknowledged: the other end may have it, or not.
    pub in_doubt: Tally,
    /// Not wholly written: still in the sink.
    pub unsent: Tally,
    /// Dropped by the policy that was chosen, and never written.
    pub dropped: Tally,
}

impl Delivery {
    /// Whether the account is even, in messages and in bytes.
    #[must_use]
    pub fn is_even(&self) -> bool {
        self.accepted == self.acked + self.written + self.in_doubt + self.unsent + self.dropped
    }

    /// Whether every message that was taken, and not dropped by choice, is written or acknowledged.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.unsent.messages == 0 && self.in_doubt.messages == 0
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, acked, written, in_doubt, unsent, dropped } = self;
        write!(f, "of {} accepted messages {} are acked, ", accepted.messages, acked.messages)?;
        write!(f, "{} written, {} in doubt, ", written.messages, in_doubt.messages)?;
        write!(f, "{} unsent, {} dropped", unsent.messages, dropped.messages)
    }
}
