//! Connecting to the target.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
#[cfg(unix)]
use std::path::PathBuf;

use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use crate::error::{Error, Result};
use crate::server::stream::Stream;

/// A target, resolved.
#[derive(Debug)]
pub(super) enum Dial {
    /// All addresses of its name, in the order in which they are tried.
    Tcp(Vec<SocketAddr>),
    #[cfg(unix)]
    Unix(PathBuf),
}

impl Dial {
    /// Reads a URL and resolves its name.
    pub(super) fn new(target: &str) -> Result<Self> {
        let unknown = || Error::argument("target", target, "allowed are tcp://host:port and unix:///path");
        #[cfg(unix)]
        if let Some(path) = target.strip_prefix("unix://") {
            return if path.starts_with('/') { Ok(Self::Unix(path.into())) } else { Err(unknown()) };
        }
        let place = target.strip_prefix("tcp://").ok_or_else(unknown)?;
        let (host, port) = place.rsplit_once(':').ok_or_else(unknown)?;
        let port: u16 = port.parse().map_err(|_| unknown())?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let resolved = (host, port).to_socket_addrs();
        let fail = |source| Error::Address { doing: "resolve", address: place.to_owned(), source };
        Ok(Self::Tcp(resolved.map_err(fail)?.collect()))
    }

    /// A connection to it.
    pub(super) async fn connect(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(addresses) => TcpStream::connect(&addresses[..]).await.map(Stream::Tcp),
            #[cfg(unix)]
            Self::Unix(path) => UnixStream::connect(path).await.map(Stream::Unix),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;

    #[test]
    fn urls_are_read() {
        for (url, address) in [("tcp://127.0.0.1:9", "127.0.0.1:9"), ("tcp://[::1]:9", "[::1]:9")] {
            let Dial::Tcp(addresses) = Dial::new(url).unwrap() else { panic!("{url}") };
            assert_eq!(addresses, [address.parse().unwrap()]);
        }
        let Dial::Unix(path) = Dial::new("unix:///run/app.sock").unwrap() else { panic!() };
        assert_eq!(path, PathBuf::from("/run/app.sock"));
    }

    #[test]
    fn what_is_no_target_is_told_what_is() {
        for wrong in ["", "127.0.0.1:9", "tcp://host", "tcp://host:port", "tls://host:1", "unix://", "unix://relative"]
        {
            let told = Dial::new(wrong).unwrap_err().to_string();
            assert_eq!(told, format!("target={wrong}: allowed are tcp://host:port and unix:///path"));
        }
    }
}
