//! What a server is asked to do.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::{Faults, Recording};
use crate::error::Error;

/// What a server does with the bytes it has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// Write them back, as the article's server does.
    Echo,
    /// Nothing.
    #[default]
    Discard,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 2] = [Self::Echo, Self::Discard];

    /// The word for it, as a command line has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Discard => "discard",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|mode| mode.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::argument("mode", text, format!("allowed are {names}"))
        })
    }
}

/// Where a server listens, and what it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What to do with what was read.
    pub mode: Mode,
    /// A name or an address; `localhost`, `127.0.0.1`, `::1`.
    pub host: String,
    /// The port; 0 for any that is free.
    pub port: u16,
    /// Listen on a Unix socket at this path instead of an address.
    pub path: Option<PathBuf>,
    /// The most bytes that are read from a connection in a second; `None` for as many as come.
    pub read_rate: Option<u64>,
    /// The size asked for a connection's receive buffer, in bytes; `None` for the system's choice, which grows.
    pub receive_buffer: Option<usize>,
    /// When each connection is left unread for a while.
    pub pause: Option<Pause>,
    /// What is wrong with the connections.
    pub faults: Faults,
    /// What is not let happen.
    pub limits: Limits,
    /// How messages are told apart and kept; `None` for a stream of bytes.
    pub recording: Option<Recording>,
}

/// What a server bears with. By default all there is: the lab knows its clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The most connections at once; who comes then is turned away.
    pub max_connections: Option<u64>,
    /// How long a connection may bring nothing, or not take its echo, before it is reset.
    pub idle_timeout: Option<Duration>,
}

/// A time in which a connection is not read, once. The bytes that come meanwhile wait in the kernel, or at the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pause {
    /// When it begins.
    pub at: PauseAt,
    /// How long it is.
    pub length: Duration,
}

/// When a pause begins: before the first read for which this holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PauseAt {
    /// So many bytes were read.
    Bytes(u64),
    /// The first byte was read so long ago.
    Time(Duration),
}

impl Settings {
    /// Any free port on this machine's own interface, which nobody else can reach.
    #[must_use]
    pub fn local(mode: Mode) -> Self {
        Self {
            mode,
            host: "127.0.0.1".to_owned(),
            port: 0,
            path: None,
            read_rate: None,
            receive_buffer: None,
            pause: None,
            faults: Faults::default(),
            limits: Limits::default(),
            recording: None,
        }
    }

    /// The address as `host:port`, an IPv6 host in brackets.
    pub(super) fn address(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Mode, Settings};

    #[test]
    fn modes_are_read_as_they_are_written() {
        for mode in Mode::ALL {
            assert_eq!(mode.to_string().parse::<Mode>().unwrap(), mode);
        }
    }

    #[test]
    fn an_unknown_mode_is_told_what_is_allowed() {
        let message = "Echo".parse::<Mode>().unwrap_err().to_string();
        assert_eq!(message, "mode=Echo: allowed are echo, discard");
    }

    #[test]
    fn addresses_are_written_as_they_are_read_elsewhere() {
        let address = |host: &str| Settings { host: host.to_owned(), ..Settings::local(Mode::Echo) }.address();
        assert_eq!(address("localhost"), "localhost:0");
        assert_eq!(address("::1"), "[::1]:0");
    }
}
