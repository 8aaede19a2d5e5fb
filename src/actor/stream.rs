//! Wires made of other streams: whatever tokio can read and write, TLS above all.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::wire::Wire;
use crate::queue::sync::lock;

/// A stream of its own kind as a [`Wire`]. One task reads and writes it, so its lock is never waited for.
#[derive(Debug)]
pub struct Stream<S>(Mutex<S>);

impl<S> Stream<S> {
    /// A wire that reads and writes `stream`.
    pub const fn new(stream: S) -> Self {
        Self(Mutex::new(stream))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire for Stream<S> {
    /// One piece at a time: what comes between it and the system is more than a call.
    fn poll_send(&self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut stream = lock(&self.0);
        let mut sent = 0;
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            match Pin::new(&mut *stream).poll_write(cx, piece) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) if count == piece.len() => sent += count,
                Poll::Ready(Ok(count)) => return Poll::Ready(Ok(sent + count)),
                Poll::Ready(Err(error)) if sent == 0 => return Poll::Ready(Err(error)),
                Poll::Pending if sent == 0 => return Poll::Pending,
                // What failed or waits does so again at the next call.
                Poll::Ready(Err(_)) | Poll::Pending => break,
            }
        }
        Poll::Ready(Ok(sent))
    }

    fn poll_receive(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut *lock(&self.0)).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *lock(&self.0)).poll_flush(cx)
    }

    fn poll_finish(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *lock(&self.0)).poll_shutdown(cx)
    }

    fn fails_clean(&self) -> bool {
        false
    }
}

/// A TCP stream for others to read and write, whose every send carries `MSG_NOSIGNAL`.
#[derive(Debug)]
pub struct Quiet(pub TcpStream);

impl AsyncRead for Quiet {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Quiet {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_send(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_send(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_finish(cx)
    }
}
