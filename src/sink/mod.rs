//! A fan-in to ship: any number of threads and tasks send bytes, one actor carries them to a socket.
//!
//! ```text
//! callers ──► chain ──► window ──► wire ──► the other end
//!   │        (unsent)  (written,            │
//!   │                   not acked)  ◄───────┘ echo
//!   └─ account: accepted = acked + written + in_doubt + unsent + dropped, at every moment
//! ```
//!
//! ```
//! use std::time::Duration;
//!
//! use fanin::server::{Mode, Server, Settings};
//! use fanin::sink::{Config, Confirm, Framing, Sink, Wait};
//!
//! let server = Server::start(&Settings::local(Mode::Echo))?;
//! let mut config = Config::new(format!("tcp://{}", server.address()).parse()?);
//! config.framing = Framing::Lines;
//! config.confirm = Confirm::Echo;
//!
//! let sink = Sink::new(config)?;
//! sink.open().wait()?; // or .await
//! sink.try_send(b"from any thread")?; // never waits
//! sink.send(b"or waiting for room").wait()?; // or .await
//! let delivery = sink.close(Duration::from_secs(5)).wait()?;
//! assert_eq!(delivery.acked.messages, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What holds
//! * A send that returns `Ok` has taken the whole message once; any other has taken nothing of it.
//! * Messages go out in the order of the calls, whole: a frame that was begun on one connection is never continued on
//!   another.
//! * What a sink holds, unsent or not acknowledged, is bounded by its capacity. Room is handed out first come, first
//!   served, to threads and tasks alike; who gives up waiting hands its turn on.
//! * Every message is in exactly one column of its [`Delivery`]. *Written* is what the system took on a connection that was
//!   not lost, and no more than that; *acked* is what came back. When a connection is lost, what was written on it and not
//!   acknowledged is *in doubt*, and so is a frame of which any byte was written. *Dropped* never was.
//! * Everybody who waits is woken by a loss, a close, and a panic of the actor, and told why: [`Failure`].
//!
//! # How it is built
//! Callers and the actor meet under one short lock: a caller frames and copies its message there, the actor takes whole
//! blocks. The actor is woken only when it sleeps. It is one thread with a runtime of its own; [`Sink::driven`] makes
//! it a future instead. Framing, account, window and back-off are plain state machines, tested without a socket. Callers are
//! never called back: what there is to tell is told by [`Sink::events`].

mod account;
mod backoff;
mod choices;
mod config;
mod connect;
mod core;
mod delivery;
mod drive;
mod event;
mod failure;
mod gather;
mod handles;
mod heap;
mod message;
mod patience;
mod planted;
mod run;
mod sending;
mod session;
mod state;
mod stats;
mod target;
mod thread;
mod tls;
mod wait;
mod window;

use std::future::Future;
#[cfg(unix)]
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use self::core::Core;
use crate::error::{Error, Result, SendError};
pub use crate::message::Framing;
use crate::queue::sync::lock;
pub use choices::{Confirm, Full, Reconnect};
pub use config::{Backoff, Config, Tls};
use connect::Dial;
pub use delivery::{Delivery, Tally};
pub use drive::Connect;
pub use event::Event;
pub use failure::{Failure, FailureKind};
pub use handles::{Closing, Events, Flushing, Opening};
pub use message::Message;
pub use sending::Sending;
pub use stats::Stats;
pub use target::{LONGEST_PATH, Target};
pub use wait::Wait;

/// How long the actor may still write when the last handle is gone without a close.
const FAREWELL: Duration = Duration::from_secs(5);

/// A handle to a sink; clones are handles to the same one. When the last is dropped without a [`close`](Self::close), the
/// actor still writes what was taken, for five seconds at the most, and nobody is told of the outcome.
#[derive(Clone, Debug)]
pub struct Sink {
    core: Arc<Core>,
    handle: Arc<Handle>,
}

/// What all handles share, and the actor does not: gone with the last of them.
#[derive(Debug)]
struct Handle {
    core: Arc<Core>,
    /// What connects, until the sink is opened.
    dial: Mutex<Option<Dial>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.core.close(FAREWELL);
    }
}

impl Sink {
    /// A sink that is not open yet: the settings are checked, what TLS needs is read, no thread is started and nothing is
    /// connected.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the setting; [`Error::File`] where a file of TLS cannot be read.
    pub fn new(config: Config) -> Result<Self> {
        config.validate()?;
        let dial = Dial::new(config.clone())?;
        Ok(Self::with(config, Some(dial)))
    }

    /// A sink over a socket that is connected already, TCP or Unix. It cannot reconnect: `config` has
    /// [`Reconnect::Off`], and its target is for messages only.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`Error::Argument`] named `socket` when it is no connected stream socket.
    #[cfg(unix)]
    pub fn from_stream(config: Config, socket: OwnedFd) -> Result<Self> {
        config.validate()?;
        if config.reconnect != Reconnect::Off {
            let allowed = "a socket that was connected elsewhere cannot be connected again: allowed is off";
            return Err(Error::argument("reconnect", config.reconnect.name(), allowed));
        }
        let dial = Dial::over(config.clone(), connect::check_socket(socket)?);
        Ok(Self::with(config, Some(dial)))
    }

    fn with(config: Config, dial: Option<Dial>) -> Self {
        let core = Arc::new(Core::new(config));
        let handle = Arc::new(Handle { core: Arc::clone(&core), dial: Mutex::new(dial) });
        Self { core, handle }
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.core.config
    }

    /// Starts the actor's thread, which connects; only the first call does. What it returns waits for the connection: it
    /// fails when that cannot be made and reconnecting is off. Sends are taken from now on.
    pub fn open(&self) -> Opening {
        if self.core.open()
            && let Some(dial) = lock(&self.handle.dial).take()
        {
            thread::start(&self.core, dial);
        }
        Opening::new(Arc::clone(&self.core))
    }

    /// [`open`](Self::open) over connections of the caller's own making, without a thread: the future is the actor, and
    /// runs where the caller awaits it, with tokio's timers. For simulators above all. Dropped before it ended, it leaves
    /// a sink that has failed. A sink that was opened before is left as it is.
    ///
    /// # Errors
    /// [`Error::Argument`] as [`new`](Self::new).
    pub fn driven<C: Connect>(config: Config, connect: C) -> Result<(Self, impl Future<Output = ()> + Send)> {
        config.validate()?;
        let sink = Self::with(config, None);
        sink.core.open();
        let guard = thread::Abandoned(Arc::clone(&sink.core));
        let actor = async move {
            let ending = drive::live(&guard.0, connect).await;
            guard.0.end(ending);
        };
        Ok((sink, actor))
    }

    /// Takes the message now or not at all, by [`on_full`](Config::on_full): a message that this drops is taken, and
    /// counted as dropped. One short lock, a copy, no system call unless the actor sleeps.
    ///
    /// # Errors
    /// [`SendError::Full`] when there is no room and the policy is to wait or to raise; [`SendError::TooLarge`],
    /// [`SendError::Frame`] and [`SendError::Newline`] when it never could be taken; [`SendError::Unopened`],
    /// [`SendError::Closed`], [`SendError::Disconnected`] and [`SendError::Panicked`] by the state of the sink. Nothing was
    /// taken then.
    #[inline]
    pub fn try_send(&self, message: &[u8]) -> Result<(), SendError> {
        self.core.try_send(message)
    }

    /// Whether a message of this length could be taken at all: to be asked before it is copied or made.
    ///
    /// # Errors
    /// [`SendError::Frame`] and [`SendError::TooLarge`], as [`try_send`](Self::try_send).
    pub fn fits(&self, length: usize) -> Result<(), SendError> {
        self.core.fits(length)
    }

    /// [`try_send`](Self::try_send) for a message that may be kept by reference; small ones are copied.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send).
    pub fn try_send_owned(&self, message: Bytes) -> Result<(), SendError> {
        self.core.try_send_owned(message)
    }

    /// [`try_send`](Self::try_send) for many, in order, some hundred under one lock; returns how many were taken. `messages`
    /// runs under that lock: it must not wait, send, or call into an interpreter.
    ///
    /// # Errors
    /// The first message that was not taken, by its index, and why: those before it were, those after it were not.
    pub fn try_send_many<M: AsRef<[u8]>>(
        &self,
        messages: impl IntoIterator<Item = M>,
    ) -> Result<usize, (usize, SendError)> {
        self.core.try_send_many(messages)
    }

    /// Takes the message, waiting for room in turn where the policy is to wait; otherwise as
    /// [`try_send`](Self::try_send). Nothing is taken before the first poll, and a future that is dropped before it ended
    /// has taken nothing, and hands its turn on. A thread waits by [`Wait`].
    pub fn send<M: Message>(&self, message: M) -> Sending<M> {
        Sending::new(Arc::clone(&self.core), message)
    }

    /// Waits until all that was taken before this call is written, or acknowledged where the sink confirms, or dropped.
    pub fn flush(&self) -> Flushing {
        Flushing::new(Arc::clone(&self.core))
    }

    /// Takes no more, and wakes all senders that wait; writes what was taken, ends the stream, and reads to its end, all
    /// within `timeout`, after which what is left stays in the account as unsent. A second
    /// call waits for the same end, which it may bring nearer, but not put off. A sink that was never opened is closed at once.
    pub fn close(&self, timeout: Duration) -> Closing {
        self.core.close(timeout);
        Closing::new(Arc::clone(&self.core))
    }

    /// The account at this moment.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        self.core.delivery()
    }

    /// The counters at this moment.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.core.lock().stats()
    }

    /// Messages that are unsent.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.delivery().unsent.messages).unwrap_or(usize::MAX)
    }

    /// Whether nothing is unsent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it takes messages: it is open, not closed and has not failed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.core.lock().takes()
    }

    /// Whether there is a connection at this moment.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.core.lock().is_connected
    }

    /// Why it has failed, if it has, with the account.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        self.core.failure()
    }

    /// What it has to tell from now on. There is one listener: a further call takes over from the one before.
    pub fn events(&self) -> Events {
        Events::new(Arc::clone(&self.core))
    }
}
