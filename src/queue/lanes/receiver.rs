//! The consumer's handle: looks, parks, sleeps.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

use super::super::Receiver;
use super::super::sync::{Arc, MODELLED};
use super::batch::LanesBatch;
use super::desk::Shared;

/// Lanes that had nothing are looked at again with every drain while they are no more than this, or than half of all.
const IDLE: usize = if MODELLED { 0 } else { 16 };

/// The consumer.
#[derive(Debug)]
pub struct LanesReceiver {
    shared: Arc<Shared>,
    batch: LanesBatch,
    backlog: usize,
}

impl LanesReceiver {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let batch = LanesBatch::new(Arc::clone(&shared));
        Self { shared, batch, backlog: 0 }
    }

    fn poll_drain(&mut self, cx: &Context<'_>) -> Poll<bool> {
        loop {
            self.take_up();
            self.batch.park_idle(IDLE);
            self.backlog = self.batch.gather();
            if self.backlog > 0 {
                return Poll::Ready(true);
            }
            if self.batch.park_all() {
                continue;
            }
            if let Some(ended) = self.last_look(cx.waker()) {
                return ended.map(|()| false);
            }
        }
    }

    /// Takes up the lanes that have rung. Without a lock while none has: this is passed with every drain.
    fn take_up(&mut self) {
        if self.shared.has_rung() {
            self.shared.take_rung(|lane| self.batch.take_up(lane));
        }
    }

    /// With all lanes parked and seen empty, a message that is not seen yet rings, or has rung: the list of those that rang
    /// is read under the lock under which a sender leaves and the queue closes, so neither is seen before its messages.
    /// `None` says that somebody rang.
    fn last_look(&mut self, waker: &Waker) -> Option<Poll<()>> {
        let mut desk = self.shared.desk();
        if !desk.rung.is_empty() {
            return None;
        }
        if desk.senders == 0 || !desk.open {
            desk.ended = true;
            return Some(Poll::Ready(()));
        }
        desk.sleeper = Some(waker.clone());
        Some(Poll::Pending)
    }
}

impl Receiver for LanesReceiver {
    type Batch = LanesBatch;

    async fn drain(&mut self) -> bool {
        poll_fn(|cx| self.poll_drain(cx)).await
    }

    fn batch(&mut self) -> &mut LanesBatch {
        &mut self.batch
    }

    fn backlog(&self) -> usize {
        self.backlog
    }

    fn close(&mut self) {
        let mut woken = Vec::new();
        self.shared.close(&mut woken);
        woken.into_iter().for_each(Waker::wake);
    }
}

impl Drop for LanesReceiver {
    fn drop(&mut self) {
        self.close();
        self.batch.settle_all();
        let mut desk = self.shared.desk();
        desk.ended = true;
        let rung = std::mem::take(&mut desk.rung);
        drop((desk, rung));
    }
}
