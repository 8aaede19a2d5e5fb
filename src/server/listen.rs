//! Listening, on an address or on a path.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
#[cfg(unix)]
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use socket2::SockRef;

use super::Settings;
use super::stream::Stream;
#[cfg(unix)]
use super::unix::{self, SocketFile};
use crate::error::{Error, Result};

/// How many connections may wait to be accepted, as far as the system allows it: with few, a crowd that comes at once
/// waits for seconds until it tries again.
const BACKLOG: i32 = 4096;

/// Where a server can be reached. It is written as a URL: `tcp://127.0.0.1:9000`, `unix:///run/app.sock`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

/// A listening socket that the runtime watches.
#[derive(Debug)]
pub(super) enum Listener {
    Tcp(tokio::net::TcpListener),
    #[cfg(unix)]
    Unix {
        listener: tokio::net::UnixListener,
        _file: SocketFile,
    },
}

impl Listener {
    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<Stream> {
        match self {
            Self::Tcp(listener) => listener.accept().await.map(|(stream, _)| Stream::Tcp(stream)),
            #[cfg(unix)]
            Self::Unix { listener, .. } => listener.accept().await.map(|(stream, _)| Stream::Unix(stream)),
        }
    }
}

/// A listening socket before a runtime watches it: where it is, and the size of a connection's receive buffer.
pub(super) struct Bound {
    pub(super) endpoint: Endpoint,
    pub(super) receive_buffer: usize,
    socket: Socket,
}

enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener, SocketFile),
}

impl Bound {
    /// Listens where the settings say.
    pub(super) fn new(settings: &Settings) -> Result<Self> {
        match &settings.path {
            None => Self::tcp(settings),
            Some(path) => Self::unix(path, settings.receive_buffer),
        }
    }

    /// Has the runtime watch it, in whose context this is called.
    pub(super) fn watched(self) -> Result<Listener> {
        let listener = match self.socket {
            Socket::Tcp(listener) => tokio::net::TcpListener::from_std(listener).map(Listener::Tcp),
            #[cfg(unix)]
            Socket::Unix(listener, file) => {
                tokio::net::UnixListener::from_std(listener).map(|listener| Listener::Unix { listener, _file: file })
            }
        };
        listener.map_err(Error::io("watch the server's socket"))
    }

    /// Resolves the host and listens on the first of its addresses that can be listened on.
    fn tcp(settings: &Settings) -> Result<Self> {
        let fail = |doing| move |source| Error::Address { doing, address: settings.address(), source };
        let addresses: Vec<_> =
            (settings.host.as_str(), settings.port).to_socket_addrs().map_err(fail("resolve"))?.collect();
        let listener = TcpListener::bind(&addresses[..]).map_err(fail("listen on"))?;
        SockRef::from(&listener).listen(BACKLOG).map_err(fail("listen on"))?;
        listener.set_nonblocking(true).map_err(fail("listen on"))?;
        let endpoint = Endpoint::Tcp(listener.local_addr().map_err(Error::io("read the server's address"))?);
        let receive_buffer = receive_buffer(&SockRef::from(&listener), settings.receive_buffer)?;
        Ok(Self { endpoint, receive_buffer, socket: Socket::Tcp(listener) })
    }

    #[cfg(unix)]
    fn unix(path: &Path, size: Option<usize>) -> Result<Self> {
        let (listener, file) = unix::listen(path)?;
        SockRef::from(&listener).listen(BACKLOG).map_err(Error::io("listen on a path"))?;
        listener.set_nonblocking(true).map_err(Error::io("listen on a path"))?;
        let receive_buffer = receive_buffer(&SockRef::from(&listener), size)?;
        let endpoint = Endpoint::Unix(file.path().to_owned());
        Ok(Self { endpoint, receive_buffer, socket: Socket::Unix(listener, file) })
    }

    #[cfg(not(unix))]
    fn unix(path: &Path, _: Option<usize>) -> Result<Self> {
        Err(Error::argument("path", path.display(), "allowed is none: this system has no Unix sockets"))
    }
}

/// Asks for a size, if one is wanted, and says what was granted. Connections take it over from their listener, early
/// enough for the window that they offer.
fn receive_buffer(socket: &SockRef<'_>, wanted: Option<usize>) -> Result<usize> {
    if let Some(size) = wanted {
        socket.set_recv_buffer_size(size).map_err(Error::io("set a buffer's size"))?;
    }
    socket.recv_buffer_size().map_err(Error::io("read a buffer's size"))
}
