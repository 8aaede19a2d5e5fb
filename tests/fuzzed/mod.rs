//! What the fuzzer calls with bytes that it makes up, and `tests/corpus.rs` with those that it once found worth keeping.
//!
//! Each target takes any bytes, reads from the first few what it is to do, and panics where something is wrong. So a file
//! of `tests/corpus` is a test, and a file that the fuzzer fails on becomes one when it is copied there.

#![allow(clippy::unwrap_used, clippy::panic)]

pub(crate) mod framing;
pub(crate) mod ledger;

/// A target: its name, which is that of its folder in `tests/corpus`, and what it does.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All of them.
#[allow(dead_code)] // the fuzzer takes them one at a time
pub(crate) const TARGETS: &[Target] = &[("framing", framing::try_bytes), ("ledger", ledger::try_bytes)];

/// A stream in pieces of 1 to 32 bytes, by a seed; 0 leaves it whole.
fn pieces(stream: &[u8], seed: u8) -> Vec<&[u8]> {
    if seed == 0 {
        return vec![stream];
    }
    let (mut pieces, mut rest, mut state) = (Vec::new(), stream, u32::from(seed));
    while !rest.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (piece, left) = rest.split_at(rest.len().min(1 + (state >> 27) as usize));
        pieces.push(piece);
        rest = left;
    }
    pieces
}
