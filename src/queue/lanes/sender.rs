//! The producer's handle.
//!
//! A message takes the short way when it fits what the writer has free: copy, publish, look whether to ring. Everything
//! else (the first message, a full segment, room to be taken, the queue closed) takes the long way under the desk's lock.
//!
//! # Room
//! A lane sends a little on credit and settles at the desk: with its next long way it is billed for what it has sent, as
//! far as the consumer has not taken that by then. All credit together is at most an eighth of the capacity; where
//! that comes to less than [`LEAST_CREDIT`] a lane there is none, and the capacity is exact.
//!
//! A lane whose send has waited has a turn then: until it has sent as much as the queue holds it takes what room there is
//! ahead of those that still wait. So the consumer wakes one at a time, and not all for a little each; before it sleeps
//! it wakes everybody for whom there is room, so that nobody waits for a turn that is not used.

use std::future::poll_fn;
use std::task::{Poll, Waker};

use super::super::room::{Capacity, Ticket};
use super::super::sync::{Arc, MODELLED, MutexGuard};
use super::super::{Sender, wake};
use super::chain::{LARGEST, START, Segment, Writer, chain};
use super::desk::{Desk, Shared};
use super::lane::{Lane, units};
use crate::error::SendError;

/// The first segment of a lane.
const FIRST: usize = if MODELLED { 4 } else { 256 };

/// Later ones are not smaller, unless there are very many lanes.
const SMALLEST: usize = if MODELLED { 4 } else { 16 * 1024 };

/// What all lanes together may hold in segments that are not full: more lanes have smaller segments.
const HOLD: usize = 8 * 1024 * 1024;

/// A message beyond this travels in a segment of its own. It is copied either way, since a send borrows its bytes; in a
/// segment that is shared, and used again, that is cheaper for every message that one can hold: at 4, 16 and 59 KiB a
/// segment of its own took 1.26, 1.19 and 1.05 times the processor time.
const LARGE: usize = if MODELLED { 8 } else { LARGEST - START };

/// The least credit that is worth its inexactness, in bytes.
const LEAST_CREDIT: usize = 1024;

/// A producer.
#[derive(Debug)]
pub struct LanesSender {
    shared: Arc<Shared>,
    /// Made with the first message, so that an idle producer costs nothing but this handle.
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    writer: Writer,
    lane: Arc<Lane>,
    /// What it may still take ahead of those that wait for room, since it has waited itself; in units of the capacity.
    turn: usize,
}

impl LanesSender {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, own: None }
    }

    /// The long way. With `line`, a message that finds no room stands in line.
    #[cold]
    #[inline(never)]
    fn try_slow(&mut self, message: &[u8], line: Option<&mut Line<'_>>) -> Result<(), SendError> {
        if self.shared.is_closed() {
            return Err(SendError::Closed);
        }
        if self.shared.size.is_some_and(|size| size != message.len()) {
            return Err(SendError::Size);
        }
        if message.is_empty() {
            return Ok(());
        }
        let shared = &*self.shared;
        let own = self.own.get_or_insert_with(|| Own::new(shared));
        let mut desk = shared.desk();
        own.admit(shared, &mut desk, message.len(), line)?;
        let credit = credit(shared.capacity, desk.senders, message.len(), shared.size);
        own.write(message, credit, desk);
        shared.barrier.full();
        own.published(shared)
    }

    fn wait(&mut self, message: &[u8], line: &mut Line<'_>) -> Poll<Result<(), SendError>> {
        match self.try_slow(message, Some(line)) {
            Err(SendError::Full) => Poll::Pending,
            done => Poll::Ready(done),
        }
    }
}

impl Own {
    fn new(shared: &Shared) -> Self {
        let (writer, reader) = chain(Segment::new(FIRST), shared.size);
        Self { writer, lane: Arc::new(Lane::new(reader)), turn: 0 }
    }

    /// Takes room for a message of this length.
    fn admit(
        &mut self,
        shared: &Shared,
        desk: &mut Desk,
        length: usize,
        line: Option<&mut Line<'_>>,
    ) -> Result<(), SendError> {
        if !desk.open {
            return Err(SendError::Closed);
        }
        let Some(capacity) = shared.capacity else { return Ok(()) };
        self.settle(shared, desk);
        match line {
            None if self.turn > 0 => desk.room.take_in_turn(length)?,
            None => desk.room.take(length)?,
            Some(line) => {
                if line.stand(desk, length)? {
                    self.turn = shared.turn();
                }
            }
        }
        let need = if matches!(capacity, Capacity::Bytes(_)) { length } else { 1 };
        self.turn = self.turn.saturating_sub(need);
        self.lane.set_billed(self.lane.billed() + need);
        Ok(())
    }

    /// Takes room for what was sent on credit and is not yet taken.
    fn settle(&mut self, shared: &Shared, desk: &mut Desk) {
        let sent = units(shared.capacity, self.writer.sent());
        let taken = units(shared.capacity, self.lane.taken());
        self.turn = self.turn.saturating_sub(sent - self.lane.billed());
        desk.room.charge(sent - self.lane.billed().max(taken));
        self.lane.set_billed(sent);
    }

    /// Writes an admitted message, into a new segment where it does not fit.
    fn write(&mut self, message: &[u8], credit: usize, mut desk: MutexGuard<'_, Desk>) {
        if message.len() > LARGE && !self.writer.fits(message.len()) {
            drop(desk);
            self.writer.extend(Segment::holding(message));
            return;
        }
        if self.writer.fits(message.len()) {
            drop(desk);
        } else {
            let size = self.next_size(message.len(), desk.senders);
            let kept = desk.segment(size);
            drop(desk);
            self.writer.extend(kept.unwrap_or_else(|| Segment::new(size)));
        }
        self.writer.allow(usize::MAX);
        let written = self.writer.push(message);
        assert!(written, "the segment was chosen to fit");
        self.writer.allow(credit);
    }

    /// Four times what stands in the lane, approached by doubling and halving: a lane that the consumer keeps up with
    /// stays in the cache, and one that bursts does not open segments all the time.
    fn next_size(&self, length: usize, lanes: usize) -> usize {
        let now = self.writer.segment_size().clamp(FIRST, LARGEST).next_power_of_two();
        let standing = self.writer.sent().bytes - self.lane.taken().bytes;
        let most = (HOLD / lanes.max(1)).clamp(FIRST, LARGEST);
        let most = 1 << most.ilog2();
        let size = match standing.saturating_mul(4) {
            wanted if wanted > now => now * 2,
            wanted if wanted < now / 4 => now / 2,
            _ => now,
        };
        let size = size.clamp(SMALLEST.min(most), most);
        size.max((length + START).next_power_of_two())
    }

    /// Rings when the lane is parked. An error says that the message was not taken: the consumer had ended before.
    #[inline]
    fn published(&mut self, shared: &Shared) -> Result<(), SendError> {
        shared.barrier.light();
        if self.lane.is_parked() { self.ring(shared) } else { Ok(()) }
    }

    /// Has the next message take the long way, which passes a full fence, and promises so: a consumer that has not seen it
    /// when it goes to sleep needs no barrier on every core.
    fn promise(&mut self) {
        self.writer.allow(0);
        self.lane.promise(self.writer.sent().messages + 1);
    }

    #[cold]
    #[inline(never)]
    fn ring(&mut self, shared: &Shared) -> Result<(), SendError> {
        let mut desk = shared.desk();
        if desk.ended {
            let taken = self.lane.taken().bytes >= self.writer.sent().bytes;
            return if taken { Ok(()) } else { Err(SendError::Closed) };
        }
        if self.lane.unpark() {
            self.promise();
            shared.ring(&mut desk, Arc::clone(&self.lane));
        }
        let sleeper = desk.sleeper.take();
        drop(desk);
        wake(sleeper);
        Ok(())
    }
}

/// How many bytes a lane may send before it settles.
fn credit(capacity: Option<Capacity>, lanes: usize, length: usize, size: Option<usize>) -> usize {
    let share = |limit: usize| limit / 8 / lanes.max(1);
    let bytes = match capacity {
        None => return usize::MAX,
        Some(Capacity::Bytes(limit)) => share(limit),
        Some(Capacity::Messages(limit)) if size.is_some() => share(limit).saturating_mul(length),
        Some(Capacity::Messages(_)) => 0,
    };
    if bytes < LEAST_CREDIT { 0 } else { bytes }
}

/// A send's place in the line for room.
struct Line<'a> {
    shared: &'a Shared,
    waker: Waker,
    ticket: Option<Ticket>,
}

impl Line<'_> {
    /// Takes room, or stands in line for it, or looks whether its turn has come: `true` when it had to wait.
    fn stand(&mut self, desk: &mut Desk, length: usize) -> Result<bool, SendError> {
        let Some(ticket) = self.ticket else {
            let outcome = desk.room.take(length);
            if outcome == Err(SendError::Full) {
                self.ticket = Some(desk.room.join(length, self.waker.clone()));
            }
            return outcome.map(|()| false);
        };
        if !desk.room.poll(ticket, &self.waker) {
            return Err(SendError::Full);
        }
        self.ticket = None;
        Ok(true)
    }
}

impl Drop for Line<'_> {
    /// Hands its turn on.
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let mut woken = Vec::new();
            self.shared.desk().room.leave(ticket, &mut woken);
            woken.into_iter().for_each(Waker::wake);
        }
    }
}

impl Sender for LanesSender {
    #[inline]
    fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        let shared = &*self.shared;
        if let Some(own) = &mut self.own
            && !message.is_empty()
            && shared.size.is_none_or(|size| size == message.len())
            && !shared.is_closed()
            && own.writer.push(message)
        {
            return own.published(shared);
        }
        self.try_slow(message, None)
    }

    #[inline]
    async fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        match self.try_send(message) {
            Err(SendError::Full) => {}
            done => return done,
        }
        let shared = Arc::clone(&self.shared);
        let mut line = Line { shared: &shared, waker: Waker::noop().clone(), ticket: None };
        poll_fn(|cx| {
            line.waker.clone_from(cx.waker());
            self.wait(message, &mut line)
        })
        .await
    }
}

impl Clone for LanesSender {
    fn clone(&self) -> Self {
        self.shared.desk().senders += 1;
        Self::new(Arc::clone(&self.shared))
    }
}

impl Drop for LanesSender {
    fn drop(&mut self) {
        let mut desk = self.shared.desk();
        desk.senders -= 1;
        let sleeper = if desk.senders == 0 { desk.sleeper.take() } else { None };
        drop(desk);
        wake(sleeper);
    }
}
