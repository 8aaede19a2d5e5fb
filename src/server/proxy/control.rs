//! Holding, letting go and cutting the whole line, from outside or by a schedule.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::Error;

/// What is done to all connections at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Command {
    /// Nothing is passed any more, either way, and nobody is told: a partition.
    Hold,
    /// It is passed again, with all that was sent meanwhile.
    Resume,
    /// Every open connection is reset at both ends. New ones are passed.
    Cut,
}

impl Command {
    /// Every command.
    pub const ALL: [Self; 3] = [Self::Hold, Self::Resume, Self::Cut];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Resume => "resume",
            Self::Cut => "cut",
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Command {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|command| command.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::argument("schedule", text, format!("allowed are {names}"))
        })
    }
}

/// The state that every connection watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    held: bool,
    /// How often the line was cut: a connection is gone when this has changed since it came.
    cuts: u64,
}

#[derive(Debug)]
pub(super) struct Control {
    state: watch::Sender<State>,
}

/// One connection's view of it.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    state: watch::Receiver<State>,
    cuts: u64,
}

impl Control {
    pub(super) fn new() -> Self {
        Self { state: watch::Sender::new(State::default()) }
    }

    pub(super) fn obey(&self, command: Command) {
        self.state.send_modify(|state| match command {
            Command::Hold => state.held = true,
            Command::Resume => state.held = false,
            Command::Cut => state.cuts += 1,
        });
    }

    /// Obeys each command at its time, counted from now.
    pub(super) async fn follow(&self, mut schedule: Vec<(Duration, Command)>) {
        let start = Instant::now();
        schedule.sort_by_key(|&(at, _)| at);
        for (at, command) in schedule {
            tokio::time::sleep_until(start + at).await;
            self.obey(command);
        }
    }

    pub(super) fn watch(&self) -> Watch {
        let state = self.state.subscribe();
        let cuts = state.borrow().cuts;
        Watch { state, cuts }
    }
}

impl Watch {
    /// Waits until the line is not held.
    pub(super) async fn passable(&mut self) {
        // It fails where the proxy is gone, and with it this connection.
        let _ = self.state.wait_for(|state| !state.held).await;
    }

    /// Waits until the line is cut.
    pub(super) async fn cut(&mut self) {
        let cuts = self.cuts;
        let _ = self.state.wait_for(|state| state.cuts != cuts).await;
    }
}
