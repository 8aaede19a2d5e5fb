//! Capacity, and who waits for it.
//!
//! A [`Room`] lives inside its queue's lock. Waiters, tasks and threads alike, stand in one line, first come first served;
//! a thread is a waker that unparks. Room that becomes free is *granted* to the front of the line, so nobody overtakes,
//! and a waiter that gives up hands its grant on.

use std::collections::VecDeque;
use std::str::FromStr;
use std::task::Waker;

use crate::error::{Error, Result, SendError};

/// The most that a queue holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capacity {
    /// In bytes of messages.
    Bytes(usize),
    /// In messages, whatever their size.
    Messages(usize),
}

/// What queues that are bounded by nature hold when they are not told: what a second-level cache does.
pub const CACHE_SIZED: Capacity = Capacity::Bytes(256 * 1024);

impl Capacity {
    /// How many of its units it allows.
    #[must_use]
    pub const fn limit(self) -> usize {
        match self {
            Self::Bytes(limit) | Self::Messages(limit) => limit,
        }
    }

    /// As a number of messages, for queues that count those: all of `size` bytes, or of 64 where sizes differ. A message
    /// counts for 64 bytes at least, since its slot takes that much.
    #[must_use]
    pub fn messages(self, size: Option<usize>) -> usize {
        match self {
            Self::Messages(limit) => limit.max(1),
            Self::Bytes(limit) => (limit / size.unwrap_or(64).max(64)).max(1),
        }
    }

    /// The longest message that it allows.
    #[must_use]
    pub const fn longest(self) -> usize {
        match self {
            Self::Messages(_) => usize::MAX,
            Self::Bytes(limit) => limit,
        }
    }

    const fn need(self, length: usize) -> usize {
        match self {
            Self::Bytes(_) => length,
            Self::Messages(_) => 1,
        }
    }
}

/// What becomes of a message for which there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnFull {
    /// Its sender waits.
    Wait,
    /// It is dropped.
    DropNewest,
    /// It is taken, and the oldest that wait are dropped instead; what is lent to a write never is.
    DropOldest,
}

impl OnFull {
    /// Every policy.
    pub const ALL: &[Self] = &[Self::Wait, Self::DropNewest, Self::DropOldest];

    /// The word that callers use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::DropNewest => "drop-newest",
            Self::DropOldest => "drop-oldest",
        }
    }
}

impl FromStr for OnFull {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|policy| policy.name() == word).ok_or_else(|| {
            let words: Vec<_> = Self::ALL.iter().map(|policy| policy.name()).collect();
            Error::argument("on_full", word, format!("allowed are {}", words.join(", ")))
        })
    }
}

/// A place in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

#[derive(Debug)]
struct Waiter {
    ticket: Ticket,
    need: usize,
    granted: bool,
    waker: Waker,
}

/// Room in a queue, in bytes or messages; without a capacity it never ends.
#[derive(Debug)]
pub struct Room {
    capacity: Option<Capacity>,
    used: usize,
    /// By ticket, oldest first; the granted ones are a prefix.
    line: VecDeque<Waiter>,
    granted: usize,
    next: Ticket,
}

impl Room {
    /// Empty room.
    #[must_use]
    pub const fn new(capacity: Option<Capacity>) -> Self {
        Self { capacity, used: 0, line: VecDeque::new(), granted: 0, next: Ticket(0) }
    }

    /// Takes room for a message, unless it would have to wait.
    ///
    /// # Errors
    /// [`SendError::Full`] when there is none or others stand in line, [`SendError::TooLarge`] when there never will be.
    #[inline]
    pub fn take(&mut self, length: usize) -> Result<(), SendError> {
        let Some(capacity) = self.capacity else { return Ok(()) };
        self.would_take(length)?;
        self.used += capacity.need(length);
        Ok(())
    }

    /// What [`take`](Self::take) would answer; nothing is taken.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    #[inline]
    pub fn would_take(&self, length: usize) -> Result<(), SendError> {
        let Some(capacity) = self.capacity else { return Ok(()) };
        let need = capacity.need(length);
        if need > capacity.limit() {
            return Err(SendError::TooLarge);
        }
        if self.line.len() > self.granted || self.used + need > capacity.limit() {
            return Err(SendError::Full);
        }
        Ok(())
    }

    /// The same for one whose turn it is: who stands in line waits until the turn is over.
    ///
    /// # Errors
    /// As [`take`](Self::take); [`SendError::Full`] only when there is no room.
    pub fn take_in_turn(&mut self, length: usize) -> Result<(), SendError> {
        let Some(capacity) = self.capacity else { return Ok(()) };
        let need = capacity.need(length);
        if need > capacity.limit() {
            return Err(SendError::TooLarge);
        }
        if self.used + need > capacity.limit() {
            return Err(SendError::Full);
        }
        self.used += need;
        Ok(())
    }

    /// Whether there would be room for a message if so much were given back, in units of the capacity.
    #[must_use]
    pub fn would_suffice(&self, length: usize, given_back: usize) -> bool {
        self.capacity.is_none_or(|capacity| self.used - given_back + capacity.need(length) <= capacity.limit())
    }

    /// Whether anybody stands in line, granted or not.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        !self.line.is_empty()
    }

    /// How much is taken, in units of the capacity.
    #[must_use]
    pub const fn used(&self) -> usize {
        self.used
    }

    /// How many stand in line.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.line.len()
    }

    /// How much can be taken by who comes now, in units of the capacity; what is taken is to be [charged](Self::charge).
    #[must_use]
    pub fn left(&self) -> usize {
        let Some(capacity) = self.capacity else { return usize::MAX };
        if self.line.len() > self.granted { 0 } else { capacity.limit().saturating_sub(self.used) }
    }

    /// Takes room for what is in the queue already, were it beyond the capacity; in units of the capacity.
    pub fn charge(&mut self, units: usize) {
        self.used += units;
    }

    /// Joins the end of the line.
    pub fn join(&mut self, length: usize, waker: Waker) -> Ticket {
        let ticket = self.next;
        self.next = Ticket(ticket.0 + 1);
        let need = self.capacity.map_or(0, |capacity| capacity.need(length));
        self.line.push_back(Waiter { ticket, need, granted: false, waker });
        ticket
    }

    /// Whether the ticket's turn has come; then its room is taken and it leaves the line. Otherwise `waker` is kept.
    pub fn poll(&mut self, ticket: Ticket, waker: &Waker) -> bool {
        let Some(at) = self.find(ticket) else { return false };
        let waiter = &mut self.line[at];
        if !waiter.granted {
            waiter.waker.clone_from(waker);
            return false;
        }
        self.line.remove(at);
        self.granted -= 1;
        true
    }

    /// Leaves the line; a grant goes to whoever is next. Wake what `woken` receives, outside of the lock.
    pub fn leave(&mut self, ticket: Ticket, woken: &mut Vec<Waker>) {
        let Some(at) = self.find(ticket) else { return };
        if let Some(waiter) = self.line.remove(at)
            && waiter.granted
        {
            self.granted -= 1;
            self.used -= waiter.need;
        }
        self.grant(0, woken);
    }

    /// Gives back the room of `messages` messages with `bytes` bytes in all. Wake what `woken` receives, outside of the
    /// lock.
    #[inline]
    pub fn release(&mut self, messages: usize, bytes: usize, woken: &mut Vec<Waker>) {
        self.used -= match self.capacity {
            None => return,
            Some(Capacity::Bytes(_)) => bytes,
            Some(Capacity::Messages(_)) => messages,
        };
        self.grant(0, woken);
    }

    /// Gives back room in units of the capacity, and grants it to the front of the line and to as many more as could each
    /// use `turn` of it. Somebody may be left standing whom there is room for: call [`release`](Self::release) before
    /// nobody calls this any more.
    pub fn release_for_turns(&mut self, units: usize, turn: usize, woken: &mut Vec<Waker>) {
        if self.capacity.is_some() {
            self.used -= units;
            self.grant(turn, woken);
        }
    }

    /// Gives back room in units of the capacity, and grants none before `mark` is free: those who fill a queue faster than it
    /// empties then wait seldom and for much, instead of once a message. Whether somebody is left standing whom there is
    /// room for: call [`release`](Self::release) when that has lasted long enough.
    pub fn release_from(&mut self, mark: usize, units: usize, woken: &mut Vec<Waker>) -> bool {
        let Some(capacity) = self.capacity else { return false };
        self.used -= units;
        if self.used.saturating_add(mark) <= capacity.limit() {
            self.grant(0, woken);
            return false;
        }
        self.line.get(self.granted).is_some_and(|waiter| self.used + waiter.need <= capacity.limit())
    }

    /// Wakes all, for a queue that has closed.
    pub fn wake_all(&mut self, woken: &mut Vec<Waker>) {
        woken.extend(self.line.iter().map(|waiter| waiter.waker.clone()));
    }

    fn grant(&mut self, turn: usize, woken: &mut Vec<Waker>) {
        let limit = self.capacity.map_or(usize::MAX, Capacity::limit);
        let mut turns = self.granted * turn;
        while let Some(waiter) = self.line.get_mut(self.granted)
            && self.used + waiter.need + turns <= limit
        {
            turns += turn;
            self.used += waiter.need;
            waiter.granted = true;
            self.granted += 1;
            woken.push(waiter.waker.clone());
        }
    }

    fn find(&self, ticket: Ticket) -> Option<usize> {
        self.line.binary_search_by_key(&ticket, |waiter| waiter.ticket).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waker() -> Waker {
        Waker::noop().clone()
    }

    #[test]
    fn nobody_overtakes() {
        let mut room = Room::new(Some(Capacity::Bytes(10)));
        let mut woken = Vec::new();
        room.take(8).unwrap();
        let large = room.join(9, waker());
        assert_eq!(room.take(1), Err(SendError::Full), "a small one waits behind a large one");
        let small = room.join(1, waker());
        room.release(1, 8, &mut woken);
        assert_eq!(woken.len(), 2);
        assert!(room.poll(small, &waker()) && room.poll(large, &waker()));
        assert_eq!(room.take(1), Err(SendError::Full));
    }

    #[test]
    fn a_cancelled_grant_is_handed_on() {
        let mut room = Room::new(Some(Capacity::Messages(1)));
        let mut woken = Vec::new();
        room.take(100).unwrap();
        let (first, second) = (room.join(5, waker()), room.join(5, waker()));
        room.release(1, 100, &mut woken);
        assert_eq!(woken.len(), 1);
        assert!(!room.poll(second, &waker()));
        room.leave(first, &mut woken);
        assert_eq!(woken.len(), 2);
        assert!(room.poll(second, &waker()));
    }

    #[test]
    fn turns_are_granted_one_by_one_and_all_in_the_end() {
        let mut room = Room::new(Some(Capacity::Bytes(100)));
        let mut woken = Vec::new();
        room.take(100).unwrap();
        let line: Vec<_> = (0..3).map(|_| room.join(1, waker())).collect();
        room.release_for_turns(90, 100, &mut woken);
        assert_eq!(woken.len(), 1);
        assert!(room.poll(line[0], &waker()) && !room.poll(line[1], &waker()));
        assert_eq!((room.take(1), room.take_in_turn(1)), (Err(SendError::Full), Ok(())));
        room.release_for_turns(0, 100, &mut woken);
        assert_eq!(woken.len(), 2, "whoever is first gets a turn as soon as the last has come to an end");
        room.release(0, 0, &mut woken);
        assert_eq!(woken.len(), 3);
    }

    #[test]
    fn nothing_is_granted_below_the_mark_unless_it_is_asked_for() {
        let mut room = Room::new(Some(Capacity::Bytes(100)));
        let mut woken = Vec::new();
        room.take(100).unwrap();
        let line = [room.join(30, waker()), room.join(1, waker())];
        assert!(!room.release_from(40, 29, &mut woken), "there is no room for the first");
        assert!(room.release_from(40, 10, &mut woken), "there is");
        assert!(woken.is_empty());
        room.release(0, 0, &mut woken);
        assert_eq!(woken.len(), 2);
        assert!(line.iter().all(|ticket| room.poll(*ticket, &waker())));
        let last = room.join(50, waker());
        assert!(!room.release_from(40, 92, &mut woken));
        assert!(room.poll(last, &waker()), "the mark was reached");
    }

    #[test]
    fn a_message_beyond_the_capacity_is_refused_at_once() {
        let mut room = Room::new(Some(Capacity::Bytes(4)));
        assert_eq!(room.take(5), Err(SendError::TooLarge));
        assert_eq!(room.take(4), Ok(()));
    }

    #[test]
    fn without_a_capacity_there_is_always_room() {
        let mut room = Room::new(None);
        let mut woken = Vec::new();
        assert_eq!(room.take(usize::MAX), Ok(()));
        room.release(1, usize::MAX, &mut woken);
        assert_eq!(room.take(usize::MAX), Ok(()));
    }
}
