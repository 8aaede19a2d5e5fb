//! What callers and the actor share, behind the one lock: the frames, their room, the account, and who waits for what.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;

use super::account::Account;
use super::choices::Full;
use super::config::Config;
use super::core::Done;
use super::delivery::Tally;
use super::event::Event;
use super::failure::FailureKind;
use super::stats::Stats;
use super::window::Moves;
use crate::error::{Error, SendError};
use crate::queue::frames::{Chain, Scale, Segment};
use crate::queue::room::{Capacity, Room, Ticket};

/// The room that a frame takes at least: what its end takes beside its bytes.
const LEAST_ROOM: usize = 4;

/// Events that are kept for a listener who does not come; beyond, the oldest are forgotten.
const MOST_EVENTS: usize = 1024;

/// How far a sink has come.
#[derive(Clone, Debug)]
pub(super) enum Phase {
    /// Made, and not opened.
    Fresh,
    /// Opened; connected or on its way to be.
    Open,
    /// Takes no more; the actor has this long, from when it hears of it.
    Closing(Duration),
    /// Over, in peace or not.
    Ended(Ending),
}

/// How a sink has ended.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    /// Closed, and all done that there was to do.
    Closed,
    /// Something went wrong.
    Failed(FailureKind, Option<Arc<Error>>),
}

/// Somebody who waits for the sink to get somewhere.
#[derive(Debug)]
struct Watcher {
    id: u64,
    /// The frame before which none may be left; none for those who wait for a phase.
    target: Option<u64>,
    waker: Waker,
}

/// All that is shared.
#[derive(Debug)]
pub(super) struct State {
    pub(super) phase: Phase,
    /// Why nothing is taken; what the hot path looks at.
    refusal: Option<SendError>,
    on_full: Full,
    scale: Scale,
    pub(super) chain: Chain,
    pub(super) room: Room,
    pub(super) account: Account,
    /// Whether the actor has nothing to do, and wants to be woken by a message.
    pub(super) asleep: bool,
    pub(super) actor: Option<Waker>,
    /// The oldest frame that the actor holds.
    pub(super) lent: Option<u64>,
    pub(super) is_connected: bool,
    watchers: Vec<Watcher>,
    watched: u64,
    pub(super) stats: Stats,
    /// The most that was held since memory was given back.
    pub(super) swollen: usize,
    events: VecDeque<Event>,
    /// Dropped, and not told yet.
    untold: Tally,
    listener: Option<Waker>,
    listens: bool,
}

/// Who is roused by a message; they are when it is dropped, outside of the lock, also by a panic of a caller's own code.
#[derive(Debug, Default)]
pub(super) struct Roused {
    actor: Option<Waker>,
    listener: Option<Waker>,
    /// Those who waited for what was dropped.
    flushed: Wakes,
}

impl Roused {
    pub(super) fn add(&mut self, mut other: Self) {
        self.actor = self.actor.take().or(other.actor.take());
        self.listener = self.listener.take().or(other.listener.take());
        self.flushed.0.append(&mut other.flushed.0);
    }
}

impl Drop for Roused {
    #[inline]
    fn drop(&mut self) {
        crate::queue::wake(self.actor.take());
        crate::queue::wake(self.listener.take());
        std::mem::take(&mut self.flushed).wake();
    }
}

/// Whom to wake, outside of the lock.
#[derive(Debug, Default)]
pub(super) struct Wakes(pub(super) Vec<Waker>);

impl Wakes {
    pub(super) fn wake(self) {
        self.0.into_iter().for_each(Waker::wake);
    }
}

impl State {
    pub(super) fn new(config: &Config) -> Self {
        let scale = Scale { framing: config.framing, least: LEAST_ROOM.min(config.capacity) };
        Self {
            phase: Phase::Fresh,
            refusal: Some(SendError::Unopened),
            on_full: config.on_full,
            scale,
            chain: Chain::new(scale, config.capacity),
            room: Room::new(Some(Capacity::Bytes(config.capacity))),
            account: Account::default(),
            asleep: false,
            actor: None,
            lent: None,
            is_connected: false,
            watchers: Vec::new(),
            watched: 0,
            stats: Stats::default(),
            swollen: 0,
            events: VecDeque::new(),
            untold: Tally::default(),
            listener: None,
            listens: false,
        }
    }

    pub(super) const fn scale(&self) -> Scale {
        self.scale
    }

    /// Whether it takes messages.
    pub(super) const fn takes(&self) -> bool {
        self.refusal.is_none()
    }

    /// Takes a message that is to be copied, where that concerns nobody else: it is open, there is room, the actor is awake
    /// and no drop is to be told. Whether it did: then nothing is left to do, which is what most sends come to.
    #[inline]
    pub(super) fn take_quietly(&mut self, frame: usize, message: &[u8]) -> bool {
        let rouses = self.asleep || self.untold.messages > 0;
        if rouses || self.refusal.is_some() || self.room.take(self.scale.room(frame)).is_err() {
            return false;
        }
        self.account.accept(Tally::one(message.len()));
        self.chain.push(frame, message);
        true
    }

    /// The room for messages that concern nobody else, as [`take_quietly`](Self::take_quietly) takes them.
    pub(super) fn quiet_room(&self) -> usize {
        let rouses = self.asleep || self.untold.messages > 0;
        if rouses || self.refusal.is_some() { 0 } else { self.room.left() }
    }

    /// Takes a message by the policy; hands out whom to wake.
    pub(super) fn offer(&mut self, frame: usize, message: &Payload<'_>) -> Result<Roused, SendError> {
        if let Some(refusal) = self.refusal {
            return Err(refusal);
        }
        match self.room.take(self.scale.room(frame)) {
            Ok(()) => {}
            Err(SendError::Full) if self.drops() => return Ok(self.put_or_drop(frame, message)),
            Err(error) => return Err(error),
        }
        Ok(self.put(frame, message))
    }

    /// Takes a message that finds no room, for older ones that are dropped, or drops it.
    #[cold]
    fn put_or_drop(&mut self, frame: usize, message: &Payload<'_>) -> Roused {
        if !self.make_room(frame) {
            return self.drop_newest(message.len());
        }
        let mut roused = self.put(frame, message);
        self.wake_flushed(&mut roused.flushed);
        roused
    }

    /// Whether a message with this frame would be taken now: asked before a long copy is made for it.
    pub(super) fn would_take(&self, frame: usize) -> Result<(), SendError> {
        match self.refusal {
            Some(refusal) => Err(refusal),
            None if self.drops() => Ok(()),
            None => self.room.would_take(self.scale.room(frame)),
        }
    }

    /// The actor's waker, if it sleeps; it counts as awake from now on.
    #[inline]
    fn rouse(&mut self) -> Roused {
        if self.asleep || self.untold.messages > 0 { self.rouse_sleepers() } else { Roused::default() }
    }

    #[cold]
    fn rouse_sleepers(&mut self) -> Roused {
        let listener = if self.untold.messages > 0 { self.listener.take() } else { None };
        if !self.asleep {
            return Roused { actor: None, listener, flushed: Wakes::default() };
        }
        self.asleep = false;
        self.stats.wakeups += 1;
        Roused { actor: self.actor.clone(), listener, flushed: Wakes::default() }
    }

    const fn drops(&self) -> bool {
        matches!(self.on_full, Full::DropNewest | Full::DropOldest)
    }

    /// Drops the oldest until there is room for the frame, which is taken then; whether that could be done. If not, none is
    /// dropped: what the actor holds stays.
    fn make_room(&mut self, frame: usize) -> bool {
        let need = self.scale.room(frame);
        if self.on_full != Full::DropOldest || !self.room.would_suffice(need, self.chain.room()) {
            return false;
        }
        let mut dropped = Tally::default();
        while self.room.take(need).is_err() {
            let Some(measure) = self.chain.drop_first() else { break };
            self.room.release(1, measure.room, &mut Vec::new()); // nobody waits for it
            dropped += measure.into();
        }
        self.drop_tally(dropped);
        true
    }

    #[cold]
    fn drop_newest(&mut self, length: usize) -> Roused {
        self.account.accept(Tally::one(length));
        self.drop_tally(Tally::one(length));
        Roused { actor: None, listener: self.listener.take(), flushed: Wakes::default() }
    }

    fn drop_tally(&mut self, dropped: Tally) {
        self.account.drop(dropped);
        if self.listens {
            self.untold += dropped;
        }
    }

    /// Joins the line for room.
    pub(super) fn join(&mut self, frame: usize, waker: &Waker) -> Ticket {
        self.stats.waits += 1;
        self.room.join(self.scale.room(frame), waker.clone())
    }

    /// Whether the ticket's turn has come; then its room is taken.
    pub(super) fn is_granted(&mut self, ticket: Ticket, waker: &Waker) -> Result<bool, SendError> {
        match self.refusal {
            Some(refusal) => Err(refusal),
            None => Ok(self.room.poll(ticket, waker)),
        }
    }

    /// Takes a message whose room is taken.
    #[inline]
    pub(super) fn put(&mut self, frame: usize, message: &Payload<'_>) -> Roused {
        self.account.accept(Tally::one(message.len()));
        match message {
            Payload::Copied(message) => self.chain.push(frame, message),
            Payload::Shared(message) => self.chain.push_large(message.clone()),
        }
        self.rouse()
    }

    /// Goes into another phase, and wakes all whom that concerns.
    pub(super) fn enter(&mut self, phase: Phase, wakes: &mut Wakes) {
        self.refusal = match &phase {
            Phase::Fresh => Some(SendError::Unopened),
            Phase::Open => None,
            Phase::Ended(Ending::Failed(FailureKind::Disconnected, _)) => Some(SendError::Disconnected),
            Phase::Ended(Ending::Failed(FailureKind::Panicked, _)) => Some(SendError::Panicked),
            Phase::Closing(_) | Phase::Ended(_) => Some(SendError::Closed),
        };
        self.phase = phase;
        if self.refusal.is_some() {
            self.room.wake_all(&mut wakes.0);
        }
        self.asleep = false;
        wakes.0.extend(self.actor.clone());
        wakes.0.extend(self.watchers.drain(..).map(|watcher| watcher.waker));
        if matches!(self.phase, Phase::Ended(_)) {
            wakes.0.extend(self.listener.take());
        }
    }

    /// The oldest frame that is neither written, acknowledged nor dropped.
    pub(super) fn front(&self) -> u64 {
        self.lent.unwrap_or_else(|| self.chain.front())
    }

    /// Leaves a waker for when all frames before `target` have left, or without one for a change of phase.
    pub(super) fn watch(&mut self, id: &mut Option<u64>, target: Option<u64>, waker: &Waker) {
        let id = *id.get_or_insert_with(|| {
            self.watched += 1;
            self.watched
        });
        match self.watchers.iter_mut().find(|watcher| watcher.id == id) {
            Some(watcher) => watcher.waker.clone_from(waker),
            None => self.watchers.push(Watcher { id, target, waker: waker.clone() }),
        }
    }

    pub(super) fn unwatch(&mut self, id: u64) {
        self.watchers.retain(|watcher| watcher.id != id);
    }

    /// Wakes all who wait for a phase, without changing it.
    pub(super) fn wake_watchers(&mut self, wakes: &mut Wakes) {
        wakes.0.extend(self.watchers.drain(..).map(|watcher| watcher.waker));
    }

    /// Enters into the account what has moved in the actor's window. Those who wait for room get it once `mark` bytes are
    /// free; whether somebody waits whom there is room for.
    pub(super) fn settle(&mut self, moves: &mut Moves, mark: usize, wakes: &mut Wakes) -> bool {
        let moves = std::mem::take(moves);
        self.account.write(moves.fresh, moves.again);
        self.account.acknowledge(moves.acked);
        for segment in moves.used {
            self.chain.put_back(segment);
        }
        if moves.room > 0 {
            self.note_high_water();
        }
        self.room.release_from(mark, moves.room, &mut wakes.0)
    }

    /// Wakes those whose frames have left.
    pub(super) fn wake_flushed(&mut self, wakes: &mut Wakes) {
        if self.watchers.is_empty() {
            return;
        }
        let front = self.front();
        let is_done = |watcher: &mut Watcher| watcher.target.is_some_and(|target| target <= front);
        wakes.0.extend(self.watchers.extract_if(.., is_done).map(|watcher| watcher.waker));
    }

    pub(super) fn note_done(&mut self, done: &Done) {
        self.stats.writes = done.writes;
        self.stats.wire_bytes = done.wire_bytes;
        self.stats.received_bytes = done.received_bytes;
        self.stats.memory_bytes = done.memory_bytes;
    }

    /// Goes into the last phase and forgets all frames; hands out their memory, to be dropped outside of the lock.
    pub(super) fn end(&mut self, ending: Ending, wakes: &mut Wakes) -> impl Sized + use<> {
        self.is_connected = false;
        self.enter(Phase::Ended(ending), wakes);
        self.lent = None;
        self.stats.memory_bytes = 0;
        std::mem::replace(&mut self.chain, Chain::new(self.scale, 1))
    }

    fn note_high_water(&mut self) {
        let held = self.room.used();
        self.stats.high_water_bytes = self.stats.high_water_bytes.max(held as u64);
        self.swollen = self.swollen.max(held);
    }

    /// How much was held, at the most; as if it never had been from now on.
    pub(super) const fn deflate(&mut self) -> usize {
        std::mem::replace(&mut self.swollen, 0)
    }

    /// Lends the actor what is next.
    pub(super) fn lend(&mut self, bytes: usize, into: &mut Vec<Segment>) {
        if !self.chain.is_empty() {
            self.note_high_water();
            self.chain.take(bytes, into);
            self.stats.batches += 1;
        }
    }

    /// The counters at this moment.
    pub(super) fn stats(&self) -> Stats {
        let used = self.room.used() as u64;
        Stats {
            delivery: self.account.delivery(),
            // What is unsent at the end is in the account, and held no more.
            held_bytes: if matches!(self.phase, Phase::Ended(_)) { 0 } else { used },
            high_water_bytes: self.stats.high_water_bytes.max(used),
            memory_bytes: self.stats.memory_bytes + self.chain.memory() as u64,
            waiting: self.room.waiting() as u64,
            ..self.stats
        }
    }

    pub(super) fn note_wait(&mut self, waited: Duration) {
        self.stats.waited += waited;
    }

    /// Has events kept from now on.
    pub(super) fn listen(&mut self) {
        self.listens = true;
    }

    /// Keeps an event for the listener.
    pub(super) fn tell(&mut self, event: Event, wakes: &mut Wakes) {
        if !self.listens {
            return;
        }
        if self.events.len() == MOST_EVENTS {
            self.events.pop_front();
        }
        self.events.push_back(event);
        wakes.0.extend(self.listener.take());
    }

    /// Keeps what went wrong, with the account as it is now.
    pub(super) fn tell_error(&mut self, cause: &Arc<Error>, fatal: bool, wakes: &mut Wakes) {
        let delivery = self.account.delivery();
        self.tell(Event::Error { cause: Arc::clone(cause), fatal, delivery }, wakes);
    }

    /// What there is to tell; when that is nothing, `waker` is left.
    pub(super) fn told(&mut self, waker: &Waker) -> Vec<Event> {
        let dropped = std::mem::take(&mut self.untold);
        let mut events = Vec::new();
        if dropped.messages > 0 {
            events.push(Event::Dropped(dropped));
        }
        events.extend(self.events.drain(..));
        if events.is_empty() && matches!(self.phase, Phase::Ended(_)) {
            events.push(Event::Ended);
        }
        if events.is_empty() {
            self.listener = Some(waker.clone());
        }
        events
    }
}

/// A message on its way in.
pub(super) enum Payload<'a> {
    /// To be copied.
    Copied(&'a [u8]),
    /// To be kept by reference.
    Shared(Bytes),
}

impl Payload<'_> {
    #[inline]
    fn len(&self) -> usize {
        match self {
            Self::Copied(message) => message.len(),
            Self::Shared(message) => message.len(),
        }
    }
}
