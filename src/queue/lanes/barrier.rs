//! The barrier between a producer that has published and a consumer that is about to sleep.
//!
//! Both sides write one thing and then read what the other writes: the producer its tail and then whether its lane is
//! parked, the consumer that the lane is parked and then its tail. Unless a full barrier stands between the two on both
//! sides, each can miss the other, and a message sleeps with the consumer.
//!
//! A producer passes here with every message, the consumer only before it sleeps. So the producer's side is a barrier for
//! the compiler alone, and the consumer's makes the kernel run a full barrier on every core that runs this process
//! (`membarrier`, private and expedited). That interrupts whoever runs: where messages come one by one, the thread that is
//! about to read the last of them. So a producer that has rung *promises* that its next message passes a full fence; as
//! long as that has not come, a fence of the consumer's own does.
//!
//! Where the kernel has no such call, both sides use a fence; that form is the one that loom checks, because no model
//! knows of `membarrier`; and it checks the promise by itself, with no other fence. The stress tests in
//! `tests/stress.rs` drive the call.
//!
//! This file is `unsafe` because `membarrier` is a raw system call.
#![allow(unsafe_code)]

use std::sync::OnceLock;

use super::super::sync::{MODELLED, Ordering, fence};

/// How the two sides are kept apart; the same for all queues of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Barrier {
    /// The consumer pays for both.
    Asymmetric,
    /// Each side fences.
    Fenced,
    /// For models: as the first, where nobody can make others fence. The consumer may sleep only where that is promised,
    /// and otherwise looks again.
    #[cfg(fanin_loom)]
    Promised,
}

impl Barrier {
    /// The best that the system has.
    pub(super) fn best() -> Self {
        static BEST: OnceLock<Barrier> = OnceLock::new();
        *BEST.get_or_init(|| if !MODELLED && register() { Self::Asymmetric } else { Self::Fenced })
    }

    /// The producer's side.
    #[inline]
    pub(super) fn light(self) {
        match self {
            // SeqCst, for the compiler alone: pairs with the system call in `heavy`.
            Self::Asymmetric => std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst),
            // SeqCst: pairs with the fence in `heavy`.
            Self::Fenced => fence(Ordering::SeqCst),
            #[cfg(fanin_loom)]
            Self::Promised => {}
        }
    }

    /// The producer's side, for a message that was promised to pass a full fence.
    pub(super) fn full(self) {
        match self {
            // SeqCst: pairs with the fence in `heavy`.
            Self::Asymmetric => fence(Ordering::SeqCst),
            // `light` is one.
            Self::Fenced => {}
            #[cfg(fanin_loom)]
            Self::Promised => fence(Ordering::SeqCst),
        }
    }

    /// Whether [`heavy`](Self::heavy) reaches every producer, those that are `gone` aside; always, outside of models.
    #[cfg(not(fanin_loom))]
    #[allow(clippy::unused_self)]
    pub(super) fn reaches(self, _promised: bool, _gone: impl FnOnce() -> bool) -> bool {
        true
    }

    #[cfg(fanin_loom)]
    pub(super) fn reaches(self, promised: bool, gone: impl FnOnce() -> bool) -> bool {
        let reaches = promised || self != Self::Promised || gone();
        if !reaches {
            loom::thread::yield_now();
        }
        reaches
    }

    /// The consumer's side. With `promised`, the next message of every producer in question passes [`full`](Self::full).
    pub(super) fn heavy(self, promised: bool) {
        match self {
            Self::Asymmetric if !promised => synchronize(),
            // SeqCst: pairs with the fence in `light`, and in `full`.
            _ => fence(Ordering::SeqCst),
        }
    }
}

#[cfg(all(target_os = "linux", not(any(fanin_loom, fanin_shuttle))))]
mod system {
    use nix::libc::{
        MEMBARRIER_CMD_PRIVATE_EXPEDITED, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, SYS_membarrier, c_int, syscall,
    };

    fn membarrier(command: c_int) -> bool {
        // SAFETY: the call takes three integers, touches no memory of ours, and reports an unknown command as an error.
        unsafe { syscall(SYS_membarrier, command, 0, 0) == 0 }
    }

    pub(super) fn register() -> bool {
        membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) && membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)
    }

    /// It fails for a process that is not registered, and for no other: `register` has tried it.
    pub(super) fn synchronize() {
        let done = membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
        debug_assert!(done, "membarrier was withdrawn");
    }
}

#[cfg(any(not(target_os = "linux"), fanin_loom, fanin_shuttle))]
mod system {
    pub(super) fn register() -> bool {
        false
    }

    pub(super) fn synchronize() {}
}

use system::{register, synchronize};
