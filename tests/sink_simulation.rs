//! The sink in a simulated network, by seeds: partitions, messages held back, a server that crashes and comes back. At the
//! end all is mended, and then it must finish, with an account that agrees with what the server has seen.
//!
//! `FANIN_SEED=17 cargo test --test sink_simulation` replays one seed; `FANIN_SEEDS=500000` runs so many, and
//! `FANIN_SEEDS=5000..9000` those. They are shared out among as many threads as there are cores: a simulation knows one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::cast_possible_truncation)]

use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Duration;

use fanin::actor::stream::Stream;
use fanin::message::framing::{Decoder, Framing};
use fanin::sink::{Backoff, Config, Confirm, Connect, Delivery, Failure, Reconnect, Sink, Stats};
use fanin::{Error, Result};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Sleep, sleep};
use turmoil::net::{TcpListener, TcpStream};
use turmoil::{Builder, Sim};

const PORT: u16 = 9000;
const TICK: Duration = Duration::from_millis(5);

/// Numbers from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// A slow connection: a write takes so many bytes at the most, and the next has to wait. So a loss comes within a frame,
/// of which some is written and some is not.
struct Bites {
    stream: TcpStream,
    bite: usize,
    rest: Option<Pin<Box<Sleep>>>,
}

impl AsyncRead for Bites {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Bites {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(rest) = &mut self.rest {
            ready!(rest.as_mut().poll(cx));
        }
        self.rest = Some(Box::pin(sleep(TICK)));
        let most = self.bite.min(bytes.len());
        Pin::new(&mut self.stream).poll_write(cx, &bytes[..most])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

struct Dial {
    bite: usize,
}

impl Connect for Dial {
    const GATHERS: bool = false;

    type Wire = Stream<Bites>;

    async fn connect(&mut self) -> Result<Self::Wire> {
        let stream = TcpStream::connect(("server", PORT)).await.map_err(Error::io("connect"))?;
        Ok(Stream::new(Bites { stream, bite: self.bite, rest: None }))
    }
}

/// What came over each connection, in the order in which they were accepted.
type Seen = Arc<Mutex<Vec<Vec<u8>>>>;

async fn serve(seen: Seen, echoes: bool) -> io::Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        let (seen, at) = (Arc::clone(&seen), seen.lock().unwrap().len());
        seen.lock().unwrap().push(Vec::new());
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                seen.lock().unwrap()[at].extend_from_slice(&buffer[..count]);
                if echoes && stream.write_all(&buffer[..count]).await.is_err() {
                    break;
                }
            }
        });
    }
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Partition,
    OneWay(bool),
    Hold,
    Crash,
}

/// Faults, from tick to tick.
fn faults(random: &mut Random) -> Vec<(u64, u64, Fault)> {
    (0..random.below(4))
        .map(|_| {
            let from = random.below(40);
            let fault = match random.below(5) {
                0 => Fault::Partition,
                1 => Fault::OneWay(true),
                2 => Fault::OneWay(false),
                3 => Fault::Hold,
                _ => Fault::Crash,
            };
            (from, from + 1 + random.below(150), fault)
        })
        .collect()
}

fn inflict(sim: &mut Sim<'_>, fault: Fault) {
    match fault {
        Fault::Partition => sim.partition("client", "server"),
        Fault::OneWay(true) => sim.partition_oneway("client", "server"),
        Fault::OneWay(false) => sim.partition_oneway("server", "client"),
        Fault::Hold => sim.hold("client", "server"),
        Fault::Crash => sim.crash("server"),
    }
}

fn mend(sim: &mut Sim<'_>, fault: Fault) {
    match fault {
        Fault::Partition | Fault::OneWay(_) => sim.repair("client", "server"),
        Fault::Hold => sim.release("client", "server"),
        Fault::Crash if !sim.is_host_running("server") => sim.bounce("server"),
        Fault::Crash => {}
    }
}

fn config(random: &mut Random) -> Config {
    let mut config = Config::new("tcp://server:9000".parse().unwrap());
    config.framing = Framing::Lines;
    config.capacity = 200 + random.below(2_000) as usize;
    (config.reconnect, config.confirm) = match random.below(5) {
        0 => (Reconnect::AtMostOnce, Confirm::None),
        1 => (Reconnect::AtMostOnce, Confirm::Echo),
        2 => (Reconnect::Off, Confirm::None),
        _ => (Reconnect::AtLeastOnce, Confirm::Echo),
    };
    config.connect_timeout = Duration::from_millis(100);
    config.write_timeout = Some(Duration::from_millis(150));
    config.idle_timeout = Some(Duration::from_millis(150));
    let seed = Some(random.below(u64::MAX));
    config.backoff = Backoff { first: Duration::from_millis(10), longest: Duration::from_millis(80), seed };
    config
}

/// Sends numbered lines, and closes.
async fn produce(config: Config, bite: usize, messages: u64, pauses: Vec<u64>) -> (Result<Delivery, Failure>, Stats) {
    let (sink, actor) = Sink::driven(config, Dial { bite }).unwrap();
    let actor = tokio::spawn(actor);
    for number in 0..messages {
        let filler = "x".repeat(number as usize * 13 % 150);
        if sink.send(format!("{number} {filler}").into_bytes()).await.is_err() {
            break;
        }
        if pauses.contains(&number) {
            tokio::time::sleep(TICK * 10).await;
        }
    }
    let outcome = sink.close(Duration::from_secs(20)).await;
    actor.await.unwrap();
    (outcome, sink.stats())
}

fn numbers(stream: &[u8]) -> (Vec<u64>, usize) {
    let mut decoder = Decoder::new(Framing::Lines, 1_000);
    decoder.push(stream);
    let mut numbers = Vec::new();
    while let Some(line) = decoder.next_message().unwrap() {
        let digits = line.split(|byte| *byte == b' ').next().unwrap();
        numbers.push(String::from_utf8(digits.to_vec()).unwrap().parse().unwrap());
    }
    (numbers, decoder.rest().len())
}

fn check(reconnect: Reconnect, messages: u64, outcome: Result<Delivery, Failure>, seen: &[Vec<u8>]) {
    let delivery = outcome.as_ref().map_or_else(|failure| failure.delivery, |delivery| *delivery);
    assert!(delivery.is_even(), "{delivery:?}");
    let streams: Vec<_> = seen.iter().map(|stream| numbers(stream).0).collect();
    for stream in &streams {
        assert!(stream.windows(2).all(|two| two[0] + 1 == two[1]) || reconnect == Reconnect::AtMostOnce, "{stream:?}");
    }
    let mut all: Vec<_> = streams.concat();
    let came = all.len() as u64;
    all.sort_unstable();
    all.dedup();
    let settled = delivery.acked.messages + delivery.written.messages;
    match reconnect {
        Reconnect::AtLeastOnce => {
            let delivery = outcome.expect("all was mended");
            assert_eq!((delivery.acked.messages, delivery.accepted.messages), (messages, messages));
            assert!(all.iter().copied().eq(0..messages), "a gap");
        }
        Reconnect::AtMostOnce => {
            let delivery = outcome.expect("all was mended");
            assert_eq!(came, all.len() as u64, "twice");
            assert_eq!(delivery.accepted.messages, settled + delivery.in_doubt.messages);
            assert!(delivery.acked.messages <= came && came <= settled + delivery.in_doubt.messages);
        }
        Reconnect::Off => {
            assert_eq!(came, all.len() as u64, "twice");
            assert!(came <= settled + delivery.in_doubt.messages);
        }
    }
}

fn simulate(seed: u64) -> Hardship {
    let mut random = Random(seed);
    (0..8).for_each(|_| _ = random.below(2));
    let mut sim = Builder::new()
        .tick_duration(TICK)
        .simulation_duration(Duration::from_secs(60))
        .max_message_latency(Duration::from_millis(1 + random.below(30)))
        // A segment too many is a panic of the simulator, not a wait.
        .tcp_capacity(4096)
        .rng_seed(seed)
        .build();
    let config = config(&mut random);
    let (reconnect, echoes) = (config.reconnect, config.confirm == Confirm::Echo || random.below(2) == 0);
    let (messages, bite) = (1 + random.below(200), 20 + random.below(300) as usize);
    let pauses = (0..random.below(4)).map(|_| random.below(messages)).collect();
    let faults = faults(&mut random);
    let (record, outcome) = (Seen::default(), Arc::new(Mutex::new(None)));
    let kept = Arc::clone(&record);
    sim.host("server", move || {
        let record = Arc::clone(&kept);
        async move { Ok(serve(record, echoes).await?) }
    });
    let told = Arc::clone(&outcome);
    sim.client("client", async move {
        let delivery = produce(config, bite, messages, pauses).await;
        *told.lock().unwrap() = Some(delivery);
        Ok(())
    });
    let mut is_done = false;
    for tick in 0.. {
        for (from, to, fault) in &faults {
            if tick == *from {
                inflict(&mut sim, *fault);
            }
            if tick == *to {
                mend(&mut sim, *fault);
            }
        }
        // What is past the last fault is mended, also where two of them overlapped.
        if tick == 300 {
            for fault in [Fault::Partition, Fault::Hold, Fault::Crash] {
                mend(&mut sim, fault);
            }
        }
        is_done = is_done || sim.step().expect("it does not finish");
        if is_done {
            break;
        }
    }
    let (outcome, stats) = outcome.lock().unwrap().take().expect("the producer has ended");
    let record = record.lock().unwrap();
    let came: usize = record.iter().map(|stream| numbers(stream).0.len()).sum();
    check(reconnect, messages, outcome, &record);
    Hardship {
        losses: stats.losses,
        failed_attempts: stats.failed_attempts,
        waits: stats.waits,
        in_doubt: stats.delivery.in_doubt.messages,
        doubles: if reconnect == Reconnect::AtLeastOnce { came as u64 - messages } else { 0 },
        cut: record.iter().filter(|stream| numbers(stream).1 > 0).count() as u64,
    }
}

/// What the seeds have brought about, so that it is known that they are hard.
#[derive(Debug, Default)]
struct Hardship {
    losses: u64,
    failed_attempts: u64,
    waits: u64,
    in_doubt: u64,
    doubles: u64,
    /// Connections that ended within a frame.
    cut: u64,
}

impl Hardship {
    fn add(&mut self, other: &Self) {
        self.losses += other.losses;
        self.failed_attempts += other.failed_attempts;
        self.waits += other.waits;
        self.in_doubt += other.in_doubt;
        self.doubles += other.doubles;
        self.cut += other.cut;
    }

    fn assert_hard(&self, seeds: u64) {
        let Self { losses, failed_attempts, waits, in_doubt, doubles, cut } = *self;
        let least = [losses, failed_attempts, waits, in_doubt, doubles, cut * 20].into_iter().min();
        assert!(least >= Some(seeds / 10), "the seeds are too easy: {self:?}");
    }
}

/// The seeds that were asked for: one, so many, or from one up to another.
fn seeds() -> Range<u64> {
    let number = |text: &str| text.parse().expect("a number of seeds");
    if let Ok(seed) = std::env::var("FANIN_SEED") {
        return number(&seed)..number(&seed) + 1;
    }
    match std::env::var("FANIN_SEEDS") {
        Ok(text) => text.split_once("..").map_or_else(|| 0..number(&text), |(from, to)| number(from)..number(to)),
        Err(_) if std::env::var_os("FANIN_PROVE").is_some() => 0..500_000,
        Err(_) => 0..5_000,
    }
}

/// Simulates the seeds that `next` has left; a failing one says how it is replayed.
fn share(next: &AtomicU64, end: u64) -> Hardship {
    let mut hardship = Hardship::default();
    loop {
        // Relaxed: a seed is all that is handed out.
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return hardship;
        }
        match catch_unwind(AssertUnwindSafe(|| simulate(seed))) {
            Ok(brought) => hardship.add(&brought),
            Err(payload) => {
                eprintln!("replay it with: FANIN_SEED={seed} cargo test --test sink_simulation");
                resume_unwind(payload);
            }
        }
    }
}

#[test]
fn every_seed_ends_with_an_account_that_is_true() {
    let seeds = seeds();
    let (next, mut hardship) = (AtomicU64::new(seeds.start), Hardship::default());
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let shares: Vec<_> = (0..cores).map(|_| scope.spawn(|| share(&next, seeds.end))).collect();
        for share in shares {
            hardship.add(&share.join().unwrap_or_else(|payload| resume_unwind(payload)));
        }
    });
    let count = seeds.end - seeds.start;
    println!("simulated: {count} seeds: {hardship:?}");
    if count >= 1_000 {
        hardship.assert_hard(count);
    }
}
