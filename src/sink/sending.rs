//! A send that may wait.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::message::Message;
use crate::error::SendError;

/// A send on its way: a future, and by [`Wait`](super::Wait) something that a thread can wait for. Dropped before it
/// ended, it has taken nothing.
#[must_use = "nothing is sent before it is polled or waited for"]
#[derive(Debug)]
pub struct Sending<M> {
    pub(super) message: M,
}

impl<M: Message> Future for Sending<M> {
    type Output = Result<(), SendError>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        let _ = self.message.bytes();
        Poll::Ready(Err(SendError::Unopened))
    }
}
