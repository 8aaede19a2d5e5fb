//! What can go wrong, in one place.
//!
//! [`SendError`] is what a producer sees on the hot path: small, `Copy`, and about one message. The message is borrowed by
//! every send, so on an error it is still wholly the caller's. [`Error`] is what everything else returns.

use std::io;
use std::path::PathBuf;

/// Why a queue did not take a message. Nothing of the message was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// It cannot be taken now without waiting; it may be later.
    #[error("the queue is full")]
    Full,
    /// The receiver is gone, or takes no more.
    #[error("the queue is closed")]
    Closed,
    /// The message is larger than the whole queue: waiting for room would never end.
    #[error("the message is larger than the queue's capacity")]
    TooLarge,
    /// The queue was opened for messages of another size.
    #[error("the message is not of the size that the queue was opened for")]
    Size,
    /// It is longer than the limit that was set.
    #[error("the message is longer than max_frame")]
    Frame,
    /// It has a newline inside, which would make it two.
    #[error("the message has a newline inside, and framing by lines would make it two")]
    Newline,
    /// The sink was not opened yet.
    #[error("the sink is not open")]
    Unopened,
    /// There is no connection, and none is to come.
    #[error("the connection is lost")]
    Disconnected,
    /// The actor panicked: a bug, told instead of passed on.
    #[error("the sink's actor panicked; this is a bug in fanin")]
    Panicked,
}

/// What the library can fail with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument is outside of what is allowed; nothing was started.
    #[error("{name}={value}: {allowed}")]
    Argument {
        /// The argument's name, as the caller wrote it.
        name: &'static str,
        /// The value that was given.
        value: String,
        /// What would have been allowed.
        allowed: String,
    },
    /// A producer's send failed.
    #[error(transparent)]
    Send(#[from] SendError),
    /// An address could not be listened on or connected to.
    #[error("cannot {doing} {address}: {source}")]
    Address {
        /// What was tried: `listen on`, `connect to`, `resolve`.
        doing: &'static str,
        /// The address, as `host:port`.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// A file that an argument names cannot be read; nothing was started.
    #[error("{name}={}: it cannot be read: {source}", path.display())]
    File {
        /// The argument's name.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A socket or a thread failed in the middle.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Something took longer than it may.
    #[error("could not {doing} in the time given")]
    TimedOut {
        /// What was being done.
        doing: &'static str,
    },
    /// What came back is not what was sent.
    #[error("the echo is wrong at byte {offset} of the connection: {}", wrong_byte(*expected, *found))]
    Echo {
        /// The first wrong byte, counted from the beginning of the connection.
        offset: u64,
        /// What should have come; nothing where nothing was owed.
        expected: Option<u8>,
        /// What came.
        found: u8,
    },
    /// The caller asked for an end.
    #[error("cancelled")]
    Cancelled,
    /// A thread or task of ours panicked: a bug, told instead of passed on.
    #[error("the {who} panicked: {what}; this is a bug in fanin")]
    Panicked {
        /// Which of our threads or tasks.
        who: &'static str,
        /// The panic's message.
        what: String,
    },
}

fn wrong_byte(expected: Option<u8>, found: u8) -> String {
    match expected {
        Some(expected) => format!("{found:#04x} came, {expected:#04x} was sent"),
        None => format!("{found:#04x} came, and nothing was owed"),
    }
}

/// A result of this library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An argument that is out of bounds, told by name, value and what is allowed.
    #[allow(clippy::needless_pass_by_value)] // numbers and string slices
    pub fn argument(name: &'static str, value: impl ToString, allowed: impl Into<String>) -> Self {
        Self::Argument { name, value: value.to_string(), allowed: allowed.into() }
    }

    /// An input or output error, with what was being done.
    pub fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, source }
    }

    /// What a panic carried, as text.
    #[must_use]
    pub fn panicked(who: &'static str, payload: &(dyn std::any::Any + Send)) -> Self {
        let what = payload
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        Self::Panicked { who, what }
    }
}
