//! A replay of the published benchmark, wrong on purpose.
//!
//! It does what that benchmark does, so that its clock can be read next to what arrived:
//!
//! * the client never reads the echo that the server sends;
//! * *mutex*: the actor swaps the vectors and writes the whole of its own, but never clears it, so it hands the workers a
//!   vector full of old bytes; on an empty one it looks again at once, without yielding; the clock stops when the
//!   **first** worker has finished, and the rest is shut down;
//! * *mpsc*: a write a byte; the clock stops when the workers have **queued**, and the actor is aborted with the channel
//!   still full.
//!
//! The published mutex actor cannot be ended, since it never yields while it finds nothing. Here it looks at a stop flag
//! on each turn, and everything has a deadline: when server and client have filled each other's buffers, neither moves.
//! None of this is in [`Kind::ALL`](crate::queue::Kind::ALL).

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use super::signal::Signal;
use crate::error::{Error, Result};
use crate::message::Layout;
use crate::queue::sync::lock;
use crate::server::ledger::Ledger;
use crate::server::{Mode, Server, Settings};

/// Which of the two published benchmarks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Design {
    /// Two vectors behind `std::sync::Mutex`.
    Mutex,
    /// tokio's unbounded channel.
    Mpsc,
}

impl Design {
    /// The word that callers use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mutex => "mutex",
            Self::Mpsc => "mpsc",
        }
    }
}

impl std::str::FromStr for Design {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "mutex" => Ok(Self::Mutex),
            "mpsc" => Ok(Self::Mpsc),
            _ => Err(Error::argument("design", name, "allowed are mutex, mpsc")),
        }
    }
}

/// What a replay showed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Replay {
    /// What its clock says: the published number.
    pub clock: Duration,
    /// Messages that all workers together should have delivered, a byte each.
    pub expected: u64,
    /// Bytes that came to the server until the connection ended.
    pub arrived: u64,
    /// Whether the deadline had to end it.
    pub deadline_hit: bool,
    /// What the ledger found first.
    pub counterexample: Option<String>,
}

/// Replays the published benchmark with `workers` that send `messages` one-byte messages each.
///
/// # Errors
/// [`Error::Argument`] for counts out of bounds, [`Error::Cancelled`], and what sockets fail with.
pub fn replay(design: Design, workers: u32, messages: u64, deadline: Duration, cancel: &Signal) -> Result<Replay> {
    let ledger = Ledger::new(Layout::new(1, workers)?, messages);
    let server = Server::start(&Settings::local(Mode::Echo))?;
    let receipt = server.expect(ledger);
    let runtime = Builder::new_multi_thread().enable_all().build().map_err(Error::io("start the replay's runtime"))?;
    let stage = Stage::new(server.address(), workers, messages);
    let replay = runtime.block_on(async {
        let (clock, deadline_hit) = tokio::select! {
            clock = stage.measure(design) => (clock, false),
            () = tokio::time::sleep(deadline) => (deadline, true),
            () = cancel.raised() => return Err(Error::Cancelled),
        };
        stage.shut_down();
        let expected = messages * u64::from(workers);
        let mut replay = Replay { clock, expected, arrived: 0, deadline_hit, counterexample: None };
        // An actor that had not connected has written nothing, and its receipt would never come.
        if stage.connected() {
            let verdict = receipt.await?;
            replay.arrived = verdict.bytes;
            replay.counterexample = verdict.counterexample.map(|found| found.to_string());
        }
        Ok(replay)
    });
    stage.shut_down();
    runtime.shutdown_timeout(Duration::from_secs(1));
    replay
}

/// The published benchmark's parts.
struct Stage {
    address: SocketAddr,
    workers: u32,
    messages: u64,
    state: Arc<State>,
    tasks: Mutex<Tasks>,
}

#[derive(Default)]
struct Tasks {
    actor: Option<JoinHandle<()>>,
    workers: JoinSet<()>,
}

#[derive(Default)]
struct State {
    shared: Mutex<Vec<u8>>,
    connected: AtomicBool,
    /// What the published actor lacks: a way to end it.
    stop: AtomicBool,
}

impl Stage {
    fn new(address: SocketAddr, workers: u32, messages: u64) -> Self {
        Self { address, workers, messages, state: Arc::default(), tasks: Mutex::default() }
    }

    async fn measure(&self, design: Design) -> Duration {
        let begun = Instant::now();
        match design {
            Design::Mutex => self.mutex().await,
            Design::Mpsc => self.mpsc().await,
        }
        begun.elapsed()
    }

    /// Ends when the first worker has.
    async fn mutex(&self) {
        self.keep_actor(tokio::spawn(mutex_actor(self.address, Arc::clone(&self.state))));
        let mut workers = JoinSet::new();
        for _ in 0..self.workers {
            workers.spawn(mutex_worker(Arc::clone(&self.state), self.messages));
        }
        workers.join_next().await;
        lock(&self.tasks).workers = workers;
    }

    /// Ends when every worker has queued.
    async fn mpsc(&self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.keep_actor(tokio::spawn(mpsc_actor(self.address, Arc::clone(&self.state), receiver)));
        let mut workers = JoinSet::new();
        for _ in 0..self.workers {
            workers.spawn(mpsc_worker(sender.clone(), self.messages));
        }
        while workers.join_next().await.is_some() {}
    }

    fn keep_actor(&self, actor: JoinHandle<()>) {
        lock(&self.tasks).actor = Some(actor);
    }

    fn connected(&self) -> bool {
        // Acquire: the partner is in `connect`.
        self.state.connected.load(Ordering::Acquire)
    }

    fn shut_down(&self) {
        // Release: the partner is the load in the client's loop.
        self.state.stop.store(true, Ordering::Release);
        let mut tasks = lock(&self.tasks);
        tasks.workers.abort_all();
        if let Some(actor) = &tasks.actor {
            actor.abort();
        }
    }
}

async fn connect(address: SocketAddr, state: &State) -> Option<TcpStream> {
    let stream = TcpStream::connect(address).await.ok()?;
    // Release: the partner is in `connected`.
    state.connected.store(true, Ordering::Release);
    Some(stream)
}

/// Never waits: a task that runs to its end in one go.
#[allow(clippy::unused_async)]
async fn mutex_worker(state: Arc<State>, messages: u64) {
    let mut value = 0_u8;
    for _ in 0..messages {
        value = next(value);
        lock(&state.shared).push(value);
    }
}

async fn mutex_actor(address: SocketAddr, state: Arc<State>) {
    let Some(mut stream) = connect(address, &state).await else { return };
    let mut own = Vec::new();
    // Acquire: the partner is in `shut_down`.
    while !state.stop.load(Ordering::Acquire) {
        std::mem::swap(&mut *lock(&state.shared), &mut own);
        if own.is_empty() {
            continue;
        }
        if stream.write_all(&own).await.is_err() {
            return;
        }
    }
}

/// Never waits: a task that runs to its end in one go.
#[allow(clippy::unused_async)]
async fn mpsc_worker(sender: mpsc::UnboundedSender<u8>, messages: u64) {
    let mut value = 0_u8;
    for _ in 0..messages {
        value = next(value);
        if sender.send(value).is_err() {
            return;
        }
    }
}

async fn mpsc_actor(address: SocketAddr, state: Arc<State>, mut receiver: mpsc::UnboundedReceiver<u8>) {
    let Some(mut stream) = connect(address, &state).await else { return };
    while let Some(value) = receiver.recv().await {
        if stream.write_all(&[value]).await.is_err() {
            return;
        }
    }
}

/// The article's counter.
#[allow(clippy::cast_possible_truncation)] // below 255
const fn next(value: u8) -> u8 {
    ((value as u16 + 1) % 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_clock_stops_whatever_arrived() {
        for design in [Design::Mutex, Design::Mpsc] {
            let replay = replay(design, 8, 1000, Duration::from_secs(10), &Signal::new()).unwrap();
            assert_eq!(replay.expected, 8000);
            // What the ledger has nothing against is all or, from an actor that never connected, nothing.
            let quiet = replay.counterexample.is_none();
            assert!(!quiet || replay.arrived == replay.expected || replay.arrived == 0, "{replay:?}");
            assert!(!replay.deadline_hit && replay.clock < Duration::from_secs(10));
        }
    }

    #[test]
    fn the_deadline_ends_it() {
        let begun = Instant::now();
        let replay = replay(Design::Mpsc, 64, 100_000, Duration::from_millis(50), &Signal::new()).unwrap();
        assert!(replay.arrived < replay.expected);
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}
