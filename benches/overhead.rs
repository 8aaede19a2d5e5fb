//! What does the server with its ledger cost, beside a bare loopback counter?
//!
//! One thread writes records that lie ready in memory, in blocks of 64 KiB, over TCP on this machine: to a thread that
//! reads and counts, and to a server with a ledger. Both arms are timed from before the first write to the read that
//! brought the last byte, and take turns, so that what else the machine does hits both alike. The ratio is the speed with
//! ledger to the speed of the bare counter; its target is 0.80 for 64 KiB records. On a machine that does other things too,
//! the ratio of processor time (both ends, system calls and the closing check included) is the steadier figure.
//!
//! `cargo bench --bench overhead` takes some 20 seconds.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use fanin::message::Layout;
use fanin::server::ledger::Ledger;
use fanin::server::{Mode, Server, Settings};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};

const BLOCK: usize = 64 << 10;

/// How often the two arms take turns.
const ROUNDS: usize = 11;

/// What a case sends.
struct Case {
    name: &'static str,
    record: usize,
    /// Bytes of one connection: up to 16 MiB of small records are recorded, all else is checked as it arrives.
    bytes: usize,
    /// How many connections, one after the other, make a round of some 0.2 s or more.
    connections: u32,
}

const CASES: [Case; 3] = [
    Case { name: "64 KiB records", record: 64 << 10, bytes: 768 << 20, connections: 1 },
    Case { name: "64 B records", record: 64, bytes: 768 << 20, connections: 1 },
    Case { name: "16 B records, recorded", record: 16, bytes: 16 << 20, connections: 48 },
];

fn main() {
    println!("{:<26} {:>12} {:>12}   {:<24} {:<24}", "", "bare", "ledger", "ratio of speeds", "of processor time");
    for case in &CASES {
        measure(case);
    }
}

#[allow(clippy::unwrap_used)]
fn measure(case: &Case) {
    let layout = Layout::new(case.record, 1).unwrap();
    let messages = (case.bytes / case.record) as u64;
    let stream = records(layout, messages);
    let server = Server::start(&Settings::local(Mode::Discard)).unwrap();
    let arms: [&dyn Fn() -> Cost; 2] = [&|| to_counter(&stream), &|| to_ledger(&stream, &server, layout, messages)];
    let mut costs = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        // The arm that goes first changes, since the second finds the caches otherwise than the first.
        for arm in [round % 2, 1 - round % 2] {
            let cost: Cost = (0..case.connections).map(|_| arms[arm]()).fold(Cost::default(), Cost::plus);
            // The first round warms up.
            costs[arm].extend((round > 0).then_some(cost));
        }
    }
    report(case, &costs);
}

/// Prints a case's line: both speeds, and ratios that are above 1 where the ledger does better than the bare counter.
fn report(case: &Case, costs: &[Vec<Cost>; 2]) {
    let bytes = case.bytes as f64 * f64::from(case.connections);
    let [bare, ledger] =
        [0, 1].map(|arm| spread(costs[arm].iter().map(|cost| bytes / cost.time.as_secs_f64() / 1e9))[1]);
    let pairs = || costs[0].iter().zip(&costs[1]);
    let speeds = spread(pairs().map(|(bare, ledger)| bare.time.as_secs_f64() / ledger.time.as_secs_f64()));
    let works = spread(pairs().map(|(bare, ledger)| bare.work.as_secs_f64() / ledger.work.as_secs_f64()));
    let [speeds, works] = [speeds, works].map(|[low, middle, high]| format!("{middle:.3} ({low:.3} … {high:.3})"));
    println!("{:<26} {bare:>7.2} GB/s {ledger:>7.2} GB/s   {speeds:<24} {works:<24}", case.name);
}

/// What it took to bring the bytes over.
#[derive(Clone, Copy, Default)]
struct Cost {
    /// From before the first write to the last byte read.
    time: Duration,
    /// Processor time of the process.
    work: Duration,
}

impl Cost {
    fn plus(self, other: Self) -> Self {
        Self { time: self.time + other.time, work: self.work + other.work }
    }
}

/// Processor time of this process until now.
#[allow(clippy::unwrap_used)]
fn work() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let micros = |time: TimeVal| Duration::from_micros(u64::try_from(time.num_microseconds()).unwrap());
    micros(usage.user_time()) + micros(usage.system_time())
}

/// The records of one producer.
fn records(layout: Layout, messages: u64) -> Vec<u8> {
    let mut stream = vec![0; layout.size() * usize::try_from(messages).unwrap_or(0)];
    for (record, sequence) in stream.chunks_exact_mut(layout.size()).zip(0..) {
        layout.write(record, 0, sequence);
    }
    stream
}

/// Sends everything, and says when it began.
#[allow(clippy::unwrap_used)]
fn send(address: SocketAddr, stream: &[u8]) -> Instant {
    let mut socket = TcpStream::connect(address).unwrap();
    let start = Instant::now();
    for block in stream.chunks(BLOCK) {
        socket.write_all(block).unwrap();
    }
    start
}

/// To a thread that reads blocks and counts.
#[allow(clippy::unwrap_used)]
fn to_counter(stream: &[u8]) -> Cost {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let expected = stream.len();
    let counter = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut block = vec![1; BLOCK];
        let mut count = 0;
        while count < expected {
            count += socket.read(&mut block).unwrap();
        }
        Instant::now()
    });
    let before = work();
    let start = send(address, stream);
    Cost { time: counter.join().unwrap() - start, work: work().saturating_sub(before) }
}

/// To the server, which has to prove that everything came.
#[allow(clippy::unwrap_used)]
fn to_ledger(stream: &[u8], server: &Server, layout: Layout, messages: u64) -> Cost {
    let receipt = server.expect(Ledger::new(layout, messages));
    let before = work();
    let start = send(server.address(), stream);
    let verdict = pollster::block_on(receipt).unwrap();
    assert!(verdict.is_proved(), "{verdict:?}");
    Cost { time: verdict.last_byte.unwrap() - start, work: work().saturating_sub(before) }
}

/// The lowest, the middle and the highest.
fn spread(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    [values[0], values[values.len() / 2], values[values.len() - 1]]
}
