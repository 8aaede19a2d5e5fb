//! What a send into a sink costs its caller, and how fast one sink is, over TCP on loopback.
//!
//! `cargo bench --bench send`. The receiver is a thread that reads and throws away, in the same process.

#![allow(clippy::expect_used)] // what cannot begin cannot be measured

use std::io::{self, IoSlice, Read};
use std::net::{SocketAddr, TcpListener};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use fanin::actor::Wire;
use fanin::sink::{Config, Connect, Framing, Sink, Wait};
use fanin::usage::Usage;

const MESSAGES: usize = 8_000_000;

fn receiver() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            thread::spawn(move || {
                let mut buffer = vec![0; 256 * 1024];
                while stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
            });
        }
    });
    address
}

fn send_all(sink: &Sink, message: &[u8], count: usize) {
    for _ in 0..count {
        if sink.try_send(message).is_err() {
            sink.send(message).wait().expect("a send");
        }
    }
}

fn run(address: SocketAddr, threads: usize, size: usize, framing: Framing) {
    let mut config = Config::new(format!("tcp://{address}").parse().expect("a target"));
    config.framing = framing;
    let sink = Sink::new(config).expect("a sink");
    sink.open().wait().expect("a connection");
    let count = (MESSAGES * 64 / size.max(64)) / threads;
    let message = vec![b'x'; size];
    let (before, began) = (Usage::of_process(), Instant::now());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| send_all(&sink, &message, count));
        }
    });
    let delivery = sink.close(Duration::from_secs(60)).wait().expect("a close");
    let (took, used) = (began.elapsed(), Usage::of_process() - before);
    let messages = delivery.written.messages as f64;
    let stats = sink.stats();
    println!(
        "{threads:>3} threads, {size:>6} bytes, {:>7}: {:>6.2} M/s, {:>6.1} CPU ns/message, {:>6.0} bytes a write, {} wakeups, {} waits",
        framing.name(),
        messages / took.as_secs_f64() / 1e6,
        (used.user + used.system).as_nanos() as f64 / messages,
        stats.wire_bytes as f64 / stats.writes as f64,
        stats.wakeups,
        stats.waits,
    );
}

/// A wire that takes everything at once.
struct Nowhere;

impl Wire for Nowhere {
    fn poll_send(&self, _: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()))
    }

    fn poll_receive(&self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_finish(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Connect for Nowhere {
    type Wire = Self;

    async fn connect(&mut self) -> fanin::Result<Self> {
        Ok(Self)
    }
}

/// The caller's part alone: the actor has its turn when the sink is full.
async fn call(framing: Framing) {
    let mut config = Config::new("unix://@nowhere".parse().expect("a target"));
    config.framing = framing;
    let (sink, actor) = Sink::driven(config, Nowhere).expect("a sink");
    let actor = tokio::spawn(actor);
    let message = [b'x'; 64];
    let mut best = f64::MAX;
    for _ in 0..100 {
        let began = Instant::now();
        (0..50_000).for_each(|_| sink.try_send(&message).expect("room"));
        best = best.min(began.elapsed().as_secs_f64() / 50_000.0);
        while !sink.is_empty() {
            tokio::task::yield_now().await;
        }
    }
    println!("try_send of 64 bytes, {:>7}: {:.1} ns at best", framing.name(), best * 1e9);
    actor.abort();
}

fn main() {
    let address = receiver();
    if std::env::args().any(|arg| arg == "--quick") {
        for threads in [1, 8] {
            run(address, threads, 64, Framing::None);
            run(address, threads, 64, Framing::Lines);
        }
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for framing in Framing::ALL {
        runtime.block_on(call(*framing));
    }
    for (threads, size) in [(1, 64), (8, 64), (64, 64), (8, 1024), (8, 65_536)] {
        for framing in [Framing::None, Framing::Lines] {
            run(address, threads, size, framing);
        }
    }
}
