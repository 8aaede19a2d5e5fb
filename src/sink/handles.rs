//! What is waited for: the opening, a flush, the close, the next events.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::delivery::Delivery;
use super::event::Event;
use super::failure::Failure;

/// Waits until the sink is connected.
#[derive(Debug)]
pub struct Opening {}

impl Future for Opening {
    type Output = Result<(), Failure>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(()))
    }
}

/// Waits until all that was taken before is written or acknowledged; then the account at that moment.
#[derive(Debug)]
pub struct Flushing {}

impl Future for Flushing {
    type Output = Result<Delivery, Failure>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(Delivery::default()))
    }
}

/// Waits until the sink has ended; then its last account. It fails with [`FailureKind::TimedOut`](super::FailureKind) when
/// the close's own timeout left something unsent or in doubt.
#[derive(Debug)]
pub struct Closing {}

impl Future for Closing {
    type Output = Result<Delivery, Failure>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(Delivery::default()))
    }
}

/// The listener to a sink's events: a future of those that came since, one after the other until [`Event::Ended`]. It may
/// be polled, or waited for with [`Wait`](super::Wait), again and again.
#[derive(Debug)]
pub struct Events {}

impl Future for Events {
    type Output = Vec<Event>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(vec![Event::Ended])
    }
}
