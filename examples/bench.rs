//! Prints every queue beside the ceiling: 4 producers that are threads, at 1, 64, 256 and 4096 bytes.
//!
//! ```sh
//! cargo run --release --features rivals --example bench -- --rounds 5
//! cargo run --release --features rivals --example bench -- --rounds 15 --payloads 64 swap/batch direct/batch
//! ```
//!
//! A round visits all arms once, in an order of its own, so that what the machine does meanwhile falls on all of them. Each
//! run is verified at the server; one that lost, doubled or reordered a message has no figures. Processor time is that of
//! the whole process, all threads and the server included; it holds up under noise better than the time on the wall.

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

use fanin::actor::Policy;
use fanin::lab::{self, Cell, Producers, Report, Signal, Source, Status, Strategy};
use fanin::queue::{Capacity, Drain};
use fanin::{Error, Result};

/// What queues without a bound are given in a second arm, to compare at equal capacity.
const CAPPED: Capacity = Capacity::Bytes(256 * 1024);

/// A strategy, at a capacity.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Arm(Strategy, Option<Capacity>);

impl Arm {
    fn name(self) -> String {
        let capped = if self.1.is_some() { ", 256 KiB" } else { "" };
        format!("{}{capped}", self.0)
    }
}

struct Options {
    rounds: usize,
    producers: u32,
    payloads: Vec<usize>,
    milliseconds: u64,
    seed: u64,
    strategies: Vec<Strategy>,
}

impl Options {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self {
            rounds: 5,
            producers: 4,
            payloads: vec![1, 64, 256, 4096],
            milliseconds: 50,
            seed: 1,
            strategies: Vec::new(),
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_default();
            match word.as_str() {
                "--rounds" => options.rounds = number("rounds", &value())?,
                "--producers" => options.producers = number("producers", &value())?,
                "--milliseconds" => options.milliseconds = number("milliseconds", &value())?,
                "--seed" => options.seed = number("seed", &value())?,
                "--payloads" => {
                    options.payloads =
                        value().split(',').map(|size| number("payloads", size)).collect::<Result<_>>()?;
                }
                name => options.strategies.push(name.parse()?),
            }
        }
        Ok(options)
    }

    fn arms(&self) -> Vec<Arm> {
        let asked = !self.strategies.is_empty();
        let strategies = if asked { self.strategies.clone() } else { Source::all().map(usual).collect() };
        let arms = strategies.into_iter().flat_map(|strategy| {
            let facts = strategy.queue.facts();
            let twice = facts.bounded && facts.unasked.is_none();
            [Some(Arm(strategy, None)), twice.then_some(Arm(strategy, Some(CAPPED)))]
        });
        arms.flatten().collect()
    }

    /// About as much to send at every size, and never so little that starting shows.
    fn cell(&self, arm: Arm, payload: usize) -> Cell {
        let total = (16 << 20) / (payload as u64 + 48);
        Cell {
            messages: total / u64::from(self.producers),
            payload,
            capacity: arm.1,
            producers_as: Producers::Threads,
            min_time: Duration::from_millis(self.milliseconds),
            timeout: Some(Duration::from_secs(60)),
            ..Cell::new(arm.0, self.producers)
        }
    }
}

fn number<N: std::str::FromStr>(name: &'static str, text: &str) -> Result<N> {
    text.parse().map_err(|_| Error::argument(name, text, "allowed is a number"))
}

/// The write policy that suits the queue: what takes one message at a time writes each.
fn usual(queue: Source) -> Strategy {
    let one = queue.facts().drain == Drain::One;
    Strategy { queue, write: if one { Policy::Each } else { Policy::Batch } }
}

/// What one arm came to at one payload, a value a round.
#[derive(Default)]
struct Row {
    cpu: Vec<f64>,
    wall: Vec<f64>,
    wrong: Option<String>,
}

impl Row {
    fn add(&mut self, report: &Report) {
        if report.status != Status::Ok {
            self.wrong.get_or_insert(format!(
                "{}: {}",
                report.status.name(),
                report.counterexample.as_deref().unwrap_or("")
            ));
            return;
        }
        let messages = report.delivered as f64;
        self.cpu.push((report.cost.all.user + report.cost.all.system).as_nanos() as f64 / messages);
        self.wall.push(report.deliver.as_nanos() as f64 / messages);
    }
}

fn middle(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    let half = f64::midpoint(at(sorted.len().saturating_sub(1) / 2), at(sorted.len() / 2));
    (half, at(0), at(sorted.len().saturating_sub(1)))
}

/// Fisher and Yates, by a generator of one line.
fn shuffle<T>(items: &mut [T], seed: &mut u64) {
    for last in (1..items.len()).rev() {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(last, (*seed >> 33) as usize % (last + 1));
    }
}

fn measure(options: &Options) -> Result<HashMap<(Arm, usize), Row>> {
    let mut rows: HashMap<_, Row> = HashMap::new();
    let arms = options.arms();
    let mut visits: Vec<_> =
        options.payloads.iter().flat_map(|&size| arms.iter().map(move |&arm| (arm, size))).collect();
    let mut seed = options.seed;
    for round in 0..options.rounds {
        shuffle(&mut visits, &mut seed);
        eprintln!("round {} of {}", round + 1, options.rounds);
        for &(arm, payload) in &visits {
            let report = lab::run(&options.cell(arm, payload), &Signal::new())?;
            rows.entry((arm, payload)).or_default().add(&report);
        }
    }
    Ok(rows)
}

fn print(options: &Options, rows: &HashMap<(Arm, usize), Row>) {
    for &payload in &options.payloads {
        println!(
            "\n{} producers, {payload} bytes, median (least..most) of {} rounds",
            options.producers, options.rounds
        );
        println!("{:34} {:>26} {:>8} {:>26} {:>8}", "strategy", "CPU ns/message", "ceiling", "wall ns/message", "M/s");
        let mut arms = options.arms();
        let cpu = |arm: Arm| rows.get(&(arm, payload)).map_or(f64::NAN, |row| middle(&row.cpu).0);
        arms.sort_by(|one, other| cpu(*one).total_cmp(&cpu(*other)));
        let ceiling = arms.iter().find(|arm| arm.0.queue == Source::Direct).map_or(f64::NAN, |&arm| cpu(arm));
        for arm in arms {
            let Some(row) = rows.get(&(arm, payload)) else { continue };
            if let Some(wrong) = &row.wrong {
                println!("{:34} {wrong}", arm.name());
                continue;
            }
            let ((cpu, least, most), (wall, fastest, slowest)) = (middle(&row.cpu), middle(&row.wall));
            println!(
                "{:34} {:>26} {:>7.2}x {:>26} {:>8.2}",
                arm.name(),
                format!("{cpu:.1} ({least:.1}..{most:.1})"),
                cpu / ceiling,
                format!("{wall:.1} ({fastest:.1}..{slowest:.1})"),
                1000.0 / wall
            );
        }
    }
}

fn main() -> ExitCode {
    let bench = || {
        let options = Options::read(std::env::args().skip(1))?;
        print(&options, &measure(&options)?);
        Ok::<(), Error>(())
    };
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
