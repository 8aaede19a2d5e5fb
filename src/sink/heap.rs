//! Gives memory back to the system. What is freed goes to the allocator first, and glibc's keeps blocks of this size for
//! as long as anything lies above them: a burst would stay with the process for good.
//!
//! `unsafe`: to ask the allocator.
#![allow(unsafe_code)]

/// Less is not worth the question, which has the allocator look at all that the process has freed.
const MUCH: usize = 4 << 20;

/// Whether it matters that so many bytes are kept.
pub(super) const fn is_much(bytes: usize) -> bool {
    bytes >= MUCH
}

/// Has the allocator give back what it keeps of so many bytes, where they are many.
pub(super) fn give_back(bytes: usize) {
    if is_much(bytes) {
        trim();
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn trim() {
    // SAFETY: it may be called at any time from any thread, and takes the allocator's own locks.
    unsafe { nix::libc::malloc_trim(0) };
}

/// Other allocators do it by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
const fn trim() {}
