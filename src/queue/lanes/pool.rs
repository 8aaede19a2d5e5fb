//! Segments that are free, kept for the next lane that needs one of their size.

use super::super::sync::{Arc, MODELLED};
use super::chain::{LARGEST, Segment};

/// The smallest segment that is kept.
const SMALLEST: usize = if MODELLED { 4 } else { 256 };

/// The most bytes that are kept; what comes on top is given back to the system.
const MOST: usize = 1024 * 1024;

/// Free segments by size.
#[derive(Debug, Default)]
pub(super) struct Pool {
    sizes: Vec<Vec<Arc<Segment>>>,
    bytes: usize,
}

impl Pool {
    /// One of exactly `size` bytes, if there is one.
    pub(super) fn take(&mut self, size: usize) -> Option<Arc<Segment>> {
        let segment = self.sizes.get_mut(class(size)?)?.pop()?;
        self.bytes -= size;
        Some(segment)
    }

    /// Keeps a segment that was read to its end. A pool that is full starts anew: what fills it is not what is used.
    pub(super) fn put(&mut self, mut segment: Arc<Segment>) {
        let size = segment.size();
        let Some(class) = class(size) else { return };
        if !Segment::recycle(&mut segment) {
            return;
        }
        if self.bytes + size > MOST {
            self.sizes.iter_mut().for_each(Vec::clear);
            self.bytes = 0;
        }
        if self.sizes.len() <= class {
            self.sizes.resize_with(class + 1, Vec::new);
        }
        self.sizes[class].push(segment);
        self.bytes += size;
    }
}

/// The place of powers of two from [`SMALLEST`] to [`LARGEST`].
fn class(size: usize) -> Option<usize> {
    let fits = size.is_power_of_two() && (SMALLEST..=LARGEST).contains(&size);
    fits.then(|| (size.trailing_zeros() - SMALLEST.trailing_zeros()) as usize)
}
