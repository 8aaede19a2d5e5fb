//! Random schedules of eight producers: `make shuttle`. Every scenario runs under schedules that are drawn evenly, and
//! under those of PCT, which changes its mind a few times only, at places that matter. `FANIN_PROVE=1` asks for ten times
//! as many.
//!
//! A schedule that fails is printed; `FANIN_SCHEDULE=… cargo test … NAME` runs that one again.

use std::time::Instant;

use fanin_models::queue::async_swap::AsyncSwap;
use fanin_models::queue::atomic_swap::Stack;
use fanin_models::queue::lanes::Lanes;
use fanin_models::queue::locked::Locked;
use fanin_models::queue::ring::Ring;
use fanin_models::queue::sharded::Sharded;
use fanin_models::queue::swap::Swap;
use fanin_models::queue::{Capacity, Shape};
use fanin_models::scenarios::{UNBOUNDED, many, room_for};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};

/// The stack for messages of any size.
type AtomicSwap = Stack<Box<[u8]>>;

/// Every message has four bytes.
const OF_FOUR: Shape = Shape { size: Some(4), longest: None, capacity: None };

/// Any sizes, and room for about four messages.
const TWENTY_BYTES: Shape = Shape { size: None, longest: None, capacity: Some(Capacity::Bytes(20)) };

/// How many schedules are tried, over all scenarios.
const RANDOM: usize = 100_000;
const PCT: usize = 20_000;

/// How often PCT changes its mind in a schedule.
const CHANGES: usize = 3;

fn check(name: &str, share: usize, scenario: fn()) {
    if let Ok(schedule) = std::env::var("FANIN_SCHEDULE") {
        return shuttle::replay(scenario, &schedule);
    }
    let times = if std::env::var_os("FANIN_PROVE").is_some() { 10 } else { 1 };
    let [random, pct] = [RANDOM, PCT].map(|all| (all * share).div_ceil(SHARES) * times);
    let start = Instant::now();
    run(RandomScheduler::new(random), scenario);
    run(PctScheduler::new(CHANGES, pct), scenario);
    println!("shuttle {name}: {random} random and {pct} PCT schedules in {:.1?}", start.elapsed());
}

fn run(scheduler: impl Scheduler + 'static, scenario: fn()) {
    let mut config = shuttle::Config::new();
    config.silence_warnings = true; // of orderings that are weaker than shuttle knows; they are loom's part
    shuttle::Runner::new(scheduler, config).run(scenario);
}

macro_rules! scenarios {
    ($($(#[$about:meta])* $share:literal $name:ident: $scenario:expr;)*) => {
        const SHARES: usize = 0 $(+ $share)*;
        $(#[test] $(#[$about])* fn $name() { check(stringify!($name), $share, || $scenario) })*
    };
}

// Each with its share of the schedules: those that take long have a smaller one.
scenarios! {
    4 lanes_deliver: many::deliver::<Lanes>(UNBOUNDED);
    4 lanes_deliver_one_size: many::deliver::<Lanes>(OF_FOUR);
    1 lanes_deliver_in_little_room: many::deliver::<Lanes>(TWENTY_BYTES);
    1 lanes_whose_waiters_give_up: many::give_up::<Lanes>(room_for(2));
    4 lanes_that_close: many::close::<Lanes>(UNBOUNDED);
    4 lanes_that_close_on_waiters: many::close::<Lanes>(TWENTY_BYTES);
    4 lanes_whose_receiver_dies: many::die::<Lanes>(room_for(2));

    4 ring_delivers: many::deliver::<Ring>(TWENTY_BYTES);
    4 ring_delivers_one_size: many::deliver::<Ring>(OF_FOUR);
    4 ring_whose_waiters_give_up: many::give_up::<Ring>(TWENTY_BYTES);
    4 ring_that_closes_on_waiters: many::close::<Ring>(TWENTY_BYTES);
    4 ring_whose_receiver_dies: many::die::<Ring>(TWENTY_BYTES);

    4 atomic_swap_delivers: many::deliver::<AtomicSwap>(UNBOUNDED);
    4 atomic_swap_that_closes: many::close::<AtomicSwap>(UNBOUNDED);
    4 atomic_swap_whose_receiver_dies: many::die::<AtomicSwap>(UNBOUNDED);

    4 swap_delivers_in_little_room: many::deliver::<Swap>(TWENTY_BYTES);
    4 swap_whose_waiters_give_up: many::give_up::<Swap>(room_for(2));
    4 swap_that_closes_on_waiters: many::close::<Swap>(TWENTY_BYTES);
    4 swap_whose_receiver_dies: many::die::<Swap>(room_for(2));

    4 sharded_delivers_in_little_room: many::deliver::<Sharded>(room_for(2));
    4 sharded_that_closes_on_waiters: many::close::<Sharded>(room_for(2));

    4 locked_delivers_in_little_room: many::deliver::<Locked>(TWENTY_BYTES);
    4 locked_whose_waiters_give_up: many::give_up::<Locked>(room_for(2));

    /// tokio's mutex inside is not taken apart: threads change where they wait, and at this crate's own atomics.
    4 async_swap_delivers: many::deliver::<AsyncSwap>(UNBOUNDED);
    4 async_swap_that_closes: many::close::<AsyncSwap>(UNBOUNDED);
}
