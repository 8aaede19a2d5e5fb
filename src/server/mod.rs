//! The other end of the socket: accepts connections, reads what comes, answers or not, and checks it.
//!
//! A [`Server`] serves any number of connections at once, on a thread and a runtime of its own. Each connection is read
//! in pieces of up to 64 KiB. In [`Mode::Echo`] a piece is written back before the next is read, so a client that stops
//! reading its echo is not read from either, and a connection never holds more than one piece. In [`Mode::Discard`] only
//! reading is done.
//!
//! It can be made a bad partner: [`Settings`] give it a rate at which it reads, a small receive buffer, a pause, and
//! [`Faults`], which happen at the byte that was asked for. It is no victim itself: [`Limits`] bound how many connections
//! it serves, and how long one may be idle.
//!
//! What arrives on a connection of the lab is proved by a [`Ledger`]: hand one over with [`Server::expect`] before
//! the client connects, and wait for the [`Receipt`]. Connections that nobody expects are served without one.
//! The messages of any other program are told apart and kept by an [`Inbox`], if there is a [`Recording`] to make.
//!
//! The server knows nothing of queues and actors: it sees bytes.

mod accept;
mod answer;
mod connection;
mod faults;
mod inbox;
pub mod ledger;
mod listen;
pub mod proxy;
mod receipt;
mod report;
mod settings;
mod stream;
mod throttle;
#[cfg(unix)]
mod unix;
mod worker;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use crate::error::{Error, Result};
pub use faults::{EchoFault, Faults, Place, Wrong};
pub use inbox::{Counts, Framing, Inbox, Messages, Recording};
use ledger::Ledger;
use listen::Bound;
pub use listen::Endpoint;
use receipt::Expected;
pub use receipt::Receipt;
use report::Counters;
pub use report::Report;
pub use settings::{Limits, Mode, Pause, PauseAt, Settings};
use worker::Worker;

/// A server that runs until it is stopped or dropped.
pub struct Server {
    endpoint: Endpoint,
    receive_buffer: usize,
    shared: Arc<Shared>,
    /// Its drop ends the server.
    worker: Worker,
}

/// What the server's thread and its owner both see.
#[derive(Debug, Default)]
struct Shared {
    mode: Mode,
    read_rate: Option<u64>,
    pause: Option<Pause>,
    faults: Faults,
    limits: Limits,
    inbox: Option<Arc<Inbox>>,
    counters: Counters,
    expected: Expected,
}

impl Shared {
    /// Whether no more connections are let in.
    fn is_full(&self) -> bool {
        self.limits.max_connections.is_some_and(|most| self.counters.report().open >= most)
    }
}

impl Server {
    /// Listens, and serves from now on.
    ///
    /// # Errors
    /// [`Error::Address`] when the host does not resolve or none of its addresses can be listened on; [`Error::Io`] when
    /// the system gives no thread or no file descriptors. Nothing is left running then.
    pub fn start(settings: &Settings) -> Result<Self> {
        let runtime = worker::runtime()?;
        let bound = Bound::new(settings)?;
        let (endpoint, receive_buffer) = (bound.endpoint.clone(), bound.receive_buffer);
        let listener = {
            let _context = runtime.enter();
            bound.watched()?
        };
        let Settings { mode, read_rate, pause, limits, .. } = *settings;
        let faults = settings.faults.clone();
        let inbox = settings.recording.map(|recording| Arc::new(Inbox::new(recording)));
        let shared = Arc::new(Shared { mode, read_rate, pause, faults, limits, inbox, ..Shared::default() });
        let serving = Arc::clone(&shared);
        let worker =
            Worker::start("fanin-server", runtime, move || async move { accept::run(listener, &serving).await })?;
        Ok(Self { endpoint, receive_buffer, shared, worker })
    }

    /// The address that the server listens on, with the port that was found, if any was asked for. A server on a Unix
    /// socket has none, which is written as port 0 of no interface: see [`endpoint`](Self::endpoint).
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        match self.endpoint {
            Endpoint::Tcp(address) => address,
            Endpoint::Unix(_) => SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
        }
    }

    /// Where the server listens, whatever it is.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The size of a new connection's receive buffer, as the system granted it. Unless a size was asked for, the system
    /// lets it grow from there.
    #[must_use]
    pub const fn receive_buffer(&self) -> usize {
        self.receive_buffer
    }

    /// Has the next connection that is accepted, and that no earlier call expects, checked by `ledger`.
    ///
    /// If the receipt is dropped before a connection comes, none is expected any more.
    pub fn expect(&self, ledger: Ledger) -> Receipt {
        self.shared.expected.add(ledger)
    }

    /// The messages that arrived, if the server was asked to tell them apart. It outlives the server.
    #[must_use]
    pub fn inbox(&self) -> Option<Arc<Inbox>> {
        self.shared.inbox.clone()
    }

    /// What was done until now.
    #[must_use]
    pub fn report(&self) -> Report {
        self.shared.counters.report()
    }

    /// Closes the listener and all connections, waits for the thread, and says what was done. It does not wait for
    /// clients: receipts of connections that are still open end with [`Error::Cancelled`].
    ///
    /// # Errors
    /// [`Error::Panicked`] if the server's thread did, which is a bug.
    pub fn stop(mut self) -> Result<Report> {
        self.worker.stop().map_err(|payload| Error::panicked("server", &*payload))?;
        Ok(self.report())
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("endpoint", &self.endpoint)
            .field("mode", &self.shared.mode)
            .finish_non_exhaustive()
    }
}
