//! How a sink's flush, opening or close fails: the cause, and the account at that moment.

use std::sync::Arc;
use std::{fmt, io};

use super::delivery::Delivery;
use crate::error::Error;

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// No connection could be made, or it was lost and reconnecting is off.
    Disconnected,
    /// The time given was over.
    TimedOut,
    /// The sink is closed, or was never opened.
    Closed,
    /// The actor panicked: a bug.
    Panicked,
}

/// Why a sink could not do what it was asked for, with the account at that moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// What kind it is.
    pub kind: FailureKind,
    /// What was seen, if there is more to say than the kind; shared by all who are told.
    pub cause: Option<Arc<Error>>,
    /// What has become of every message.
    pub delivery: Delivery,
}

impl Failure {
    /// What the system said, if it did.
    #[must_use]
    pub fn os_error(&self) -> Option<i32> {
        match self.cause.as_deref()? {
            Error::Address { source, .. } | Error::Io { source, .. } => io::Error::raw_os_error(source),
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, &self.cause) {
            (_, Some(cause)) => write!(f, "{cause}"),
            (FailureKind::Disconnected, None) => f.write_str("the connection is lost"),
            (FailureKind::TimedOut, None) => f.write_str("the time given was over"),
            (FailureKind::Closed, None) => f.write_str("the sink is closed"),
            (FailureKind::Panicked, None) => f.write_str("the sink's actor panicked; this is a bug in fanin"),
        }?;
        write!(f, " ({})", self.delivery)
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}
