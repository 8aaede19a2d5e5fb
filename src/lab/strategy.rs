//! A strategy: a queue with a write policy, as `swap/batch`; or no queue at all, as `direct/batch`.

use std::fmt;
use std::str::FromStr;

use super::direct;
use crate::actor::Policy;
use crate::error::{Error, Result};
use crate::queue::{Facts, Kind, OnFull};

/// Where the actor's messages come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// A queue that producers fill.
    Queue(Kind),
    /// The actor itself: the ceiling.
    Direct,
}

impl Source {
    /// Every source, the ceiling last.
    pub fn all() -> impl Iterator<Item = Self> {
        Kind::ALL.iter().copied().map(Self::Queue).chain([Self::Direct])
    }

    /// What it says of itself.
    #[must_use]
    pub const fn facts(self) -> &'static Facts {
        match self {
            Self::Queue(kind) => kind.facts(),
            Self::Direct => &direct::FACTS,
        }
    }

    /// What it can do with a message for which there is no room.
    #[must_use]
    pub const fn policies(self) -> &'static [OnFull] {
        match self {
            Self::Queue(kind) => kind.policies(),
            Self::Direct => &[OnFull::Wait],
        }
    }

    /// The write policies that make a difference to it: the ceiling's blocks lie in one piece.
    #[must_use]
    pub const fn writes(self) -> &'static [Policy] {
        match self {
            Self::Queue(_) => Policy::ALL,
            Self::Direct => &[Policy::Each, Policy::Batch],
        }
    }
}

impl From<Kind> for Source {
    fn from(kind: Kind) -> Self {
        Self::Queue(kind)
    }
}

/// A source with a write policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Strategy {
    /// What stands between the producers and the actor.
    pub queue: Source,
    /// How the actor writes what it has drained.
    pub write: Policy,
}

impl Strategy {
    /// A queue with a write policy.
    pub fn new(queue: impl Into<Source>, write: Policy) -> Self {
        Self { queue: queue.into(), write }
    }

    /// Every source with every write policy that makes a difference to it.
    pub fn all() -> impl Iterator<Item = Self> {
        Source::all().flat_map(|queue| queue.writes().iter().map(move |&write| Self { queue, write }))
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.queue.facts().name, self.write.name())
    }
}

impl FromStr for Strategy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::all().find(|strategy| strategy.to_string() == text).ok_or_else(|| {
            let queues: Vec<_> = Source::all().map(|queue| queue.facts().name).collect();
            let policies: Vec<_> = Policy::ALL.iter().map(|policy| policy.name()).collect();
            let allowed = format!(
                "allowed is QUEUE/WRITE, QUEUE one of {}, WRITE one of {}",
                queues.join(", "),
                policies.join(", ")
            );
            Error::argument("strategy", text, allowed)
        })
    }
}
