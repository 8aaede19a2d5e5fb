//! The check for records that cannot say which message they are: how many there are (`count`).

use super::verdict::{Finding, Findings};
use crate::message::Layout;

/// How many have come.
#[derive(Debug)]
pub(super) struct Count {
    size: u64,
    sent: u64,
    bytes: u64,
}

impl Count {
    pub(super) fn new(layout: Layout, messages: u64) -> Self {
        let sent = u64::from(layout.producers()).saturating_mul(messages);
        Self { size: layout.size() as u64, sent, bytes: 0 }
    }

    pub(super) fn arrived(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
    }

    /// Ends the stream: what has not come is missing, what came beyond all that were sent came twice.
    pub(super) fn close(self) -> Findings {
        let Self { size, sent, bytes } = self;
        let (came, rest) = (bytes / size, bytes % size);
        let mut findings = Findings {
            delivered: came.min(sent),
            lost: sent.saturating_sub(came),
            duplicated: came.saturating_sub(sent),
            corrupted: u64::from(rest > 0),
            ..Findings::default()
        };
        if came > sent {
            findings.quote(bytes, Finding::TooMany { came, sent });
        }
        if let (Ok(bytes), Ok(size), 1..) = (usize::try_from(rest), usize::try_from(size), rest) {
            findings.quote(came.saturating_mul(self.size), Finding::Cut { bytes, size });
        }
        findings
    }
}
