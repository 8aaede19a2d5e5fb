//! A run of frames that is taken, written and given back as one.

use std::ops::{Add, AddAssign, Range, Sub, SubAssign};

use bytes::Bytes;

use crate::message::framing::{Frame, Framing};

/// Frames, as they are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Measure {
    /// How many.
    pub(crate) messages: u64,
    /// The bytes of their messages, without framing.
    pub(crate) bytes: u64,
    /// The room that they hold.
    pub(crate) room: usize,
}

impl Add for Measure {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { messages: self.messages + other.messages, bytes: self.bytes + other.bytes, room: self.room + other.room }
    }
}

impl AddAssign for Measure {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Measure {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { messages: self.messages - other.messages, bytes: self.bytes - other.bytes, room: self.room - other.room }
    }
}

impl SubAssign for Measure {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

/// What a frame's length is worth.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// How messages are framed.
    pub(crate) framing: Framing,
    /// The room that a frame takes at least: what its end takes beside its bytes.
    pub(crate) least: usize,
}

impl Scale {
    /// The room that a frame takes.
    #[inline]
    pub(crate) fn room(self, frame: usize) -> usize {
        frame.max(self.least)
    }

    fn measure(self, frame: usize) -> Measure {
        Measure { messages: 1, bytes: self.framing.message_length(frame) as u64, room: self.room(frame) }
    }
}

/// Frames that follow each other, numbered from [`first`](Self::first) on. Places are byte offsets from its beginning.
#[derive(Debug)]
pub(crate) struct Segment {
    body: Body,
    /// The number of frame 0.
    first: u64,
    /// Frames at the front that are no more.
    gone: usize,
    /// The room that its frames take beyond their bytes, but for those that are gone.
    padding: usize,
}

#[derive(Debug)]
enum Body {
    /// Copied frames, and where they end.
    Block(Block),
    /// One frame by reference.
    Large { frame: Frame, message: Bytes },
}

/// Bytes, and the ends of the frames among them.
#[derive(Debug, Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Block {
    pub(super) fn with_capacity(size: usize) -> Self {
        Self { bytes: Vec::with_capacity(size), ends: Vec::new() }
    }

    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(super) fn memory(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * size_of::<u32>()
    }
}

impl Segment {
    /// An empty segment over `block`, whose first frame will be number `first`.
    pub(super) fn over(mut block: Block, first: u64) -> Self {
        block.bytes.clear();
        block.ends.clear();
        Self { body: Body::Block(block), first, gone: 0, padding: 0 }
    }

    /// A segment of one frame, by reference.
    pub(super) fn large(scale: Scale, message: Bytes, first: u64) -> Self {
        let length = scale.framing.frame_length(message.len());
        let padding = scale.room(length) - length;
        Self { body: Body::Large { frame: scale.framing.frame(message.len()), message }, first, gone: 0, padding }
    }

    /// Its block, for the next to use.
    pub(super) fn into_block(self) -> Option<Block> {
        match self.body {
            Body::Block(block) => Some(block),
            Body::Large { .. } => None,
        }
    }

    /// The bytes that can still be copied into it.
    #[inline]
    pub(super) fn space(&self) -> usize {
        match &self.body {
            Body::Block(block) => block.bytes.capacity() - block.bytes.len(),
            Body::Large { .. } => 0,
        }
    }

    /// Copies a frame in, for which there is [`space`](Self::space).
    #[inline]
    pub(super) fn push(&mut self, scale: Scale, message: &[u8]) {
        let Body::Block(Block { bytes, ends }) = &mut self.body else { return };
        let before = bytes.len();
        match scale.framing {
            Framing::None => bytes.extend_from_slice(message),
            Framing::Lines => {
                bytes.extend_from_slice(message);
                bytes.push(b'\n');
            }
            Framing::Length | Framing::Rfc6587 => {
                let frame = scale.framing.frame(message.len());
                bytes.extend_from_slice(frame.prefix());
                bytes.extend_from_slice(message);
            }
        }
        super::ahead::ask(bytes, bytes.len() - before);
        #[allow(clippy::cast_possible_truncation)] // blocks are far below 4 GiB
        ends.push(bytes.len() as u32);
        self.padding += scale.least.saturating_sub(bytes.len() - before);
    }

    /// Copies the frames of `other` behind its own, if they follow it in number, fit, and are few enough for that to be
    /// better than to keep their block; to one that is `kept`, if they fit: so blocks that stay are half full at least.
    /// Whether it did.
    pub(crate) fn absorb(&mut self, other: &Self, kept: bool) -> bool {
        let (follows, space) = (self.first + self.frames() as u64 == other.first, self.space());
        let (Body::Block(own), Body::Block(others)) = (&mut self.body, &other.body) else { return false };
        let most = if kept { space } else { space.min(own.bytes.capacity() / 4) };
        if !follows || others.bytes.len() > most || other.gone > 0 {
            return false;
        }
        #[allow(clippy::cast_possible_truncation)] // blocks are far below 4 GiB
        let base = own.bytes.len() as u32;
        own.bytes.extend_from_slice(&others.bytes);
        own.ends.extend(others.ends.iter().map(|end| base + end));
        self.padding += other.padding;
        true
    }

    /// Gives its block up for one that is no larger than its frames, if those leave half of it empty.
    pub(super) fn shrink(&mut self) -> Option<Block> {
        let Body::Block(block) = &mut self.body else { return None };
        if block.bytes.len() * 2 > block.bytes.capacity() {
            return None;
        }
        let small = Block { bytes: block.bytes.clone(), ends: block.ends.clone() };
        Some(std::mem::replace(block, small))
    }

    /// The bytes of all frames that it ever had.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match &self.body {
            Body::Block(block) => block.bytes.len(),
            Body::Large { frame, message } => frame.prefix().len() + message.len() + frame.suffix.len(),
        }
    }

    /// The frames that it ever had.
    #[inline]
    pub(crate) fn frames(&self) -> usize {
        match &self.body {
            Body::Block(block) => block.ends.len(),
            Body::Large { .. } => 1,
        }
    }

    /// The frames at its front that are no more.
    pub(crate) fn gone(&self) -> usize {
        self.gone
    }

    /// Whether none of its frames is left.
    pub(crate) fn is_used_up(&self) -> bool {
        self.gone == self.frames()
    }

    /// The number of a frame.
    pub(crate) fn number(&self, frame: usize) -> u64 {
        self.first + frame as u64
    }

    /// The frame of this number, were it before or behind it all.
    pub(crate) fn frame(&self, number: u64) -> usize {
        usize::try_from(number.saturating_sub(self.first)).map_or(self.frames(), |frame| frame.min(self.frames()))
    }

    /// Where a frame begins; behind the last, where that ends.
    pub(crate) fn start(&self, frame: usize) -> usize {
        match &self.body {
            _ if frame == 0 => 0,
            Body::Block(block) => block.ends[frame - 1] as usize,
            Body::Large { .. } => self.len(),
        }
    }

    /// How many frames end at `offset` or before.
    pub(crate) fn frames_within(&self, offset: usize) -> usize {
        match &self.body {
            Body::Block(block) if offset >= block.bytes.len() => block.ends.len(),
            Body::Block(block) => block.ends.partition_point(|end| *end as usize <= offset),
            Body::Large { .. } => usize::from(offset >= self.len()),
        }
    }

    /// The bytes from `offset` on, as far as they lie together; nothing at the end.
    pub(crate) fn part(&self, offset: usize) -> &[u8] {
        match &self.body {
            Body::Block(block) => &block.bytes[offset..],
            Body::Large { frame, message } => {
                let (prefix, suffix) = (frame.prefix(), frame.suffix);
                let behind = offset.saturating_sub(prefix.len());
                match prefix.get(offset..) {
                    Some(part) if !part.is_empty() => part,
                    _ if behind < message.len() => &message[behind..],
                    _ => &suffix[behind - message.len()..],
                }
            }
        }
    }

    /// Counts the frames of a range, none of which is gone.
    pub(crate) fn measure(&self, scale: Scale, frames: Range<usize>) -> Measure {
        if frames.is_empty() {
            return Measure::default();
        }
        if self.padding == 0
            && let Some(overhead) = scale.framing.fixed_overhead()
        {
            let (messages, room) = (frames.len() as u64, self.start(frames.end) - self.start(frames.start));
            return Measure { messages, bytes: room as u64 - messages * overhead as u64, room };
        }
        let lengths = frames.map(|frame| self.start(frame + 1) - self.start(frame));
        lengths.map(|length| scale.measure(length)).fold(Measure::default(), Add::add)
    }

    /// Counts the frames before `frame` as gone, and measures those that were not yet.
    pub(crate) fn forget(&mut self, scale: Scale, frame: usize) -> Measure {
        let measure = self.measure(scale, self.gone..frame);
        if self.padding > 0 && self.gone < frame {
            self.padding -= measure.room - (self.start(frame) - self.start(self.gone));
        }
        self.gone = self.gone.max(frame);
        measure
    }

    /// The room that its frames take.
    pub(crate) fn room(&self) -> usize {
        self.len() - self.start(self.gone) + self.padding
    }

    /// The bytes of memory that it holds.
    pub(crate) fn memory(&self) -> usize {
        match &self.body {
            Body::Block(block) => block.memory(),
            Body::Large { message, .. } => message.len(),
        }
    }
}
