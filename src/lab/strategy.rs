//! A strategy: a queue with a write policy, as `swap/batch`.

use std::fmt;
use std::str::FromStr;

use crate::actor::Policy;
use crate::error::{Error, Result};
use crate::queue::Kind;

/// A queue with a write policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Strategy {
    /// What stands between the producers and the actor.
    pub queue: Kind,
    /// How the actor writes what it has drained.
    pub write: Policy,
}

impl Strategy {
    /// Every queue with every write policy.
    pub fn all() -> impl Iterator<Item = Self> {
        Kind::ALL.iter().flat_map(|&queue| Policy::ALL.iter().map(move |&write| Self { queue, write }))
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
        text.split_once('/')
            .and_then(|(queue, write)| Some(Self { queue: queue.parse().ok()?, write: write.parse().ok()? }))
            .ok_or_else(|| {
                let queues: Vec<_> = Kind::ALL.iter().map(|kind| kind.facts().name).collect();
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
