//! What no model can see, and what only shows once in very many times: producers and a consumer that meet where it goes to
//! sleep, on the processor itself. Above all `lanes` with its asymmetric barrier, of which loom knows nothing.
//!
//! A wake-up that is lost ends in a deadlock, which the time limit of whoever runs this shows. Messages carry their
//! producer and their number, and both are checked. `make prove` sends a billion.

#![allow(clippy::unwrap_used)]

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use bytes::Buf;
use fanin::queue::atomic_swap::Stack;
use fanin::queue::lanes::{FencedLanes, Lanes};
use fanin::queue::ring::Ring;
use fanin::queue::sharded::Sharded;
use fanin::queue::swap::Swap;
use fanin::queue::{Capacity, Queue, Receiver, Sender, Shape};

const PRODUCERS: u64 = 2;

/// A message that says who sent it, and as which.
const SIZE: usize = 8;
const NUMBER: u32 = 56;

/// Waits for the next batch; whether there is one, and how often the consumer fell asleep over it.
fn drain<R: Receiver>(receiver: &mut R) -> (bool, u64) {
    let mut sleeps = 0;
    let mut drained = pin!(receiver.drain());
    let more = pollster::block_on(poll_fn(|cx| {
        let polled = drained.as_mut().poll(cx);
        sleeps += u64::from(polled.is_pending());
        polled
    }));
    (more, sleeps)
}

/// A number without a pattern, from one that has.
const fn mixed(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32
}

/// Sends in bursts of `burst` messages on the average. After each it waits until that was taken, when the consumer is about
/// to fall asleep, and a little longer, irregularly: so the next one comes before, while or after it does.
fn produce<S: Sender>(mut sender: S, producer: u64, messages: u64, burst: u64, taken: &AtomicU64) {
    for number in 0..messages {
        sender.send_blocking(&(producer << NUMBER | number).to_le_bytes()).unwrap();
        let chance = mixed(number << 1 | producer);
        if chance.is_multiple_of(burst) {
            while taken.load(Ordering::Relaxed) <= number {
                thread::yield_now();
            }
            (0..chance / burst % 512).for_each(|_| std::hint::spin_loop());
        }
    }
}

/// Checks what is in the batch, producer by producer.
fn check(batch: &mut impl Buf, next: &mut [u64], taken: &[Arc<AtomicU64>]) {
    while batch.has_remaining() {
        let message = batch.get_u64_le();
        let (producer, number) = ((message >> NUMBER) as usize, message & ((1 << NUMBER) - 1));
        assert_eq!(number, next[producer], "of producer {producer}");
        next[producer] += 1;
    }
    for (next, taken) in next.iter().zip(taken) {
        taken.store(*next, Ordering::Relaxed);
    }
}

/// Sends `messages` in all and checks each; how often the consumer fell asleep.
fn meet<Q: Queue>(messages: u64, capacity: Option<Capacity>, burst: u64) -> u64 {
    let (sender, mut receiver) = Q::open(&Shape { size: Some(SIZE), longest: None, capacity });
    let each = messages / PRODUCERS;
    let taken: Vec<_> = (0..PRODUCERS).map(|_| Arc::new(AtomicU64::new(0))).collect();
    let threads: Vec<_> = (0..PRODUCERS)
        .zip(&taken)
        .map(|(producer, taken)| {
            let (sender, taken) = (sender.clone(), Arc::clone(taken));
            thread::spawn(move || produce(sender, producer, each, burst, &taken))
        })
        .collect();
    drop(sender);
    let (mut next, mut sleeps) = (vec![0; taken.len()], 0);
    loop {
        let (more, slept) = drain(&mut receiver);
        sleeps += slept;
        if !more {
            break;
        }
        check(receiver.batch(), &mut next, &taken);
    }
    assert!(next.iter().all(|count| *count == each));
    for thread in threads {
        thread.join().unwrap();
    }
    sleeps
}

fn stress<Q: Queue>(name: &str, messages: u64, capacity: Option<Capacity>, burst: u64) {
    let sleeps = meet::<Q>(messages, capacity, burst);
    println!("stress {name}: {messages} messages, and the consumer fell asleep {sleeps} times");
    assert!(sleeps > 0);
}

const LITTLE: Option<Capacity> = Some(Capacity::Bytes(16 * SIZE));

macro_rules! stress {
    ($($(#[$about:meta])* $name:ident: $queue:ty, $messages:literal in bursts of $burst:literal, $capacity:expr;)*) => {
        $(#[test] $(#[$about])* fn $name() {
            stress::<$queue>(stringify!($name), $messages, $capacity, $burst);
        })*
    };
}

stress! {
    lanes_by_the_asymmetric_barrier: Lanes, 2_000_000 in bursts of 100, None;
    lanes_one_by_one: Lanes, 40_000 in bursts of 1, None;
    lanes_in_little_room: Lanes, 100_000 in bursts of 100, LITTLE;
    lanes_by_fences: FencedLanes, 400_000 in bursts of 100, None;
    lanes_by_fences_one_by_one: FencedLanes, 40_000 in bursts of 1, None;
    ring: Ring, 400_000 in bursts of 100, None;
    ring_one_by_one: Ring, 40_000 in bursts of 1, None;
    ring_in_little_room: Ring, 100_000 in bursts of 100, LITTLE;
    atomic_swap: Stack<[u8; SIZE]>, 400_000 in bursts of 100, None;
    atomic_swap_one_by_one: Stack<[u8; SIZE]>, 40_000 in bursts of 1, None;
    swap_in_little_room: Swap, 100_000 in bursts of 100, LITTLE;
    sharded_one_by_one: Sharded, 40_000 in bursts of 1, None;
}

// In a release build: `make prove`.
stress! {
    #[ignore = "minutes"]
    a_hundred_million_over_lanes: Lanes, 100_000_000 in bursts of 1000, None;
    #[ignore = "many minutes"]
    a_billion_over_lanes: Lanes, 1_000_000_000 in bursts of 3000, None;
    #[ignore = "minutes"]
    ten_million_in_tiny_bursts_over_lanes: Lanes, 10_000_000 in bursts of 10, None;
    #[ignore = "minutes"]
    ten_million_in_little_room_over_lanes: Lanes, 10_000_000 in bursts of 20, LITTLE;
    #[ignore = "minutes"]
    ten_million_in_little_room_over_ring: Ring, 10_000_000 in bursts of 20, LITTLE;
}
