//! Who waits for room in a queue that hands it out without a lock.
//!
//! A sender that found no room *joins*, tries once more, and sleeps. The consumer *calls* as many as it has freed messages
//! for, oldest first. Who was called tries again; if others were faster it joins anew, in front. Who gives up after its
//! call hands it on. So while somebody waits uncalled, there is something to drain, or somebody called is on its way, and
//! either calls again.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::bell::Padded;
use super::sync::{AtomicUsize, Mutex, Ordering, fence, lock};
use crate::error::SendError;

/// The waiting senders, oldest first.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// How many stand in the list and are not called. Written under the list's lock, and read beside the fences of `join` and
    /// `call`, so Relaxed.
    uncalled: Padded<AtomicUsize>,
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    uncalled: VecDeque<(u64, Waker)>,
    next: u64,
}

impl Line {
    /// Whether somebody waits: then a newcomer has to as well, or it would overtake.
    #[inline]
    pub(super) fn is_forming(&self) -> bool {
        // Relaxed: it is about fairness alone.
        self.uncalled.0.load(Ordering::Relaxed) > 0
    }

    /// Calls up to `count`. To be called after the room is free.
    pub(super) fn call(&self, count: usize) {
        // SeqCst: after the freeing; its partner is in `join`.
        fence(Ordering::SeqCst);
        if self.uncalled.0.load(Ordering::Relaxed) > 0 {
            self.call_some(count.max(1));
        }
    }

    /// Calls everybody, for a queue that has closed.
    pub(super) fn call_all(&self) {
        self.call(usize::MAX);
    }

    #[cold]
    fn call_some(&self, count: usize) {
        let mut list = lock(&self.list);
        let count = count.min(list.uncalled.len());
        let called: Vec<_> = list.uncalled.drain(..count).collect();
        self.uncalled.0.store(list.uncalled.len(), Ordering::Relaxed);
        drop(list);
        for (_, waker) in called {
            waker.wake();
        }
    }

    /// Joins, at the back or with an old ticket at its place; whether that is in front. Who is in front tries once more
    /// before it sleeps. Who is not relies on the one before.
    fn join(&self, old: Option<u64>, waker: &Waker) -> (u64, bool) {
        let mut list = lock(&self.list);
        let ticket = old.unwrap_or(list.next);
        list.next = list.next.max(ticket + 1);
        let at = list.uncalled.partition_point(|(other, _)| *other < ticket);
        list.uncalled.insert(at, (ticket, waker.clone()));
        self.uncalled.0.store(list.uncalled.len(), Ordering::Relaxed);
        drop(list);
        // SeqCst: before the try that follows; its partner is in `call`.
        fence(Ordering::SeqCst);
        (ticket, at == 0)
    }

    /// Has `waker` woken by the call; `false` when that has come.
    fn stay(&self, ticket: u64, waker: &Waker) -> bool {
        let mut list = lock(&self.list);
        let Ok(at) = list.uncalled.binary_search_by_key(&ticket, |(other, _)| *other) else { return false };
        list.uncalled[at].1.clone_from(waker);
        true
    }

    /// Leaves; whether it had not been called.
    fn leave(&self, ticket: u64) -> bool {
        let mut list = lock(&self.list);
        let Ok(at) = list.uncalled.binary_search_by_key(&ticket, |(other, _)| *other) else { return false };
        list.uncalled.remove(at);
        self.uncalled.0.store(list.uncalled.len(), Ordering::Relaxed);
        true
    }
}

/// A send that waits in `line`, and tries by `attempt`, which answers [`SendError::Full`] as long as there is no room.
pub(super) struct Waiting<'a, F> {
    line: &'a Line,
    attempt: F,
    /// Its place, once it has joined.
    ticket: Option<u64>,
}

impl<'a, F: FnMut() -> Result<(), SendError>> Waiting<'a, F> {
    pub(super) const fn new(line: &'a Line, attempt: F) -> Self {
        Self { line, attempt, ticket: None }
    }

    /// Ends the wait with what came of it, and calls the next if this one's call was not used, or others relied on it.
    fn done(&mut self, hand_on: bool, outcome: Result<(), SendError>) -> Poll<Result<(), SendError>> {
        self.ticket = None;
        if hand_on {
            self.line.call(1);
        }
        Poll::Ready(outcome)
    }
}

impl<F: FnMut() -> Result<(), SendError> + Unpin> Future for Waiting<'_, F> {
    type Output = Result<(), SendError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let called = match self.ticket {
            Some(ticket) if self.line.stay(ticket, cx.waker()) => return Poll::Pending,
            ticket => ticket.is_some(),
        };
        if called || !self.line.is_forming() {
            match (self.attempt)() {
                Err(SendError::Full) => {}
                outcome => return self.done(called && outcome.is_err(), outcome),
            }
        }
        let (ticket, in_front) = self.line.join(self.ticket, cx.waker());
        self.ticket = Some(ticket);
        if !in_front {
            return Poll::Pending;
        }
        match (self.attempt)() {
            Err(SendError::Full) => Poll::Pending,
            outcome => {
                // Who joined behind relies on this one. A refusal leaves nothing to drain, and a call that came meanwhile
                // was not needed: it may even be that of the room that this message has left again.
                let called = !self.line.leave(ticket);
                self.done(called || outcome.is_err(), outcome)
            }
        }
    }
}

impl<F> Drop for Waiting<'_, F> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket
            && !self.line.leave(ticket)
        {
            self.line.call(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;

    /// Counts how often it was woken.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll<F: FnMut() -> Result<(), SendError> + Unpin>(
        waiting: &mut Waiting<'_, F>,
        count: &Arc<Count>,
    ) -> Poll<Result<(), SendError>> {
        let waker = Waker::from(Arc::clone(count));
        Pin::new(waiting).poll(&mut Context::from_waker(&waker))
    }

    fn taking(room: &Cell<u32>) -> Result<(), SendError> {
        if room.get() == 0 {
            return Err(SendError::Full);
        }
        room.set(room.get() - 1);
        Ok(())
    }

    #[test]
    fn the_first_to_come_is_called_first_and_nobody_overtakes() {
        let (line, room, count) = (Line::default(), Cell::new(0), Arc::new(Count::default()));
        let mut first = Waiting::new(&line, || taking(&room));
        let mut second = Waiting::new(&line, || taking(&room));
        assert!(poll(&mut first, &count).is_pending());
        assert!(poll(&mut second, &count).is_pending());
        room.set(1);
        assert!(poll(&mut second, &count).is_pending(), "it was not called");
        line.call(1);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(poll(&mut second, &count).is_pending(), "the first was");
        assert!(poll(&mut first, &count).is_ready());
        room.set(1);
        line.call(1);
        assert!(poll(&mut second, &count).is_ready());
        assert!(!line.is_forming());
    }

    #[test]
    fn a_call_that_is_given_up_is_handed_on() {
        let (line, room, count) = (Line::default(), Cell::new(0), Arc::new(Count::default()));
        let mut first = Waiting::new(&line, || taking(&room));
        let mut second = Waiting::new(&line, || taking(&room));
        assert!(poll(&mut first, &count).is_pending());
        assert!(poll(&mut second, &count).is_pending());
        room.set(1);
        line.call(1);
        drop(first);
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
        assert!(poll(&mut second, &count).is_ready());
    }

    #[test]
    fn who_was_called_in_vain_keeps_its_place() {
        let (line, room, count) = (Line::default(), Cell::new(0), Arc::new(Count::default()));
        let mut first = Waiting::new(&line, || taking(&room));
        let mut second = Waiting::new(&line, || taking(&room));
        assert!(poll(&mut first, &count).is_pending());
        assert!(poll(&mut second, &count).is_pending());
        line.call(1);
        assert!(poll(&mut first, &count).is_pending(), "another was faster");
        room.set(1);
        line.call(1);
        assert!(poll(&mut second, &count).is_pending());
        assert!(poll(&mut first, &count).is_ready());
    }
}
