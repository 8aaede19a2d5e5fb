//! `ring`: one ring of bytes that all producers share.
//!
//! * **Idea**: a producer reserves the next bytes and the next slot by one compare-and-exchange, copies its message, and
//!   commits the slot. Bytes lie in the ring one behind the other without headers, so what is committed is written to the
//!   socket from where it lies, in at most two pieces.
//! * **Guarantees**: one order for all producers, that of the reservations; bounded by nature, in bytes or messages, 256
//!   KiB when nothing is said; senders that wait are called in turn. A message is taken before the closing or refused.
//! * **Cost**: a compare-and-exchange on one word that all share, a copy, and a fence a message; no allocation. The consumer
//!   reads a slot a message.
//! * **When it loses**: when producers meet at the one word: who lost the exchange tries again, and a producer that is
//!   descheduled between reserving and committing holds up all that reserved after it.
//! * **Source**: the reserve and commit of the Linux kernel's BPF ring buffer and of Aeron's log buffers, with the lengths
//!   kept beside the bytes.
#![allow(unsafe_code)] // Producers and consumer work on disjoint parts of one buffer at the same time.

use std::cell::UnsafeCell;
use std::future::poll_fn;
use std::io::IoSlice;
use std::task::{Poll, Waker};

use bytes::Buf;

use super::bell::{Bell, Padded};
use super::line::{Line, Waiting};
use super::room::CACHE_SIZED;
use super::sync::{Arc, AtomicU64, AtomicUsize, MODELLED, Ordering, Watched};
use super::{Algorithm, Batch, Capacity, Carrier, Drain, Facts, Family, Queue, Receiver, Sender, Shape};
use crate::error::SendError;

/// Positions are kept in 32 bits, and have to stay apart over the whole ring.
const MOST_BYTES: usize = 1 << 30;

/// What the ring holds when nothing is said.
const UNASKED: Capacity = if MODELLED { Capacity::Bytes(8) } else { CACHE_SIZED };

/// Where sizes differ, there is a slot for every so many bytes, and for each of the first of them.
const BYTES_PER_SLOT: usize = if MODELLED { 4 } else { 16 };
const FIRST_SLOTS: usize = 1024;

/// Where sizes differ and the capacity counts messages, each has so many bytes of the ring, or as
/// many as the longest is known to need.
const BYTES_PER_MESSAGE: usize = if MODELLED { 4 } else { 1024 };

/// Writes of this length are worth their system call.
const LEAST_LENT: usize = if MODELLED { 2 } else { 64 * 1024 };

/// The algorithm.
#[derive(Debug)]
pub struct Ring;

impl Algorithm for Ring {
    const FACTS: Facts = Facts {
        name: "ring",
        about: "one ring of bytes that all producers share: reserve, copy, commit",
        family: Family::Rings,
        drain: Drain::All,
        total_order: true,
        bounded: true,
        unasked: Some(CACHE_SIZED),
        sound: true,
        guarantees: "one order for all producers; waiting senders are called in turn",
        cost: "a compare-and-exchange on a shared word, a copy and a fence a message, no allocation",
        loses_when: "many cores send at once; a producer is descheduled between reserving and committing",
        source: "the kernel's BPF ring buffer, Aeron's log buffers",
    };
    type Queue<C: Carrier> = Self;
}

impl Queue for Ring {
    type Sender = RingSender;
    type Receiver = RingReceiver;

    fn open(shape: &Shape) -> (RingSender, RingReceiver) {
        let shared = Arc::new(Shared::new(shape));
        let batch = Lent { shared: Arc::clone(&shared), from: Mark::default(), to: Mark::default() };
        (RingSender(shared), RingReceiver { batch, backlog: 0 })
    }
}

/// A place in the stream: how many messages and how many bytes came before, each modulo a power of two. In one word, so
/// that both are reserved at once.
///
/// A producer that stalls between its look and its exchange, while a multiple of 2 to the 31 messages go by whose bytes are
/// a multiple of 2 to the 32, would take the old place for the new. That needs a stall of a minute at the fastest, to end
/// on exactly that message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    /// Modulo 2 to the 31: the upper bit of the word says that the queue is closed.
    messages: u32,
    bytes: u32,
}

const CLOSED: u64 = 1 << 63;

const MESSAGES: u32 = u32::MAX >> 1;

impl Mark {
    #[allow(clippy::cast_possible_truncation)] // the word's two halves
    const fn of(word: u64) -> Self {
        Self { messages: (word >> 32) as u32 & MESSAGES, bytes: word as u32 }
    }

    const fn word(self) -> u64 {
        (self.messages as u64) << 32 | self.bytes as u64
    }

    const fn after(self, bytes: u32) -> Self {
        Self { messages: self.messages.wrapping_add(1) & MESSAGES, bytes: self.bytes.wrapping_add(bytes) }
    }

    /// Messages and bytes from `earlier` to here.
    const fn since(self, earlier: Self) -> (usize, usize) {
        let messages = self.messages.wrapping_sub(earlier.messages) & MESSAGES;
        (messages as usize, self.bytes.wrapping_sub(earlier.bytes) as usize)
    }
}

#[derive(Debug)]
struct Shared {
    /// The size of every message, where all have one.
    size: Option<usize>,
    /// The most messages and bytes that are reserved and not freed.
    most: (usize, usize),
    /// The [`Mark`] that the next reservation begins at, and [`CLOSED`].
    reserved: Padded<AtomicU64>,
    /// The [`Mark`] before which everything is written.
    freed: Padded<AtomicU64>,
    /// By message number: the [`Mark`] after the message, once it is committed; before that, one of an earlier turn of the
    /// ring, which has another message number.
    slots: Box<[AtomicU64]>,
    /// A power of two, as are the slots.
    bytes: Box<[UnsafeCell<u8>]>,
    watched: Watched,
    senders: AtomicUsize,
    bell: Bell,
    line: Line,
}

// SAFETY: `bytes` is the only part that is not `Sync`. A part of it is written between reserving and committing by the one
// producer that reserved it, and read between committing and freeing by the one consumer: see `Shared::put` and
// `Lent::piece`.
unsafe impl Sync for Shared {}

impl Shared {
    fn new(shape: &Shape) -> Self {
        let (messages, bytes) = limits(shape);
        let ring = bytes.max(1).next_power_of_two();
        Self {
            size: shape.size.filter(|size| *size > 0),
            most: (messages, bytes),
            reserved: Padded::default(),
            freed: Padded::default(),
            slots: (0..messages.next_power_of_two()).map(|_| AtomicU64::new(0)).collect(),
            bytes: (0..ring).map(|_| UnsafeCell::new(0)).collect(),
            watched: Watched::new(ring),
            senders: AtomicUsize::new(1),
            bell: Bell::default(),
            line: Line::default(),
        }
    }

    fn slot(&self, messages: u32) -> &AtomicU64 {
        &self.slots[messages as usize & (self.slots.len() - 1)]
    }

    /// What a message is refused for whatever stands in the ring; otherwise its length.
    fn admit(&self, message: &[u8]) -> Result<u32, SendError> {
        if self.size.is_some_and(|size| size != message.len()) {
            return Err(SendError::Size);
        }
        u32::try_from(message.len()).ok().filter(|_| message.len() <= self.most.1).ok_or(SendError::TooLarge)
    }

    /// Reserves, copies, commits.
    #[inline]
    fn offer(&self, message: &[u8], length: u32) -> Result<(), SendError> {
        let Some(from) = self.reserve(length)? else { return Ok(()) };
        self.put(from.bytes, message);
        // Release: the consumer that finds it committed (Acquire in `committed`) sees the bytes.
        self.slot(from.messages).store(from.after(length).word(), Ordering::Release);
        self.bell.ring();
        Ok(())
    }

    /// The mark that the message begins at; `None` for an empty message, which leaves no trace.
    #[inline]
    fn reserve(&self, length: u32) -> Result<Option<Mark>, SendError> {
        // Relaxed: a first guess, here and below; the exchange tells whether it was right.
        let mut word = self.reserved.0.load(Ordering::Relaxed);
        loop {
            if word & CLOSED != 0 {
                return Err(SendError::Closed);
            }
            if length == 0 {
                return Ok(None);
            }
            let from = Mark::of(word);
            // Acquire: the consumer has read what it freed (Release in `free`), so it may be written over.
            let (messages, bytes) = from.since(Mark::of(self.freed.0.load(Ordering::Acquire)));
            // A `freed` that is later than `word` makes these large: then the exchange would fail, so look again (Relaxed).
            if messages >= self.most.0 || bytes + length as usize > self.most.1 {
                let seen = std::mem::replace(&mut word, self.reserved.0.load(Ordering::Relaxed));
                if seen == word {
                    return Err(SendError::Full);
                }
                continue;
            }
            let next = from.after(length).word();
            // Relaxed: it orders nothing but itself; bytes are handed over by `freed` and by the slots.
            match self.reserved.0.compare_exchange_weak(word, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(Some(from)),
                Err(now) => word = now,
            }
        }
    }

    /// Copies a message into the part of the ring that was reserved for it, in two steps where that goes over its end.
    fn put(&self, from: u32, message: &[u8]) {
        let at = from as usize & (self.bytes.len() - 1);
        let (head, tail) = message.split_at(message.len().min(self.bytes.len() - at));
        for (at, piece) in [(at, head), (0, tail)] {
            let target = UnsafeCell::raw_get(self.bytes[at..at + piece.len()].as_ptr());
            self.watched.written(at, piece.len());
            // SAFETY: the range is within the ring, as the slicing has checked. It is part of what this producer has
            // reserved and not yet committed: no other producer reserves it, and the consumer does not read it.
            unsafe { std::ptr::copy_nonoverlapping(piece.as_ptr(), target, piece.len()) };
        }
    }

    /// The mark after message number `messages`, if that is committed.
    #[inline]
    fn committed(&self, messages: u32) -> Option<Mark> {
        // Acquire: the partner is the store in `offer`.
        let end = Mark::of(self.slot(messages).load(Ordering::Acquire));
        (end.messages == messages.wrapping_add(1) & MESSAGES).then_some(end)
    }

    /// Hands what comes before `mark` back to the producers.
    fn free(&self, mark: Mark) {
        // Relaxed: nobody else writes it.
        let freed = Mark::of(self.freed.0.load(Ordering::Relaxed));
        // Release: the partner is the load in `reserve`.
        self.freed.0.store(mark.word(), Ordering::Release);
        self.line.call(mark.since(freed).0);
    }
}

/// The most messages and the most bytes that the ring holds. Unasked, its slots stay in the cache too.
fn limits(shape: &Shape) -> (usize, usize) {
    let size = shape.size.filter(|size| *size > 0);
    let slots = |limit: usize| size.map_or((limit / BYTES_PER_SLOT).max(limit.min(FIRST_SLOTS)), |size| limit / size);
    let each = BYTES_PER_MESSAGE.max(shape.longest.unwrap_or(0));
    let (messages, bytes) = match shape.capacity {
        None => (slots(UNASKED.limit()).min(UNASKED.limit() / BYTES_PER_SLOT), UNASKED.limit()),
        Some(Capacity::Bytes(limit)) => (slots(limit), limit),
        Some(Capacity::Messages(limit)) => (limit, limit.saturating_mul(size.unwrap_or(each))),
    };
    let bytes = if shape.capacity.is_none() { bytes.max(size.unwrap_or(0)) } else { bytes };
    (messages.clamp(1, MOST_BYTES / 2), bytes.min(MOST_BYTES))
}

/// A producer.
#[derive(Debug)]
pub struct RingSender(Arc<Shared>);

impl Sender for RingSender {
    #[inline]
    fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        let length = self.0.admit(message)?;
        // An empty message takes no room: were it to wait and be called, there would be nothing to drain for the next.
        if length > 0 && self.0.line.is_forming() {
            return Err(SendError::Full);
        }
        self.0.offer(message, length)
    }

    #[inline]
    async fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        match self.try_send(message) {
            Err(SendError::Full) => {
                let (shared, length) = (&*self.0, self.0.admit(message)?);
                Waiting::new(&shared.line, || shared.offer(message, length)).await
            }
            done => done,
        }
    }
}

impl Clone for RingSender {
    fn clone(&self) -> Self {
        // Relaxed: a new sender comes from a living one, so the count cannot reach zero beside this.
        self.0.senders.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for RingSender {
    fn drop(&mut self) {
        // Release: a consumer that reads zero (Acquire in `RingReceiver::ended`) sees all that was committed.
        if self.0.senders.fetch_sub(1, Ordering::Release) == 1 {
            self.0.bell.ring();
        }
    }
}

/// The consumer.
#[derive(Debug)]
pub struct RingReceiver {
    batch: Lent,
    backlog: usize,
}

impl RingReceiver {
    /// Whether no more can be reserved, and what was is drained. To be read before the look.
    fn ended(&self) -> bool {
        let shared = &self.batch.shared;
        // Acquire: the partner is in the senders' drop. Relaxed: who closes is the consumer, and what was reserved before
        // that stands in the same word.
        let gone = shared.senders.load(Ordering::Acquire) == 0;
        let word = shared.reserved.0.load(Ordering::Relaxed);
        gone || (word & CLOSED != 0 && Mark::of(word) == self.batch.to)
    }

    /// Takes what is committed; of a large ring no more than half, so that producers can fill the other half.
    fn look(&mut self) -> Poll<bool> {
        let ended = self.ended();
        let Lent { shared, from, to } = &mut self.batch;
        while let Some(end) = shared.committed(to.messages) {
            *to = end;
            if to.since(*from).1 >= LEAST_LENT.max(shared.most.1 / 2) {
                break;
            }
        }
        if to == from {
            return if ended { Poll::Ready(false) } else { Poll::Pending };
        }
        // Relaxed: a figure for reports.
        self.backlog = Mark::of(shared.reserved.0.load(Ordering::Relaxed)).since(*from).1;
        Poll::Ready(true)
    }

    fn poll_drain(&mut self, sleeper: &Waker) -> Poll<bool> {
        let found = self.look();
        if found.is_ready() {
            return found;
        }
        self.batch.shared.bell.listen(sleeper);
        let found = self.look();
        if found.is_ready() {
            self.batch.shared.bell.ignore();
        }
        found
    }
}

impl Receiver for RingReceiver {
    type Batch = Lent;

    async fn drain(&mut self) -> bool {
        poll_fn(|cx| self.poll_drain(cx.waker())).await
    }

    fn batch(&mut self) -> &mut Lent {
        &mut self.batch
    }

    fn backlog(&self) -> usize {
        self.backlog
    }

    fn close(&mut self) {
        // Relaxed: in one order with the reservations, which are exchanges of the same word.
        self.batch.shared.reserved.0.fetch_or(CLOSED, Ordering::Relaxed);
        self.batch.shared.line.call_all();
    }
}

impl Drop for RingReceiver {
    fn drop(&mut self) {
        self.close();
    }
}

/// A part of the ring, lent to be written.
#[derive(Debug)]
pub struct Lent {
    shared: Arc<Shared>,
    /// Up to here it is written. Its messages are those that are wholly written.
    from: Mark,
    /// Up to here it is lent.
    to: Mark,
}

impl Lent {
    /// The bytes from `from` on, as far as they lie in one piece, at most `length`.
    fn piece(&self, from: u32, length: usize) -> &[u8] {
        let ring = &self.shared.bytes;
        let at = from as usize & (ring.len() - 1);
        let length = length.min(ring.len() - at);
        let start = UnsafeCell::raw_get(ring[at..at + length].as_ptr());
        self.shared.watched.read(at, length);
        // SAFETY: the range is within the ring, as the slicing has checked. It is committed, so its producer is done with
        // it, and not freed as long as this is borrowed, so no producer reserves it.
        unsafe { std::slice::from_raw_parts(start, length) }
    }
}

impl Buf for Lent {
    #[inline]
    fn remaining(&self) -> usize {
        self.to.since(self.from).1
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        self.piece(self.from.bytes, self.remaining())
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let head = self.chunk();
        #[allow(clippy::cast_possible_truncation)] // shorter than the ring
        let tail = self.piece(self.from.bytes.wrapping_add(head.len() as u32), self.remaining() - head.len());
        let pieces = [head, tail].into_iter().filter(|piece| !piece.is_empty());
        slices.iter_mut().zip(pieces).map(|(slice, piece)| *slice = IoSlice::new(piece)).count()
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "advanced beyond the batch");
        #[allow(clippy::cast_possible_truncation)] // shorter than the ring
        let bytes = self.from.bytes.wrapping_add(count as u32);
        let written = Mark { bytes, ..self.from };
        while self.from.messages != self.to.messages
            && let Some(end) = self.shared.committed(self.from.messages)
            && self.to.since(end).1 >= self.to.since(written).1
        {
            self.from.messages = end.messages;
        }
        self.from.bytes = bytes;
        if self.from == self.to && count > 0 {
            self.shared.free(self.to);
        }
    }
}

impl Batch for Lent {
    #[inline]
    fn first(&self) -> usize {
        if self.from == self.to {
            return 0;
        }
        self.shared.committed(self.from.messages).map_or(0, |end| end.since(self.from).1)
    }

    fn messages(&self) -> usize {
        self.to.since(self.from).0
    }
}

#[cfg(test)]
mod tests;
