//! What a run came to.

use std::time::{Duration, Instant};

use super::burst::Burst;
use super::cost::Cost;
use super::pacer::Lateness;
use super::producer::Produced;
use crate::actor::Account;
use crate::error::Result;
use crate::message::Proof;
use crate::server::ledger::{Latencies, Verdict};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// Every burst was delivered, as far as the proof can show.
    Ok,
    /// A message was lost, doubled, out of order or changed; there is a counter-example.
    Invalid,
    /// The time was up before everything was delivered.
    TimedOut,
    /// Delivered, but an open load's rate was not kept: the latencies say how long the run was, not how fast the system is.
    Saturated,
}

impl Status {
    /// The word that reports use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Invalid => "invalid",
            Self::TimedOut => "timeout",
            Self::Saturated => "saturated",
        }
    }
}

/// The sums over all bursts of a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// How it ended.
    pub status: Status,
    /// The first thing that was wrong.
    pub counterexample: Option<String>,
    /// How much the ledger could show.
    pub proof: Proof,
    /// Threads of the producers' runtime.
    pub threads: usize,
    /// Bursts that were run.
    pub bursts: u64,
    /// Messages that producers sent: those that they offered to an open queue, whether it took or dropped them.
    pub sent: u64,
    /// Messages that were sent and dropped on purpose, because the queue was full.
    pub dropped: u64,
    /// Messages that arrived, counted once each.
    pub delivered: u64,
    /// Messages that never arrived, without having been dropped on purpose.
    pub lost: u64,
    /// Arrivals of messages that had arrived before.
    pub duplicated: u64,
    /// Messages that arrived after a later one of the same producer.
    pub reordered: u64,
    /// Arrivals that no producer can have sent.
    pub corrupted: u64,
    /// Bytes that arrived.
    pub bytes: u64,
    /// From the first send to the last producer's last.
    pub produce: Duration,
    /// From the first send to the server's last expected byte; what is missing where that never came is left out.
    pub deliver: Duration,
    /// What the actor did; its high water and its largest batch are the highest of all bursts.
    pub account: Account,
    /// What the machine was used for, from the first send on.
    pub cost: Cost,
    /// System calls by which the server read.
    pub server_reads: u64,
    /// The backlog of the first burst: nanoseconds from its first send, and bytes; if it was to be noted.
    pub timeline: Option<Vec<(u64, u64)>>,
    /// The size of the actor's send buffer, as granted.
    pub send_buffer: Option<usize>,
    /// The size of the server's receive buffer, as granted.
    pub receive_buffer: usize,
    /// What an open load came to.
    pub open: Option<Open>,
}

/// What an open load came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    /// Messages a second that were dealt with: delivered to the server, or dropped on purpose. It is the rate that was
    /// asked for, times how long the schedule was, over how long it took until the last byte had come. So a run has to be
    /// a hundred times as long as its last latency to be within a hundredth of its rate.
    pub achieved_rate: f64,
    /// How far the sends began behind their times.
    pub lateness: Lateness,
    /// From when each message was due to when the server had it.
    pub latencies: Latencies,
    scheduled: Duration,
}

/// The share of an open load's rate below which a run is [`Saturated`](Status::Saturated).
pub const SATURATED: f64 = 0.99;

impl Report {
    pub(super) fn new(proof: Proof, threads: usize) -> Self {
        Self {
            status: Status::Ok,
            counterexample: None,
            proof,
            threads,
            bursts: 0,
            sent: 0,
            dropped: 0,
            delivered: 0,
            lost: 0,
            duplicated: 0,
            reordered: 0,
            corrupted: 0,
            bytes: 0,
            produce: Duration::ZERO,
            deliver: Duration::ZERO,
            account: Account::default(),
            cost: Cost::default(),
            server_reads: 0,
            timeline: None,
            send_buffer: None,
            receive_buffer: 0,
            open: None,
        }
    }

    /// Messages a second, from the first send to the server's last byte. No number without delivery: `None` unless the
    /// run is [`Status::Ok`].
    #[must_use]
    pub fn messages_per_second(&self) -> Option<f64> {
        (self.status == Status::Ok).then(|| self.delivered as f64 / self.deliver.as_secs_f64())
    }

    /// Adds a burst; the first that is not accounted for makes the run invalid.
    pub(super) fn add(&mut self, burst: &Burst) -> Result<()> {
        self.bursts += 1;
        self.produce += burst.produce_time();
        self.deliver += burst.deliver_time().unwrap_or_default();
        self.cost += burst.cost;
        self.send_buffer = self.send_buffer.or(burst.send_buffer);
        if let Ok(account) = &burst.account {
            self.add_account(account, burst.produced.first);
        }
        self.add_verdict(&burst.verdict, &burst.produced);
        if !burst.is_accounted() {
            self.status = Status::Invalid;
            self.counterexample = Some(fault(&burst.verdict, &burst.produced));
        }
        self.add_open(burst)
    }

    fn add_verdict(&mut self, verdict: &Verdict, produced: &Produced) {
        self.proof = verdict.proof;
        self.sent += produced.sent;
        self.dropped += produced.dropped;
        self.delivered += verdict.delivered;
        self.lost += verdict.lost.saturating_sub(produced.dropped);
        self.duplicated += verdict.duplicated;
        self.reordered += verdict.reordered;
        self.corrupted += verdict.corrupted;
        self.bytes += verdict.bytes;
    }

    fn add_account(&mut self, account: &Account, first: Instant) {
        let sum = &mut self.account;
        sum.messages += account.messages;
        sum.bytes += account.bytes;
        sum.batches += account.batches;
        sum.writes += account.writes;
        sum.wakeups += account.wakeups;
        sum.answered += account.answered;
        sum.largest_batch = sum.largest_batch.max(account.largest_batch);
        sum.high_water = sum.high_water.max(account.high_water);
        let samples = account.timeline.samples();
        if self.timeline.is_none() && !samples.is_empty() {
            let since = |at: Instant| nanoseconds(at.saturating_duration_since(first));
            self.timeline = Some(samples.iter().map(|(at, bytes)| (since(*at), *bytes)).collect());
        }
    }

    fn add_open(&mut self, burst: &Burst) -> Result<()> {
        let (Some(scheduled), Some(latencies)) = (burst.scheduled, &burst.verdict.latencies) else { return Ok(()) };
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(Open {
                achieved_rate: 0.0,
                lateness: Lateness::default(),
                latencies: Latencies::new()?,
                scheduled: Duration::ZERO,
            }),
        };
        open.scheduled += scheduled;
        open.lateness = open.lateness.and(burst.produced.lateness);
        open.latencies.merge(latencies)
    }

    /// Ends the run: says whether an open load's `rate` was kept.
    pub(super) fn judge_rate(&mut self, rate: Option<f64>) {
        let (Some(open), Some(rate)) = (&mut self.open, rate) else { return };
        if self.deliver.is_zero() {
            return;
        }
        let share = (open.scheduled.as_secs_f64() / self.deliver.as_secs_f64()).min(1.0);
        open.achieved_rate = rate * share;
        if self.status == Status::Ok && share < SATURATED {
            self.status = Status::Saturated;
        }
    }
}

/// The first thing that is wrong: what the ledger quotes, or an equation that does not hold.
fn fault(verdict: &Verdict, produced: &Produced) -> String {
    let equation = || {
        let Produced { sent, dropped, .. } = produced;
        let delivered = verdict.delivered;
        format!("{sent} messages were sent, {delivered} delivered and {dropped} dropped: these do not add up")
    };
    verdict.counterexample.as_ref().map_or_else(equation, ToString::to_string)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
