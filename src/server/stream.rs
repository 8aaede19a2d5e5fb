//! An accepted connection, TCP or Unix, as the server needs it: tried first, and waited for only when there is nothing.

use std::io;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// A connected stream. Its writes are sends with `MSG_NOSIGNAL`: a client that is gone is an error, never a signal.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// The same call on whichever it is.
macro_rules! either {
    ($stream:expr, $inner:ident => $call:expr) => {
        match $stream {
            Stream::Tcp($inner) => $call,
            #[cfg(unix)]
            Stream::Unix($inner) => $call,
        }
    };
}

impl Stream {
    /// Without this the end of an echo could wait for the client's acknowledgement. Where it fails, so will the first read.
    pub(super) fn set_nodelay(&self) {
        match self {
            Self::Tcp(stream) => drop(stream.set_nodelay(true)),
            #[cfg(unix)]
            Self::Unix(_) => {}
        }
    }

    pub(super) fn try_read(&self, piece: &mut [u8]) -> io::Result<usize> {
        either!(self, stream => stream.try_read(piece))
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        either!(self, stream => stream.try_write(bytes))
    }

    pub(super) async fn readable(&self) -> io::Result<()> {
        either!(self, stream => stream.readable().await)
    }

    pub(super) async fn writable(&self) -> io::Result<()> {
        either!(self, stream => stream.writable().await)
    }

    /// Waits until the connection is broken, without reading: for one that is left alone on purpose.
    pub(super) async fn broken(&self) {
        let ready = either!(self, stream => stream.ready(Interest::ERROR).await);
        // It fails where the runtime ends, which ends the connection as well.
        let _ = ready;
    }

    /// Ends this side's stream. It fails where the connection is broken already.
    pub(super) fn end(&self) {
        let shut = either!(self, stream => SockRef::from(stream).shutdown(std::net::Shutdown::Write));
        let _ = shut;
    }

    /// Closes it so that the client sees a reset, where there are such things: on a Unix socket it is a close.
    pub(super) fn reset(self) {
        match &self {
            // Where it fails the connection is broken already.
            Self::Tcp(stream) => drop(SockRef::from(stream).set_linger(Some(Duration::ZERO))),
            #[cfg(unix)]
            Self::Unix(_) => {}
        }
    }
}
