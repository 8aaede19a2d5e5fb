//! One way of a connection: reads from one end, waits where it must, writes to the other.
//!
//! What was read is on its way until its time has come; without a delay that is at once. No more than a window is on the
//! way, so a receiver that does not read is felt by the sender, as it would be without the proxy.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::control::Watch;
use super::report::{Event, What};
use super::{Shared, Way};
use crate::server::faults::{Action, Script, Spoiler};
use crate::server::stream::Stream;
use crate::server::throttle::Throttle;

/// The most that one read takes.
const PIECE: usize = 64 << 10;

/// What it takes until a sender has filled it once: a line that is idle holds little.
const FIRST_PIECE: usize = 1 << 10;

/// The most bytes on their way, with what keeping them takes: a client that sends them one at a time has no more.
const WINDOW: usize = 1 << 20;

/// What a piece on its way takes beyond its bytes: its place in the line, and what an allocation costs.
const BOOKKEEPING: usize = size_of::<(Instant, Vec<u8>)>() + 16;

/// How a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// In order.
    Close,
    /// With a reset: a fault asks for it, or one end broke.
    Reset,
    /// The line was cut.
    Cut,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Reset
    }
}

pub(super) struct Pump<'a> {
    from: &'a Stream,
    to: &'a Stream,
    shared: &'a Arc<Shared>,
    watch: Watch,
    way: Way,
    number: u64,
    script: Script,
    spoiler: Option<Spoiler>,
    throttle: Option<Throttle>,
    delay: Duration,
    /// What was read and not written, with the time when it is due.
    line: VecDeque<(Instant, Vec<u8>)>,
    on_the_way: usize,
    /// How many bytes were read.
    bytes: u64,
    /// The receiver was told that no more comes.
    ended: bool,
    piece: Vec<u8>,
}

impl<'a> Pump<'a> {
    pub(super) fn new(from: &'a Stream, to: &'a Stream, shared: &'a Arc<Shared>, way: Way, number: u64) -> Self {
        let lane = shared.lane(way);
        let script = Script::new(&lane.faults, number);
        Self {
            from,
            to,
            shared,
            watch: shared.control.watch(),
            way,
            number,
            delay: script.delay,
            script,
            spoiler: Spoiler::new(&lane.faults, number),
            throttle: lane.rate.map(|rate| Throttle::new(rate, Instant::now())),
            line: VecDeque::new(),
            on_the_way: 0,
            bytes: 0,
            ended: false,
            piece: vec![0; FIRST_PIECE],
        }
    }

    /// Passes until the sender ends its stream and all of it was passed.
    pub(super) async fn run(&mut self) -> Result<(), End> {
        loop {
            while let Some(action) = self.script.due(self.bytes) {
                self.act(action).await?;
            }
            if self.turn().await? {
                self.drain().await?;
                self.to.end();
                return Ok(());
            }
        }
    }

    /// Writes what is due, and reads some more; whether the sender's stream has ended.
    async fn turn(&mut self) -> Result<bool, End> {
        let due = self.line.front().map(|&(due, _)| due);
        if due.is_some_and(|due| due <= Instant::now()) {
            self.pass().await?;
            return Ok(false);
        }
        let most = match (self.on_the_way < WINDOW).then(|| self.allowance()) {
            None => Err(None),
            Some(Ok(most)) => Ok(most),
            Some(Err(wait)) => Err(Some(Instant::now() + wait)),
        };
        match most {
            Ok(most) => {
                tokio::select! {
                    ready = self.from.readable() => { ready?; self.read(most).await }
                    () = until(due) => Ok(false),
                }
            }
            Err(wake) => {
                tokio::select! {
                    () = until(due) => {}
                    () = until(wake) => {}
                }
                Ok(false)
            }
        }
    }

    /// How many bytes may be read now, or how long until some may.
    fn allowance(&mut self) -> Result<usize, Duration> {
        let most = self.script.reach(self.bytes, self.piece.len());
        let Some(throttle) = &mut self.throttle else { return Ok(most) };
        match throttle.allowed(most, Instant::now()) {
            0 => Err(throttle.wait()),
            allowed => Ok(allowed),
        }
    }

    async fn read(&mut self, most: usize) -> Result<bool, End> {
        self.watch.passable().await;
        let length = match self.from.try_read(&mut self.piece[..most]) {
            Ok(0) => return Ok(true),
            Ok(length) => length,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        };
        self.bytes += length as u64;
        if let Some(throttle) = &mut self.throttle {
            throttle.took(length);
        }
        if !self.ended {
            let bytes = Spoiler::spoil(&mut self.spoiler, &self.piece[..length]);
            let is_spoilt = matches!(bytes, Cow::Owned(_));
            let bytes = bytes.into_owned();
            self.on_the_way += bytes.len() + BOOKKEEPING;
            self.line.push_back((Instant::now() + self.delay, bytes));
            if is_spoilt {
                self.note(What::Spoilt);
            }
        }
        if length == FIRST_PIECE && self.piece.len() == FIRST_PIECE {
            self.piece = vec![0; PIECE];
        }
        Ok(false)
    }

    /// Writes the first piece that is on its way.
    async fn pass(&mut self) -> Result<(), End> {
        self.watch.passable().await;
        let Some((_, piece)) = self.line.pop_front() else { return Ok(()) };
        self.on_the_way -= piece.len() + BOOKKEEPING;
        let mut left = &piece[..];
        while !left.is_empty() {
            match self.to.try_write(left) {
                Ok(written) => {
                    self.shared.counters.passed(self.way, written as u64);
                    left = &left[written..];
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.to.writable().await?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Passes all that is on its way, each piece when it is due.
    async fn drain(&mut self) -> Result<(), End> {
        while let Some(&(due, _)) = self.line.front() {
            until(Some(due)).await;
            self.pass().await?;
        }
        Ok(())
    }

    /// Does one thing wrong, once what came before it has passed.
    async fn act(&mut self, action: Action) -> Result<(), End> {
        self.drain().await?;
        match action {
            Action::Reset => {
                self.note(What::Reset);
                return Err(End::Reset);
            }
            Action::Close => {
                self.note(What::Closed);
                return Err(End::Close);
            }
            Action::HalfClose => {
                self.note(What::HalfClosed);
                self.ended = true;
                self.to.end();
            }
            Action::Stall(length) => {
                self.note(What::Stalled);
                match length {
                    Some(length) => tokio::time::sleep(length).await,
                    None => self.from.broken().await,
                }
            }
        }
        Ok(())
    }

    fn note(&self, what: What) {
        let event = Event { connection: self.number, way: Some(self.way), bytes: self.bytes, what };
        self.shared.counters.note(event);
    }
}

/// Sleeps until then; for ever where there is no such time.
async fn until(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when.into()).await,
        None => std::future::pending().await,
    }
}
