//! What a run came to.

use std::time::Duration;

use super::burst::Burst;
use super::usage::Usage;
use crate::actor::Account;
use crate::message::Proof;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Every burst was delivered, as far as the proof can show.
    Ok,
    /// A message was lost, doubled, out of order or changed; there is a counter-example.
    Invalid,
    /// The time was up before everything was delivered.
    TimedOut,
}

impl Status {
    /// The word that reports use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Invalid => "invalid",
            Self::TimedOut => "timeout",
        }
    }
}

/// The sums over all bursts of a run.
#[derive(Clone, Debug)]
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
    /// Messages that producers sent: those their queue took.
    pub sent: u64,
    /// Messages that arrived, counted once each.
    pub delivered: u64,
    /// Messages that were sent and never arrived.
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
    /// What the actor did; its high water is the highest of all bursts.
    pub account: Account,
    /// What the process used of the machine from the first send on.
    pub usage: Usage,
}

impl Report {
    pub(super) fn new(proof: Proof, threads: usize) -> Self {
        Self {
            status: Status::Ok,
            counterexample: None,
            proof,
            threads,
            bursts: 0,
            sent: 0,
            delivered: 0,
            lost: 0,
            duplicated: 0,
            reordered: 0,
            corrupted: 0,
            bytes: 0,
            produce: Duration::ZERO,
            deliver: Duration::ZERO,
            account: Account::default(),
            usage: Usage::default(),
        }
    }

    /// Messages a second, from the first send to the server's last byte. No number without delivery: `None` unless the
    /// run is [`Status::Ok`].
    #[must_use]
    pub fn messages_per_second(&self) -> Option<f64> {
        (self.status == Status::Ok).then(|| self.delivered as f64 / self.deliver.as_secs_f64())
    }

    /// Adds a burst; the first that is not proved makes the run invalid.
    pub(super) fn add(&mut self, burst: &Burst) {
        let verdict = &burst.verdict;
        self.bursts += 1;
        self.sent += burst.produced.sent;
        self.delivered += verdict.delivered;
        self.lost += verdict.lost;
        self.duplicated += verdict.duplicated;
        self.reordered += verdict.reordered;
        self.corrupted += verdict.corrupted;
        self.bytes += verdict.bytes;
        self.produce += burst.produce_time();
        self.deliver += burst.deliver_time().unwrap_or_default();
        self.usage += burst.usage;
        if let Ok(account) = &burst.account {
            self.add_account(account);
        }
        if !verdict.is_proved() {
            self.status = Status::Invalid;
            self.counterexample = verdict.counterexample.as_ref().map(ToString::to_string);
        }
    }

    fn add_account(&mut self, account: &Account) {
        let sum = &mut self.account;
        sum.messages += account.messages;
        sum.bytes += account.bytes;
        sum.batches += account.batches;
        sum.writes += account.writes;
        sum.answered += account.answered;
        sum.high_water = sum.high_water.max(account.high_water);
    }
}
