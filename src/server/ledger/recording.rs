//! Bytes kept as they came, to be checked when the clock has stopped.
//!
//! A recording has room for what is expected and a little more. A stream that brings more than that is wrong already,
//! and must not fill the memory: what was kept is then checked, and what follows is checked as it arrives.

use super::RECORDED;

/// Room beyond what is expected, so that a few doubles do not end the recording.
const MARGIN: usize = 64 << 10;

/// A buffer that was touched beforehand: filling it costs a copy, and no page fault.
#[derive(Debug)]
pub(super) struct Recording {
    kept: Vec<u8>,
}

impl Recording {
    /// Room for `expected` bytes; nothing if they are too many to be kept.
    pub(super) fn of(expected: u64) -> Option<Self> {
        let expected = usize::try_from(expected).ok().filter(|_| expected <= RECORDED)?;
        // Any value but zero: zeroed memory comes untouched from the system.
        let mut kept = vec![0xA5; expected + MARGIN];
        kept.clear();
        Some(Self { kept })
    }

    /// Keeps `bytes`, unless they exceed the room: then it keeps none of them, and they must be checked at once.
    #[inline]
    pub(super) fn take(&mut self, bytes: &[u8]) -> bool {
        let fits = bytes.len() <= self.kept.capacity() - self.kept.len();
        if fits {
            self.kept.extend_from_slice(bytes);
        }
        fits
    }

    /// What was kept.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.kept
    }
}
