//! One strategy under one load, as the lab runs it: what each part cost, natively, for profilers.
//!
//! `cargo run --release --features rivals --example one_run -- swap/batch --producers 4 --payload 64 --capacity 262144`

use std::process::ExitCode;
use std::time::Duration;

use fanin::lab::{self, Cell, Producers, Report, Signal, Status};
use fanin::queue::Capacity;
use fanin::usage::Usage;
use fanin::{Error, Result};

/// Bytes of a burst, some overhead a message included: long enough that starting does not show.
const BURST: u64 = 64 << 20;

fn read(mut words: impl Iterator<Item = String>) -> Result<Cell> {
    let mut cell = Cell::new("lanes/batch".parse()?, 4);
    (cell.payload, cell.min_time) = (64, Duration::from_secs(3));
    cell.producers_as = Producers::Threads;
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_default();
        match word.as_str() {
            "--producers" => cell.producers = number("producers", &value())?,
            "--payload" => cell.payload = number("payload", &value())?,
            "--capacity" => cell.capacity = Some(Capacity::Bytes(number("capacity", &value())?)),
            "--seconds" => cell.min_time = Duration::from_secs(number("seconds", &value())?),
            name => cell.strategy = name.parse()?,
        }
    }
    cell.messages = (BURST / (cell.payload as u64 + 48) / u64::from(cell.producers)).max(1);
    Ok(cell)
}

fn number<N: std::str::FromStr>(name: &'static str, text: &str) -> Result<N> {
    text.parse().map_err(|_| Error::argument(name, text, "allowed is a number"))
}

fn print(cell: &Cell, report: &Report) {
    let each = |time: Duration| time.as_nanos() as f64 / report.delivered as f64;
    println!(
        "{}: {} messages in {:?}, {:.1} ns each",
        cell.strategy,
        report.delivered,
        report.deliver,
        each(report.deliver)
    );
    let used = |usage: Usage| each(usage.user + usage.system);
    let parts =
        [("producers", report.cost.producers), ("actor", report.cost.actor), ("server", Some(report.cost.server))];
    println!("processor time: {:.1} ns a message in all", used(report.cost.all));
    for (name, usage) in parts {
        println!("  {name:9} {:6.1}", usage.map_or(f64::NAN, used));
    }
}

fn main() -> ExitCode {
    let run = || {
        let cell = read(std::env::args().skip(1))?;
        let report = lab::run(&cell, &Signal::new())?;
        print(&cell, &report);
        Ok::<bool, Error>(report.status == Status::Ok)
    };
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
