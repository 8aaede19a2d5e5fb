//! The socket, as the actor sees it.
//!
//! A wire is polled: a send or a receive is tried first, and waits only if it would block. Sends carry `MSG_NOSIGNAL`: a
//! peer that is gone is an error here, never a `SIGPIPE`, whatever the program has made of that signal.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::task::{Context, Poll, ready};

#[cfg(unix)]
use nix::libc::MSG_NOSIGNAL;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// Where there is no such signal, there is no such flag.
#[cfg(not(unix))]
const MSG_NOSIGNAL: i32 = 0;

/// A connected stream that can be read while it is written. One task polls it: of several that wait for the same
/// direction, only the last is woken.
pub trait Wire: Send + Sync {
    /// Gives bytes in one or more pieces to the system, by one call; how many it took.
    fn poll_send(&self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;

    /// Takes bytes from the other end; 0 says that there will be no more.
    fn poll_receive(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Has on its way what was sent. Only a wire that keeps something back has to wait here.
    fn poll_flush(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Tells the other end that there will be no more.
    fn poll_finish(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Whether a send that failed has certainly put none of its bytes on the way.
    fn fails_clean(&self) -> bool {
        true
    }

    /// Gives bytes to the system, waiting until it takes some; returns how many.
    fn send(&self, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> + Send {
        poll_fn(move |cx| self.poll_send(cx, &[IoSlice::new(bytes)]))
    }

    /// The same for bytes in several pieces.
    fn send_gathered(&self, pieces: &[IoSlice<'_>]) -> impl Future<Output = io::Result<usize>> + Send {
        poll_fn(move |cx| self.poll_send(cx, pieces))
    }

    /// Waits for bytes from the other end; 0 says that there will be no more.
    fn receive(&self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send {
        poll_fn(move |cx| self.poll_receive(cx, buffer))
    }

    /// Tells the other end that there will be no more.
    fn finish(&self) -> impl Future<Output = io::Result<()>> + Send {
        poll_fn(move |cx| self.poll_finish(cx))
    }
}

/// One system call that writes the pieces.
fn send_pieces(socket: &SockRef<'_>, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
    match pieces {
        [piece] => socket.send_with_flags(piece, MSG_NOSIGNAL),
        pieces => socket.send_vectored_with_flags(pieces, MSG_NOSIGNAL),
    }
}

macro_rules! sockets {
    ($($socket:ty),*) => {$(
        impl Wire for $socket {
            fn poll_send(&self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
                loop {
                    ready!(self.poll_write_ready(cx))?;
                    match self.try_io(Interest::WRITABLE, || send_pieces(&SockRef::from(self), pieces)) {
                        Err(error) if is_no_answer(&error) => {}
                        done => return Poll::Ready(done),
                    }
                }
            }

            fn poll_receive(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
                loop {
                    ready!(self.poll_read_ready(cx))?;
                    match self.try_read(buffer) {
                        Err(error) if is_no_answer(&error) => {}
                        done => return Poll::Ready(done),
                    }
                }
            }

            fn poll_finish(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(SockRef::from(self).shutdown(Shutdown::Write))
            }
        }
    )*};
}

sockets!(TcpStream);
#[cfg(unix)]
sockets!(UnixStream);

/// Whether a call has to be made again, now or when the socket is ready.
fn is_no_answer(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
