//! The queues of other crates, each used as its authors would use it.
//!
//! 1. [`crossbeam`]: crossbeam-channel, taken by `try_recv`; blocking by nature, so the consumer's sleep is ours.
//! 2. [`flume`]: taken by `drain`.
//! 3. [`kanal`]: taken by `drain_into`.
//! 4. [`crossfire`]: bounded, taken by `recv` and `try_recv`.
//! 5. [`thingbuf`]: recycled slots, taken by reference.
//! 6. [`rapidfire`]: taken by `recv_many`.
//! 7. [`logbuf`]: nexus-logbuf, a ring of records; polled by nature, so all waiting is ours.
//! 8. [`spillway`]: taken by `next_batch`. It loses messages, and the lab says so.
//!
//! What these crates have in common decides what their queues cannot do here:
//!
//! * None but rapidfire can be closed so that what was taken is still drained. For the others, closing takes what is there
//!   and then drops the crate's receiver; a send that falls between the two is taken and lost.
//! * crossbeam, flume and kanal hand a waiting sender's message over while its future is asleep, or have no such future: one
//!   that is dropped has then sent its message all the same, which [`Sender::send`](super::Sender::send) forbids. They are
//!   used unbounded, where nobody waits.

pub mod crossbeam;
pub mod crossfire;
pub mod flume;
pub mod kanal;
pub mod logbuf;
pub mod rapidfire;
pub mod spillway;
pub mod thingbuf;

/// A drain takes up to this many bytes: enough for the largest write that gains anything.
const BLOCK: usize = 256 * 1024;

/// How many messages a drain takes at the most: a block of them, and no more than are taken while a stop can wait.
fn most_of(size: Option<usize>) -> usize {
    (BLOCK / size.unwrap_or(64).max(1)).clamp(64, 16 * 1024)
}
