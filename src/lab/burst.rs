//! One burst: all producers send all their messages once, over a queue and a connection of its own.

use std::time::Duration;

use tokio::runtime::Handle;

use super::actor::Actor;
use super::cell::Cell;
use super::producer::{Crowd, Produced};
use super::signal::Signal;
use super::usage::Usage;
use crate::actor::Account;
use crate::error::{Error, Result};
use crate::message::Layout;
use crate::queue::Queue;
use crate::server::Server;
use crate::server::ledger::{Ledger, Verdict};

/// What the bursts of a run share.
pub(super) struct Stage<'a> {
    pub(super) cell: &'a Cell,
    pub(super) layout: Layout,
    pub(super) server: &'a Server,
    pub(super) runtime: Handle,
    pub(super) stop: Signal,
}

/// What came of a burst.
pub(super) struct Burst {
    pub(super) produced: Produced,
    pub(super) account: Result<Account>,
    pub(super) verdict: Verdict,
    pub(super) usage: Usage,
}

impl Burst {
    /// From the first send until the last producer had sent.
    pub(super) fn produce_time(&self) -> Duration {
        self.produced.last - self.produced.first
    }

    /// From the first send until the server had the last expected byte, if it ever had.
    pub(super) fn deliver_time(&self) -> Option<Duration> {
        self.verdict.last_byte.map(|last| last.saturating_duration_since(self.produced.first))
    }
}

/// Runs one burst over a fresh `Q`.
pub(super) async fn burst<Q: Queue>(stage: &Stage<'_>) -> Result<Burst> {
    let Stage { cell, layout, server, runtime, stop } = stage;
    let start = Signal::new();
    let (sender, receiver) = Q::open(&cell.shape());
    let receipt = server.expect(Ledger::new(*layout, cell.messages));
    let mut actor = Actor::start(cell.actor, receiver, server.address(), cell.strategy.write, stop, runtime)?;
    let crowd = Crowd::gather(cell, *layout, sender, &start, stop, runtime)?;
    let connected = actor.connected().await;
    if !connected {
        stop.raise();
    }
    let before = Usage::now();
    start.raise();
    let produced = crowd.join(stop).await;
    let account = actor.join().await;
    if !connected {
        // No connection, no receipt: the server would wait for it for ever.
        return Err(account.err().unwrap_or(Error::Cancelled));
    }
    let (produced, verdict) = (produced?, receipt.await?);
    Ok(Burst { produced, account, verdict, usage: Usage::now() - before })
}
