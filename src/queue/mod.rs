//! Many producers, one consumer. One algorithm a file:
//!
//! 1. [`locked`]: a `VecDeque` behind a mutex. The naive oracle that the others are tested against.
//! 2. [`mpsc_one`]: tokio's unbounded channel, taken one message at a time. The article's channel.
//! 3. [`mpsc`]: the same channel, taken by `recv_many`.
//! 4. [`swap`]: two byte arenas behind a mutex, swapped. The article's lock, with a consumer that sleeps.
//! 5. [`swap_yield`]: the same, with a consumer that polls, as the article's does.
//! 6. [`async_swap`]: the same behind tokio's mutex.
//! 7. [`lanes`]: a byte stream a producer, written from where it lies.
//!
//! Around them: [`carrier`] (what a channel moves for a message of a given size), [`arena`] and [`pieces`] (the two
//! shapes of a drained batch), [`room`] (capacity, and who waits for it).
//!
//! # How a message goes through
//! A producer owns a [`Sender`] and calls [`send`](Sender::send) or [`try_send`](Sender::try_send) with borrowed bytes;
//! an error has taken none of them. The consumer awaits [`drain`](Receiver::drain), reads what came through the
//! [`Batch`], and advances it by what it has written. Queues know nothing of sockets, of Python, or of statistics.

pub mod arena;
pub mod async_swap;
pub mod carrier;
pub mod lanes;
pub mod locked;
pub mod mpsc;
pub mod mpsc_one;
pub mod pieces;
pub mod room;
pub mod swap;
pub mod swap_yield;

mod sync;

use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::Buf;

use crate::error::{Error, Result, SendError};
pub use carrier::Carrier;
pub use room::Capacity;

/// What a queue is opened for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// The size of every message, where all have one; `None` when sizes differ.
    pub size: Option<usize>,
    /// The most that the queue holds before senders wait; `None` for no bound. Algorithms whose
    /// [`Facts::bounded`] is false take no notice of it.
    pub capacity: Option<Capacity>,
}

/// A fan-in: many [`Sender`]s, one [`Receiver`].
///
/// Each producer's messages come out whole, once, and in the order in which they were sent. What was taken is handed to
/// the receiver even when its sender is gone, or the queue was closed after.
pub trait Queue: 'static {
    /// The producers' side; a clone is a further producer.
    type Sender: Sender;
    /// The consumer's side.
    type Receiver: Receiver;

    /// A fresh queue with one sender.
    fn open(shape: &Shape) -> (Self::Sender, Self::Receiver);
}

/// A producer's handle. When the last one is dropped, the receiver drains what is left and is told of the end.
pub trait Sender: Clone + Send + 'static {
    /// Takes the message now or not at all.
    ///
    /// # Errors
    /// [`SendError::Full`] when it would have to wait, [`SendError::Closed`] when the receiver is gone or has closed,
    /// [`SendError::TooLarge`] and [`SendError::Size`] when it could never be taken. Nothing was taken then.
    fn try_send(&mut self, message: &[u8]) -> Result<(), SendError>;

    /// Takes the message, waiting for room where the queue is bounded. Nothing is taken before the first poll, and a
    /// future that is dropped before it ended has taken nothing.
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send), but never [`SendError::Full`].
    fn send(&mut self, message: &[u8]) -> impl Future<Output = Result<(), SendError>> + Send;

    /// [`send`](Self::send) for a thread that may block.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    fn send_blocking(&mut self, message: &[u8]) -> Result<(), SendError> {
        match self.try_send(message) {
            Err(SendError::Full) => pollster::block_on(self.send(message)),
            done => done,
        }
    }
}

/// The consumer's handle. Dropping it closes the queue; what was not drained is lost then.
pub trait Receiver: Send + 'static {
    /// What a drain lends.
    type Batch: Batch;

    /// Waits until there is something, and takes it into [`batch`](Self::batch). `false` says that every sender is gone
    /// (or the queue was closed) and nothing is left. Call it only when the last batch is used up.
    fn drain(&mut self) -> impl Future<Output = bool> + Send;

    /// What was drained and is not yet written.
    fn batch(&mut self) -> &mut Self::Batch;

    /// How many bytes stood in the queue at the last drain, those taken then included.
    fn backlog(&self) -> usize;

    /// Takes no more: senders get [`SendError::Closed`], those that wait are woken. What was taken can still be drained.
    fn close(&mut self);
}

/// Messages lent by a queue, read as a [`Buf`]; [`advance`](Buf::advance) says what was written.
pub trait Batch: Buf + Send {
    /// The bytes left of the message at the front; 0 only when nothing is left.
    fn first(&self) -> usize;

    /// How many messages are not wholly written.
    fn messages(&self) -> usize;

    /// Whether it lies in pieces so long that sending them where they lie is cheaper than copying them together.
    fn gathers(&self) -> bool {
        false
    }
}

/// How the consumer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Drain {
    /// One message at a time.
    One,
    /// All that waits (channels: up to 256 KiB of it).
    All,
}

/// What an algorithm says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Its name in strategies.
    pub name: &'static str,
    /// One line: what it is.
    pub about: &'static str,
    /// How the consumer takes.
    pub drain: Drain,
    /// Whether it keeps one order for all producers, or each producer's only.
    pub total_order: bool,
    /// Whether it can be given a capacity.
    pub bounded: bool,
    /// What holds.
    pub guarantees: &'static str,
    /// What a message costs.
    pub cost: &'static str,
    /// When another is the better choice.
    pub loses_when: &'static str,
    /// Where it comes from.
    pub source: &'static str,
}

/// A way to build a queue, for each thing that it may have to carry.
pub trait Algorithm {
    /// What it says of itself.
    const FACTS: Facts;
    /// The queue that moves a message as a `C`; queues of bytes take no notice of it.
    type Queue<C: Carrier>: Queue;
}

/// Code that works with any queue: the step from a name at run time to a type at compile time.
pub trait Visitor {
    /// What comes of it.
    type Output;

    /// Runs with the queue that was asked for.
    fn visit<Q: Queue>(self) -> Self::Output;
}

macro_rules! algorithms {
    ($($(#[$about:meta])* $name:ident => $algorithm:ty,)*) => {
        /// The algorithms, by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Kind { $($(#[$about])* $name,)* }

        impl Kind {
            /// Every algorithm, the oracle first.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What the algorithm says of itself.
            #[must_use]
            pub const fn facts(self) -> &'static Facts {
                match self { $(Self::$name => &<$algorithm>::FACTS,)* }
            }

            /// Runs `visitor` with the queue for messages of `size` bytes (`None`: of any size).
            pub fn visit<V: Visitor>(self, size: Option<usize>, visitor: V) -> V::Output {
                match self { $(Self::$name => carrier::visit::<$algorithm, V>(size, visitor),)* }
            }
        }
    };
}

algorithms! {
    /// [`locked`]
    Locked => locked::Locked,
    /// [`mpsc_one`]
    MpscOne => mpsc_one::MpscOne,
    /// [`mpsc`]
    Mpsc => mpsc::Mpsc,
    /// [`swap`]
    Swap => swap::Swap,
    /// [`swap_yield`]
    SwapYield => swap_yield::SwapYield,
    /// [`async_swap`]
    AsyncSwap => async_swap::AsyncSwap,
    /// [`lanes`]
    Lanes => lanes::Lanes,
}

impl std::str::FromStr for Kind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|kind| kind.facts().name == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|kind| kind.facts().name).collect();
            Error::argument("queue", name, format!("allowed are {}", names.join(", ")))
        })
    }
}

/// Locks, whatever a panicking producer may have done: no code of ours panics while it holds the lock.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes whoever was found asleep.
#[inline]
pub(crate) fn wake(sleeper: Option<Waker>) {
    if let Some(sleeper) = sleeper {
        sleeper.wake();
    }
}
