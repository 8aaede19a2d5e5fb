//! The steady loop of `swap` does not allocate, and its memory does not grow once its arenas have.
//!
//! `unsafe` stands here because a global allocator cannot be written without; it counts and passes on.

#![allow(unsafe_code, clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Buf;
use fanin::queue::swap::{Swap, SwapReceiver, SwapSender};
use fanin::queue::{Queue, Receiver, Sender, Shape};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is passed on to the system's allocator, with the arguments that came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("nothing here waits"),
    }
}

/// A burst of 1000 messages, drained and written.
fn burst(sender: &mut SwapSender, receiver: &mut SwapReceiver, message: &[u8]) {
    for _ in 0..1000 {
        sender.try_send(message).unwrap();
    }
    assert!(now(receiver.drain()));
    let left = receiver.batch().remaining();
    receiver.batch().advance(left);
}

#[test]
fn the_steady_loop_of_swap_does_not_allocate() {
    for size in [Some(64), None] {
        let (mut sender, mut receiver) = Swap::open(&Shape { size, longest: None, capacity: None });
        let message = [7; 64];
        // One burst for each of the two arenas.
        for _ in 0..2 {
            burst(&mut sender, &mut receiver, &message);
        }
        let (memory, allocations) = (receiver.memory(), ALLOCATIONS.get());
        for _ in 0..1000 {
            burst(&mut sender, &mut receiver, &message);
        }
        assert_eq!(ALLOCATIONS.get(), allocations, "no allocation in a million messages");
        assert_eq!(receiver.memory(), memory);
    }
}
