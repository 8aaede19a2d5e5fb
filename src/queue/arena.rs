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

    /// Drops the message at the front, or what is left of it, and returns how many bytes that were. The memory before the
    /// front is used again as soon as it is half of all, so dropping and pushing in turn does not grow the arena.
    pub fn drop_first(&mut self) -> usize {
        let length = self.first();
        self.advance(length);
        if self.head * 2 >= self.bytes.len() {
            self.compact();
        }
        length
    }

    fn compact(&mut self) {
        self.bytes.drain(..self.head);
        if let Ends::At { ends, next } = &mut self.ends {
            ends.drain(..*next);
            for end in ends.iter_mut() {
                *end -= self.head;
            }
            *next = 0;
        }
        self.head = 0;
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
    fn dropping_the_first_keeps_the_rest_and_the_memory() {
        for size in [None, Some(10)] {
            let mut arena = Arena::new(size);
            for turn in 0..1000_u32 {
                arena.push(format!("{turn:010}").as_bytes());
                if turn >= 5 {
                    assert_eq!(arena.drop_first(), 10);
                    assert_eq!((arena.messages(), arena.first(), arena.remaining()), (5, 10, 50));
                    assert_eq!(&arena.chunk()[..10], format!("{:010}", turn - 4).as_bytes());
                }
            }
            assert!(arena.memory() < 1000, "{} bytes", arena.memory());
        }
        assert_eq!(Arena::new(None).drop_first(), 0);
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
