//! Asks for the cache lines that will be written soon.
//!
//! What is copied in lies where the consumer has read before: its core has the lines. To get one from there takes a hundred
//! nanoseconds, or four hundred from a core far away, and the lock that is let go after the copy waits for it. So the
//! lines are asked for some messages before. Between far cores a message of 64 bytes costs its sender a quarter of what it
//! did without; between near ones the difference is small.
//!
//! `unsafe`: for the instruction, which changes nothing that a program can see.
#![allow(unsafe_code)]

const LINE: usize = 64;

/// How far ahead: some sixteen small messages.
const AHEAD: usize = 1024;

/// The most that are asked for at a time: about as many requests as a core has under way.
const MOST: usize = 16;

/// Asks for as many lines as a frame of `length` bytes has, a KiB behind the end of what is filled, to be written.
#[inline]
pub(super) fn ask(filled: &[u8], length: usize) {
    let from = filled.as_ptr().wrapping_add(filled.len() + AHEAD);
    for line in 0..length.div_ceil(LINE).min(MOST) {
        for_writing(from.wrapping_add(line * LINE));
    }
}

/// Asks for one line. On other processors than these it does nothing; an x86-64 without this instruction passes over it.
#[inline]
fn for_writing(line: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint. It reads and writes nothing, and passes over an address that is not mapped.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) line, options(nostack, preserves_flags, readonly));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    unsafe {
        std::arch::asm!("prfm pstl1keep, [{}]", in(reg) line, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = line;
}
