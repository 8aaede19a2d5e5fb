//! The chain: filled at its tail, taken from its front.

use std::collections::VecDeque;

use bytes::Bytes;

use super::segment::{Block, Measure, Scale, Segment};

/// The size of a block, where the capacity allows it: four of them are one write of the largest size that pays.
const BLOCK: usize = if cfg!(fanin_loom) { 8 } else { 64 * 1024 };

/// Empty blocks that are kept while there is nothing to do.
const KEPT: usize = 4;

/// Frames in call order.
#[derive(Debug)]
pub(crate) struct Chain {
    scale: Scale,
    block: usize,
    /// Where frames are copied to.
    tail: Segment,
    /// What is full, oldest first.
    full: VecDeque<Segment>,
    /// The room that its frames take.
    room: usize,
    /// Empty blocks.
    spare: Vec<Block>,
    /// The number of the next frame.
    next: u64,
}

impl Chain {
    /// An empty chain whose blocks suit a sink that holds `capacity` bytes.
    pub(crate) fn new(scale: Scale, capacity: usize) -> Self {
        let block = (capacity / 8).clamp(BLOCK / 16, BLOCK);
        let tail = Segment::over(Block::default(), 0);
        Self { scale, block, tail, full: VecDeque::new(), room: 0, spare: Vec::new(), next: 0 }
    }

    /// The longest frame that is copied; longer ones are kept by reference.
    #[inline]
    pub(crate) const fn longest_copied(&self) -> usize {
        self.block / 4
    }

    /// The number that the next frame will have.
    #[inline]
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// Copies a message in. Its frame is `length` bytes long, at most [`longest_copied`](Self::longest_copied).
    #[inline]
    pub(crate) fn push(&mut self, length: usize, message: &[u8]) {
        if self.tail.space() <= length {
            self.open_block();
        }
        self.tail.push(self.scale, message);
        self.room += self.scale.room(length);
        self.next += 1;
    }

    /// Keeps a message by reference.
    pub(crate) fn push_large(&mut self, message: Bytes) {
        let large = Segment::large(self.scale, message, self.next);
        self.next += 1;
        self.seal_tail(Block::default());
        self.room += large.room();
        self.full.push_back(large);
    }

    #[cold]
    fn open_block(&mut self) {
        let block = self.spare.pop().unwrap_or_else(|| Block::with_capacity(self.block));
        self.seal_tail(block);
    }

    /// Begins a new tail over `block`. What few frames the old one has do not hold a block of their own.
    fn seal_tail(&mut self, block: Block) {
        let mut sealed = std::mem::replace(&mut self.tail, Segment::over(block, self.next));
        if sealed.is_used_up() {
            return self.put_back(sealed);
        }
        if let Some(block) = sealed.shrink() {
            self.put_back_block(block);
        }
        self.full.push_back(sealed);
    }

    /// Moves segments from the front into `into`, until those have `bytes` bytes or nothing is left; how many bytes.
    pub(crate) fn take(&mut self, bytes: usize, into: &mut Vec<Segment>) -> usize {
        let mut taken = 0;
        while taken < bytes {
            let Some(segment) = self.full.pop_front() else {
                return taken + self.take_tail(into);
            };
            self.room -= segment.room();
            taken += segment.len() - segment.start(segment.gone());
            into.push(segment);
        }
        taken
    }

    fn take_tail(&mut self, into: &mut Vec<Segment>) -> usize {
        if self.tail.is_used_up() {
            return 0;
        }
        let block = self.spare.pop().unwrap_or_default();
        let tail = std::mem::replace(&mut self.tail, Segment::over(block, self.next));
        let taken = tail.len() - tail.start(tail.gone());
        self.room -= tail.room();
        into.push(tail);
        taken
    }

    /// The room that its frames take.
    pub(crate) const fn room(&self) -> usize {
        self.room
    }

    /// Drops the oldest frame.
    pub(crate) fn drop_first(&mut self) -> Option<Measure> {
        let measure = self.forget_first()?;
        self.room -= measure.room;
        Some(measure)
    }

    fn forget_first(&mut self) -> Option<Measure> {
        let scale = self.scale;
        let Some(front) = self.full.front_mut() else {
            let next = self.tail.gone() + 1;
            if self.tail.is_used_up() {
                return None;
            }
            let measure = self.tail.forget(scale, next);
            if self.tail.is_used_up() {
                self.open_block();
            }
            return Some(measure);
        };
        let measure = front.forget(scale, front.gone() + 1);
        if front.is_used_up()
            && let Some(front) = self.full.pop_front()
        {
            self.put_back(front);
        }
        Some(measure)
    }

    /// The number of the oldest frame; of the next, when there is none.
    pub(crate) fn front(&self) -> u64 {
        let front = self.full.front().unwrap_or(&self.tail);
        if front.is_used_up() { self.next } else { front.number(front.gone()) }
    }

    /// Whether there is no frame.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.full.is_empty() && self.tail.is_used_up()
    }

    /// Keeps a used segment's block for the next frames.
    pub(crate) fn put_back(&mut self, segment: Segment) {
        if let Some(block) = segment.into_block() {
            self.put_back_block(block);
        }
    }

    fn put_back_block(&mut self, block: Block) {
        if block.capacity() == self.block {
            self.spare.push(block);
        }
    }

    /// Whether more empty blocks are kept than are worth it while there is nothing to do.
    pub(crate) fn has_surplus(&self) -> bool {
        self.spare.len() > KEPT
    }

    /// Hands out the surplus, to be dropped outside of the lock.
    pub(crate) fn surplus(&mut self) -> impl Sized + use<> {
        let kept = self.spare.len().min(KEPT);
        let surplus = self.spare.split_off(kept);
        self.spare.shrink_to_fit();
        self.full.shrink_to_fit();
        surplus
    }

    /// The bytes of memory that it holds, used or not.
    pub(crate) fn memory(&self) -> usize {
        let spare: usize = self.spare.iter().map(Block::memory).sum();
        let full: usize = self.full.iter().map(Segment::memory).sum();
        self.tail.memory() + spare + full
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Framing;

    fn chain(framing: Framing) -> Chain {
        Chain::new(Scale { framing, least: 4 }, 1 << 20)
    }

    fn bytes(segment: &Segment) -> Vec<u8> {
        let mut all = Vec::new();
        let mut offset = segment.start(segment.gone());
        while offset < segment.len() {
            all.extend_from_slice(segment.part(offset));
            offset += segment.part(offset).len();
        }
        all
    }

    fn push(chain: &mut Chain, message: &[u8]) {
        let length = chain.scale.framing.frame_length(message.len());
        if length > chain.longest_copied() {
            chain.push_large(Bytes::copy_from_slice(message));
        } else {
            chain.push(length, message);
        }
    }

    #[test]
    fn what_goes_in_comes_out_in_order() {
        for framing in Framing::ALL {
            let mut chain = chain(*framing);
            let mut expected = Vec::new();
            for turn in 0..3_000_usize {
                let message = vec![b'a' + u8::try_from(turn % 20).unwrap(); turn * 37 % 20_000];
                let frame = framing.frame(message.len());
                expected.extend([frame.prefix(), &message, frame.suffix].concat());
                push(&mut chain, &message);
            }
            let (mut taken, mut numbers) = (Vec::new(), 0);
            while chain.take(256 * 1024, &mut taken) > 0 {}
            for segment in &taken {
                assert_eq!(segment.number(0), numbers);
                numbers += segment.frames() as u64;
            }
            assert_eq!(numbers, 3_000);
            assert!(taken.iter().flat_map(bytes).eq(expected), "{framing:?}");
            assert!(chain.is_empty());
        }
    }

    #[test]
    fn the_oldest_are_dropped_whole() {
        let mut chain = chain(Framing::Lines);
        for turn in 0..10_000 {
            push(&mut chain, format!("{turn:05}").as_bytes());
        }
        for _ in 0..9_000 {
            assert_eq!(chain.drop_first(), Some(Measure { messages: 1, bytes: 5, room: 6 }));
        }
        assert_eq!(chain.front(), 9_000);
        let mut taken = Vec::new();
        assert_eq!(chain.take(usize::MAX, &mut taken), 6_000);
        assert!(bytes(&taken[0]).starts_with(b"09000\n09001\n"));
        assert_eq!((chain.drop_first(), chain.front()), (None, 10_000));
    }

    #[test]
    fn dropping_and_pushing_in_turn_takes_no_more_memory() {
        let mut chain = chain(Framing::None);
        for turn in 0..100_000_u32 {
            push(&mut chain, &turn.to_be_bytes());
            if turn > 10 {
                chain.drop_first().unwrap();
            }
        }
        assert!(chain.memory() < 6 * BLOCK, "{}", chain.memory());
    }

    #[test]
    fn few_frames_between_large_ones_hold_no_blocks() {
        let mut chain = chain(Framing::Length);
        for _ in 0..100 {
            push(&mut chain, b"small");
            push(&mut chain, &vec![0; 20_000]);
        }
        assert!(chain.memory() < 100 * 20_000 + 3 * BLOCK, "{}", chain.memory());
    }

    #[test]
    fn memory_is_given_back() {
        let mut chain = chain(Framing::None);
        for _ in 0..100_000 {
            push(&mut chain, &[0; 100]);
        }
        let mut taken = Vec::new();
        chain.take(usize::MAX, &mut taken);
        for segment in taken {
            chain.put_back(segment);
        }
        assert!(chain.has_surplus() && chain.memory() > 9_000_000);
        drop(chain.surplus());
        assert!(!chain.has_surplus() && chain.memory() < 10 * BLOCK, "{}", chain.memory());
    }

    #[test]
    fn tiny_frames_take_room_for_their_ends() {
        let mut chain = chain(Framing::None);
        for message in [&b""[..], b"a", b"abcdef"] {
            push(&mut chain, message);
        }
        let mut taken = Vec::new();
        chain.take(1, &mut taken);
        assert_eq!(taken[0].measure(chain.scale, 0..3), Measure { messages: 3, bytes: 7, room: 14 });
        assert_eq!(taken[0].forget(chain.scale, 1), Measure { messages: 1, bytes: 0, room: 4 });
    }

    #[test]
    fn small_segments_are_joined() {
        let mut chain = chain(Framing::Lines);
        let mut taken = Vec::new();
        for message in [&b"one"[..], b"two"] {
            push(&mut chain, message);
            chain.take(1, &mut taken);
        }
        let second = taken.pop().unwrap();
        assert!(taken[0].absorb(&second, false));
        assert_eq!((bytes(&taken[0]), taken[0].frames(), taken[0].frames_within(4)), (b"one\ntwo\n".to_vec(), 2, 1));
        assert!(!taken[0].absorb(&second, false), "it does not follow any more");
    }
}
