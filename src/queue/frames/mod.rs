//! Whole frames in call order, in blocks that are used again: the bytes of a sink.
//!
//! A [`Chain`] is filled frame by frame and emptied block by block: what is taken moves as it lies, without a copy, and
//! comes back as an empty block. Frames are copied into blocks of one size; one that is too long for that is a
//! [`Segment`] of its own, by reference. No frame lies in two segments, so that whole frames can be dropped, counted and
//! sent again.

mod ahead;
mod chain;
mod segment;

pub(crate) use chain::Chain;
pub(crate) use segment::{Measure, Scale, Segment};
