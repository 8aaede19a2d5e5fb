//! Where a sink's bytes go.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::error::{Error, Result};

/// The longest path of a Unix socket, in bytes: what the system's address holds beside its closing zero.
pub const LONGEST_PATH: usize = 107;

const ALLOWED: &str = "allowed are tcp://HOST:PORT, tls://HOST:PORT and unix:///PATH, which is absolute (unix://@NAME for an \
                       abstract name); an IPv6 address stands in brackets";

/// The other end: `tcp://127.0.0.1:9000`, `tcp://[::1]:9000`, `tls://logs.example:6514`, `unix:///run/app.sock`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// A host and port, in the clear.
    Tcp {
        /// A name, or an address without brackets.
        host: String,
        /// The port; never 0.
        port: u16,
    },
    /// A Unix socket. A path that begins with `@` is an abstract name: Linux keeps it without a file.
    Unix(PathBuf),
    /// A host and port, by TLS.
    Tls {
        /// A name, or an address without brackets; what the certificate has to be for.
        host: String,
        /// The port; never 0.
        port: u16,
    },
}

impl Target {
    /// Whether it can be connected to, as far as its form says.
    ///
    /// # Errors
    /// [`Error::Argument`] named `target`.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::Tcp { host, port } | Self::Tls { host, port } => self.validate_host(host, *port),
            Self::Unix(path) => self.validate_path(path),
        }
    }

    fn validate_host(&self, host: &str, port: u16) -> Result<()> {
        if host.is_empty() || host.chars().any(|letter| letter.is_whitespace() || "/[]@".contains(letter)) {
            return Err(Error::argument("target", self, ALLOWED));
        }
        if port == 0 {
            return Err(Error::argument("target", self, "allowed are ports from 1 to 65535"));
        }
        Ok(())
    }

    fn validate_path(&self, path: &Path) -> Result<()> {
        let bytes = path.as_os_str().as_encoded_bytes();
        if bytes.is_empty() || bytes == b"@" {
            return Err(Error::argument("target", self, ALLOWED));
        }
        if bytes.contains(&0) {
            return Err(Error::argument("target", self, "a path has no zero byte"));
        }
        if bytes.len() > LONGEST_PATH {
            let allowed =
                format!("a Unix socket's path has at most {LONGEST_PATH} bytes, this one has {}", bytes.len());
            return Err(Error::argument("target", self, allowed));
        }
        Ok(())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port) = match self {
            Self::Tcp { host, port } => ("tcp", host, port),
            Self::Tls { host, port } => ("tls", host, port),
            Self::Unix(path) => return write!(f, "unix://{}", path.display()),
        };
        if host.contains(':') { write!(f, "{scheme}://[{host}]:{port}") } else { write!(f, "{scheme}://{host}:{port}") }
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let target = parse(text).ok_or_else(|| Error::argument("target", text, ALLOWED))?;
        target.validate()?;
        Ok(target)
    }
}

fn parse(text: &str) -> Option<Target> {
    let (scheme, rest) = text.split_once("://")?;
    match scheme {
        // What stands before the first slash of a URL is a host; a relative path would mean another file in another folder.
        "unix" if !rest.starts_with(['/', '@']) => None,
        "unix" => Some(Target::Unix(PathBuf::from(rest))),
        "tcp" => host_and_port(rest).map(|(host, port)| Target::Tcp { host, port }),
        "tls" => host_and_port(rest).map(|(host, port)| Target::Tls { host, port }),
        _ => None,
    }
}

/// `host:port` or `[address]:port`; a lone address of IPv6 would leave open where the port begins.
fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.strip_suffix('/').unwrap_or(text).rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.strip_suffix(']').filter(|host| host.contains(':'))?,
        None if host.contains(':') => return None,
        None => host,
    };
    if !port.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    Some((host.to_owned(), port.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_they_are_written() {
        for text in
            ["tcp://127.0.0.1:9000", "tcp://[::1]:9", "tls://logs.example:6514", "unix:///run/app.sock", "unix://@app"]
        {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        let host = "::1".to_owned();
        assert_eq!("tcp://[::1]:9".parse::<Target>().unwrap(), Target::Tcp { host, port: 9 });
    }

    #[test]
    fn what_is_no_target_is_named_with_what_is_allowed() {
        for text in ["", "tcp", "tcp://", "tcp://host", "tcp://:1", "tcp://host:0", "tcp://host:65536", "tcp://host:+1"]
            .into_iter()
            .chain([
                "tcp://::1:9",
                "tcp://[::1]",
                "tcp://[host]:1",
                "udp://host:1",
                "unix://",
                "unix://@",
                "unix://relative.sock",
                "unix://./relative.sock",
                "tcp://a b:1",
            ])
        {
            let message = text.parse::<Target>().unwrap_err().to_string();
            assert!(message.starts_with(&format!("target={text}: ")) && message.contains("allowed"), "{message}");
        }
    }

    #[test]
    fn a_path_has_its_longest() {
        let path = |length: usize| format!("unix:///{}", "a".repeat(length - 1)).parse::<Target>();
        assert!(path(LONGEST_PATH).is_ok());
        assert!(path(LONGEST_PATH + 1).unwrap_err().to_string().contains("at most 107 bytes, this one has 108"));
    }
}
