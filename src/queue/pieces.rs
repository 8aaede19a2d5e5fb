//! A batch as a list of owned messages: what channels hand out.

use std::io::IoSlice;

use bytes::Buf;

use super::{Batch, Carrier};

/// Messages, each in a piece of its own.
#[derive(Debug)]
pub struct Pieces<C> {
    items: Vec<C>,
    /// The first message that is not wholly written.
    next: usize,
    /// How much of that message is written.
    offset: usize,
    remaining: usize,
}

impl<C: Carrier> Pieces<C> {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self { items: Vec::new(), next: 0, offset: 0, remaining: 0 }
    }

    /// Replaces what is there by what `fill` puts into an empty list, and says whether that is anything.
    pub fn refill(&mut self, fill: impl FnOnce(&mut Vec<C>)) -> bool {
        self.items.clear();
        fill(&mut self.items);
        self.count();
        !self.items.is_empty()
    }

    /// The list, emptied, for a drain that waits; call [`count`](Self::count) when it is filled.
    pub fn emptied(&mut self) -> &mut Vec<C> {
        self.items.clear();
        self.count();
        &mut self.items
    }

    /// Reads the list anew from its front.
    pub fn count(&mut self) {
        (self.next, self.offset) = (0, 0);
        self.remaining = match C::flat(&self.items) {
            Some(bytes) => bytes.len(),
            None => self.items.iter().map(|item| item.bytes().len()).sum(),
        };
        self.skip_empty();
    }

    /// The bytes of this batch and of `waiting` further messages, taken to be of its messages' mean size.
    #[must_use]
    pub fn backlog(&self, waiting: usize) -> usize {
        self.remaining + self.remaining * waiting / self.items.len().max(1)
    }

    fn skip_empty(&mut self) {
        while self.items.get(self.next).is_some_and(|item| item.bytes().len() == self.offset) {
            self.next += 1;
            self.offset = 0;
        }
    }

    fn front(&self) -> &[u8] {
        self.items.get(self.next).map_or(&[], |item| &item.bytes()[self.offset..])
    }
}

impl<C: Carrier> Default for Pieces<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Carrier> Buf for Pieces<C> {
    #[inline]
    fn remaining(&self) -> usize {
        self.remaining
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        match C::flat(&self.items) {
            Some(bytes) => &bytes[bytes.len() - self.remaining..],
            None => self.front(),
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        if C::flat(&self.items).is_some() {
            return fill(slices, [self.chunk()].into_iter());
        }
        let rest = self.items.iter().skip(self.next + 1).map(Carrier::bytes);
        fill(slices, std::iter::once(self.front()).chain(rest).filter(|bytes| !bytes.is_empty()))
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.remaining, "advanced beyond the batch");
        self.remaining -= count;
        if C::flat(&self.items).is_some() {
            let written = self.offset + count;
            self.next += written / size_of::<C>();
            self.offset = written % size_of::<C>();
            return;
        }
        while count > 0 {
            let step = count.min(self.front().len());
            self.offset += step;
            count -= step;
            self.skip_empty();
        }
    }
}

impl<C: Carrier> Batch for Pieces<C> {
    #[inline]
    fn first(&self) -> usize {
        self.front().len()
    }

    fn messages(&self) -> usize {
        if C::flat(&self.items).is_some() {
            return self.items.len() - self.next;
        }
        self.items.iter().skip(self.next).filter(|item| !item.bytes().is_empty()).count()
    }
}

fn fill<'a>(slices: &mut [IoSlice<'a>], pieces: impl Iterator<Item = &'a [u8]>) -> usize {
    let mut filled = 0;
    for (slice, piece) in slices.iter_mut().zip(pieces) {
        *slice = IoSlice::new(piece);
        filled += 1;
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk<C: Carrier>(messages: &[&[u8]], step: usize) -> Vec<u8> {
        let mut pieces = Pieces::<C>::new();
        pieces.refill(|items| items.extend(messages.iter().filter_map(|message| C::carry(message))));
        let mut out = Vec::new();
        while pieces.has_remaining() {
            assert!(pieces.first() > 0 && pieces.messages() > 0);
            let taken = step.min(pieces.chunk().len());
            out.extend_from_slice(&pieces.chunk()[..taken]);
            pieces.advance(taken);
        }
        assert_eq!((pieces.first(), pieces.messages()), (0, 0));
        out
    }

    #[test]
    fn every_step_reads_the_same_bytes() {
        let messages: [&[u8]; 5] = [b"", b"abc", b"d", b"", b"ef"];
        for step in 1..8 {
            assert_eq!(walk::<Box<[u8]>>(&messages, step), b"abcdef");
            assert_eq!(walk::<[u8; 2]>(&[b"ab", b"cd", b"ef"], step), b"abcdef");
            assert_eq!(walk::<u8>(&[b"a", b"b"], step), b"ab");
        }
    }

    #[test]
    fn gathers_from_the_middle_of_a_message() {
        let mut pieces = Pieces::<Box<[u8]>>::new();
        pieces.refill(|items| items.extend([&b"abc"[..], b"", b"de"].map(Box::from)));
        pieces.advance(1);
        let mut slices = [IoSlice::new(&[]); 4];
        let filled = pieces.chunks_vectored(&mut slices);
        let seen: Vec<&[u8]> = slices[..filled].iter().map(|slice| &**slice).collect();
        assert_eq!(seen, [&b"bc"[..], b"de"]);
    }
}
