//! One burst: all producers send all their messages once, over a queue and a connection of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::actor::Actor;
use super::cell::{Cell, Placement};
use super::cost::{Cost, Meter};
use super::producer::{Crowd, Produced};
use super::script::Script;
use super::signal::Signal;
use crate::actor::Account;
use crate::error::{Error, Result};
use crate::queue::{OnFull, Queue};
use crate::server::ledger::{Ledger, Timetable, Verdict};
use crate::server::{Receipt, Server};
use crate::usage::Usage;

/// How long a stopped burst is waited for.
const PATIENCE: Duration = Duration::from_millis(100);

/// What the bursts of a run share.
pub(super) struct Stage<'a> {
    pub(super) cell: &'a Cell,
    pub(super) script: Script,
    pub(super) server: &'a Server,
    pub(super) runtime: Handle,
    pub(super) stop: Signal,
}

/// What came of a burst.
pub(super) struct Burst {
    pub(super) produced: Produced,
    pub(super) account: Result<Account>,
    pub(super) verdict: Verdict,
    pub(super) cost: Cost,
    /// The size of the actor's send buffer, as granted.
    pub(super) send_buffer: Option<usize>,
    /// From the start to when the last message was due, for an open load.
    pub(super) scheduled: Option<Duration>,
}

impl Burst {
    /// From the first send until the last producer had sent.
    pub(super) fn produce_time(&self) -> Duration {
        self.produced.last - self.produced.first
    }

    /// From the first send until the server had the last expected byte, if it ever had. What was dropped is not expected.
    pub(super) fn deliver_time(&self) -> Option<Duration> {
        let verdict = &self.verdict;
        let last = verdict.last_byte.or(if self.is_accounted() { verdict.latest_byte } else { None });
        last.map(|last| last.saturating_duration_since(self.produced.first))
    }

    /// Whether every message was delivered, or dropped on purpose.
    pub(super) fn is_accounted(&self) -> bool {
        self.verdict.is_accounted(self.produced.dropped)
    }
}

/// Runs the `number`th burst over a fresh `Q`.
pub(super) async fn burst<Q: Queue>(stage: &Stage<'_>, number: u64) -> Result<Burst> {
    let Stage { cell, server, stop, .. } = stage;
    let start = Signal::new();
    let (sender, receiver) = Q::open(&cell.shape());
    let timetable = cell.load.timetable(cell.expected(), number).map(Arc::new);
    let receipt = server.expect(ledger(stage, timetable.as_ref())?);
    let mut actor = Actor::start(stage, receiver)?;
    let crowd = Crowd::gather(stage, sender, timetable.clone(), &start)?;
    let send_buffer = actor.connected().await;
    if send_buffer.is_none() {
        stop.raise();
    }
    let meter = Meter::start();
    start.raise();
    let produced = crowd.join(stop).await;
    let account = actor.join().await;
    if send_buffer.is_none() {
        // No connection, no receipt: the server would wait for it for ever.
        return Err(account.err().unwrap_or(Error::Cancelled));
    }
    let (produced, verdict) = (produced?, judged(receipt, stop).await?);
    let cost = meter.stop(own_usage(&account, cell), &verdict);
    let scheduled = timetable.map(|times| times.due(cell.expected() - 1));
    Ok(Burst { produced, account, verdict, cost, send_buffer, scheduled })
}

/// What the actor used, where it has a thread of its own to be asked for.
pub(super) fn own_usage(account: &Result<Account>, cell: &Cell) -> Option<Usage> {
    account.as_ref().ok().filter(|_| cell.actor == Placement::Thread).map(|account| account.usage)
}

/// Waits for the verdict; when the run is stopped, only briefly: a server that is slow on purpose would read what is left
/// at its own pace.
pub(super) async fn judged(receipt: Receipt, stop: &Signal) -> Result<Verdict> {
    let impatience = async {
        stop.raised().await;
        tokio::time::sleep(PATIENCE).await;
    };
    tokio::select! {
        verdict = receipt => verdict,
        () = impatience => Err(Error::Cancelled),
    }
}

/// The ledger that fits the cell's load and what it does when the queue is full.
fn ledger(stage: &Stage<'_>, timetable: Option<&Arc<Timetable>>) -> Result<Ledger> {
    let Stage { cell, script, .. } = stage;
    let ledger = match script {
        Script::Uniform(layout) => Ledger::new(*layout, cell.messages),
        Script::Framed(frames) => Ledger::framed(Arc::clone(frames), cell.messages),
    };
    let ledger = if cell.on_full == OnFull::Wait { ledger } else { ledger.with_gaps() };
    match timetable {
        Some(timetable) => ledger.with_latency(Arc::clone(timetable)),
        None => Ok(ledger),
    }
}
