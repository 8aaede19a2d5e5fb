//! What is waited for: the opening, a flush, the close, the next events.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::core::Core;
use super::delivery::Delivery;
use super::event::Event;
use super::failure::{Failure, FailureKind};
use super::state::{Ending, Phase, State};

/// A look at the state, again and again until it is as is waited for.
#[derive(Debug)]
struct Watch {
    core: Arc<Core>,
    /// The frame before which none may be left, for a flush.
    target: Option<u64>,
    /// Its entry among those to be woken.
    id: Option<u64>,
}

impl Watch {
    const fn new(core: Arc<Core>, target: Option<u64>) -> Self {
        Self { core, target, id: None }
    }

    /// Asks `done`; while that answers nothing, the task is woken when it might answer otherwise.
    fn poll<T>(&mut self, cx: &Context<'_>, done: impl FnOnce(&State) -> Option<T>) -> Poll<T> {
        let mut state = self.core.lock();
        if let Some(outcome) = done(&state) {
            return Poll::Ready(outcome);
        }
        state.watch(&mut self.id, self.target, cx.waker());
        Poll::Pending
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.core.lock().unwatch(id);
        }
    }
}

fn failing(state: &State, ending: &Ending) -> Failure {
    let (kind, cause) = match ending {
        Ending::Closed => (FailureKind::Closed, None),
        Ending::Failed(kind, cause) => (*kind, cause.clone()),
    };
    Failure { kind, cause, delivery: state.account.delivery() }
}

/// Waits until the sink is connected for the first time.
#[derive(Debug)]
#[must_use = "whether there is a connection is known only when it is polled or waited for"]
pub struct Opening(Watch);

impl Opening {
    pub(super) const fn new(core: Arc<Core>) -> Self {
        Self(Watch::new(core, None))
    }
}

impl Future for Opening {
    type Output = Result<(), Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx, |state| match &state.phase {
            Phase::Ended(ending) => Some(Err(failing(state, ending))),
            Phase::Fresh => Some(Err(failing(state, &Ending::Closed))),
            Phase::Open | Phase::Closing(_) => (state.stats.connections > 0).then_some(Ok(())),
        })
    }
}

/// Waits until all that was taken before is written or acknowledged; then the account at that moment. It fails when the
/// sink has, or ends with some of it unsent.
#[derive(Debug)]
#[must_use = "what has become of the messages is known only when it is polled or waited for"]
pub struct Flushing(Watch);

impl Flushing {
    pub(super) fn new(core: Arc<Core>) -> Self {
        let target = core.lock().chain.next();
        Self(Watch::new(core, Some(target)))
    }
}

impl Future for Flushing {
    type Output = Result<Delivery, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let target = self.0.target.unwrap_or_default();
        self.0.poll(cx, |state| match &state.phase {
            Phase::Ended(Ending::Closed) => Some(Ok(state.account.delivery())),
            Phase::Ended(ending) => Some(Err(failing(state, ending))),
            Phase::Fresh | Phase::Open | Phase::Closing(_) => {
                (state.front() >= target).then(|| Ok(state.account.delivery()))
            }
        })
    }
}

/// Waits until the sink has ended; then its last account. It fails when the sink has, and with
/// [`FailureKind::TimedOut`] when its time to close was over before all was done.
#[derive(Debug)]
#[must_use = "the sink closes by itself, but what has become of the messages is known only when this is polled or waited for"]
pub struct Closing(Watch);

impl Closing {
    pub(super) const fn new(core: Arc<Core>) -> Self {
        Self(Watch::new(core, None))
    }
}

impl Future for Closing {
    type Output = Result<Delivery, Failure>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(cx, |state| match &state.phase {
            Phase::Ended(Ending::Closed) => Some(Ok(state.account.delivery())),
            Phase::Ended(ending) => Some(Err(failing(state, ending))),
            Phase::Fresh | Phase::Open | Phase::Closing(_) => None,
        })
    }
}

/// The listener to a sink's events: a future of those that came since, one after the other until [`Event::Ended`]. It may
/// be polled, or waited for with [`Wait`](super::Wait), again and again.
#[derive(Debug)]
#[must_use = "events are told only when it is polled or waited for"]
pub struct Events(Arc<Core>);

impl Events {
    pub(super) fn new(core: Arc<Core>) -> Self {
        core.lock().listen();
        Self(core)
    }
}

impl Future for Events {
    type Output = Vec<Event>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let events = self.0.lock().told(cx.waker());
        if events.is_empty() { Poll::Pending } else { Poll::Ready(events) }
    }
}
