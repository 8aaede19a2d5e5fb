//! The lock, and what is done under it: the callers' side and the actor's.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;

use super::choices::Confirm;
use super::config::Config;
use super::delivery::Delivery;
use super::event::Event;
use super::failure::Failure;
use super::heap;
use super::planted;
use super::run::Run;
use super::state::{Ending, Payload, Phase, Roused, State, Wakes};
use super::window::Moves;
use crate::error::{Error, SendError};
use crate::queue::frames::{Measure, Scale, Segment};
use crate::queue::sync::{Mutex, MutexGuard, lock};

/// Messages that are taken under one lock, before others have their turn.
const RUN: usize = 256;

/// What a sink's handles and its actor share.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) config: Config,
    /// The longest message.
    longest: usize,
    /// The longest frame that is copied.
    copied: usize,
    state: Mutex<State>,
}

/// What the actor brings to the lock, and takes from it.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// What has moved in its window.
    pub(super) moves: Moves,
    /// The oldest frame that it holds; to be flushed still counts as held.
    pub(super) front: Option<u64>,
    /// How many bytes it would like to have; nothing while it has enough.
    pub(super) wants: usize,
    /// How much has to be free before those who wait for room are served; with 0 they are at once.
    pub(super) mark: usize,
    /// Whether somebody waits whom there is room for.
    pub(super) withholds: bool,
    /// Whether it has nothing to do when it gets nothing.
    pub(super) may_sleep: bool,
    /// What it was lent.
    pub(super) lent: Vec<Segment>,
    /// What it has done until now.
    pub(super) done: Done,
    /// Whether it sleeps, and a burst has left memory to give back.
    pub(super) has_surplus: bool,
}

/// What an actor has done until now.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Done {
    pub(super) writes: u64,
    pub(super) wire_bytes: u64,
    pub(super) received_bytes: u64,
    pub(super) memory_bytes: u64,
}

impl Core {
    pub(super) fn new(config: Config) -> Self {
        let state = State::new(&config);
        let longest = config.max_frame.unwrap_or(usize::MAX).min(config.framing.longest());
        Self { longest, copied: state.chain.longest_copied(), state: Mutex::new(state), config }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    // --- the callers' side ---

    /// Whether a message of this length may be one.
    pub(super) fn fits(&self, length: usize) -> Result<(), SendError> {
        if length > self.longest {
            return Err(SendError::Frame);
        }
        if self.config.framing.frame_length(length) > self.config.capacity {
            return Err(SendError::TooLarge);
        }
        Ok(())
    }

    /// The length of a message's frame, if it may be one.
    #[inline]
    pub(super) fn frame(&self, message: &[u8]) -> Result<usize, SendError> {
        if message.len() > self.longest {
            return Err(SendError::Frame);
        }
        if !self.config.framing.allows(message) {
            return Err(SendError::Newline);
        }
        Ok(self.config.framing.frame_length(message.len()))
    }

    #[inline]
    pub(super) const fn is_large(&self, frame: usize) -> bool {
        frame > self.copied
    }

    #[inline]
    pub(super) fn try_send(&self, message: &[u8]) -> Result<(), SendError> {
        let frame = self.frame(message)?;
        if self.is_large(frame) {
            return self.try_send_large(frame, message);
        }
        let mut state = self.lock();
        if state.take_quietly(frame, message) {
            return Ok(());
        }
        let offered = state.offer(frame, &Payload::Copied(message));
        drop(state);
        offered.map(drop)
    }

    /// The copy is made outside of the lock, and only when there is room for it.
    #[cold]
    fn try_send_large(&self, frame: usize, message: &[u8]) -> Result<(), SendError> {
        self.lock().would_take(frame)?;
        self.offer(frame, &Payload::Shared(Bytes::copy_from_slice(message)))
    }

    pub(super) fn try_send_owned(&self, message: Bytes) -> Result<(), SendError> {
        let frame = self.frame(&message)?;
        if self.is_large(frame) {
            return self.offer(frame, &Payload::Shared(message));
        }
        self.offer(frame, &Payload::Copied(&message))
    }

    fn offer(&self, frame: usize, message: &Payload<'_>) -> Result<(), SendError> {
        let offered = self.lock().offer(frame, message);
        offered.map(drop)
    }

    pub(super) fn try_send_many<M: AsRef<[u8]>>(
        &self,
        messages: impl IntoIterator<Item = M>,
    ) -> Result<usize, (usize, SendError)> {
        let (mut messages, mut taken) = (messages.into_iter(), 0);
        loop {
            let before = taken;
            let outcome = self.try_send_run(&mut messages, &mut taken);
            outcome.map_err(|error| (taken, error))?;
            if taken - before < RUN {
                return Ok(taken);
            }
        }
    }

    fn try_send_run<M: AsRef<[u8]>>(
        &self,
        messages: &mut impl Iterator<Item = M>,
        taken: &mut usize,
    ) -> Result<(), SendError> {
        let mut roused = Roused::default(); // outlives the lock, whatever the caller's iterator does
        let mut state = self.lock();
        let mut run = Run::new(&mut state);
        let outcome = messages.take(RUN).try_for_each(|message| {
            let message = message.as_ref();
            let frame = self.frame(message)?;
            if self.is_large(frame) {
                roused.add(run.offer(frame, &Payload::Shared(Bytes::copy_from_slice(message)))?);
            } else if !run.take_quietly(frame, message) {
                roused.add(run.offer(frame, &Payload::Copied(message))?);
            }
            *taken += 1;
            Ok(())
        });
        drop(run);
        drop(state);
        drop(roused);
        outcome
    }

    pub(super) fn close(&self, timeout: Duration) {
        let mut wakes = Wakes::default();
        let mut state = self.lock();
        match state.phase {
            Phase::Fresh => state.enter(Phase::Ended(Ending::Closed), &mut wakes),
            Phase::Open => state.enter(Phase::Closing(timeout), &mut wakes),
            // Somebody is less patient than the first who asked.
            Phase::Closing(given) if timeout < given => state.enter(Phase::Closing(timeout), &mut wakes),
            Phase::Closing(_) | Phase::Ended(_) => {}
        }
        drop(state);
        wakes.wake();
    }

    /// Whether the sink was fresh, and is open from now on.
    pub(super) fn open(&self) -> bool {
        let mut wakes = Wakes::default();
        let mut state = self.lock();
        let was_fresh = matches!(state.phase, Phase::Fresh);
        if was_fresh {
            state.enter(Phase::Open, &mut wakes);
        }
        drop(state);
        wakes.wake();
        was_fresh
    }

    pub(super) fn failure(&self) -> Option<Failure> {
        let state = self.lock();
        match &state.phase {
            Phase::Ended(Ending::Failed(kind, cause)) => {
                Some(Failure { kind: *kind, cause: cause.clone(), delivery: state.account.delivery() })
            }
            _ => None,
        }
    }

    // --- the actor's side ---

    /// Enters what the actor has done, and lends it what it wants. When it wants something and there is nothing, it is
    /// asleep: the next message wakes `waker`. So does a change of phase, always. Says how long it has to close.
    pub(super) fn turn(&self, turn: &mut Turn, waker: &Waker) -> Option<Duration> {
        let mut woken = Wakes::default();
        let mut state = self.lock();
        planted::here("turn");
        remember(&mut state.actor, waker);
        turn.withholds = state.settle(&mut turn.moves, turn.mark, &mut woken);
        state.note_done(&turn.done);
        state.lent = turn.front;
        if turn.wants > 0 {
            state.lend(turn.wants, &mut turn.lent);
        }
        state.asleep = turn.may_sleep && turn.lent.is_empty();
        turn.has_surplus = state.asleep && (state.chain.has_surplus() || heap::is_much(state.swollen));
        if let Some(first) = turn.lent.first() {
            state.lent.get_or_insert(first.number(first.gone()));
        }
        state.wake_flushed(&mut woken);
        let closing = if let Phase::Closing(timeout) = state.phase { Some(timeout) } else { None };
        drop(state);
        woken.wake();
        closing
    }

    /// Serves those who wait for room, as far as it goes.
    pub(super) fn serve(&self) {
        let mut wakes = Wakes::default();
        self.lock().room.release(0, 0, &mut wakes.0);
        wakes.wake();
    }

    /// A connection was made, the first one or the next.
    pub(super) fn connected(&self, attempts: u64) {
        let mut wakes = Wakes::default();
        let mut state = self.lock();
        state.is_connected = true;
        state.stats.connections += 1;
        if state.stats.connections > 1 {
            let in_doubt = state.account.in_doubt();
            state.tell(Event::Reconnected { attempts, in_doubt }, &mut wakes);
        }
        state.wake_watchers(&mut wakes);
        drop(state);
        wakes.wake();
    }

    /// An attempt to connect failed; if that is not fatal, there will be another.
    pub(super) fn not_connected(&self, cause: &Arc<Error>, fatal: bool) {
        let mut wakes = Wakes::default();
        let mut state = self.lock();
        state.stats.failed_attempts += 1;
        state.tell_error(cause, fatal, &mut wakes);
        drop(state);
        wakes.wake();
    }

    /// The connection was lost: `moves` is what had moved before, `cut` the frame that was begun, `front` the oldest frame
    /// that is kept to be sent again. Where it is the end, it is that too.
    pub(super) fn lost(
        &self,
        cause: &Arc<Error>,
        moves: &mut Moves,
        cut: Measure,
        front: Option<u64>,
        ending: Option<Ending>,
    ) {
        let mut wakes = Wakes::default();
        let mut state = self.lock();
        state.is_connected = false;
        state.stats.losses += 1;
        state.settle(moves, 0, &mut wakes);
        state.account.lose(cut);
        state.lent = front;
        state.tell_error(cause, ending.is_some(), &mut wakes);
        let rest = ending.map(|ending| state.end(ending, &mut wakes));
        state.wake_flushed(&mut wakes);
        drop(state);
        drop(rest);
        wakes.wake();
    }

    /// The end; only the first call counts. What is unsent stays in the account, and its memory is given back.
    pub(super) fn end(&self, ending: Ending) {
        let mut wakes = Wakes::default();
        let mut state = self.lock();
        if matches!(state.phase, Phase::Ended(_)) {
            return;
        }
        let rest = state.end(ending, &mut wakes);
        drop(state);
        drop(rest);
        wakes.wake();
    }

    /// Gives back memory that a burst has left.
    pub(super) fn trim(&self) {
        let mut state = self.lock();
        let surplus = state.chain.surplus();
        let swollen = state.deflate();
        drop(state);
        drop(surplus);
        heap::give_back(swollen);
    }

    /// The last that the actor has done with a connection.
    pub(super) fn note(&self, done: &Done) {
        self.lock().note_done(done);
    }

    /// Whether nothing waits to be lent.
    pub(super) fn has_nothing_unsent(&self) -> bool {
        self.lock().chain.is_empty()
    }

    pub(super) fn confirms(&self) -> bool {
        self.config.confirm == Confirm::Echo
    }

    pub(super) fn scale(&self) -> Scale {
        self.lock().scale()
    }

    pub(super) fn delivery(&self) -> Delivery {
        self.lock().account.delivery()
    }
}

fn remember(kept: &mut Option<Waker>, waker: &Waker) {
    match kept {
        Some(kept) => kept.clone_from(waker),
        None => *kept = Some(waker.clone()),
    }
}
