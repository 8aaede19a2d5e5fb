//! What producers write: records of one size, or frames.

use std::sync::Arc;

use crate::message::{Frames, Layout};

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
