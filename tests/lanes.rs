//! What `lanes` promises beyond what every queue does: memory, and the protocol that no model can see.

#![allow(clippy::unwrap_used)]
#![allow(unsafe_code)] // an allocator that counts

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bytes::Buf;
use fanin::queue::lanes::Lanes;
use fanin::queue::{Batch, Capacity, Queue, Receiver, Sender, Shape};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static CALLS: AtomicUsize = AtomicUsize::new(0);

/// What the test harness may allocate meanwhile.
const LEAST: usize = 64 * 1024;

/// One test at a time: the counters are the process's.
static ALONE: Mutex<()> = Mutex::new(());

// SAFETY: every call is the system allocator's, with what it was given.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        CALLS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: passed on as it came.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: passed on as it came.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn live() -> usize {
    LIVE.load(Ordering::Relaxed)
}

/// Takes all that is there, without waiting, and returns its bytes.
fn drain_now<R: Receiver>(receiver: &mut R) -> usize {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut bytes = 0;
    while std::pin::pin!(receiver.drain()).poll(&mut cx) == std::task::Poll::Ready(true) {
        let batch = receiver.batch();
        bytes += batch.remaining();
        batch.advance(batch.remaining());
    }
    bytes
}

#[test]
fn eight_thousand_idle_producers_cost_less_than_a_kib_each() {
    let _alone = alone();
    let before = live();
    let (sender, mut receiver) = Lanes::open(&Shape::default());
    let mut senders: Vec<_> = (0..8192).map(|_| sender.clone()).collect();
    let unused = (live().saturating_sub(before)) / 8192;
    assert!(unused < 256, "{unused} bytes for a producer that has not sent");
    for sender in &mut senders {
        sender.try_send(b"hello").unwrap();
    }
    assert_eq!(drain_now(&mut receiver), 8192 * 5);
    let used = (live().saturating_sub(before)) / 8192;
    assert!(used < 1024, "{used} bytes for a producer that has sent");
    drop((senders, sender, receiver));
    assert!(live().saturating_sub(before) < LEAST, "{} bytes are left", live().saturating_sub(before));
}

#[test]
fn memory_is_given_back_after_a_burst() {
    let _alone = alone();
    let before = live();
    let (sender, mut receiver) = Lanes::open(&Shape { size: Some(64), longest: None, capacity: None });
    let mut senders: Vec<_> = (0..1000).map(|_| sender.clone()).collect();
    for sender in &mut senders {
        for _ in 0..2000 {
            sender.try_send(&[7; 64]).unwrap();
        }
    }
    assert!(live().saturating_sub(before) > 128_000_000);
    assert_eq!(drain_now(&mut receiver), 128_000_000);
    let kept = live().saturating_sub(before);
    assert!(kept < 12 << 20, "{kept} bytes are kept");
    drop((senders, sender, receiver));
    assert!(live().saturating_sub(before) < LEAST);
}

#[test]
fn the_steady_loop_does_not_allocate() {
    let _alone = alone();
    for (size, length) in [(Some(64), 64), (None, 100), (Some(1), 1)] {
        let (mut sender, mut receiver) =
            Lanes::open(&Shape { size, longest: None, capacity: Some(Capacity::Bytes(256 * 1024)) });
        let mut turn = || {
            for _ in 0..1000 {
                sender.try_send(&[7; 100][..length]).unwrap();
            }
            assert_eq!(drain_now(&mut receiver), 1000 * length);
        };
        (0..100).for_each(|_| turn());
        let before = CALLS.load(Ordering::Relaxed);
        (0..1000).for_each(|_| turn());
        let calls = CALLS.load(Ordering::Relaxed) - before;
        // The test harness and its other threads may allocate; a million messages may not.
        assert!(calls < 100, "{calls} allocations for a million messages of {length} bytes");
    }
}

#[test]
fn a_long_chain_is_dropped_without_recursion() {
    let _alone = alone();
    let (mut sender, receiver) = Lanes::open(&Shape::default());
    let large = vec![7; 20_000];
    for _ in 0..3000 {
        sender.try_send(&large).unwrap();
    }
    thread::Builder::new().stack_size(64 * 1024).spawn(move || drop((receiver, sender))).unwrap().join().unwrap();
}

/// More stands in the lanes than one drain takes, and none is passed over twice.
#[test]
fn every_lane_has_its_turn() {
    let _alone = alone();
    let (sender, mut receiver) = Lanes::open(&Shape { size: Some(1024), longest: None, capacity: None });
    let mut senders: Vec<_> = (0..12).map(|_| sender.clone()).collect();
    for (number, sender) in (0..).zip(&mut senders) {
        (0..1024).for_each(|_| sender.try_send(&[number; 1024]).unwrap());
    }
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..6 {
        assert!(pollster::block_on(receiver.drain()));
        let batch = receiver.batch();
        while batch.has_remaining() {
            seen.insert(batch.chunk()[0]);
            batch.advance(1024);
        }
    }
    assert_eq!(seen.len(), 12, "{seen:?}");
}

/// A message that begins with its length and carries its number.
fn numbered(number: u64, length: usize) -> Vec<u8> {
    let mut message = vec![0; length.max(12)];
    let written = u32::try_from(message.len()).unwrap();
    message[..4].copy_from_slice(&written.to_le_bytes());
    message[4..12].copy_from_slice(&number.to_le_bytes());
    message
}

#[test]
fn messages_of_all_sizes_stay_whole_and_in_order() {
    let _alone = alone();
    let (sender, mut receiver) =
        Lanes::open(&Shape { size: None, longest: None, capacity: Some(Capacity::Bytes(1 << 20)) });
    let lengths = |number: u64| [12, 13, 100, 255, 256, 4096, 16_384, 70_000][(number * 7 % 8) as usize];
    let producers: Vec<_> = (0..4_u64)
        .map(|producer| {
            let mut sender = sender.clone();
            thread::spawn(move || {
                for number in 0..5_000 {
                    sender.send_blocking(&numbered(producer << 32 | number, lengths(number))).unwrap();
                }
            })
        })
        .collect();
    drop(sender);
    let mut next = [0; 4];
    while pollster::block_on(receiver.drain()) {
        let batch = receiver.batch();
        while batch.has_remaining() {
            let message = batch.copy_to_bytes(batch.first());
            assert_eq!(u32::from_le_bytes(message[..4].try_into().unwrap()) as usize, message.len());
            let number = u64::from_le_bytes(message[4..12].try_into().unwrap());
            let producer = (number >> 32) as usize;
            assert_eq!(number & 0xffff_ffff, next[producer]);
            next[producer] += 1;
        }
        assert_eq!(batch.messages(), 0);
    }
    assert_eq!(next, [5_000; 4]);
    for producer in producers {
        producer.join().unwrap();
    }
}
