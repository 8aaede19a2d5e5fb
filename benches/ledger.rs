//! What does the ledger cost, beside a bare counter?
//!
//! Each line is 4 MiB in reads of 64 KiB, by size of record and number of messages that a producer sends in a row. The
//! second number of a line is bytes a second, the third records a second.
//!
//! * `counter`: adds up lengths; what any server does.
//! * `recorded`: what a ledger costs while the clock runs, for up to 16 MiB of records below 64 bytes.
//! * `online`: what it costs otherwise.
//! * `close`: the check of a recording, when the clock has stopped.

use std::hint::black_box;
use std::time::Instant;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use fanin::message::Layout;
use fanin::server::ledger::Ledger;

const READ: usize = 64 << 10;
const STREAM: usize = 64 * READ;
const PRODUCERS: u32 = 64;

/// Size of a record, and how many a producer sends before it is the next one's turn.
const CASES: [(usize, u64); 8] = [(1, 1), (1, 7), (1, 1000), (4, 7), (16, 7), (64, 7), (4096, 1), (65536, 1)];

fn main() {
    divan::main();
}

/// A stream of the producers' records, and how many messages each of them sends.
struct Stream {
    layout: Layout,
    messages: u64,
    bytes: Vec<u8>,
}

impl Stream {
    #[allow(clippy::unwrap_used)] // the cases are all allowed
    fn new((size, turn): (usize, u64)) -> Self {
        let producers = PRODUCERS.min(u32::try_from(STREAM / size).unwrap());
        let layout = Layout::new(size, producers).unwrap();
        let messages = (STREAM / size) as u64 / u64::from(producers);
        let mut bytes = Vec::with_capacity(STREAM);
        let mut record = vec![0; size];
        for start in (0..messages).step_by(usize::try_from(turn).unwrap()) {
            for producer in 0..producers {
                for sequence in start..messages.min(start + turn) {
                    layout.write(&mut record, producer, sequence);
                    bytes.extend_from_slice(&record);
                }
            }
        }
        Self { layout, messages, bytes }
    }

    fn feed(&self, mut ledger: Ledger) -> Ledger {
        for read in self.bytes.chunks(READ) {
            ledger.received(read, Instant::now());
        }
        ledger
    }

    fn bench<I, O>(&self, bencher: Bencher<'_, '_>, input: impl Fn() -> I, run: impl Fn(I) -> O) {
        bencher
            .counter(BytesCount::new(self.bytes.len()))
            .counter(ItemsCount::new(self.bytes.len() / self.layout.size()))
            .with_inputs(input)
            .bench_local_values(run);
    }
}

#[divan::bench(args = CASES, sample_size = 1)]
fn counter(bencher: Bencher<'_, '_>, case: (usize, u64)) {
    let stream = Stream::new(case);
    let run = |mut count: usize| {
        for read in black_box(&stream.bytes).chunks(READ) {
            count += black_box(read.len());
            black_box(Instant::now());
        }
        count
    };
    stream.bench(bencher, || 0, run);
}

#[divan::bench(args = CASES, sample_size = 1)]
fn recorded(bencher: Bencher<'_, '_>, case: (usize, u64)) {
    let stream = Stream::new(case);
    stream.bench(bencher, || Ledger::recorded(stream.layout, stream.messages), |ledger| stream.feed(ledger));
}

#[divan::bench(args = CASES, sample_size = 1)]
fn online(bencher: Bencher<'_, '_>, case: (usize, u64)) {
    let stream = Stream::new(case);
    stream.bench(bencher, || Ledger::online(stream.layout, stream.messages), |ledger| stream.feed(ledger));
}

#[divan::bench(args = CASES, sample_size = 1)]
fn close(bencher: Bencher<'_, '_>, case: (usize, u64)) {
    let stream = Stream::new(case);
    stream.bench(
        bencher,
        || stream.feed(Ledger::recorded(stream.layout, stream.messages)),
        |ledger| {
            let verdict = ledger.close();
            assert!(verdict.is_proved(), "{verdict:?}");
        },
    );
}
