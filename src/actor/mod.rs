//! The consumer: it owns the socket, drains the queue, and writes.
//!
//! [`run`] drives one queue and one [`Wire`] to their common end: the last sender gone, all written, the other end's
//! answers read to the end. It sleeps while there is nothing to drain, and it reads what the other end answers while it
//! writes, so an echo cannot stall it.

pub mod gauge;
pub mod stream;
pub mod timeline;
pub mod wire;
pub mod write;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::thread;

use bytes::Buf;

use crate::error::{Error, Result};
use crate::queue::{Batch, Receiver};
use crate::usage::Usage;
pub use gauge::Gauge;
pub use timeline::Timeline;
pub use wire::Wire;
pub use write::{Policy, Writer};

/// A drain that did not have to wait and brought less than this shows an actor that keeps up with its producers: it follows
/// them message by message, at the price of a write for a little. Before it looks again it lets whoever else is ready to
/// run have its core, so that there is more to find. Where nobody is, that costs a small part of a write; who comes after
/// a pause has been waited for, and is never behind it.
const LITTLE: usize = 16 * 1024;

/// What an actor has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Account {
    /// Messages that were wholly given to the kernel.
    pub messages: u64,
    /// Bytes that were given to the kernel.
    pub bytes: u64,
    /// Drains that brought something.
    pub batches: u64,
    /// System calls that wrote.
    pub writes: u64,
    /// Drains that found nothing at first, so that the actor had to wait.
    pub wakeups: u64,
    /// The most bytes that one drain brought.
    pub largest_batch: u64,
    /// The most bytes that stood in the queue at a drain.
    pub high_water: u64,
    /// What the actor's thread used of the machine, from the first drain to the last write. It means something only where
    /// nothing else runs on that thread.
    pub usage: Usage,
    /// What stood in the queue, and when, if that was to be watched.
    pub timeline: Timeline,
    /// Bytes that the other end answered.
    pub answered: u64,
}

/// Drains `receiver` into `wire` until the last sender is gone and all is written, then ends the stream and reads the
/// answers to their end. What stands in the queue is noted in `timeline`, if that watches.
///
/// # Errors
/// [`Error::Io`] when the wire fails; the receiver is dropped then, so that senders are told.
pub async fn run<R: Receiver, W: Wire>(
    mut receiver: R,
    wire: &W,
    policy: Policy,
    timeline: Timeline,
) -> Result<Account> {
    let writing = async {
        let account = write_all(&mut receiver, wire, policy, timeline).await?;
        wire.finish().await.map_err(Error::io("end the stream"))?;
        Ok(account)
    };
    let (account, answered) = tokio::try_join!(writing, read_answers(wire))?;
    Ok(Account { answered, ..account })
}

async fn write_all<R: Receiver, W: Wire>(
    receiver: &mut R,
    wire: &W,
    policy: Policy,
    timeline: Timeline,
) -> Result<Account> {
    let mut account = Account { timeline, ..Account::default() };
    let mut writer = Writer::new(policy);
    let mut before = None;
    loop {
        let waits = account.wakeups;
        if !drain(receiver, &mut account.wakeups).await {
            break;
        }
        before.get_or_insert_with(Usage::of_thread);
        let behind = account.drained(receiver);
        let batch = receiver.batch();
        let keeps_up = account.wakeups == waits && batch.remaining() < LITTLE;
        while batch.has_remaining() {
            account.writes += writer.write(batch, wire).await.map_err(Error::io("write to the socket"))?;
            account.timeline.note(behind + batch.remaining() as u64);
        }
        if keeps_up && policy != Policy::Each {
            thread::yield_now();
        }
    }
    account.usage = before.map(|before| Usage::of_thread() - before).unwrap_or_default();
    Ok(account)
}

impl Account {
    /// Counts a drain, and answers how much was left behind in the queue.
    fn drained<R: Receiver>(&mut self, receiver: &mut R) -> u64 {
        let backlog = receiver.backlog() as u64;
        let batch = receiver.batch();
        let (messages, bytes) = (batch.messages() as u64, batch.remaining() as u64);
        self.messages += messages;
        self.bytes += bytes;
        self.batches += 1;
        self.largest_batch = self.largest_batch.max(bytes);
        self.high_water = self.high_water.max(backlog);
        self.timeline.drained(messages, bytes, backlog);
        backlog.saturating_sub(bytes)
    }
}

/// Drains, and counts a wait once however often it is looked at.
async fn drain<R: Receiver>(receiver: &mut R, wakeups: &mut u64) -> bool {
    let mut drain = pin!(receiver.drain());
    let mut has_waited = false;
    let outcome = poll_fn(|cx| {
        let outcome = drain.as_mut().poll(cx);
        has_waited |= outcome == Poll::Pending;
        outcome
    })
    .await;
    *wakeups += u64::from(has_waited);
    outcome
}

/// Reads until the other end closes, which it may do without a farewell once all is written.
async fn read_answers<W: Wire>(wire: &W) -> Result<u64> {
    let mut buffer = vec![0; 64 * 1024];
    let mut answered = 0;
    loop {
        match wire.receive(&mut buffer).await.map_err(Error::io("read from the socket"))? {
            0 => return Ok(answered),
            count => answered += count as u64,
        }
    }
}
