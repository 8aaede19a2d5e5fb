//! One connection, from its first byte to its last: reads, writes, settles with the callers, and says how it ended.
//!
//! It is one task that polls: what came back is read first, since it may make room; then as much is written as the socket
//! takes; then the account is settled, under the callers' lock, and more is lent from them. When nothing moves, it
//! sleeps until the socket, a caller or a timer wakes it.

use std::io::{self, IoSlice};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::choices::Full;
use super::config::Config;
use super::core::{Core, Done, Turn};
use super::gather::Gather;
use super::patience::Patience;
use super::window::{Window, WrongEcho};
use crate::actor::Wire;
use crate::error::Error;

/// The most bytes of one write; more gains nothing on any socket that was measured.
const WRITE: usize = 256 * 1024;

/// The most pieces of one write.
const PIECES: usize = 64;

/// How long the other end may take to close, once it has been told that there will be no more.
const LINGER: Duration = Duration::from_secs(1);

/// Those who wait for room are served when this part of the capacity is free. Eight threads that send faster than the socket
/// takes are woken less than half as often then, and their messages of 1 KiB are through a quarter faster; small ones no slower.
const SERVED: usize = 4;

/// The longest that room is withheld from those who wait for it.
const WITHHELD: Duration = Duration::from_millis(1);

/// After so many turns in which something has moved, others on the same thread have theirs.
const TURNS: usize = 128;

/// How long the actor sleeps before it gives back the memory that a burst has left.
const IDLE: Duration = Duration::from_secs(1);

/// How a connection ends.
#[derive(Debug)]
pub(super) enum End {
    /// The sink was closed, and all is done.
    Closed,
    /// The sink was closed, and its time is over.
    TimedOut,
    /// Something went wrong.
    Lost(Error),
}

/// How far the farewell has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Farewell {
    NotYet,
    /// There will be no more; the other end is to be told.
    Due,
    /// It was told, and is to close.
    Told,
}

/// What outlives a connection.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) window: Window,
    pub(super) done: Done,
    /// Where answers are read to.
    pub(super) buffer: Vec<u8>,
    /// The time that the sink has to close, once it is asked to.
    pub(super) closing: Patience,
    pub(super) is_closing: bool,
}

impl Life {
    pub(super) fn new(core: &Core) -> Self {
        let confirms = core.confirms();
        Self {
            window: Window::new(core.scale(), confirms),
            done: Done::default(),
            buffer: vec![0; if confirms { 128 * 1024 } else { 8 * 1024 }],
            closing: Patience::new(None),
            is_closing: false,
        }
    }

    /// Notes that the sink is to close, and from when on the time for that runs. A further call may shorten it.
    pub(super) fn note_closing(&mut self, timeout: Option<Duration>) {
        if let Some(timeout) = timeout
            && (!self.is_closing || self.closing.lasts_longer_than(timeout))
        {
            self.is_closing = true;
            self.closing = Patience::new(Some(timeout));
            self.closing.begin();
        }
    }
}

/// A connection at work.
#[derive(Debug)]
pub(super) struct Session<'a, W> {
    core: &'a Core,
    wire: &'a W,
    life: &'a mut Life,
    turn: Turn,
    began: Instant,
    /// The oldest frame that was held when the wire last had all on its way, while it has not.
    unflushed: Option<u64>,
    /// While the wire takes nothing.
    blocked: Patience,
    /// While an echo is owed.
    owed: Patience,
    /// While room is withheld, so that those who wait for it are woken for much at a time.
    withheld: Patience,
    /// While there is nothing to do, and memory to give back.
    idle: Patience,
    linger: Patience,
    farewell: Farewell,
    /// The most bytes that it holds to be written, but for what the last segment has beyond.
    most: usize,
    gather: Gather,
    /// Whether the wire takes nothing for now.
    is_blocked: bool,
}

impl<'a, W: Wire> Session<'a, W> {
    pub(super) fn new(core: &'a Core, wire: &'a W, life: &'a mut Life, gathers: bool) -> Self {
        // Frames without bytes are written as soon as there is a connection.
        life.window.wrote(0);
        let Config { write_timeout, idle_timeout, .. } = core.config;
        Self {
            core,
            wire,
            life,
            turn: Turn { mark: core.config.capacity / SERVED, ..Turn::default() },
            began: Instant::now(),
            unflushed: None,
            blocked: Patience::new(write_timeout),
            owed: Patience::new(idle_timeout),
            withheld: Patience::new(Some(WITHHELD)),
            idle: Patience::new(Some(IDLE)),
            linger: Patience::new(Some(LINGER)),
            farewell: Farewell::NotYet,
            most: most_unwritten(&core.config),
            gather: Gather::new(gathers, core.config.capacity),
            is_blocked: false,
        }
    }

    /// How long it has lasted.
    pub(super) fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// Goes on until nothing moves, or for long enough.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        match self.steps(cx) {
            Ok(()) => Poll::Pending,
            Err(end) => Poll::Ready(end),
        }
    }

    fn steps(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        for _ in 0..TURNS {
            if !self.step(cx)? {
                self.gather.note_silence();
                return Ok(());
            }
        }
        // However much there is to do: times are kept.
        self.look_at_the_clock(cx)?;
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// Everything once; whether something has moved.
    fn step(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        let mut has_moved = self.receive(cx)?;
        if self.write(cx)? {
            has_moved = true;
            self.gather();
        }
        self.flush(cx)?;
        has_moved |= self.settle(cx);
        has_moved |= self.say_farewell(cx)?;
        if !has_moved {
            self.look_at_the_clock(cx)?;
        }
        Ok(has_moved)
    }

    fn receive(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        match self.wire.poll_receive(cx, &mut self.life.buffer) {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(0)) => Err(self.ended_by_peer()),
            // TLS without a farewell of its own; many a server leaves like that.
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Err(self.ended_by_peer()),
            Poll::Ready(Ok(count)) => {
                self.life.done.received_bytes += count as u64;
                self.owed.end();
                if self.core.confirms() {
                    self.life.window.echo(&self.life.buffer[..count]).map_err(|wrong| End::Lost(wrong.into()))?;
                }
                Ok(true)
            }
            // All was acknowledged: how the other end leaves is its own affair.
            Poll::Ready(Err(_)) if self.farewell == Farewell::Told && self.core.confirms() => Err(End::Closed),
            Poll::Ready(Err(error)) => Err(lost("read from the socket", error)),
        }
    }

    fn ended_by_peer(&self) -> End {
        if self.farewell == Farewell::Told { End::Closed } else { End::Lost(closed_by_peer()) }
    }

    fn write(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        if self.life.window.unwritten() == 0 {
            return Ok(false);
        }
        let mut slices = [IoSlice::new(&[]); PIECES];
        let filled = self.life.window.slices(&mut slices, WRITE);
        let sent = self.wire.poll_send(cx, &slices[..filled]);
        self.is_blocked = sent.is_pending();
        let sent = match sent {
            Poll::Pending => {
                self.blocked.begin();
                return Ok(false);
            }
            Poll::Ready(Ok(0)) => Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(sent) => sent,
        };
        let offered = slices[..filled].iter().map(|slice| slice.len()).sum();
        match sent {
            Ok(count) => self.wrote(count),
            Err(error) => return Err(self.not_written(error, offered, cx)),
        }
        Ok(true)
    }

    /// Pauses where much is to come.
    fn gather(&self) {
        if !self.life.is_closing
            && let Some(pause) = self.gather.pause()
        {
            std::thread::sleep(pause);
        }
    }

    fn wrote(&mut self, count: usize) {
        if self.unflushed.is_none() {
            self.unflushed = self.life.window.front();
        }
        self.life.window.wrote(count);
        self.gather.note_write(count, self.life.window.unwritten() > 0);
        self.life.done.writes += 1;
        self.life.done.wire_bytes += count as u64;
        self.blocked.end();
    }

    /// What came back before the wire failed still counts.
    fn not_written(&mut self, error: io::Error, offered: usize, cx: &mut Context<'_>) -> End {
        if !self.wire.fails_clean() {
            self.life.window.wrote(offered);
        }
        while let Ok(true) = self.receive(cx) {}
        lost("write to the socket", error)
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        if self.unflushed.is_some() {
            match self.wire.poll_flush(cx) {
                Poll::Pending => self.blocked.begin(),
                Poll::Ready(Ok(())) => {
                    self.unflushed = None;
                    // What it did not take before, it has now; a write that it does not take goes on.
                    self.blocked.lasts(self.is_blocked);
                }
                Poll::Ready(Err(error)) => return Err(lost("write to the socket", error)),
            }
        }
        Ok(())
    }

    /// One turn under the callers' lock; whether there is more to write after it.
    fn settle(&mut self, cx: &Context<'_>) -> bool {
        let Life { window, done, .. } = &mut *self.life;
        let unwritten = usize::try_from(window.unwritten()).unwrap_or(usize::MAX);
        done.memory_bytes = window.memory() as u64;
        self.turn.moves = window.moves();
        self.turn.front = self.unflushed.or(window.front());
        // While the wire takes nothing, messages are better off with the callers: there they come to more by the time.
        let has_enough = unwritten * 2 > self.most || (self.is_blocked && unwritten > 0);
        self.turn.wants = if has_enough { 0 } else { self.most - unwritten };
        self.turn.may_sleep = unwritten == 0;
        self.turn.done = *done;
        let closing = self.core.turn(&mut self.turn, cx.waker());
        self.life.note_closing(closing);
        let has_more = !self.turn.lent.is_empty();
        let before = self.life.window.unwritten();
        for segment in self.turn.lent.drain(..) {
            self.life.window.admit(segment);
        }
        if has_more {
            let taken = usize::try_from(self.life.window.unwritten() - before).unwrap_or(usize::MAX);
            self.gather.note_taken(taken, std::time::Instant::now());
        }
        self.owed.lasts(self.life.window.is_owed());
        self.withheld.lasts(self.turn.withholds);
        self.idle.lasts(self.turn.has_surplus);
        has_more
    }

    fn say_farewell(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        match self.farewell {
            Farewell::NotYet if self.life.is_closing && self.is_done() => self.farewell = Farewell::Due,
            Farewell::Due => match self.wire.poll_finish(cx) {
                Poll::Pending => return Ok(false),
                Poll::Ready(Ok(())) => {
                    self.farewell = Farewell::Told;
                    self.linger.begin();
                }
                Poll::Ready(Err(_)) if self.core.confirms() => return Err(End::Closed),
                Poll::Ready(Err(error)) => return Err(lost("end the stream", error)),
            },
            Farewell::NotYet | Farewell::Told => return Ok(false),
        }
        Ok(true)
    }

    /// Whether nothing is left: callers had no more, and what the window held is written, or acknowledged.
    fn is_done(&self) -> bool {
        self.turn.wants > 0 && self.life.window.is_empty() && self.unflushed.is_none()
    }

    fn look_at_the_clock(&mut self, cx: &mut Context<'_>) -> Result<(), End> {
        if self.withheld.poll_is_lost(cx) {
            self.withheld.end();
            self.core.serve();
        }
        if self.idle.poll_is_lost(cx) {
            self.idle.end();
            self.core.trim();
        }
        if self.farewell == Farewell::Told && self.linger.poll_is_lost(cx) {
            return Err(End::Closed);
        }
        if self.life.closing.poll_is_lost(cx) {
            // All is written, and the other end was told or cannot be: that it does not close is its own affair.
            return Err(if self.is_done() { End::Closed } else { End::TimedOut });
        }
        if self.blocked.poll_is_lost(cx) {
            return Err(lost(
                "write to the socket",
                too_long("the other end takes nothing", self.core.config.write_timeout),
            ));
        }
        if self.owed.poll_is_lost(cx) {
            return Err(lost("read from the socket", too_long("an echo is owed", self.core.config.idle_timeout)));
        }
        Ok(())
    }
}

/// What is lent is never dropped: where the oldest are, most of what the sink holds has to stay with the callers.
fn most_unwritten(config: &Config) -> usize {
    match config.on_full {
        Full::DropOldest => WRITE.min(config.capacity / 4).max(1),
        Full::Wait | Full::Raise | Full::DropNewest => WRITE,
    }
}

fn lost(doing: &'static str, source: io::Error) -> End {
    End::Lost(Error::Io { doing, source })
}

fn closed_by_peer() -> Error {
    let source = io::Error::new(io::ErrorKind::ConnectionAborted, "the other end closed the connection");
    Error::Io { doing: "read from the socket", source }
}

fn too_long(what: &str, limit: Option<Duration>) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("{what} for {:?}", limit.unwrap_or_default()))
}

impl From<WrongEcho> for Error {
    fn from(wrong: WrongEcho) -> Self {
        Self::Echo { offset: wrong.offset, expected: wrong.expected, found: wrong.found }
    }
}
