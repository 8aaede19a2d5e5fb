//! What a run costs the machine, told apart by who causes it.
//!
//! The actor and the server run on a thread each, and ask the system what that thread has used. The producers are what
//! is left of the whole process when these two and the thread that waits for them are taken off: their own threads, or
//! those of their runtime. Checking the stream afterwards is not part of the run.
//!
//! Allocations are not counted: an allocator that counts is one that every message passes. Pages that were touched for the
//! first time the system counts anyway: they show memory that grows, and a queue that gives its memory back and forth.

use std::ops::AddAssign;

use crate::server::ledger::Verdict;
use crate::usage::Usage;

/// What was used, from the first send on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// By all together; whatever else the process does meanwhile is in it.
    pub all: Usage,
    /// By the producers; with an open load that is the pacing thread, which looks at the clock instead of sleeping when
    /// the next message is near. `None` where the actor is a task among them, from which they cannot be told.
    pub producers: Option<Usage>,
    /// By the actor, where it has a thread of its own.
    pub actor: Option<Usage>,
    /// By the server, taking and counting what arrives.
    pub server: Usage,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.all += other.all;
        self.producers = sum(self.producers, other.producers);
        self.actor = sum(self.actor, other.actor);
        self.server += other.server;
    }
}

fn sum(one: Option<Usage>, other: Option<Usage>) -> Option<Usage> {
    let (Some(mut sum), Some(more)) = (one, other) else { return one.or(other) };
    sum += more;
    Some(sum)
}

/// Reads the process and the calling thread, which is the one that waits.
pub(super) struct Meter {
    process: Usage,
    waiting: Usage,
}

impl Meter {
    pub(super) fn start() -> Self {
        Self { process: Usage::of_process(), waiting: Usage::of_thread() }
    }

    /// Call it on the thread that started the meter.
    pub(super) fn stop(self, actor: Option<Usage>, verdict: &Verdict) -> Cost {
        let waiting = Usage::of_thread() - self.waiting;
        let all = Usage::of_process() - self.process - verdict.checked;
        let producers = actor.map(|actor| all - waiting - actor - verdict.served);
        Cost { all, producers, actor, server: verdict.served }
    }
}
