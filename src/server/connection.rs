//! Serves one connection: reads, stamps, checks, answers.
//!
//! A piece goes through four hands in this order: it is read, the clock is looked at (once a read, right after it, so
//! that nothing which the server does with the bytes is in the time), the ledger takes it, and it is echoed. Only then is
//! the next piece read. So a connection holds one piece at most, and a client that does not take its echo is not read
//! from: the kernel's buffers fill up, and the client's writes wait.
//!
//! A client may leave without its echo. Then no more is echoed, but what it had sent before is still read, since the
//! ledger is about what arrived and not about what was answered.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::TcpStream;

use super::receipt::Account;
use super::{Mode, Shared};

/// The most that one read takes, and all that a connection ever holds.
const PIECE: usize = 64 << 10;

/// Reads in a row before other connections have their turn. `try_read` does not count against the runtime's budget, so a
/// client that is always ahead would otherwise be served alone.
const TURN: u32 = 16;

/// One accepted connection.
pub(super) struct Connection {
    stream: TcpStream,
    shared: Arc<Shared>,
    /// Whose ledger this connection is for; nobody's, if no one expected it.
    account: Option<Account>,
    /// Whether the client gets its bytes back: as the server's mode says, until it takes no more.
    echo: bool,
}

impl Connection {
    /// Takes over an accepted stream, and the account of whoever expects it.
    pub(super) fn new(stream: TcpStream, shared: Arc<Shared>) -> Self {
        shared.counters.opened.add(1);
        // Without it the end of an echo could wait for the client's acknowledgement. Where it fails, so will the first read.
        let _ = stream.set_nodelay(true);
        let account = shared.expected.take();
        let echo = shared.mode == Mode::Echo;
        Self { stream, shared, account, echo }
    }

    /// Serves until the client ends its stream, or the connection fails.
    pub(super) async fn serve(mut self) {
        let mut piece = vec![0; PIECE];
        let ended = self.read_all(&mut piece).await;
        let answered = self.echo == (self.shared.mode == Mode::Echo);
        if ended.is_err() || !answered {
            self.shared.counters.failed.add(1);
        }
        let account = self.account.take();
        drop(self); // the client need not wait for the check
        if let Some(account) = account {
            account.close();
        }
    }

    /// Reads until the stream ends. It tries first and waits only when there is nothing, so that a client that is always
    /// ahead costs one system call a piece.
    async fn read_all(&mut self, piece: &mut [u8]) -> io::Result<()> {
        let mut turn = 0;
        loop {
            match self.stream.try_read(piece) {
                Ok(0) => return Ok(()),
                Ok(length) => self.received(&piece[..length], Instant::now()).await,
                Err(error) => self.wait_for_more(error).await?,
            }
            turn += 1;
            if turn % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// After a read that brought nothing: waits until there is something, if that is all there is to it.
    async fn wait_for_more(&self, error: io::Error) -> io::Result<()> {
        match error.kind() {
            io::ErrorKind::WouldBlock => self.stream.readable().await,
            io::ErrorKind::Interrupted => Ok(()),
            _ => Err(error),
        }
    }

    /// Checks a piece, and answers it.
    async fn received(&mut self, bytes: &[u8], at: Instant) {
        let counters = &self.shared.counters;
        counters.reads.add(1);
        counters.received.add(bytes.len() as u64);
        if let Some(account) = &mut self.account {
            account.ledger.received(bytes, at);
        }
        // When the client takes no more answers, what it sent is still read, for the ledger's sake.
        self.echo = self.echo && self.write_all(bytes).await.is_ok();
    }

    /// Writes with `try_write`, which sends with `MSG_NOSIGNAL`: a client that is gone is an error here, never a signal.
    async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.stream.try_write(bytes) {
                Ok(written) => {
                    self.shared.counters.echoed.add(written as u64);
                    bytes = &bytes[written..];
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.stream.writable().await?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for Connection {
    /// Counted here, since a server that stops drops its connections in the middle.
    fn drop(&mut self) {
        self.shared.counters.closed.add(1);
    }
}
