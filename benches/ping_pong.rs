//! One message on a system that has nothing else to do: how long from the send until the other end has it?
//!
//! `cargo bench --bench ping_pong [-- ROUNDS]`, with `--features rivals` for all queues. A thread sends a message into the
//! queue, and reads it from the other end of the actor's connection before it sends the next: at any time one of the two
//! sleeps. So each message costs a wake-up of the actor, a write, and a wake-up of the reader; nothing paces it, and no
//! message waits behind another. The queues take turns, a turn a round, each with a connection and an actor of its own. What
//! is printed is the median of a turn's messages, and its ratio to that of `mpsc-one/each` in the same round.

#![allow(clippy::expect_used)] // what cannot begin cannot be measured

use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use fanin::actor::{self, Policy, Timeline};
use fanin::queue::{Kind, Queue, Sender, Shape, Visitor};
use tokio::runtime::Builder;

/// A message that says which it is.
const SIZE: usize = 64;

/// Messages of a turn, and those before them that are not counted: the first few meet cold caches and new rings.
const MESSAGES: usize = 5_000;
const WARMING: usize = 500;

const ROUNDS: usize = 15;
const YARDSTICK: Kind = Kind::MpscOne;

/// The two ends of a connection on loopback.
fn connection() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    near.set_nodelay(true)?;
    near.set_nonblocking(true)?;
    Ok((near, far))
}

/// A turn of one queue, with an actor on a thread of its own.
struct Turn(Policy);

impl Visitor for Turn {
    type Output = Vec<Duration>;

    fn visit<Q: Queue>(self) -> Vec<Duration> {
        let (mut sender, receiver) = Q::open(&Shape { size: Some(SIZE), longest: None, capacity: None });
        let (near, mut far) = connection().expect("a connection");
        let actor = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_io().build().expect("a runtime");
            runtime.block_on(async {
                let wire = tokio::net::TcpStream::from_std(near).expect("a socket of the runtime");
                actor::run(receiver, &wire, self.0, Timeline::off()).await
            })
        });
        let mut took: Vec<_> =
            (0..WARMING + MESSAGES).map(|number| message(&mut sender, &mut far, number as u64)).collect();
        drop(sender);
        // The actor reads answers until the other end closes.
        drop(far);
        let account = actor.join().expect("the actor's thread").expect("its end");
        assert_eq!(account.messages, (WARMING + MESSAGES) as u64);
        took.split_off(WARMING)
    }
}

/// Sends one message, and waits until it has come.
fn message<S: Sender>(sender: &mut S, far: &mut TcpStream, number: u64) -> Duration {
    let (mut sent, mut came) = ([0; SIZE], [0; SIZE]);
    sent[..8].copy_from_slice(&number.to_le_bytes());
    let began = Instant::now();
    sender.send_blocking(&sent).expect("an open queue");
    far.read_exact(&mut came).expect("the message");
    let took = began.elapsed();
    assert_eq!(sent, came);
    took
}

fn median<T: Copy + PartialOrd>(mut values: Vec<T>) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).expect("an order"));
    values[values.len() / 2]
}

/// The policy that a queue is at its best with: what hands out one at a time has nothing to write together.
fn policy(kind: Kind) -> Policy {
    if kind == YARDSTICK { Policy::Each } else { Policy::Batch }
}

/// Every sound queue; the one that polls is left out, for it never sleeps.
fn kinds() -> impl Iterator<Item = Kind> {
    Kind::ALL.iter().copied().filter(|kind| kind.facts().sound && *kind != Kind::SwapYield)
}

fn main() {
    // cargo adds a word of its own.
    let rounds = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(ROUNDS);
    let kinds: Vec<_> = kinds().collect();
    let mut turns: Vec<Vec<f64>> = vec![Vec::new(); kinds.len()];
    for round in 0..rounds {
        for at in 0..kinds.len() {
            let at = (at + round) % kinds.len();
            let took = kinds[at].visit(Some(SIZE), Turn(policy(kinds[at])));
            turns[at].push(median(took).as_nanos() as f64 / 1e3);
        }
    }
    let yardstick = kinds.iter().position(|kind| *kind == YARDSTICK).map(|at| turns[at].clone()).unwrap_or_default();
    println!("{:24} {:>9}   over {}/each, {rounds} rounds", "one message", "median", YARDSTICK.facts().name);
    for (kind, turns) in kinds.iter().zip(turns) {
        let ratios: Vec<f64> = turns.iter().zip(&yardstick).map(|(one, other)| one / other).collect();
        let (best, worst) = ratios.iter().fold((f64::MAX, f64::MIN), |(low, high), &r| (low.min(r), high.max(r)));
        let name = format!("{}/{}", kind.facts().name, policy(*kind).name());
        println!("{name:24} {:6.2} µs   {:.2} ({best:.2} … {worst:.2})", median(turns), median(ratios));
    }
}
