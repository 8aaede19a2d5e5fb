//! Cuts a stream into records, whatever pieces it comes in.
//!
//! TCP keeps bytes in order and knows no records, so a read ends anywhere. Records that lie whole in a read are checked
//! where they lie; only one that is split between reads is copied together.

use super::verdict::Finding;

/// The beginning of a record whose end has not come yet.
#[derive(Debug)]
pub(super) struct Carry {
    size: usize,
    partial: Vec<u8>,
}

impl Carry {
    /// For records of `size` bytes.
    pub(super) const fn new(size: usize) -> Self {
        Self { size, partial: Vec::new() }
    }

    /// Hands whole records to `take`, in order, as many at a time as lie together; keeps the rest for the next call.
    #[inline]
    pub(super) fn cut(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) {
        let bytes = if self.partial.is_empty() { bytes } else { self.complete(bytes, &mut take) };
        let (records, rest) = bytes.split_at(bytes.len() - bytes.len() % self.size);
        take(records);
        self.partial.extend_from_slice(rest);
    }

    /// What the stream's end cuts off: a record that is not whole.
    pub(super) fn cut_off(&self) -> Option<Finding> {
        let bytes = self.partial.len();
        (bytes > 0).then_some(Finding::Cut { bytes, size: self.size })
    }

    /// Completes the record that was begun, if `bytes` suffice, and returns what is left of them.
    fn complete<'a>(&mut self, bytes: &'a [u8], take: &mut impl FnMut(&[u8])) -> &'a [u8] {
        let missing = self.size - self.partial.len();
        let (end, rest) = bytes.split_at(missing.min(bytes.len()));
        self.partial.extend_from_slice(end);
        if self.partial.len() == self.size {
            take(&self.partial);
            self.partial.clear();
        }
        rest
    }
}
