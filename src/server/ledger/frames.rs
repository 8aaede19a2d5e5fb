//! Cuts a stream of frames, each of which says its own length, whatever pieces it comes in.
//!
//! Every length is known beforehand, so a head is believed only if it is that of a message of the run. One that is not
//! says nothing of where the next begins: from there on the stream cannot be read, and what it held is lost.

use std::sync::Arc;

use super::verdict::Finding;
use crate::message::{Frames, HEADER, Stamp};

/// Where in the stream the reading stands.
#[derive(Debug)]
pub(super) struct Framed {
    frames: Arc<Frames>,
    /// The beginning of a frame whose end has not come yet.
    partial: Vec<u8>,
    /// Whether a head made no sense.
    is_lost: bool,
}

impl Framed {
    pub(super) const fn new(frames: Arc<Frames>) -> Self {
        Self { frames, partial: Vec::new(), is_lost: false }
    }

    /// Hands what each whole frame says of itself to `take`, with its length; keeps the rest for the next call. Frames
    /// that lie whole in `bytes` are checked where they lie.
    pub(super) fn cut(&mut self, mut bytes: &[u8], mut take: impl FnMut(Stamp, usize)) {
        while !bytes.is_empty() && !self.is_lost {
            if self.partial.is_empty()
                && let Some(length) = bytes.first_chunk().and_then(|head| self.frames.length(head))
                && let Some((frame, rest)) = bytes.split_at_checked(length)
            {
                take(self.frames.read(frame), length);
                bytes = rest;
            } else {
                bytes = self.complete(bytes, &mut take);
            }
        }
    }

    /// What the stream's end cuts off.
    pub(super) fn cut_off(&self) -> Option<Finding> {
        let bytes = self.partial.len();
        (bytes > 0).then(|| Finding::Cut { bytes, size: self.wanted().unwrap_or(HEADER) })
    }

    /// Goes on with the frame that was begun, and returns what is left of `bytes`.
    fn complete<'a>(&mut self, bytes: &'a [u8], take: &mut impl FnMut(Stamp, usize)) -> &'a [u8] {
        let missing = self.wanted().unwrap_or(HEADER) - self.partial.len();
        let (more, rest) = bytes.split_at(missing.min(bytes.len()));
        self.partial.extend_from_slice(more);
        match self.wanted() {
            None if self.partial.len() >= HEADER => {
                self.is_lost = true;
                self.partial.clear();
                take(Stamp::Corrupt, 0);
            }
            Some(length) if self.partial.len() == length => {
                take(self.frames.read(&self.partial), length);
                self.partial.clear();
            }
            _ => {}
        }
        rest
    }

    /// How long the frame that was begun is, once its head has come and makes sense.
    fn wanted(&self) -> Option<usize> {
        self.partial.first_chunk().and_then(|head| self.frames.length(head))
    }
}
