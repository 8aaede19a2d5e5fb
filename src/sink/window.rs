//! The window: what the actor holds, from the first frame that may still be needed to the last that is to be written.
//!
//! ```text
//!      kept until acked        to be written
//! ├──────────────┬──────────┬────────────────┤
//! front        echoed    written            tail     places in one endless stream of frames
//! ```
//!
//! Without confirmation a frame is given back once it is wholly written; with it, once its echo has come back equal. It
//! holds no socket and no clock.

use std::collections::VecDeque;
use std::io::IoSlice;

use crate::queue::frames::{Measure, Scale, Segment};

/// A segment in the stream.
#[derive(Debug)]
struct Held {
    segment: Segment,
    /// The first byte that was still there when it was lent: its offset in the segment, and its place in the stream.
    from: (usize, u64),
    /// What it takes, as it was last counted.
    memory: usize,
}

impl Held {
    /// A place as an offset into the segment; its ends, for places before and behind.
    fn offset(&self, place: u64) -> usize {
        let behind = usize::try_from(place.saturating_sub(self.from.1)).unwrap_or(usize::MAX);
        self.from.0.saturating_add(behind).min(self.segment.len())
    }

    fn place(&self, offset: usize) -> u64 {
        self.from.1 + offset.saturating_sub(self.from.0) as u64
    }

    fn start(&self, frame: usize) -> u64 {
        self.place(self.segment.start(frame))
    }

    fn end(&self) -> u64 {
        self.place(self.segment.len())
    }
}

/// What has moved in the window since it was last asked.
#[derive(Debug, Default)]
pub(super) struct Moves {
    /// Wholly written, for the first time.
    pub(super) fresh: Measure,
    /// Wholly written, after they were in doubt.
    pub(super) again: Measure,
    /// Acknowledged.
    pub(super) acked: Measure,
    /// The room that is free again.
    pub(super) room: usize,
    /// Segments that are not needed any more.
    pub(super) used: Vec<Segment>,
}

impl Moves {
    /// Whether nothing has moved.
    pub(super) fn is_empty(&self) -> bool {
        let Self { fresh, again, room, used, .. } = self;
        fresh.messages + again.messages == 0 && *room == 0 && used.is_empty()
    }
}

/// An echo that is not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WrongEcho {
    /// The first wrong byte, counted from the beginning of the connection.
    pub(super) offset: u64,
    /// What should have come; nothing where nothing was owed.
    pub(super) expected: Option<u8>,
    /// What came.
    pub(super) found: u8,
}

/// The frames that the actor holds.
#[derive(Debug)]
pub(super) struct Window {
    scale: Scale,
    /// Whether frames are kept until their echo.
    confirms: bool,
    held: VecDeque<Held>,
    tail: u64,
    written: u64,
    echoed: u64,
    /// The echoed bytes of this connection.
    answered: u64,
    /// The first frame that is not wholly written: its segment, and its place there.
    at: (usize, usize),
    /// Frames below this number were begun on a connection that was lost.
    doubted: u64,
    moves: Moves,
    memory: usize,
}

impl Window {
    /// An empty window.
    pub(super) fn new(scale: Scale, confirms: bool) -> Self {
        Self {
            scale,
            confirms,
            held: VecDeque::new(),
            tail: 0,
            written: 0,
            echoed: 0,
            answered: 0,
            at: (0, 0),
            doubted: 0,
            moves: Moves::default(),
            memory: 0,
        }
    }

    /// The bytes that are to be written.
    pub(super) const fn unwritten(&self) -> u64 {
        self.tail - self.written
    }

    /// Whether bytes were written whose echo has not come back.
    pub(super) const fn is_owed(&self) -> bool {
        self.confirms && self.echoed < self.written
    }

    /// Whether it holds nothing, and has told all that has moved.
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty() && self.moves.is_empty()
    }

    /// The number of the oldest frame held.
    pub(super) fn front(&self) -> Option<u64> {
        self.held.front().map(|held| held.segment.number(held.segment.gone()))
    }

    /// The bytes of memory that it holds.
    pub(super) const fn memory(&self) -> usize {
        self.memory
    }

    /// Takes a segment to be written behind the others. Few frames join the segment before; all that fit do, where
    /// they are kept until their echo.
    pub(super) fn admit(&mut self, segment: Segment) {
        let from = segment.start(segment.gone());
        let length = (segment.len() - from) as u64;
        if let Some(last) = self.held.back_mut()
            && last.segment.absorb(&segment, self.confirms)
        {
            self.moves.used.push(segment);
            let memory = last.segment.memory();
            self.memory = self.memory - last.memory + memory;
            last.memory = memory;
        } else {
            let memory = segment.memory();
            self.memory += memory;
            self.held.push_back(Held { segment, from: (from, self.tail), memory });
        }
        self.tail += length;
        // Empty frames are written as soon as those before them are.
        self.wrote(0);
    }

    /// Fills `slices` with what is to be written, up to `most` bytes; returns how many there are.
    pub(super) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>], most: usize) -> usize {
        let (mut filled, mut left) = (0, most);
        for held in self.held.iter().skip(self.at.0) {
            let mut offset = held.offset(self.written);
            while offset < held.segment.len() {
                if filled == slices.len() || left == 0 {
                    return filled;
                }
                let part = held.segment.part(offset);
                let part = &part[..part.len().min(left)];
                slices[filled] = IoSlice::new(part);
                filled += 1;
                left -= part.len();
                offset += part.len();
            }
        }
        filled
    }

    /// `count` bytes of what is to be written went to the system.
    pub(super) fn wrote(&mut self, count: usize) {
        self.written += count as u64;
        self.pass_written();
        if !self.confirms {
            self.echoed = self.written;
        }
        let released = self.release(self.echoed);
        if self.confirms {
            self.moves.acked += released;
        }
    }

    /// Moves on to the first frame that is not wholly written, and counts those before.
    fn pass_written(&mut self) {
        while let Some(held) = self.held.get(self.at.0) {
            let from = self.at.1.max(held.segment.gone());
            let within = held.segment.frames_within(held.offset(self.written)).max(from);
            // Frames that were in doubt stand before all others.
            let doubted = held.segment.frame(self.doubted).clamp(from, within);
            self.moves.again += held.segment.measure(self.scale, from..doubted);
            self.moves.fresh += held.segment.measure(self.scale, doubted..within);
            self.at.1 = within;
            // The last may still be added to.
            if within < held.segment.frames() || self.at.0 + 1 == self.held.len() {
                break;
            }
            self.at = (self.at.0 + 1, 0);
        }
    }

    /// Bytes came back. They acknowledge what they are equal to.
    pub(super) fn echo(&mut self, mut bytes: &[u8]) -> Result<(), WrongEcho> {
        while let Some(&found) = bytes.first() {
            let Some(expected) = self.expected() else {
                return Err(WrongEcho { offset: self.answered, expected: None, found });
            };
            let length = expected.len().min(bytes.len());
            let wrong = if expected[..length] == bytes[..length] { None } else { Some(first_wrong(expected, bytes)) };
            let right = wrong.map_or(length, |(right, ..)| right);
            self.echoed += right as u64;
            self.answered += right as u64;
            bytes = &bytes[right..];
            let acked = self.release(self.echoed);
            self.moves.acked += acked;
            if let Some((_, expected, found)) = wrong {
                return Err(WrongEcho { offset: self.answered, expected: Some(expected), found });
            }
        }
        Ok(())
    }

    /// What is owed next, as far as it lies together.
    fn expected(&self) -> Option<&[u8]> {
        let owed = usize::try_from(self.written - self.echoed).unwrap_or(usize::MAX);
        let held = self.held.iter().find(|held| held.end() > self.echoed).filter(|_| owed > 0)?;
        let part = held.segment.part(held.offset(self.echoed));
        Some(&part[..part.len().min(owed)])
    }

    /// Gives back the frames that end at `place` or before, and measures them.
    fn release(&mut self, place: u64) -> Measure {
        let mut released = Measure::default();
        while let Some(front) = self.held.front_mut() {
            // Empty frames end where those before them do, written or not.
            let written = if self.at.0 == 0 { self.at.1 } else { front.segment.frames() };
            let within = front.segment.frames_within(front.offset(place)).min(written);
            released += front.segment.forget(self.scale, within);
            if !front.segment.is_used_up() {
                break;
            }
            self.at = if self.at.0 == 0 { (0, 0) } else { (self.at.0 - 1, self.at.1) };
            let Some(held) = self.held.pop_front() else { break };
            self.memory -= held.memory;
            self.moves.used.push(held.segment);
        }
        self.moves.room += released.room;
        released
    }

    /// The connection is lost, and what was begun on it is in doubt. If it is to be sent again, all is unwritten from the
    /// first frame that was not acknowledged; otherwise what was begun is given back. Returns the frame that was cut, if it
    /// was not in doubt before.
    pub(super) fn lose(&mut self, resend: bool) -> Measure {
        let cut = self.cut();
        if resend {
            self.doubted = self.doubted.max(self.next_unbegun());
            self.written = self.held.front().map_or(self.tail, |held| held.start(held.segment.gone()));
        } else {
            self.give_begun_back();
        }
        self.echoed = self.written;
        self.answered = 0;
        self.at = (0, 0);
        cut
    }

    fn give_begun_back(&mut self) {
        if let Some((held, frame)) = self.begun() {
            self.written = held.start(frame + 1);
            self.at.1 = frame + 1;
        }
        let _ = self.release(self.written);
    }

    /// The first frame that is not wholly written, if some of its bytes are.
    fn begun(&self) -> Option<(&Held, usize)> {
        let held = self.held.get(self.at.0)?;
        (held.start(self.at.1) < self.written).then_some((held, self.at.1))
    }

    fn cut(&self) -> Measure {
        match self.begun() {
            Some((held, frame)) if held.segment.number(frame) >= self.doubted => {
                held.segment.measure(self.scale, frame..frame + 1)
            }
            _ => Measure::default(),
        }
    }

    /// The number of the first frame of which no byte was written.
    fn next_unbegun(&self) -> u64 {
        let begun = usize::from(self.begun().is_some());
        self.held.get(self.at.0).map_or(0, |held| held.segment.number(self.at.1 + begun))
    }

    /// What has moved since this was last called.
    pub(super) fn moves(&mut self) -> Moves {
        std::mem::take(&mut self.moves)
    }
}

/// How many bytes are right before the first that is wrong, which should be the one and is the other.
fn first_wrong(expected: &[u8], found: &[u8]) -> (usize, u8, u8) {
    let mut pairs = expected.iter().zip(found).enumerate();
    pairs.find(|(_, (expected, found))| expected != found).map_or((0, 0, 0), |(at, pair)| (at, *pair.0, *pair.1))
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
