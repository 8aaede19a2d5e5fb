//! Makes the connections: resolves, tries every address, sets the socket's options, speaks TLS.

use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::fd::OwnedFd;
use std::path::Path;
use std::task::{Context, Poll};
use std::time::Duration;

#[cfg(unix)]
use socket2::Domain;
use socket2::{SockRef, Socket, TcpKeepalive};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::net::{TcpSocket, TcpStream, lookup_host};
#[cfg(unix)]
use tokio::time::sleep;
use tokio::time::{Instant, timeout};
use tokio_rustls::client::TlsStream;

use super::config::Config;
use super::drive::Connect;
use super::planted;
use super::target::Target;
use super::tls::Secure;
use crate::actor::Wire;
use crate::actor::stream::{Quiet, Stream};
use crate::error::{Error, Result};

/// How long to wait before a listener is asked again that has no place for one more.
#[cfg(unix)]
const CROWDED: Duration = Duration::from_millis(20);

/// What a sink writes to.
#[derive(Debug)]
pub(super) enum Line {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
    Tls(Box<Stream<TlsStream<Quiet>>>),
}

macro_rules! each {
    ($line:expr, $wire:ident => $call:expr) => {
        match $line {
            Line::Tcp($wire) => $call,
            #[cfg(unix)]
            Line::Unix($wire) => $call,
            Line::Tls($wire) => $call,
        }
    };
}

impl Wire for Line {
    fn poll_send(&self, cx: &mut Context<'_>, pieces: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        planted::here("send");
        each!(self, wire => wire.poll_send(cx, pieces))
    }

    fn poll_receive(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        planted::here("receive");
        each!(self, wire => wire.poll_receive(cx, buffer))
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        planted::here("flush");
        each!(self, wire => wire.poll_flush(cx))
    }

    fn poll_finish(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        planted::here("finish");
        each!(self, wire => wire.poll_finish(cx))
    }

    fn fails_clean(&self) -> bool {
        each!(self, wire => wire.fails_clean())
    }
}

/// Connects to the target, by its settings.
#[derive(Debug)]
pub(super) struct Dial {
    config: Config,
    /// A socket that is connected already, for the first and only connection.
    given: Option<Socket>,
    /// How TLS is done, where the target asks for it.
    secure: Option<Secure>,
}

impl Dial {
    /// Reads what TLS needs, and connects to nothing.
    ///
    /// # Errors
    /// [`Error::Argument`] and [`Error::File`], which name the setting.
    pub(super) fn new(config: Config) -> Result<Self> {
        let secure = match &config.target {
            Target::Tls { host, .. } => Some(Secure::new(&config.tls, host)?),
            Target::Tcp { .. } | Target::Unix(_) => None,
        };
        Ok(Self { config, given: None, secure })
    }

    /// Takes a socket that is connected already.
    #[cfg(unix)]
    pub(super) const fn over(config: Config, socket: Socket) -> Self {
        Self { config, given: Some(socket), secure: None }
    }

    async fn tcp(&self, host: &str, port: u16) -> Result<TcpStream> {
        let fail = |doing| move |source| Error::Address { doing, address: self.config.target.to_string(), source };
        let addresses: Vec<_> = lookup_host((host, port)).await.map_err(fail("resolve"))?.collect();
        let began = Instant::now();
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for (tried, address) in addresses.iter().enumerate() {
            // One address that answers nothing leaves time for the others.
            let left = self.config.connect_timeout.saturating_sub(began.elapsed());
            let share = left / u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
            match timeout(share, self.tcp_at(*address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, format!("{address} does not answer")),
            }
        }
        Err(fail("connect to")(last))
    }

    async fn tcp_at(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Before it connects: the window that it offers is decided then.
        self.size_buffers(&SockRef::from(&socket))?;
        let stream = socket.connect(address).await?;
        self.set_options(&stream)?;
        Ok(stream)
    }

    fn size_buffers(&self, socket: &SockRef<'_>) -> io::Result<()> {
        if let Some(size) = self.config.send_buffer {
            socket.set_send_buffer_size(size)?;
        }
        if let Some(size) = self.config.receive_buffer {
            socket.set_recv_buffer_size(size)?;
        }
        Ok(())
    }

    fn set_options(&self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(self.config.nodelay)?;
        if let Some(after) = self.config.keepalive {
            let interval = (after / 4).max(Duration::from_secs(1));
            let keepalive = TcpKeepalive::new().with_time(after.max(Duration::from_secs(1))).with_interval(interval);
            SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
        }
        Ok(())
    }

    #[cfg(unix)]
    async fn unix(&self, path: &Path) -> Result<Line> {
        let fail = |source| Error::Address { doing: "connect to", address: self.config.target.to_string(), source };
        let bytes = path.as_os_str().as_encoded_bytes();
        let abstract_path = bytes.strip_prefix(b"@").map(abstract_path);
        let path = abstract_path.as_deref().unwrap_or(path);
        let stream = loop {
            match UnixStream::connect(path).await {
                // As many wait to be let in as the listener allows: here a blocking connect would wait as well.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(CROWDED).await,
                connected => break connected.map_err(fail)?,
            }
        };
        self.size_buffers(&SockRef::from(&stream)).map_err(fail)?;
        Ok(Line::Unix(stream))
    }

    #[cfg(not(unix))]
    async fn unix(&self, _: &Path) -> Result<Line> {
        let allowed = "this system has no Unix sockets that could be used: allowed are tcp and tls";
        Err(Error::argument("target", &self.config.target, allowed))
    }

    async fn tls(&self, secure: &Secure, host: &str, port: u16) -> Result<Line> {
        let began = Instant::now();
        let stream = self.tcp(host, port).await?;
        let limit = self.config.connect_timeout;
        let fail = |source| Error::Address { doing: "speak TLS with", address: self.config.target.to_string(), source };
        let silent =
            |_| io::Error::new(io::ErrorKind::TimedOut, format!("no TLS handshake within {limit:?} (connect_timeout)"));
        let handshake = timeout(limit.saturating_sub(began.elapsed()), secure.connect(Quiet(stream)));
        let stream = handshake.await.map_err(silent).flatten().map_err(fail)?;
        Ok(Line::Tls(Box::new(Stream::new(stream))))
    }

    fn over_given(&self, socket: Socket) -> Result<Line> {
        let fail = Error::io("take over the socket");
        self.adopt(socket).map_err(fail)
    }

    fn adopt(&self, socket: Socket) -> io::Result<Line> {
        socket.set_nonblocking(true)?;
        self.size_buffers(&SockRef::from(&socket))?;
        #[cfg(unix)]
        if domain(&socket)? == Domain::UNIX {
            return Ok(Line::Unix(UnixStream::from_std(OwnedFd::from(socket).into())?));
        }
        let stream = TcpStream::from_std(socket.into())?;
        self.set_options(&stream)?;
        Ok(Line::Tcp(stream))
    }
}

impl Connect for Dial {
    type Wire = Line;

    async fn connect(&mut self) -> Result<Line> {
        if let Some(socket) = self.given.take() {
            return self.over_given(socket);
        }
        planted::here("connect");
        match (&self.config.target, &self.secure) {
            (Target::Unix(path), _) => self.unix(path).await,
            (Target::Tcp { host, port }, _) => self.tcp(host, *port).await.map(Line::Tcp),
            (Target::Tls { host, port }, Some(secure)) => self.tls(secure, host, *port).await,
            // Never in the clear: a sink over a given socket has no TLS, and does not connect either.
            (Target::Tls { .. }, None) => {
                Err(Error::argument("target", &self.config.target, "it was not made for TLS"))
            }
        }
    }
}

/// An abstract name as a path, which tokio takes for one by its leading zero.
#[cfg(unix)]
fn abstract_path(name: &[u8]) -> std::path::PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec([b"\0", name].concat()).into()
}

/// A socket's family, by its own address: to be asked for it alone, by an option, is Linux's way.
#[cfg(unix)]
fn domain(socket: &Socket) -> io::Result<Domain> {
    Ok(socket.local_addr()?.domain())
}

/// A socket that a caller has connected.
///
/// # Errors
/// [`Error::Argument`] when it is no connected stream socket of TCP or Unix.
#[cfg(unix)]
pub(super) fn check_socket(socket: OwnedFd) -> Result<Socket> {
    let socket = Socket::from(socket);
    let fail = |what: &str| Error::argument("socket", format!("{socket:?}"), what);
    let domain = domain(&socket).map_err(|_| fail("it is no socket"))?;
    if ![Domain::IPV4, Domain::IPV6, Domain::UNIX].contains(&domain)
        || socket.r#type().ok() != Some(socket2::Type::STREAM)
    {
        return Err(fail("allowed are stream sockets of TCP and Unix"));
    }
    socket.peer_addr().map_err(|_| fail("it is not connected"))?;
    Ok(socket)
}
