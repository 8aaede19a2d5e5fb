//! Serves one connection: reads, stamps, checks, answers.
//!
//! A piece goes through four hands in this order: it is read, the clock is looked at (once a read, right after it, so
//! that nothing which the server does with the bytes is in the time), the ledger takes it, and it is echoed. Only then is
//! the next piece read. So a connection holds one piece at most, and a client that does not take its echo is not read
//! from: the kernel's buffers fill up, and the client's writes wait.
//!
//! A client may leave without its echo. Then no more is echoed, but what it had sent before is still read, since the
//! ledger is about what arrived and not about what was answered.
//!
//! A connection holds a small piece until its client has filled it once: a thousand idle ones cost little more than their
//! sockets.

use std::convert::Infallible;
use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use super::Shared;
use super::answer::Answer;
use super::faults::{Action, Script};
use super::inbox::Splitter;
use super::receipt::Account;
use super::settings::{Pause, PauseAt};
use super::stream::Stream;
use super::throttle::Throttle;
use crate::usage::Usage;

/// The most that one read takes, and all that a connection ever holds.
const PIECE: usize = 64 << 10;

/// What it takes until a client has filled it once: one that sends little, or nothing, holds little.
const FIRST_PIECE: usize = 1 << 10;

/// Reads in a row before other connections have their turn. `try_read` does not count against the runtime's budget, so a
/// client that is always ahead would otherwise be served alone.
const TURN: u32 = 16;

/// One accepted connection.
pub(super) struct Connection {
    stream: Stream,
    seat: Seat,
    /// Whose ledger this connection is for; nobody's, if no one expected it.
    account: Option<Account>,
    /// What the client gets back.
    answer: Answer,
    /// How fast it may be read, if that is bounded.
    throttle: Option<Throttle>,
    /// The pause that is still to come.
    pause: Option<Pause>,
    /// The faults that are still to come.
    script: Script,
    /// When its first byte was read.
    first: Option<Instant>,
    /// What of its stream is no whole message yet, if messages are told apart.
    splitter: Option<Splitter>,
    /// Which one it is, from 0.
    number: u64,
    /// When it last brought something, or was accepted: what an idle connection is told by. Where messages are told apart,
    /// only a whole one counts.
    latest: Instant,
    /// How many bytes of it were read.
    bytes: u64,
    /// What the thread had used when the connection came.
    before: Usage,
}

/// How a connection comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client ended its stream.
    Client,
    /// It broke, or the system failed.
    Broken,
    /// A fault closes it.
    Close,
    /// A fault resets it.
    Reset,
    /// It went beyond a limit.
    Expelled,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

impl Connection {
    /// Takes over an accepted stream, and the account of whoever expects it.
    pub(super) fn new(stream: Stream, number: u64, shared: Arc<Shared>) -> Self {
        stream.set_nodelay();
        let now = Instant::now();
        Self {
            stream,
            account: shared.expected.take(),
            answer: Answer::new(shared.mode, &shared.faults, number),
            throttle: shared.read_rate.map(|rate| Throttle::new(rate, now)),
            pause: shared.pause,
            script: Script::new(&shared.faults, number),
            splitter: shared.inbox.as_ref().map(|inbox| inbox.splitter()),
            number,
            first: None,
            latest: now,
            bytes: 0,
            before: Usage::of_thread(),
            seat: Seat::take(shared),
        }
    }

    /// Serves until the client ends its stream, or the connection fails or is ended.
    pub(super) async fn serve(mut self) {
        let Err(end) = self.read_all().await;
        self.count(end);
        self.close_inbox();
        let Self { stream, seat, account, before, .. } = self;
        if matches!(end, End::Reset | End::Expelled) {
            stream.reset();
        } else {
            drop(stream);
        }
        drop(seat); // the client need not wait for the check
        if let Some(account) = account {
            account.close(Usage::of_thread() - before);
        }
    }

    fn count(&self, end: End) {
        let counters = &self.seat.counters;
        match end {
            End::Expelled => counters.expelled.add(1),
            End::Close | End::Reset => {}
            End::Broken => counters.failed.add(1),
            End::Client => counters.failed.add(u64::from(self.answer.has_failed())),
        }
    }

    /// Reads until the stream ends. It tries first and waits only when there is nothing, so that a client that is always
    /// ahead costs one system call a piece.
    async fn read_all(&mut self) -> Result<Infallible, End> {
        let mut piece = vec![0; FIRST_PIECE];
        let mut turn = 0;
        loop {
            let most = self.allowance(piece.len()).await?;
            match self.stream.try_read(&mut piece[..most]) {
                Ok(0) => return Err(End::Client),
                Ok(length) => {
                    self.received(&piece[..length], Instant::now()).await?;
                    if length == FIRST_PIECE && piece.len() == FIRST_PIECE {
                        piece = vec![0; PIECE];
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait_for_more().await?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
            turn += 1;
            if turn % TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// How much of `most` bytes to read next, once it is time to read at all; at least one.
    async fn allowance(&mut self, most: usize) -> Result<usize, End> {
        while let Some(action) = self.script.due(self.bytes) {
            self.act(action).await?;
        }
        if !self.script.delay.is_zero() {
            tokio::time::sleep(self.script.delay).await;
        }
        if let Some(pause) = self.pause
            && self.is_reached(pause.at)
        {
            self.pause = None;
            tokio::time::sleep(pause.length).await;
        }
        let most = self.script.reach(self.bytes, most);
        let Some(throttle) = &mut self.throttle else { return Ok(most) };
        loop {
            match throttle.allowed(most, Instant::now()) {
                0 => tokio::time::sleep(throttle.wait()).await,
                allowed => return Ok(allowed),
            }
        }
    }

    /// Does one thing wrong.
    async fn act(&mut self, action: Action) -> Result<(), End> {
        self.seat.counters.faults.add(1);
        match action {
            Action::Reset => return Err(End::Reset),
            Action::Close => return Err(End::Close),
            Action::HalfClose => self.answer.end(&self.stream),
            Action::Stall(Some(length)) => tokio::time::sleep(length).await,
            Action::Stall(None) => {
                self.stream.broken().await;
                return Err(End::Broken);
            }
        }
        Ok(())
    }

    /// Whether it is time for a pause.
    fn is_reached(&self, at: PauseAt) -> bool {
        match at {
            PauseAt::Bytes(bytes) => self.bytes >= bytes,
            PauseAt::Time(time) => self.first.is_some_and(|first| first.elapsed() >= time),
        }
    }

    /// Waits until there is something to read, for as long as the connection may be idle.
    async fn wait_for_more(&self) -> Result<(), End> {
        patiently(self.deadline(), self.stream.readable()).await
    }

    /// When the connection will have been idle for too long, if there is such a time.
    fn deadline(&self) -> Option<Instant> {
        self.seat.limits.idle_timeout.and_then(|longest| self.latest.checked_add(longest))
    }

    /// Tells the messages in a piece apart, if that is asked for; whether the client got anywhere with it.
    fn note(&mut self, bytes: &[u8]) -> Result<bool, End> {
        let (Some(splitter), Some(inbox)) = (&mut self.splitter, &self.seat.inbox) else { return Ok(true) };
        let messages = inbox.received(self.number, splitter, bytes).map_err(|_| End::Expelled)?;
        Ok(messages > 0)
    }

    /// What the stream ended in the middle of is counted.
    fn close_inbox(&self) {
        if let (Some(splitter), Some(inbox)) = (&self.splitter, &self.seat.inbox) {
            inbox.ended(splitter);
        }
    }

    /// Checks a piece, and answers it.
    async fn received(&mut self, bytes: &[u8], at: Instant) -> Result<(), End> {
        let counters = &self.seat.counters;
        counters.reads.add(1);
        counters.received.add(bytes.len() as u64);
        self.bytes += bytes.len() as u64;
        self.first.get_or_insert(at);
        if self.note(bytes)? {
            self.latest = at;
        }
        if let Some(throttle) = &mut self.throttle {
            throttle.took(bytes.len());
        }
        if let Some(account) = &mut self.account {
            account.ledger.received(bytes, at);
        }
        if self.answer.is_due() {
            let deadline = self.deadline();
            patiently(deadline, self.answer.give(bytes, &self.stream, &self.seat.counters)).await?;
        }
        Ok(())
    }
}

/// Waits, until the deadline at the most.
async fn patiently(deadline: Option<Instant>, wait: impl Future<Output = io::Result<()>>) -> Result<(), End> {
    let Some(deadline) = deadline else { return Ok(wait.await?) };
    let outcome = tokio::time::timeout_at(deadline.into(), wait).await;
    outcome.map_err(|_| End::Expelled)?.map_err(End::from)
}

/// A connection's place among those that are open. Given back by a drop, since a server that stops drops its connections
/// in the middle.
struct Seat(Arc<Shared>);

impl Seat {
    fn take(shared: Arc<Shared>) -> Self {
        shared.counters.opened.add(1);
        Self(shared)
    }
}

impl Deref for Seat {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.counters.closed.add(1);
    }
}
