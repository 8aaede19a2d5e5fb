//! A batch as one run of bytes, with the ends of its messages beside it.

use bytes::Buf;

use super::Batch;

/// Bytes in one piece. The ends of messages are kept only where their sizes differ.
#[derive(Debug)]
pub struct Arena {
    bytes: Vec<u8>,
    /// Bytes before this one are written.
    head: usize,
    ends: Ends,
}

#[derive(Debug)]
enum Ends {
    /// Every message is this long.
    Every(usize),
    /// The ends of all messages; those before `next` are written.
    At { ends: Vec<usize>, next: usize },
}

impl Arena {
    /// An empty arena for messages of `size` bytes, or of any size.
    #[must_use]
    pub fn new(size: Option<usize>) -> Self {
        let ends = match size {
            Some(size) if size > 0 => Ends::Every(size),
            _ => Ends::At { ends: Vec::new(), next: 0 },
        };
        Self { bytes: Vec::new(), head: 0, ends }
    }

    /// Whether a message of this length may be pushed.
    #[inline]
    #[must_use]
    pub fn fits(&self, length: usize) -> bool {
        match self.ends {
            Ends::Every(size) => size == length,
            Ends::At { .. } => true,
        }
    }

    /// Appends a message that [`fits`](Self::fits). An empty one leaves no trace.
    #[inline]
    pub fn push(&mut self, message: &[u8]) {
        self.bytes.extend_from_slice(message);
        if let Ends::At { ends, .. } = &mut self.ends
            && !message.is_empty()
        {
            ends.push(self.bytes.len());
        }
    }

    /// Forgets the messages and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.head = 0;
        if let Ends::At { ends, next } = &mut self.ends {
            ends.clear();
            *next = 0;
        }
    }

    /// The bytes of memory held, used or not.
    #[must_use]
    pub fn memory(&self) -> usize {
        match &self.ends {
            Ends::Every(_) => self.bytes.capacity(),
            Ends::At { ends, .. } => self.bytes.capacity() + ends.capacity() * size_of::<usize>(),
        }
    }
}

impl Buf for Arena {
    #[inline]
    fn remaining(&self) -> usize {
        self.bytes.len() - self.head
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        &self.bytes[self.head..]
    }

    #[inline]
    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "advanced beyond the batch");
        self.head += count;
        if let Ends::At { ends, next } = &mut self.ends {
            *next += ends[*next..].partition_point(|end| *end <= self.head);
        }
    }
}

impl Batch for Arena {
    #[inline]
    fn first(&self) -> usize {
        match &self.ends {
            Ends::Every(size) => (size - self.head % size).min(self.remaining()),
            Ends::At { ends, next } => ends.get(*next).map_or(0, |end| end - self.head),
        }
    }

    fn messages(&self) -> usize {
        match &self.ends {
            Ends::Every(size) => self.remaining().div_ceil(*size),
            Ends::At { ends, next } => ends.len() - next,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_kept_where_sizes_differ() {
        let mut arena = Arena::new(None);
        for message in [&b"one"[..], b"", b"three"] {
            arena.push(message);
        }
        assert_eq!((arena.messages(), arena.first(), arena.remaining()), (2, 3, 8));
        arena.advance(2);
        assert_eq!((arena.messages(), arena.first()), (2, 1));
        arena.advance(1);
        assert_eq!((arena.messages(), arena.first(), arena.chunk()), (1, 5, &b"three"[..]));
        arena.advance(5);
        assert_eq!((arena.messages(), arena.first()), (0, 0));
    }

    #[test]
    fn one_size_needs_no_ends() {
        let mut arena = Arena::new(Some(2));
        arena.push(b"ab");
        arena.push(b"cd");
        arena.advance(1);
        assert_eq!((arena.messages(), arena.first()), (2, 1));
        arena.advance(1);
        assert_eq!((arena.messages(), arena.first()), (1, 2));
        assert!(!arena.fits(3));
    }
}
