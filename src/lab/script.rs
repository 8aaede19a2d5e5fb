//! What producers write: records of one size, or frames.

use std::slice::ChunksExact;
use std::sync::Arc;

use crate::message::{Frames, Layout};

/// How many records are laid out at once, as far as they fit in so many bytes.
const AHEAD: usize = 64;
const AHEAD_BYTES: usize = 4096;

/// What the messages of a run are. Cloning shares it.
#[derive(Clone)]
pub(super) enum Script {
    /// Records of one size.
    Uniform(Layout),
    /// Messages that differ in size.
    Framed(Arc<Frames>),
}

impl Script {
    /// How records say who sent them.
    pub(super) fn layout(&self) -> Layout {
        match self {
            Self::Uniform(layout) => *layout,
            Self::Framed(frames) => frames.layout(),
        }
    }

    /// All that one producer sends.
    pub(super) fn pages(self, producer: u32, messages: u64) -> Pages {
        let size = if let Self::Uniform(layout) = &self { layout.size() } else { 0 };
        let ahead = (AHEAD_BYTES / size.max(1)).clamp(1, AHEAD);
        Pages { script: self, producer, page: vec![0; ahead * size], next: 0, messages }
    }

    /// A pen for one thread or task.
    pub(super) fn pen(self) -> Pen {
        let size = if let Self::Uniform(layout) = &self { layout.size() } else { 0 };
        Pen { script: self, message: vec![0; size] }
    }
}

/// Writes one message after the other, each in the place of the last.
pub(super) struct Pen {
    script: Script,
    message: Vec<u8>,
}

impl Pen {
    /// Message `sequence` of `producer`.
    #[inline]
    pub(super) fn write(&mut self, producer: u32, sequence: u64) -> &[u8] {
        match &self.script {
            Script::Uniform(layout) => layout.write(&mut self.message, producer, sequence),
            Script::Framed(frames) => frames.write(&mut self.message, producer, sequence),
        }
        &self.message
    }
}

/// The messages of one producer; records of one size some ahead of being sent.
///
/// A record that was written the instant before still stands in the processor's store buffer, behind what the last sends
/// have stored. A queue that copies it by wider loads than it was written by would wait until all of that is in the
/// cache, and be charged for how the lab makes up its messages.
pub(super) struct Pages {
    script: Script,
    producer: u32,
    page: Vec<u8>,
    next: u64,
    messages: u64,
}

impl Pages {
    /// The next few, one behind the other; nothing after the last.
    pub(super) fn lay_out(&mut self) -> Option<ChunksExact<'_, u8>> {
        if self.next == self.messages {
            return None;
        }
        match &self.script {
            Script::Uniform(layout) => {
                let size = layout.size();
                let left = usize::try_from(self.messages - self.next).unwrap_or(usize::MAX);
                let count = (self.page.len() / size).min(left);
                let page = &mut self.page[..count * size];
                layout.write_run(page, self.producer, self.next);
                self.next += count as u64;
                Some(page.chunks_exact(size))
            }
            Script::Framed(frames) => {
                frames.write(&mut self.page, self.producer, self.next);
                self.next += 1;
                Some(self.page.chunks_exact(self.page.len().max(1)))
            }
        }
    }
}
