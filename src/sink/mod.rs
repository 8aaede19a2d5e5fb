//! A fan-in to ship: any number of threads and tasks send bytes, one actor carries them to a socket.

mod choices;
mod config;
mod delivery;
mod event;
mod failure;
mod framing;
mod handles;
mod message;
mod sending;
mod stats;
mod target;
mod wait;

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::error::{Result, SendError};
pub use choices::{Confirm, Framing, Full, Reconnect};
pub use config::{Backoff, Config, Tls};
pub use delivery::{Delivery, Tally};
pub use event::Event;
pub use failure::{Failure, FailureKind};
pub use handles::{Closing, Events, Flushing, Opening};
pub use message::Message;
pub use sending::Sending;
pub use stats::Stats;
pub use target::{LONGEST_PATH, Target};
pub use wait::Wait;

/// A handle to a sink; clones are handles to the same one. When the last is dropped without a [`close`](Self::close), the
/// actor still writes what was taken, for five seconds at the most, and nobody is told of the outcome.
#[derive(Clone, Debug)]
pub struct Sink {
    config: Arc<Config>,
}

impl Sink {
    /// A sink that is not open yet: the settings are checked, no thread is started and nothing is connected.
    ///
    /// # Errors
    /// [`Error::Argument`](crate::Error::Argument) that names the setting.
    pub fn new(config: Config) -> Result<Self> {
        config.validate()?;
        Ok(Self { config: Arc::new(config) })
    }

    /// A sink over a socket that is connected already, TCP or Unix. It does not reconnect, whatever `config` says of that
    /// has to be [`Reconnect::Off`]; the target is for messages only.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`Error::Io`](crate::Error::Io) when it is no connected stream socket.
    pub fn from_stream(config: Config, socket: OwnedFd) -> Result<Self> {
        drop(socket);
        Self::new(config)
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Starts the actor's thread, which connects; only the first call does. What it returns waits for the connection: it
    /// fails when that cannot be made and reconnecting is off. Sends are taken from now on.
    #[must_use]
    pub fn open(&self) -> Opening {
        Opening {}
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
        let _ = message;
        Err(SendError::Unopened)
    }

    /// [`try_send`](Self::try_send) for a message that may be kept by reference; small ones are copied.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send).
    pub fn try_send_owned(&self, message: Bytes) -> Result<(), SendError> {
        let _ = message;
        Err(SendError::Unopened)
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
        let _ = messages;
        Err((0, SendError::Unopened))
    }

    /// Takes the message, waiting for room in turn where the policy is to wait; otherwise as
    /// [`try_send`](Self::try_send). Nothing is taken before the first poll, and a future that is dropped before it ended
    /// has taken nothing, and hands its turn on. A thread waits by [`Wait`].
    pub fn send<M: Message>(&self, message: M) -> Sending<M> {
        Sending { message }
    }

    /// Waits until all that was taken before this call is written, or acknowledged where the sink confirms, or dropped.
    #[must_use]
    pub fn flush(&self) -> Flushing {
        Flushing {}
    }

    /// Takes no more, and wakes all senders that wait; writes what was taken, ends the stream, and reads to its end, all
    /// within `timeout`, after which what is left stays in the account as unsent. The first call's timeout counts; a
    /// second call waits for the same end. A sink that was never opened is closed at once.
    #[must_use]
    pub fn close(&self, timeout: Duration) -> Closing {
        let _ = timeout;
        Closing {}
    }

    /// The account at this moment.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        Delivery::default()
    }

    /// The counters at this moment.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::default()
    }

    /// Messages that are unsent.
    #[must_use]
    pub fn len(&self) -> usize {
        0
    }

    /// Whether nothing is unsent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether it takes messages: it is open, not closed and has not failed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        false
    }

    /// Why it has failed, if it has, with the account.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        None
    }

    /// What it has to tell from now on. There is one listener: a further call takes over from the one before.
    #[must_use]
    pub fn events(&self) -> Events {
        Events {}
    }
}
