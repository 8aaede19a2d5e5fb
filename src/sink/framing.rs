//! Frames: what a message is on the wire.

use super::choices::Framing;

impl Framing {
    /// The longest message that it can carry.
    #[must_use]
    pub const fn longest(self) -> usize {
        match self {
            Self::Length => u32::MAX as usize,
            Self::None | Self::Lines | Self::Rfc6587 => usize::MAX >> 1,
        }
    }
}
