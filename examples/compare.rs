//! Strategies side by side, verified at the server: `cargo run --release --example compare -- [rounds] [payload…]`.
//!
//! Every round runs each strategy once, so what the machine does meanwhile falls on all of them. A row is the median over
//! the rounds: processor time a message of all threads, the server's and the ledger's included, the best of it, its paired
//! ratio to the first strategy, and the rate at which the server had the messages.

use fanin::lab::{self, Cell, Producers, Signal};
use fanin::queue::Capacity;

const PRODUCERS: u32 = 4;

/// Strategies with the capacity they are given.
const ARMS: [(&str, Option<usize>); 5] = [
    ("lanes/batch", Some(256 * 1024)),
    ("lanes/vectored", Some(256 * 1024)),
    ("lanes/batch", None),
    ("swap/batch", Some(256 * 1024)),
    ("mpsc/batch", None),
];

struct Row {
    cpu: Vec<f64>,
    rate: Vec<f64>,
    batch: f64,
}

fn main() -> fanin::Result<()> {
    let mut arguments = std::env::args().skip(1).filter_map(|argument| argument.parse::<usize>().ok());
    let rounds = arguments.next().unwrap_or(9);
    let mut payloads: Vec<_> = arguments.collect();
    if payloads.is_empty() {
        payloads = vec![64, 1, 4096];
    }
    for payload in payloads {
        println!("{payload} bytes, {PRODUCERS} producer threads, {rounds} rounds");
        report(&measure(payload, rounds)?);
    }
    Ok(())
}

fn cell(arm: (&str, Option<usize>), payload: usize) -> fanin::Result<Cell> {
    // The channel needs so much longer a message that a tenth of them is measured as well.
    let share = if arm.0.starts_with("mpsc") { 10 } else { 1 };
    Ok(Cell {
        messages: (64_000_000 / payload as u64).clamp(20_000, 1_000_000) / share,
        payload,
        capacity: arm.1.map(Capacity::Bytes),
        producers_as: Producers::Threads,
        ..Cell::new(arm.0.parse()?, PRODUCERS)
    })
}

fn measure(payload: usize, rounds: usize) -> fanin::Result<Vec<Row>> {
    let mut rows: Vec<_> = ARMS.iter().map(|_| Row { cpu: Vec::new(), rate: Vec::new(), batch: 0.0 }).collect();
    for _ in 0..rounds {
        for (arm, row) in ARMS.iter().zip(&mut rows) {
            let report = lab::run(&cell(*arm, payload)?, &Signal::new())?;
            if let Some(found) = report.counterexample {
                println!("{}: {found}", arm.0);
            }
            let messages = report.delivered as f64;
            row.cpu.push((report.usage.user + report.usage.system).as_nanos() as f64 / messages);
            row.rate.push(messages / report.deliver.as_secs_f64() / 1e6);
            row.batch = report.account.bytes as f64 / report.account.writes as f64 / 1024.0;
        }
    }
    Ok(rows)
}

fn report(rows: &[Row]) {
    println!(
        "{:>26} {:>10} {:>8} {:>8} {:>10} {:>10} {:>10}",
        "strategy", "cpu ns", "best", "ratio", "million/s", "best", "KiB/write"
    );
    for (arm, row) in ARMS.iter().zip(rows) {
        let ratios = row.cpu.iter().zip(&rows[0].cpu).map(|(cpu, base)| cpu / base).collect();
        let name =
            format!("{} {}", arm.0, arm.1.map_or("unbounded".to_owned(), |bytes| format!("{} KiB", bytes >> 10)));
        println!(
            "{name:>26} {:>10.1} {:>8.1} {:>8.2} {:>10.2} {:>10.2} {:>10.1}",
            median(row.cpu.clone()),
            row.cpu.iter().copied().fold(f64::MAX, f64::min),
            median(ratios),
            median(row.rate.clone()),
            row.rate.iter().copied().fold(0.0, f64::max),
            row.batch,
        );
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
