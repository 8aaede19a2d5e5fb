//! Every interleaving, at preemption bound 2, of the queues that have atomics or waiting of their own: `make loom`.
//!
//! The largest are left to `make prove`. `LOOM_MAX_PREEMPTIONS=3` asks for more, and `LOOM_MAX_DURATION=60` gives a model up after so many seconds. With
//! `--nocapture` each model says how many interleavings it has.

mod every;

use every::model;
use fanin_models::queue::Shape;
use fanin_models::queue::atomic_swap::Stack;
use fanin_models::queue::lanes::{Lanes, PromisedLanes};
use fanin_models::queue::locked::Locked;
use fanin_models::queue::ring::Ring;
use fanin_models::queue::sharded::Sharded;
use fanin_models::queue::swap::Swap;
use fanin_models::scenarios::{
    UNBOUNDED, a_waiter_gives_up, a_waiter_gives_up_after_a_drain, close_beside_sends, close_beside_two_that_wait,
    close_first, displace_beside_a_drain, memory_is_used_anew, one_producer, parts, producers_in_turn, receiver_dies,
    room_for, stalls_in_its_write, two_producers, two_that_meet,
};

/// Every message has one byte.
const OF_ONE: Shape = Shape { size: Some(1), longest: None, capacity: None };

/// The stack for messages of any size.
type AtomicSwap = Stack<Box<[u8]>>;

macro_rules! models {
    ($($(#[$about:meta])* $name:ident: $model:expr;)*) => {
        $(#[test] $(#[$about])* fn $name() { model(stringify!($name), || $model) })*
    };
}

models! {
    lanes_wake_a_sleeper: one_producer::<Lanes>(UNBOUNDED, &[b"a"]);
    lanes_ring_after_each_park: one_producer::<Lanes>(UNBOUNDED, &[b"a", b"b"]);
    /// Each message opens a segment; the reader follows the chain while it grows.
    lanes_grow_while_they_are_read: one_producer::<Lanes>(UNBOUNDED, &[b"ab", b"cd", b"ef"]);
    /// Larger than any segment that is shared.
    lanes_carry_a_message_of_its_own_segment: one_producer::<Lanes>(UNBOUNDED, &[b"a", &[7; 9]]);
    /// No fence but those that were promised.
    lanes_promise_a_fence: one_producer::<PromisedLanes>(UNBOUNDED, &[b"a", b"b"]);
    lanes_promise_a_fence_and_break_no_promise: one_producer::<PromisedLanes>(OF_ONE, &[b"a", b"b", b"c"]);
    lanes_promise_in_two: two_producers::<PromisedLanes>(UNBOUNDED);
    lanes_of_two_producers: two_producers::<Lanes>(UNBOUNDED);
    lanes_that_wait_for_room: one_producer::<Lanes>(room_for(1), &[b"a", b"b"]);
    lanes_that_wait_in_turn: two_producers::<Lanes>(room_for(1));
    /// Who has waited goes on ahead of who still waits, as far as the queue holds.
    lanes_that_take_a_turn: one_producer::<Lanes>(room_for(2), &[b"a", b"b", b"c", b"d"]);
    lanes_that_take_turns: producers_in_turn::<Lanes>(room_for(2));
    lanes_close_before_a_send: close_first::<Lanes>(UNBOUNDED);
    lanes_close_beside_sends: close_beside_sends::<Lanes>(UNBOUNDED);
    lanes_close_beside_a_sender_that_waits: close_beside_sends::<Lanes>(room_for(1));
    lanes_close_beside_two_that_wait: close_beside_two_that_wait::<Lanes>(room_for(1));
    lanes_whose_receiver_dies: receiver_dies::<Lanes>(room_for(1));
    lanes_whose_waiter_gives_up: a_waiter_gives_up::<Lanes>(room_for(1));
    lanes_whose_receiver_stalls: stalls_in_its_write::<Lanes>(room_for(1));
    /// A segment that was read is handed to the producer that filled it.
    lanes_use_a_segment_anew: memory_is_used_anew::<Lanes>(UNBOUNDED);

    ring_wakes_a_sleeper: one_producer::<Ring>(UNBOUNDED, &[b"a", b"b"]);
    /// The third lies over the ring's end.
    ring_carries_over_its_end: one_producer::<Ring>(UNBOUNDED, &[b"abc", b"def", b"ghi"]);
    #[ignore = "hundreds of thousands of interleavings: make prove"]
    ring_of_two_producers: two_producers::<Ring>(UNBOUNDED);
    ring_of_two_that_meet: two_that_meet::<Ring>(UNBOUNDED);
    ring_that_waits_for_room: one_producer::<Ring>(room_for(1), &[b"a", b"b", b"c"]);
    #[ignore = "hundreds of thousands of interleavings: make prove"]
    ring_that_waits_in_turn: two_producers::<Ring>(room_for(1));
    ring_closes_before_a_send: close_first::<Ring>(UNBOUNDED);
    ring_closes_beside_sends: close_beside_sends::<Ring>(UNBOUNDED);
    ring_closes_beside_a_sender_that_waits: close_beside_sends::<Ring>(room_for(1));
    ring_closes_beside_two_that_wait: close_beside_two_that_wait::<Ring>(room_for(1));
    ring_whose_receiver_dies: receiver_dies::<Ring>(room_for(1));
    /// On three threads it does not end; how the line hands a call on while a waiter gives up is `line_hands_a_call_on`.
    ring_whose_waiter_gives_up: a_waiter_gives_up_after_a_drain::<Ring>(room_for(1));
    ring_whose_receiver_stalls: stalls_in_its_write::<Ring>(room_for(1));
    ring_uses_its_bytes_anew: memory_is_used_anew::<Ring>(room_for(2));

    atomic_swap_wakes_a_sleeper: one_producer::<AtomicSwap>(UNBOUNDED, &[b"a", b"b"]);
    /// More than one drain moves.
    atomic_swap_drains_in_parts: one_producer::<AtomicSwap>(UNBOUNDED, &[b"a", b"b", b"c"]);
    #[ignore = "hundreds of thousands of interleavings: make prove"]
    atomic_swap_of_two_producers: two_producers::<AtomicSwap>(UNBOUNDED);
    atomic_swap_of_two_that_meet: two_that_meet::<AtomicSwap>(UNBOUNDED);
    atomic_swap_closes_before_a_send: close_first::<AtomicSwap>(UNBOUNDED);
    atomic_swap_closes_beside_sends: close_beside_sends::<AtomicSwap>(UNBOUNDED);
    atomic_swap_whose_receiver_dies: receiver_dies::<AtomicSwap>(UNBOUNDED);

    sharded_wakes_a_sleeper: one_producer::<Sharded>(UNBOUNDED, &[b"a", b"b"]);
    /// Each in a shard of its own.
    sharded_of_two_producers: two_producers::<Sharded>(UNBOUNDED);
    sharded_that_waits_for_room: one_producer::<Sharded>(room_for(2), &[b"a", b"b"]);
    sharded_closes_beside_sends: close_beside_sends::<Sharded>(UNBOUNDED);

    swap_wakes_a_sleeper: one_producer::<Swap>(UNBOUNDED, &[b"a", b"b"]);
    swap_of_two_producers: two_producers::<Swap>(UNBOUNDED);
    swap_that_waits_for_room: one_producer::<Swap>(room_for(1), &[b"a", b"b", b"c"]);
    swap_closes_beside_a_sender_that_waits: close_beside_sends::<Swap>(room_for(1));
    swap_closes_beside_two_that_wait: close_beside_two_that_wait::<Swap>(room_for(1));
    swap_whose_receiver_dies: receiver_dies::<Swap>(room_for(1));
    swap_whose_waiter_gives_up: a_waiter_gives_up::<Swap>(room_for(1));
    swap_whose_receiver_stalls: stalls_in_its_write::<Swap>(room_for(1));
    swap_displaces_beside_a_drain: displace_beside_a_drain::<Swap>(room_for(2));

    locked_wakes_a_sleeper: one_producer::<Locked>(room_for(1), &[b"a", b"b"]);
    locked_closes_beside_sends: close_beside_sends::<Locked>(UNBOUNDED);
    locked_whose_receiver_dies: receiver_dies::<Locked>(room_for(1));
    locked_whose_waiter_gives_up: a_waiter_gives_up::<Locked>(room_for(1));
    locked_displaces_beside_a_drain: displace_beside_a_drain::<Locked>(room_for(2));

    bell_wakes: parts::a_bell_wakes();
    line_moves_on: parts::a_line_moves_on();
    line_hands_a_call_on: parts::a_call_is_handed_on();
    line_is_sent_home: parts::a_line_is_sent_home();
}
