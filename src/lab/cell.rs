//! One point of the grid: what is run, and under which load.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::load::Load;
use super::memory;
use super::script::Script;
use super::strategy::{Source, Strategy};
use crate::actor::Gauge;
use crate::error::{Error, Result};
use crate::message::{Contents, HEADER, Layout};
use crate::queue::{Capacity, Kind, OnFull, Shape};
use crate::server::{Mode, Pause, Settings};

/// The most messages that one producer sends in a burst.
pub const MOST_MESSAGES: u64 = u32::MAX as u64;

/// The most runtime threads.
pub const MOST_THREADS: usize = 1024;

/// The most producers that can be threads.
pub const MOST_PRODUCER_THREADS: u32 = 8192;

/// The largest socket buffer that can be asked for, in bytes.
pub const MOST_BUFFER: usize = 1 << 30;

/// What the producers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Producers {
    /// Tasks on a multi-threaded tokio runtime.
    Tasks,
    /// A thread each.
    Threads,
}

/// Where the actor runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Placement {
    /// On a thread and a runtime of its own.
    Thread,
    /// As a task among the producers, as in the article.
    Task,
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The queue and the write policy.
    pub strategy: Strategy,
    /// How many producers send.
    pub producers: u32,
    /// How many messages each sends in a burst.
    pub messages: u64,
    /// The size of a message in bytes; where `contents` says more, that holds and this does not.
    pub payload: usize,
    /// What messages hold, where they differ in size.
    pub contents: Option<Contents>,
    /// When producers send. With an open load the pacing thread sends for all of them: `producers_as`, `work` and `delay`
    /// do not apply.
    pub load: Load,
    /// The most that the queue holds; `None` for no bound.
    pub capacity: Option<Capacity>,
    /// What becomes of a message when the queue is full.
    pub on_full: OnFull,
    /// What the producers are.
    pub producers_as: Producers,
    /// Where the actor runs.
    pub actor: Placement,
    /// What the server does with what it reads.
    pub server: Mode,
    /// The most bytes that the server reads in a second; `None` for as many as come.
    pub read_rate: Option<u64>,
    /// The size asked for the server's receive buffer, in bytes; `None` for the system's choice, which grows.
    pub receive_buffer: Option<usize>,
    /// The size asked for the send buffer of the actor's socket, in bytes; `None` for the system's choice, which grows.
    pub send_buffer: Option<usize>,
    /// When the server stops reading for a while; once in each burst.
    pub pause: Option<Pause>,
    /// Whether the backlog is noted over time, for the price of a look at the clock a drain and a write.
    pub timeline: bool,
    /// A gauge that shows how the run goes, for the price of some counts a drain.
    pub watch: Option<Gauge>,
    /// Threads of the producers' runtime; `None` for as many as the machine has cores.
    pub threads: Option<usize>,
    /// Processor time that a producer spends before each message.
    pub work: Duration,
    /// How long a producer sleeps before each message.
    pub delay: Duration,
    /// The fewest bursts.
    pub bursts: u32,
    /// Bursts are repeated until they have taken this long in all.
    pub min_time: Duration,
    /// After this long the run ends as [`TimedOut`](super::Status::TimedOut).
    pub timeout: Option<Duration>,
}

impl Cell {
    /// A cell with the article's load: `producers` tasks that send 1000 messages of one byte.
    #[must_use]
    pub const fn new(strategy: Strategy, producers: u32) -> Self {
        Self {
            strategy,
            producers,
            messages: 1000,
            payload: 1,
            contents: None,
            load: Load::Closed,
            capacity: None,
            on_full: OnFull::Wait,
            producers_as: Producers::Tasks,
            actor: Placement::Thread,
            server: Mode::Discard,
            read_rate: None,
            receive_buffer: None,
            send_buffer: None,
            pause: None,
            timeline: false,
            watch: None,
            threads: None,
            work: Duration::ZERO,
            delay: Duration::ZERO,
            bursts: 1,
            min_time: Duration::ZERO,
            timeout: None,
        }
    }

    /// How the cell's records are laid out.
    ///
    /// # Errors
    /// [`Error::Argument`] for producers or a payload out of bounds.
    pub fn layout(&self) -> Result<Layout> {
        Layout::new(if self.contents.is_some() { HEADER } else { self.payload }, self.producers)
    }

    /// What its producers write.
    pub(super) fn script(&self) -> Result<Script> {
        match &self.contents {
            None => self.layout().map(Script::Uniform),
            Some(contents) => contents.frames(self.producers).map(|frames| Script::Framed(Arc::new(frames))),
        }
    }

    /// The mean and the largest size of a message on its way, in bytes.
    fn sizes(&self) -> (usize, usize) {
        self.contents.as_ref().map_or((self.payload, self.payload), Contents::sizes)
    }

    /// What its queue is opened for.
    #[must_use]
    pub fn shape(&self) -> Shape {
        let size = if self.contents.is_some() { None } else { Some(self.payload) };
        Shape { size, longest: Some(self.sizes().1), capacity: self.capacity }
    }

    /// How its server is started.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let Self { read_rate, receive_buffer, pause, .. } = *self;
        Settings { read_rate, receive_buffer, pause, ..Settings::local(self.server) }
    }

    /// Messages of one burst.
    #[must_use]
    pub const fn expected(&self) -> u64 {
        self.messages.saturating_mul(self.producers as u64)
    }

    /// Threads of the producers' runtime.
    #[must_use]
    pub fn runtime_threads(&self) -> usize {
        self.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// Refuses what cannot be run, before anything is started.
    ///
    /// # Errors
    /// [`Error::Argument`], naming the argument, its value and what is allowed.
    pub fn validate(&self) -> Result<()> {
        self.layout()?;
        within("messages", self.messages, 1, MOST_MESSAGES)?;
        within("bursts", u64::from(self.bursts), 1, u64::from(u32::MAX))?;
        within("threads", self.runtime_threads() as u64, 1, MOST_THREADS as u64)?;
        if self.producers_as == Producers::Threads {
            within("producers", u64::from(self.producers), 1, u64::from(MOST_PRODUCER_THREADS))?;
        }
        self.load.validate(self.expected())?;
        self.validate_open()?;
        self.validate_capacity()?;
        self.validate_on_full()?;
        self.validate_server()?;
        self.validate_pauses()?;
        memory::refuse_beyond_a_quarter(self.worst_case())
    }

    fn validate_capacity(&self) -> Result<()> {
        let facts = self.strategy.queue.facts();
        let Some(capacity) = self.capacity else { return Ok(()) };
        if !facts.bounded {
            let bounded: Vec<_> = Kind::ALL
                .iter()
                .map(|kind| kind.facts())
                .filter(|facts| facts.bounded)
                .map(|facts| facts.name)
                .collect();
            let allowed = format!("{} has no bound; allowed is None, or a queue of {}", facts.name, bounded.join(", "));
            return Err(Error::argument("capacity", capacity.limit(), allowed));
        }
        match capacity {
            Capacity::Bytes(bytes) if bytes < self.sizes().1 => {
                let allowed = format!("allowed is at least the largest message, {} bytes", self.sizes().1);
                Err(Error::argument("capacity", bytes, allowed))
            }
            Capacity::Messages(0) => Err(Error::argument("capacity", 0, "allowed is at least 1 message")),
            _ => Ok(()),
        }
    }

    /// Latency needs records that say who sent them, and in an open load nobody but the pacer spends time.
    fn validate_open(&self) -> Result<()> {
        if self.load == Load::Closed {
            return Ok(());
        }
        if self.sizes().1 < 2 {
            let allowed = "with an open load allowed are 2 bytes and more: a latency needs to know which message it is";
            return Err(Error::argument("payload", self.payload, allowed));
        }
        let only_closed = "with an open load allowed is 0: the pacing thread sends for all producers";
        for (name, value) in [("work", self.work), ("delay", self.delay)] {
            if !value.is_zero() {
                return Err(Error::argument(name, format!("{value:?}"), only_closed));
            }
        }
        if self.on_full != OnFull::Wait && !self.layout()?.is_unmistakable(self.messages) {
            let allowed = "with an open load and drops allowed are 16 bytes and more, or fewer messages: a latency needs \
                           to know which message it is";
            return Err(Error::argument("payload", self.payload, allowed));
        }
        Ok(())
    }

    fn validate_on_full(&self) -> Result<()> {
        if self.on_full == OnFull::Wait {
            return Ok(());
        }
        let policies = self.strategy.queue.policies();
        if !policies.contains(&self.on_full) {
            let words: Vec<_> = policies.iter().map(|policy| policy.name()).collect();
            let allowed = format!("{} can {}", self.strategy.queue.facts().name, words.join(", "));
            return Err(Error::argument("on_full", self.on_full.name(), allowed));
        }
        if self.capacity.or(self.strategy.queue.facts().unasked).is_none() {
            return Err(Error::argument("on_full", self.on_full.name(), "without a capacity nothing is ever full"));
        }
        Ok(())
    }

    fn validate_server(&self) -> Result<()> {
        let buffers = [("receive_buffer", self.receive_buffer), ("send_buffer", self.send_buffer)];
        for (name, size) in buffers {
            within(name, size.unwrap_or(1) as u64, 1, MOST_BUFFER as u64)?;
        }
        within("read_rate", self.read_rate.unwrap_or(1), 1, u64::MAX)
    }

    /// Where no producers are, none can pause or be paced.
    fn validate_pauses(&self) -> Result<()> {
        if self.strategy.queue != Source::Direct {
            return Ok(());
        }
        if self.load != Load::Closed {
            return Err(Error::argument("load", "open", "direct has no producers; allowed is closed"));
        }
        if self.contents.is_some() {
            return Err(Error::argument("payload", "a mix or records", "direct lays out records of one size"));
        }
        let pauses = [("work", self.work), ("delay", self.delay)];
        match pauses.into_iter().find(|(_, pause)| !pause.is_zero()) {
            None => Ok(()),
            Some((name, pause)) => {
                Err(Error::argument(name, format!("{pause:?}"), "direct has no producers; allowed is 0"))
            }
        }
    }

    /// The most memory that the cell could need, in bytes: the whole burst in the queue, unless that has a bound.
    fn worst_case(&self) -> u64 {
        let (mean, largest) = self.sizes();
        let overhead = if mean > 64 || self.contents.is_some() { 48 } else { 1 };
        let message = mean as u64 + overhead;
        let waiting = match self.capacity.or(self.strategy.queue.facts().unasked) {
            None => self.expected(),
            Some(Capacity::Messages(most)) => (most as u64).min(self.expected()),
            Some(Capacity::Bytes(most)) => (most as u64 / mean.max(1) as u64 + 1).min(self.expected()),
        };
        let producers = u64::from(self.producers).saturating_mul(largest as u64 + 1024);
        // Vectors double as they grow, and the batch being written is as large as the one being filled.
        let times = self.load.memory(self.expected());
        waiting.saturating_mul(message).saturating_mul(2).saturating_add(producers).saturating_add(times)
    }
}

fn within(name: &'static str, value: u64, least: u64, most: u64) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::argument(name, value, format!("allowed are {least} to {most}")))
}

macro_rules! words {
    ($type:ty, $argument:literal, $($word:literal => $value:expr),+) => {
        impl $type {
            /// The word that callers use.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(value if value == $value => $word,)+ _ => "" }
            }
        }

        impl FromStr for $type {
            type Err = Error;

            fn from_str(word: &str) -> Result<Self> {
                match word {
                    $($word => Ok($value),)+
                    _ => Err(Error::argument($argument, word, concat!("allowed are", $(" ", $word),+))),
                }
            }
        }
    };
}

words!(Producers, "producers_as", "tasks" => Self::Tasks, "threads" => Self::Threads);
words!(Placement, "actor", "thread" => Self::Thread, "task" => Self::Task);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::Policy;

    fn cell() -> Cell {
        Cell::new(Strategy::new(Kind::Swap, Policy::Batch), 4)
    }

    fn refusal(cell: &Cell) -> String {
        cell.validate().unwrap_err().to_string()
    }

    #[test]
    fn each_bound_is_named_with_its_value() {
        assert!(refusal(&Cell { messages: 0, ..cell() }).starts_with("messages=0: allowed are 1 to"));
        assert!(refusal(&Cell { producers: 0, ..cell() }).starts_with("producers=0"));
        assert!(refusal(&Cell { payload: 0, ..cell() }).starts_with("payload=0"));
        assert!(refusal(&Cell { bursts: 0, ..cell() }).starts_with("bursts=0"));
        assert!(refusal(&Cell { threads: Some(0), ..cell() }).starts_with("threads=0"));
        let small = Cell { payload: 64, capacity: Some(Capacity::Bytes(63)), ..cell() };
        assert!(refusal(&small).starts_with("capacity=63"));
    }

    #[test]
    fn a_capacity_needs_a_queue_that_has_one() {
        let strategy = Strategy::new(Kind::Mpsc, Policy::Batch);
        let message = refusal(&Cell { strategy, capacity: Some(Capacity::Bytes(1024)), ..cell() });
        assert!(message.contains("mpsc has no bound") && message.contains("swap"), "{message}");
    }

    #[test]
    fn what_the_memory_cannot_hold_is_refused() {
        let message = refusal(&Cell { messages: MOST_MESSAGES, payload: 1 << 20, producers: 1000, ..cell() });
        assert!(message.contains("a quarter"), "{message}");
        let bounded = Cell { messages: MOST_MESSAGES, capacity: Some(Capacity::Bytes(1 << 20)), ..cell() };
        assert!(bounded.validate().is_ok());
    }

    #[test]
    fn words_go_both_ways() {
        for word in ["tasks", "threads"] {
            assert_eq!(word.parse::<Producers>().unwrap().name(), word);
        }
        assert_eq!(
            "fibres".parse::<Producers>().unwrap_err().to_string(),
            "producers_as=fibres: allowed are tasks threads"
        );
    }
}
