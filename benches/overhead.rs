//! What does the server with its ledger cost, beside a bare loopback counter?
//!
//! One thread writes records that lie ready in memory, in blocks of 64 KiB, over TCP on this machine: to a thread that
//! reads and counts, and to a server with a ledger. Both arms are timed from before the first write to the read that
//! brought the last byte, and take turns, so that what else the machine does hits both alike. The ratio is the speed with
//! ledger to the speed of the bare counter; its target is 0.80 for 64 KiB records.
//!
//! `cargo bench --bench overhead` takes some 20 seconds.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use fanin::message::Layout;
use fanin::server::ledger::Ledger;
use fanin::server::{Mode, Server, Settings};

const BLOCK: usize = 64 << 10;

/// How often the two arms take turns.
const ROUNDS: usize = 11;

/// What a case sends.
struct Case {
    name: &'static str,
    record: usize,
    /// Bytes of one connection: up to 16 MiB are recorded, more are checked as they arrive.
    bytes: usize,
    /// How many connections, one after the other, make a round of some 0.2 s or more.
    connections: u32,
}

const CASES: [Case; 4] = [
    Case { name: "64 KiB records, online", record: 64 << 10, bytes: 768 << 20, connections: 1 },
    Case { name: "64 KiB records, recorded", record: 64 << 10, bytes: 16 << 20, connections: 48 },
    Case { name: "64 B records, online", record: 64, bytes: 768 << 20, connections: 1 },
    Case { name: "64 B records, recorded", record: 64, bytes: 16 << 20, connections: 48 },
];

fn main() {
    println!("{:<26} {:>12} {:>12} {:>8}   lowest … highest of the rounds", "", "bare", "ledger", "ratio");
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
    let (mut bare, mut ledger, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let arms: [&dyn Fn() -> f64; 2] = [&|| speed(case, || to_counter(&stream)), &|| {
            speed(case, || to_ledger(&stream, &server, layout, messages))
        }];
        // The arm that goes first changes, since the second finds the caches otherwise than the first.
        let first = round % 2;
        let mut speeds = [0.0; 2];
        for arm in [first, 1 - first] {
            speeds[arm] = arms[arm]();
        }
        if round > 0 {
            bare.push(speeds[0]);
            ledger.push(speeds[1]);
            ratios.push(speeds[1] / speeds[0]);
        }
    }
    let [bare, ledger] = [&mut bare, &mut ledger].map(|speeds| median(speeds) / 1e9);
    let ratio = median(&mut ratios);
    let (lowest, highest) = (ratios[0], ratios[ROUNDS - 1]);
    println!("{:<26} {bare:>7.2} GB/s {ledger:>7.2} GB/s {ratio:>8.3}   {lowest:.3} … {highest:.3}", case.name);
}

/// Bytes a second, over all connections of a round.
fn speed(case: &Case, connection: impl Fn() -> Duration) -> f64 {
    let time: Duration = (0..case.connections).map(|_| connection()).sum();
    (case.bytes as f64 * f64::from(case.connections)) / time.as_secs_f64()
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
fn to_counter(stream: &[u8]) -> Duration {
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
    let start = send(address, stream);
    counter.join().unwrap() - start
}

/// To the server, which has to prove that everything came.
#[allow(clippy::unwrap_used)]
fn to_ledger(stream: &[u8], server: &Server, layout: Layout, messages: u64) -> Duration {
    let receipt = server.expect(Ledger::new(layout, messages));
    let start = send(server.address(), stream);
    let verdict = pollster::block_on(receipt).unwrap();
    assert!(verdict.is_proved(), "{verdict:?}");
    verdict.last_byte.unwrap() - start
}

/// The middle one, after sorting.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
