//! The socket, as the actor sees it.
//!
//! Sends carry `MSG_NOSIGNAL`: a peer that is gone is an error here, never a `SIGPIPE`, whatever the program has made of
//! that signal.

use std::future::Future;
use std::io::{self, IoSlice};
use std::net::Shutdown;

#[cfg(unix)]
use nix::libc::MSG_NOSIGNAL;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Where there is no such signal, there is no such flag.
#[cfg(not(unix))]
const MSG_NOSIGNAL: i32 = 0;

/// A connected stream that can be read while it is written.
pub trait Wire: Send + Sync {
    /// Gives bytes to the kernel, waiting until it takes some; returns how many.
    fn send(&self, bytes: &[u8]) -> impl Future<Output = io::Result<usize>> + Send;

    /// The same for bytes in several pieces, by one system call.
    fn send_gathered(&self, pieces: &[IoSlice<'_>]) -> impl Future<Output = io::Result<usize>> + Send;

    /// Waits for bytes from the other end; 0 says that there will be no more.
    fn receive(&self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;

    /// Tells the other end that there will be no more.
    fn finish(&self) -> impl Future<Output = io::Result<()>> + Send;
}

impl Wire for TcpStream {
    async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        self.async_io(Interest::WRITABLE, || SockRef::from(self).send_with_flags(bytes, MSG_NOSIGNAL)).await
    }

    async fn send_gathered(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let send = || SockRef::from(self).send_vectored_with_flags(pieces, MSG_NOSIGNAL);
        self.async_io(Interest::WRITABLE, send).await
    }

    async fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.readable().await?;
            match self.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }

    async fn finish(&self) -> io::Result<()> {
        SockRef::from(self).shutdown(Shutdown::Write)
    }
}
