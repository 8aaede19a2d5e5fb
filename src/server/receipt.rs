//! Ledgers that wait for their connection, and callers that wait for their verdict.
//!
//! A ledger is handed to the server before its client connects. It goes to the connection that is accepted next, takes
//! what that one brings, and is closed on the server's thread when the stream has ended; the verdict then goes to whoever
//! holds the receipt. Ledgers and connections are paired in the order in which they come, since a client's address is not
//! known beforehand.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::ledger::{Ledger, Verdict};
use crate::error::{Error, Result};

/// The verdict to come on one connection. It resolves when that connection's stream has ended and all of it was checked,
/// whether it ended well or not: what a broken connection did not bring counts as lost. Dropping it is fine.
///
/// It fails with [`Error::Cancelled`] if the server ends before the connection does.
#[derive(Debug)]
#[must_use = "the ledger is withdrawn when its receipt is dropped"]
pub struct Receipt {
    verdict: oneshot::Receiver<Verdict>,
}

impl Future for Receipt {
    type Output = Result<Verdict>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.verdict).poll(context).map(|verdict| verdict.map_err(|_| Error::Cancelled))
    }
}

/// A ledger on its way through a connection, with whom to tell in the end.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) ledger: Ledger,
    /// Where the verdict goes. It knows whether the receipt still exists: a check that nobody waits for is not done.
    caller: oneshot::Sender<Verdict>,
}

impl Account {
    /// Checks what is left to check, and tells the caller, if one still waits.
    pub(super) fn close(self) {
        if !self.caller.is_closed() {
            // The caller may leave while the check runs; then nobody wants the verdict.
            let _ = self.caller.send(self.ledger.close());
        }
    }
}

/// The accounts of connections that have not come yet, first come first served.
#[derive(Debug, Default)]
pub(super) struct Expected {
    waiting: Mutex<VecDeque<Account>>,
}

impl Expected {
    /// Puts a ledger at the end of the line.
    pub(super) fn add(&self, ledger: Ledger) -> Receipt {
        let (caller, verdict) = oneshot::channel();
        self.lock().push_back(Account { ledger, caller });
        Receipt { verdict }
    }

    /// The account for a connection that was just accepted. Accounts that nobody waits for are passed over.
    pub(super) fn take(&self) -> Option<Account> {
        let mut waiting = self.lock();
        waiting.retain(|account| !account.caller.is_closed());
        waiting.pop_front()
    }

    /// The list is whole at every moment, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, VecDeque<Account>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
