//! A byte stream from one writer to one reader: a chain of flat segments.
//!
//! The writer appends whole messages to the last segment and publishes each by one store; it never reads what the reader
//! writes. A message lies in one piece: one that does not fit opens the next segment. A full segment is *sealed*, which
//! tells the reader that its end is final and that the next one is linked. Where sizes differ, the starts of messages
//! grow from a segment's end towards its bytes, two bytes each.
//!
//! A segment belongs to its writer above the published tail and to its reader below; a sealed one that is read is the
//! reader's alone as soon as the writer has let go of it, and can then be [recycled](Segment::recycle).
//!
//! This file is `unsafe` because both sides hold the same bytes at once, which no safe type can lend out as slices.
#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::ptr;

use super::super::sync::{Arc, AtomicU64, Mutex, Ordering, Watched, lock};

/// The largest segment that holds more than one message: starts of messages fit 16 bits.
pub(super) const LARGEST: usize = 64 * 1024;

/// A tail is one word: the published bytes, above them the published messages, above those the seal.
const MESSAGE: u64 = 1 << 40;
const BYTES: u64 = MESSAGE - 1;
const SEALED: u64 = 1 << 63;

/// Bytes of one message's start, where sizes differ.
pub(super) const START: usize = 2;

#[allow(clippy::cast_possible_truncation)] // this crate's targets have 64 bits
const fn bytes_of(tail: u64) -> usize {
    (tail & BYTES) as usize
}

#[allow(clippy::cast_possible_truncation)]
const fn messages_of(tail: u64) -> usize {
    ((tail & !SEALED) >> MESSAGE.trailing_zeros()) as usize
}

/// A flat piece of the stream.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Segment {
    /// Written by the writer alone. Its Release stores pair with the Acquire load in [`Held::look`].
    tail: AtomicU64,
    base: *mut u8,
    size: usize,
    /// Filled before the seal is published, emptied by the reader after it has seen the seal.
    next: Mutex<Option<Arc<Segment>>>,
    watched: Watched,
}

// SAFETY: `base` is an allocation of its own, freed with the segment; the bytes above the tail are touched by the one
// writer only, those below by the one reader only, and the tail's Release and Acquire order the hand-over.
unsafe impl Send for Segment {}
// SAFETY: as above; all else in a segment is `Sync` by itself.
unsafe impl Sync for Segment {}

impl Segment {
    /// An empty one of `size` bytes, at most [`LARGEST`].
    pub(super) fn new(size: usize) -> Arc<Self> {
        Self::over(vec![0; size.min(LARGEST)].into(), 0)
    }

    /// One that is filled by this message alone, of any size.
    pub(super) fn holding(message: &[u8]) -> Arc<Self> {
        let segment = Self::over(message.into(), message.len() as u64 | MESSAGE);
        segment.watched.written(0, message.len());
        segment
    }

    fn over(bytes: Box<[u8]>, tail: u64) -> Arc<Self> {
        let size = bytes.len();
        let base = Box::into_raw(bytes).cast();
        Arc::new(Self { tail: AtomicU64::new(tail), base, size, next: Mutex::new(None), watched: Watched::new(size) })
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Makes a segment that was read to its end an empty one, unless its writer still holds it.
    pub(super) fn recycle(segment: &mut Arc<Self>) -> bool {
        let Some(own) = Arc::get_mut(segment) else { return false };
        own.tail = AtomicU64::new(0);
        true
    }

    /// The bytes from `from` to `to`, which the caller has seen published.
    #[inline]
    fn published(&self, from: usize, to: usize) -> &[u8] {
        debug_assert!(from <= to && to <= self.size);
        self.watched.read(from, to - from);
        // SAFETY: the reader has loaded a tail of at least `to` by Acquire, so these bytes were initialised and published
        // by Release; the writer writes above its tail only, and no segment is recycled while a reader holds it.
        unsafe { std::slice::from_raw_parts(self.base.add(from), to - from) }
    }

    /// Where message number `index` starts; only where sizes differ.
    fn start(&self, index: usize) -> usize {
        if index == 0 {
            return 0;
        }
        let at = self.size - START * index;
        match *self.published(at, at + START) {
            [low, high] => usize::from(u16::from_le_bytes([low, high])),
            _ => 0,
        }
    }

    /// Copies `bytes` to `at`.
    ///
    /// # Safety
    /// The caller is the writer; `at` is not below its tail, and `at + bytes.len()` not beyond the segment.
    #[inline]
    unsafe fn write(&self, at: usize, bytes: &[u8]) {
        self.watched.written(at, bytes.len());
        // SAFETY: in bounds by the contract; nobody else touches bytes above the tail, and `bytes` is borrowed from
        // elsewhere because nothing above the tail is ever lent.
        unsafe { copy(bytes, self.base.add(at)) }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: `base` and `size` are those of the boxed slice that `over` took apart; nobody else frees it.
        drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(self.base, self.size)) });
    }
}

/// A copy that is inlined for the sizes of small messages, where a call costs more than the copy.
///
/// # Safety
/// As [`ptr::copy_nonoverlapping`]: `to` is writable for `from.len()` bytes and does not overlap `from`.
#[inline]
unsafe fn copy(from: &[u8], to: *mut u8) {
    let length = from.len();
    // SAFETY: every arm writes exactly `length` bytes at `to`, all in bounds by the contract.
    unsafe {
        match length {
            1 => *to = from[0],
            8 => ptr::copy_nonoverlapping(from.as_ptr(), to, 8),
            64 => ptr::copy_nonoverlapping(from.as_ptr(), to, 64),
            _ => ptr::copy_nonoverlapping(from.as_ptr(), to, length),
        }
    }
}

/// The writer's end.
#[derive(Debug)]
pub(super) struct Writer {
    segment: Arc<Segment>,
    /// The published tail, without the seal.
    tail: u64,
    /// What a message and its start may still take: never more than [`space`](Self::space).
    free: usize,
    /// Bytes of a message's start: 0 where all have one size.
    start: usize,
    /// What was written to earlier segments.
    earlier: Count,
}

/// Messages and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) bytes: usize,
    pub(super) messages: usize,
}

impl Writer {
    /// Appends and publishes the message, if it fits what is free.
    #[inline]
    pub(super) fn push(&mut self, message: &[u8]) -> bool {
        let Some(free) = self.free.checked_sub(message.len() + self.start) else { return false };
        self.free = free;
        let at = bytes_of(self.tail);
        // SAFETY: this is the only writer, `at` its tail, and `free` was not more than the segment has room for.
        unsafe { self.segment.write(at, message) };
        if self.start != 0 {
            self.note_start(at);
        }
        self.tail += message.len() as u64 | MESSAGE;
        // Release: pairs with the Acquire load in `Held::look`, so a reader that sees the tail sees the message whole.
        self.segment.tail.store(self.tail, Ordering::Release);
        true
    }

    #[inline]
    fn note_start(&self, at: usize) {
        let index = messages_of(self.tail);
        if index > 0 {
            #[allow(clippy::cast_possible_truncation)] // below LARGEST
            let start = (at as u16).to_le_bytes();
            // SAFETY: the starts grow down from the segment's end; `free` keeps them above the bytes, and those of
            // unpublished messages are the writer's.
            unsafe { self.segment.write(self.segment.size - START * index, &start) };
        }
    }

    /// The room that is left in the segment for messages and their starts.
    pub(super) fn space(&self) -> usize {
        let starts = self.start * messages_of(self.tail);
        self.segment.size.saturating_sub(bytes_of(self.tail) + starts)
    }

    /// Whether a message of this length fits the segment.
    pub(super) fn fits(&self, length: usize) -> bool {
        length + self.start <= self.space()
    }

    /// Lets at most `most` bytes be pushed from here on, within this segment.
    pub(super) fn allow(&mut self, most: usize) {
        self.free = self.space().min(most);
    }

    /// Seals the segment and goes on in `next`, which is not part of any other chain.
    pub(super) fn extend(&mut self, next: Arc<Segment>) {
        *lock(&self.segment.next) = Some(Arc::clone(&next));
        // Release: pairs with the Acquire load in `Held::look`, so a reader that sees the seal finds the link and the
        // final end.
        self.segment.tail.store(self.tail | SEALED, Ordering::Release);
        self.earlier.bytes += bytes_of(self.tail);
        self.earlier.messages += messages_of(self.tail);
        // Relaxed: nobody else writes the tail.
        self.tail = next.tail.load(Ordering::Relaxed);
        self.segment = next;
        self.free = 0;
    }

    /// All that was ever written.
    pub(super) fn sent(&self) -> Count {
        Count {
            bytes: self.earlier.bytes + bytes_of(self.tail),
            messages: self.earlier.messages + messages_of(self.tail),
        }
    }

    pub(super) fn segment_size(&self) -> usize {
        self.segment.size
    }
}

/// A segment as its reader sees it.
#[derive(Debug)]
struct Held {
    segment: Arc<Segment>,
    /// Bytes before this are read.
    from: usize,
    /// Bytes before this were published at the last look.
    to: usize,
    /// Messages that are wholly read, and those published at the last look.
    done: usize,
    count: usize,
    sealed: bool,
}

impl Held {
    fn new(segment: Arc<Segment>) -> Self {
        Self { segment, from: 0, to: 0, done: 0, count: 0, sealed: false }
    }

    /// Sees what is published, and hands out the next segment once this one is sealed.
    fn look(&mut self) -> Option<Arc<Segment>> {
        // Acquire: pairs with the writer's Release stores in `push` and `extend`.
        let tail = self.segment.tail.load(Ordering::Acquire);
        (self.to, self.count) = (bytes_of(tail), messages_of(tail));
        self.sealed = tail & SEALED != 0;
        if self.sealed { lock(&self.segment.next).take() } else { None }
    }

    fn slice(&self) -> &[u8] {
        self.segment.published(self.from, self.to)
    }

    fn is_read(&self) -> bool {
        self.from == self.to
    }

    /// How many messages end at or before `at`.
    fn ended(&self, at: usize, size: Option<usize>) -> usize {
        if at == self.to {
            return self.count;
        }
        if let Some(size) = size {
            return at / size;
        }
        // The first message after `done` that does not end by `at`; message `i` ends where `i + 1` starts.
        let (mut low, mut high) = (self.done, self.count - 1);
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.segment.start(middle + 1) <= at { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The bytes left of the message at the front.
    fn first(&self, size: Option<usize>) -> usize {
        let end = match size {
            Some(size) if self.count > self.done => (self.done + 1) * size,
            None if self.count > self.done + 1 => self.segment.start(self.done + 1),
            _ => self.to,
        };
        end - self.from
    }
}

/// The reader's end.
#[derive(Debug)]
pub(super) struct Reader {
    front: Held,
    /// The segments after the front; the last of all is not known to be sealed.
    more: VecDeque<Held>,
    /// The size of every message, where all have one.
    size: Option<usize>,
}

/// A stream that begins in `first`, which is not part of any other.
pub(super) fn chain(first: Arc<Segment>, size: Option<usize>) -> (Writer, Reader) {
    // Relaxed: nobody else has it yet.
    let tail = first.tail.load(Ordering::Relaxed);
    let front = Held::new(Arc::clone(&first));
    let start = if size.is_some() { 0 } else { START };
    let writer = Writer { segment: first, tail, free: 0, start, earlier: Count::default() };
    (writer, Reader { front, more: VecDeque::new(), size })
}

impl Reader {
    /// Sees all that is published, and returns what is not read of it. Segments that turn out to be read to their end go
    /// to `finished`.
    pub(super) fn look(&mut self, finished: &mut Vec<Arc<Segment>>) -> Count {
        while let Some(next) = self.more.back_mut().unwrap_or(&mut self.front).look() {
            self.more.push_back(Held::new(next));
        }
        self.drop_read(finished);
        self.unread(usize::MAX)
    }

    /// What the first segments hold that together have `most` bytes, or all of them.
    pub(super) fn unread(&self, most: usize) -> Count {
        let mut count = Count::default();
        for held in self.held() {
            if count.bytes >= most {
                break;
            }
            count.bytes += held.to - held.from;
            count.messages += held.count - held.done;
        }
        count
    }

    /// The unread bytes, piece by piece.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.held().map(Held::slice).filter(|piece| !piece.is_empty())
    }

    /// The bytes left of the first message.
    pub(super) fn first(&self) -> usize {
        self.front.first(self.size)
    }

    /// Marks `count` unread bytes as read and returns how many messages that ended. Segments that are read to their end
    /// go to `finished`.
    pub(super) fn advance(&mut self, mut count: usize, finished: &mut Vec<Arc<Segment>>) -> usize {
        let mut messages = 0;
        loop {
            let front = &mut self.front;
            let step = count.min(front.to - front.from);
            let done = front.ended(front.from + step, self.size);
            messages += done - front.done;
            (front.from, front.done) = (front.from + step, done);
            count -= step;
            if !self.drop_read(finished) || count == 0 {
                return messages;
            }
        }
    }

    fn held(&self) -> impl Iterator<Item = &Held> {
        std::iter::once(&self.front).chain(&self.more)
    }

    /// Leaves the segments that are read to their end; whether there was one.
    fn drop_read(&mut self, finished: &mut Vec<Arc<Segment>>) -> bool {
        let mut dropped = false;
        while self.front.sealed
            && self.front.is_read()
            && let Some(next) = self.more.pop_front()
        {
            finished.push(std::mem::replace(&mut self.front, next).segment);
            dropped = true;
        }
        dropped
    }
}

impl Drop for Reader {
    /// Takes the chain apart link by link: dropped as it is, a long one would overflow the stack.
    fn drop(&mut self) {
        let last = self.more.back().unwrap_or(&self.front);
        let mut link = lock(&last.segment.next).take();
        while let Some(segment) = link {
            link = lock(&segment.next).take();
        }
    }
}
