//! What does an actor pay for a gauge, a drain?
//!
//! `cargo bench --bench gauge`. A queue filled beforehand is drained a message at a time, the dearest case, into a wire that
//! takes all and sends nothing, by a policy that offers its core to nobody: no kernel and no other thread is in the time.
//! The two lines differ by the gauge alone; by 10,000 drains that is its price a drain. `benches/live_cost.py` has what a
//! view costs beside it.

#![allow(clippy::expect_used)] // what cannot begin cannot be measured

use std::io::{self, IoSlice};
use std::task::{Context, Poll};

use divan::Bencher;
use divan::counter::ItemsCount;
use fanin::actor::{self, Gauge, Policy, Timeline, Wire};
use fanin::queue::mpsc_one::One;
use fanin::queue::{Queue, Sender, Shape};

const DRAINS: u32 = 10_000;

fn main() {
    divan::main();
}

/// Takes all, and has nothing to say.
struct Nowhere;

impl Wire for Nowhere {
    fn poll_send(&self, _: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()))
    }

    fn poll_receive(&self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(0))
    }

    fn poll_finish(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[divan::bench(args = ["alone", "watched"], sample_count = 400)]
fn drains(bencher: Bencher<'_, '_>, arm: &str) {
    let gauge = (arm == "watched").then(Gauge::new);
    let filled = || {
        let (mut sender, receiver) = One::<u8>::open(&Shape::default());
        for _ in 0..DRAINS {
            sender.try_send(b"x").expect("room without a bound");
        }
        receiver
    };
    bencher.counter(ItemsCount::new(DRAINS)).with_inputs(filled).bench_values(|receiver| {
        let timeline = Timeline::off().with_gauge(gauge.clone());
        let account = pollster::block_on(actor::run(receiver, &Nowhere, Policy::Each, timeline)).expect("its end");
        assert_eq!(account.messages, u64::from(DRAINS));
    });
}
