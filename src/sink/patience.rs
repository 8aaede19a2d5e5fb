//! A limit to how long something may last, cheap for what rarely lasts: the clock is read when it begins, and the timer
//! is moved only when it goes off.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How long something has lasted, and may.
#[derive(Debug)]
pub(super) struct Patience {
    limit: Option<Duration>,
    since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// Patience that lasts for `limit`; without one, for ever.
    pub(super) const fn new(limit: Option<Duration>) -> Self {
        Self { limit, since: None, timer: None }
    }

    /// It begins, unless it has.
    pub(super) fn begin(&mut self) {
        if self.since.is_none() && self.limit.is_some() {
            self.since = Some(Instant::now());
        }
    }

    /// It is over, in time.
    pub(super) const fn end(&mut self) {
        self.since = None;
    }

    /// Begins if `lasts`, ends if not.
    pub(super) fn lasts(&mut self, lasts: bool) {
        if lasts { self.begin() } else { self.end() }
    }

    /// Whether it would last for more than `time` from now.
    pub(super) fn lasts_longer_than(&self, time: Duration) -> bool {
        match (self.limit, self.since) {
            (Some(limit), Some(since)) => limit.saturating_sub(since.elapsed()) > time,
            _ => false,
        }
    }

    /// Whether it has lasted too long; otherwise the task is woken when it will have.
    pub(super) fn poll_is_lost(&mut self, cx: &mut Context<'_>) -> bool {
        let (Some(limit), Some(since)) = (self.limit, self.since) else { return false };
        // So far away that the clock cannot say it: never.
        let Some(due) = since.checked_add(limit) else { return false };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        while timer.as_mut().poll(cx).is_ready() {
            if due <= Instant::now() {
                return true;
            }
            timer.as_mut().reset(due);
        }
        // A task that has used up its turn is not told of its timers: whose socket never rests would never hear of one.
        due <= Instant::now()
    }
}
