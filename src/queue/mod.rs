//! Many producers, one consumer. One algorithm a file:
//!
//! 1. [`locked`]: a `VecDeque` behind a mutex. The naive oracle that the others are tested against.
//! 2. [`mpsc_one`]: tokio's unbounded channel, taken one message at a time. The article's channel.
//! 3. [`mpsc`]: the same channel, taken by `recv_many`.
//! 4. [`mpsc_bounded`]: tokio's bounded channel, taken by `recv_many`.
//! 5. [`swap`]: two byte arenas behind a mutex, swapped. The article's lock, with a consumer that sleeps.
//! 6. [`swap_yield`]: the same, with a consumer that polls, as the article's does.
//! 7. `swap_parking_lot`: the same behind `parking_lot`'s mutex (with the feature `rivals`).
//! 8. [`async_swap`]: the same behind tokio's mutex.
//! 9. [`atomic_swap`]: a lock-free stack, taken whole by one atomic exchange.
//! 10. [`sharded`]: several swap queues behind one face, a producer in one of them.
//! 11. [`ring`]: one ring of bytes that all producers share.
//! 12. [`lanes`]: a byte stream a producer, written from where it lies.
//!
//! The queues of other crates are in `rivals`, with the feature of that name.
//!
//! Around them: [`carrier`] (what a channel moves for a message of a given size), [`arena`] and [`pieces`] (the two
//! shapes of a drained batch), [`guard`] (a mutex by whoever makes it), [`room`] (capacity under a lock, and who waits for
//! it), `line` (who waits where there is no lock), `bell` (how a consumer sleeps, and how it is woken), `frames` (whole
//! frames in blocks, for the sink).
//!
//! # How a message goes through
//! A producer owns a [`Sender`] and calls [`send`](Sender::send) or [`try_send`](Sender::try_send) with borrowed bytes;
//! an error has taken none of them. The consumer awaits [`drain`](Receiver::drain), reads what came through the
//! [`Batch`], and advances it by what it has written. Queues know nothing of sockets, of Python, or of statistics.

pub mod arena;
pub mod async_swap;
pub mod atomic_swap;
pub mod carrier;
pub mod guard;
pub mod lanes;
pub mod locked;
pub mod mpsc;
pub mod mpsc_bounded;
pub mod mpsc_one;
pub mod pieces;
pub mod ring;
#[cfg(feature = "rivals")]
pub mod rivals;
pub mod room;
pub mod sharded;
pub mod swap;
#[cfg(feature = "rivals")]
pub mod swap_parking_lot;
pub mod swap_yield;

mod bell;
pub(crate) mod frames;
mod line;
#[cfg(any(fanin_loom, fanin_shuttle))]
pub mod parts;
pub(crate) mod sync;

use std::future::Future;
use std::task::Waker;

use bytes::Buf;

use crate::error::{Error, Result, SendError};
pub use carrier::Carrier;
pub use room::{Capacity, OnFull};

/// What a queue is opened for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// The size of every message, where all have one; `None` when sizes differ.
    pub size: Option<usize>,
    /// The longest message, where sizes differ and it is known: queues that divide their capacity leave room for it.
    pub longest: Option<usize>,
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

    /// Takes the message now, and drops the oldest that wait as far as it needs their room. Returns how many those were.
    /// Messages that are lent to a write are not among them. Only for an algorithm that
    /// [`DISPLACES`](Algorithm::DISPLACES); elsewhere it is [`try_send`](Self::try_send).
    ///
    /// # Errors
    /// As [`try_send`](Self::try_send); [`SendError::Full`] when what holds the room cannot be dropped.
    fn displace(&mut self, message: &[u8]) -> Result<usize, SendError> {
        self.try_send(message).map(|()| 0)
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
#[non_exhaustive]
pub enum Drain {
    /// One message at a time.
    One,
    /// All that waits (channels: up to 256 KiB of it).
    All,
}

/// Who is related to whom: the rows of a table of strategies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// Nothing between the producer and the socket: what no queue can beat.
    Ceiling,
    /// The plainest code that is right.
    Oracle,
    /// Rings of bytes.
    Rings,
    /// The queues of other crates.
    Rivals,
    /// Many arenas, each behind a lock.
    Sharded,
    /// What is filled is swapped for what is empty.
    Swap,
    /// tokio's own channels.
    Tokio,
}

impl Family {
    /// The word that tables use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ceiling => "ceiling",
            Self::Oracle => "oracle",
            Self::Rings => "rings",
            Self::Rivals => "rivals",
            Self::Sharded => "sharded",
            Self::Swap => "swap",
            Self::Tokio => "tokio",
        }
    }
}

/// What an algorithm says of itself.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Facts {
    /// Its name in strategies.
    pub name: &'static str,
    /// One line: what it is.
    pub about: &'static str,
    /// Whom it is related to.
    pub family: Family,
    /// How the consumer takes.
    pub drain: Drain,
    /// Whether it keeps one order for all producers, or each producer's only.
    pub total_order: bool,
    /// Whether it can be given a capacity.
    pub bounded: bool,
    /// The capacity that it has when it is given none; `None` for no bound.
    pub unasked: Option<Capacity>,
    /// Whether it delivers what it takes. A rival that is known not to is kept: that the lab finds it out is a result.
    pub sound: bool,
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
    /// Whether its senders can [`displace`](Sender::displace) the oldest messages.
    const DISPLACES: bool = false;
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
    ($($(#[doc = $about:literal])* $(#[cfg($when:meta)])? $name:ident => $algorithm:ty,)*) => {
        /// The algorithms, by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Kind { $($(#[doc = $about])* $(#[cfg($when)])? $name,)* }

        impl Kind {
            /// Every algorithm, the oracle first.
            pub const ALL: &[Self] = &[$($(#[cfg($when)])? Self::$name,)*];

            /// What the algorithm says of itself.
            #[must_use]
            pub const fn facts(self) -> &'static Facts {
                match self { $($(#[cfg($when)])? Self::$name => &<$algorithm>::FACTS,)* }
            }

            /// What it can do with a message for which there is no room; without a bound that never happens.
            #[must_use]
            pub const fn policies(self) -> &'static [OnFull] {
                let displaces = match self { $($(#[cfg($when)])? Self::$name => <$algorithm>::DISPLACES,)* };
                match (self.facts().bounded, displaces) {
                    (false, _) => &[OnFull::Wait],
                    (true, false) => &[OnFull::Wait, OnFull::DropNewest],
                    (true, true) => OnFull::ALL,
                }
            }

            /// Runs `visitor` with the queue for messages of `size` bytes (`None`: of any size).
            pub fn visit<V: Visitor>(self, size: Option<usize>, visitor: V) -> V::Output {
                match self { $($(#[cfg($when)])? Self::$name => carrier::visit::<$algorithm, V>(size, visitor),)* }
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
    /// [`mpsc_bounded`]
    MpscBounded => mpsc_bounded::MpscBounded,
    /// [`swap`]
    Swap => swap::Swap,
    /// [`swap_yield`]
    SwapYield => swap_yield::SwapYield,
    /// [`swap_parking_lot`]
    #[cfg(feature = "rivals")]
    SwapParkingLot => swap_parking_lot::SwapParkingLot,
    /// [`async_swap`]
    AsyncSwap => async_swap::AsyncSwap,
    /// [`lanes`]
    Lanes => lanes::Lanes,
    /// [`atomic_swap`]
    AtomicSwap => atomic_swap::AtomicSwap,
    /// [`sharded`]
    Sharded => sharded::Sharded,
    /// [`ring`]
    Ring => ring::Ring,
    /// [`rivals::crossbeam`]
    #[cfg(feature = "rivals")]
    Crossbeam => rivals::crossbeam::Crossbeam,
    /// [`rivals::flume`]
    #[cfg(feature = "rivals")]
    Flume => rivals::flume::Flume,
    /// [`rivals::kanal`]
    #[cfg(feature = "rivals")]
    Kanal => rivals::kanal::Kanal,
    /// [`rivals::crossfire`]
    #[cfg(feature = "rivals")]
    Crossfire => rivals::crossfire::Crossfire,
    /// [`rivals::thingbuf`]
    #[cfg(feature = "rivals")]
    Thingbuf => rivals::thingbuf::Thingbuf,
    /// [`rivals::rapidfire`]
    #[cfg(feature = "rivals")]
    Rapidfire => rivals::rapidfire::Rapidfire,
    /// [`rivals::logbuf`]
    #[cfg(feature = "rivals")]
    Logbuf => rivals::logbuf::Logbuf,
    /// [`rivals::spillway`]
    #[cfg(feature = "rivals")]
    Spillway => rivals::spillway::Spillway,
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

/// Wakes whoever was found asleep.
#[inline]
pub(crate) fn wake(sleeper: Option<Waker>) {
    if let Some(sleeper) = sleeper {
        sleeper.wake();
    }
}
