//! Write policies: how a drained batch becomes system calls.

use std::io::{self, IoSlice};
use std::str::FromStr;

use bytes::Buf;

use super::Wire;
use crate::error::{Error, Result};
use crate::queue::Batch;

/// A gathered copy is at most this long: larger blocks gain nothing on any socket that was measured.
const BLOCK: usize = 256 * 1024;

/// Slices a gathered send passes at once; the system's limit is 1024.
const SLICES: usize = 1024;

/// Of pieces that are sent where they lie, those below this are copied together: a slice costs the system more.
const SHORT: usize = 512;

/// How the actor writes what it has drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Policy {
    /// A write a message.
    Each,
    /// A write for all that was drained; what lies in short pieces is copied together, up to 256 KiB at a time.
    Batch,
    /// A gathered write of the pieces as they lie, without a copy, up to 1024 at a time.
    Vectored,
}

impl Policy {
    /// Every policy.
    pub const ALL: &[Self] = &[Self::Each, Self::Batch, Self::Vectored];

    /// Its name in strategies.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::Batch => "batch",
            Self::Vectored => "vectored",
        }
    }

    /// One line: what it is.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Each => "a write a message",
            Self::Batch => "a write for all that was drained",
            Self::Vectored => "a gathered write of the pieces as they lie, without a copy",
        }
    }
}

impl FromStr for Policy {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|policy| policy.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|policy| policy.name()).collect();
            Error::argument("write", name, format!("allowed are {}", names.join(", ")))
        })
    }
}

/// Writes batches by a policy.
#[derive(Debug)]
pub struct Writer {
    policy: Policy,
    /// Where scattered messages are copied together; kept for its memory.
    block: Vec<u8>,
}

impl Writer {
    /// A writer by `policy`.
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        Self { policy, block: Vec::new() }
    }

    /// Writes from the front of the batch, which is not empty, and returns how many system calls that took.
    ///
    /// # Errors
    /// What the wire fails with; the batch is advanced by what was written before, or copied together to be.
    pub async fn write<B: Batch, W: Wire>(&mut self, batch: &mut B, wire: &W) -> io::Result<u64> {
        match self.policy {
            Policy::Each => write_first(batch, wire).await,
            Policy::Batch => self.write_block(batch, wire).await,
            Policy::Vectored => write_pieces(batch, wire).await,
        }
    }

    async fn write_block<B: Batch, W: Wire>(&mut self, batch: &mut B, wire: &W) -> io::Result<u64> {
        if batch.chunk().len() == batch.remaining() {
            let written = wire.send(batch.chunk()).await?;
            batch.advance(written);
            return Ok(1);
        }
        if batch.gathers() {
            return write_gathered(batch, wire, &mut self.block).await;
        }
        self.block.clear();
        while batch.has_remaining() && self.block.len() < BLOCK {
            let piece = batch.chunk();
            let taken = piece.len().min(BLOCK - self.block.len());
            self.block.extend_from_slice(&piece[..taken]);
            batch.advance(taken);
        }
        let writes = send_all(&self.block, wire).await?;
        // A socket that always takes more would keep the answers, and a stop, waiting for as long as the batch lasts.
        tokio::task::yield_now().await;
        Ok(writes)
    }
}

/// Writes the message at the front, to its end.
async fn write_first<B: Batch, W: Wire>(batch: &mut B, wire: &W) -> io::Result<u64> {
    let (mut writes, mut left) = (0, batch.first());
    while left > 0 {
        let piece = batch.chunk();
        let written = wire.send(&piece[..left.min(piece.len())]).await?;
        batch.advance(written);
        left -= written;
        writes += 1;
    }
    Ok(writes)
}

async fn write_pieces<B: Batch, W: Wire>(batch: &mut B, wire: &W) -> io::Result<u64> {
    let written = {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let filled = batch.chunks_vectored(&mut slices);
        wire.send_gathered(&slices[..filled]).await?
    };
    batch.advance(written);
    Ok(1)
}

/// A gathered write of long pieces as they lie, and of short ones copied together into `block`.
async fn write_gathered<B: Batch, W: Wire>(batch: &mut B, wire: &W, block: &mut Vec<u8>) -> io::Result<u64> {
    let written = {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let filled = batch.chunks_vectored(&mut slices);
        copy_short(&slices[..filled], block);
        let filled = join_short(&mut slices[..filled], block);
        wire.send_gathered(&slices[..filled]).await?
    };
    batch.advance(written);
    Ok(1)
}

fn copy_short(slices: &[IoSlice<'_>], block: &mut Vec<u8>) {
    block.clear();
    slices.iter().filter(|slice| slice.len() < SHORT).for_each(|slice| block.extend_from_slice(slice));
}

/// Puts one slice of `block` in the place of each run of short ones, and returns how many there are then.
fn join_short<'a>(slices: &mut [IoSlice<'a>], block: &'a [u8]) -> usize {
    let (mut joined, mut at, mut begun) = (0, 0, 0);
    let mut in_run = false;
    for index in 0..slices.len() {
        let slice = slices[index];
        if slice.len() < SHORT {
            begun = if in_run { begun } else { at };
            at += slice.len();
            joined -= usize::from(in_run);
            slices[joined] = IoSlice::new(&block[begun..at]);
        } else {
            slices[joined] = slice;
        }
        in_run = slice.len() < SHORT;
        joined += 1;
    }
    joined
}

async fn send_all<W: Wire>(mut bytes: &[u8], wire: &W) -> io::Result<u64> {
    let mut writes = 0;
    while !bytes.is_empty() {
        let written = wire.send(bytes).await?;
        bytes = &bytes[written..];
        writes += 1;
    }
    Ok(writes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_short_pieces_are_joined() {
        let (long, short) = ([1; SHORT], [2; 3]);
        for pattern in ["", "s", "l", "sl", "ls", "ssl", "lss", "slslss", "llssl"] {
            let mut slices: Vec<_> =
                pattern.bytes().map(|kind| IoSlice::new(if kind == b'l' { &long } else { &short })).collect();
            let plain: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            let mut block = Vec::new();
            copy_short(&slices, &mut block);
            let joined = join_short(&mut slices, &block);
            let seen: Vec<u8> = slices[..joined].iter().flat_map(|slice| slice.to_vec()).collect();
            assert_eq!(seen, plain, "{pattern}");
            assert!(slices[..joined].windows(2).all(|two| two.iter().any(|slice| slice.len() >= SHORT)), "{pattern}");
        }
    }
}
