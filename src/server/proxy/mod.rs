//! A bad line between any client and any server.
//!
//! A [`Proxy`] listens, connects to its target for each connection that it accepts, and passes bytes both ways. Each way
//! has [`Faults`] of its own, with the meaning that they have at a server but for these:
//!
//! | fault | on a line |
//! | --- | --- |
//! | `delay` | every byte comes so much later, however many are on the way |
//! | `stall` | from a byte on nothing is passed this way |
//! | `reset`, `close` | exactly so many bytes are passed, then both ends are reset, or closed |
//! | `half_close` | after a byte the receiver sees the end of the stream; what else is sent is thrown away |
//! | `echo` | one byte is changed, doubled, or missing on its way |
//!
//! The whole line can be held, let go and cut, at once or by a schedule of times. Places in the stream are exact and come
//! from a seed; times are as exact as a timer.

mod control;
mod dial;
mod line;
mod pump;
mod report;

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use control::Command;
use control::Control;
use dial::Dial;
use line::Line;
use report::Counters;
pub use report::{Event, Report, What};

use super::listen::{Bound, Endpoint, Listener};
use super::stream::Stream;
use super::worker::{self, Worker};
use super::{Faults, Mode, Settings};
use crate::error::{Error, Result};

/// How long to wait after a failure to accept, which is mostly for want of descriptors.
const BREATH: Duration = Duration::from_millis(50);

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Way {
    /// From the client to the target.
    Up,
    /// From the target to the client.
    Down,
}

impl Way {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// What one way does to what it passes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lane {
    /// What goes wrong.
    pub faults: Faults,
    /// The most bytes that are passed in a second; `None` for as many as come.
    pub rate: Option<u64>,
}

/// Where a proxy listens, whom it stands before, and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxySettings {
    /// Whom to connect to, as a URL: `tcp://host:port` or `unix:///path`.
    pub target: String,
    /// A name or an address to listen on.
    pub host: String,
    /// The port; 0 for any that is free.
    pub port: u16,
    /// Listen on a Unix socket at this path instead.
    pub path: Option<PathBuf>,
    /// From the client to the target. Its `refuse` turns connections away.
    pub up: Lane,
    /// From the target to the client.
    pub down: Lane,
    /// The most connections at once; who comes then is turned away.
    pub max_connections: Option<u64>,
    /// What happens to the whole line, and how long after the first connection.
    pub schedule: Vec<(Duration, Command)>,
}

impl ProxySettings {
    /// A line with no faults, on any free port of this machine's own interface.
    #[must_use]
    pub fn local(target: impl Into<String>) -> Self {
        Self {
            target: target.into(),
            host: "127.0.0.1".to_owned(),
            port: 0,
            path: None,
            up: Lane::default(),
            down: Lane::default(),
            max_connections: None,
            schedule: Vec::new(),
        }
    }

    fn listen(&self) -> Settings {
        Settings { host: self.host.clone(), port: self.port, path: self.path.clone(), ..Settings::local(Mode::Discard) }
    }
}

/// A proxy that runs until it is stopped or dropped.
pub struct Proxy {
    endpoint: Endpoint,
    shared: Arc<Shared>,
    worker: Worker,
}

/// What the proxy's thread and its owner both see.
#[derive(Debug)]
struct Shared {
    dial: Dial,
    up: Lane,
    down: Lane,
    max_connections: Option<u64>,
    counters: Counters,
    control: Control,
}

impl Proxy {
    /// Listens, and passes from now on. The target is resolved now, and connected to when a client comes.
    ///
    /// # Errors
    /// [`Error::Argument`] when the target is no URL of a known kind; [`Error::Address`] when it does not resolve, or there
    /// is no listening; [`Error::Io`] when the system gives no thread or no descriptors. Nothing is left running then.
    pub fn start(settings: &ProxySettings) -> Result<Self> {
        let dial = Dial::new(&settings.target)?;
        let runtime = worker::runtime()?;
        let bound = Bound::new(&settings.listen())?;
        let endpoint = bound.endpoint.clone();
        let listener = {
            let _context = runtime.enter();
            bound.watched()?
        };
        let ProxySettings { up, down, max_connections, schedule, .. } = settings.clone();
        let (counters, control) = (Counters::default(), Control::new());
        let shared = Arc::new(Shared { dial, up, down, max_connections, counters, control });
        let serving = Arc::clone(&shared);
        let serve = move || async move { run(listener, &serving, schedule).await };
        let worker = Worker::start("fanin-proxy", runtime, serve)?;
        Ok(Self { endpoint, shared, worker })
    }

    /// Where it listens.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Holds the line, lets it go, or cuts every connection that is open.
    pub fn command(&self, command: Command) {
        self.shared.control.obey(command);
    }

    /// What was done until now.
    #[must_use]
    pub fn report(&self) -> Report {
        self.shared.counters.report()
    }

    /// Closes the listener and all connections, waits for the thread, and says what was done.
    ///
    /// # Errors
    /// [`Error::Panicked`] if the proxy's thread did, which is a bug.
    pub fn stop(mut self) -> Result<Report> {
        self.worker.stop().map_err(|payload| Error::panicked("proxy", &*payload))?;
        Ok(self.report())
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("endpoint", &self.endpoint)
            .field("dial", &self.shared.dial)
            .finish_non_exhaustive()
    }
}

/// Accepts for as long as it runs. The schedule begins with the first connection.
async fn run(listener: Listener, shared: &Arc<Shared>, schedule: Vec<(Duration, Command)>) -> Infallible {
    let mut schedule = Some(schedule);
    let mut number = 0;
    loop {
        let Ok(stream) = listener.accept().await else {
            tokio::time::sleep(BREATH).await;
            continue;
        };
        if let Some(schedule) = schedule.take() {
            let shared = Arc::clone(shared);
            tokio::spawn(async move { shared.control.follow(schedule).await });
        }
        admit(stream, number, shared);
        number += 1;
    }
}

fn admit(stream: Stream, number: u64, shared: &Arc<Shared>) {
    if shared.up.faults.refuses(number) || shared.is_full() {
        shared.counters.turned_away(number);
        stream.reset();
    } else {
        tokio::spawn(Line::new(stream, number, Arc::clone(shared)).serve());
    }
}

impl Shared {
    fn is_full(&self) -> bool {
        self.max_connections.is_some_and(|most| self.counters.open() >= most)
    }

    fn lane(&self, way: Way) -> &Lane {
        match way {
            Way::Up => &self.up,
            Way::Down => &self.down,
        }
    }
}
