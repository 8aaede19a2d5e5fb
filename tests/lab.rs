//! The lab from outside: every strategy delivers, in every setting, and every run can be ended.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::thread;
use std::time::{Duration, Instant};

use fanin::Error;
use fanin::lab::{self, Arrivals, Cell, Load, Placement, Producers, Report, Signal, Source, Status, Strategy};
use fanin::message::{Contents, Proof};
use fanin::queue::{Capacity, Drain, OnFull};
use fanin::server::Mode;

fn run(cell: &Cell) -> Report {
    lab::run(cell, &Signal::new()).unwrap()
}

/// Every strategy that says it is sound: what the others lose, `tests/rivals.rs` finds.
fn sound() -> impl Iterator<Item = Strategy> {
    Strategy::all().filter(|strategy| strategy.queue.facts().sound)
}

fn assert_delivers(cell: &Cell) {
    let report = run(cell);
    let case = format!("{} by {} producers: {:?}", cell.strategy, cell.producers, report.counterexample);
    assert_eq!(report.status, Status::Ok, "{case}");
    let expected = cell.expected() * report.bursts;
    assert_eq!((report.sent, report.delivered), (expected, expected), "{case}");
    assert_eq!(report.bytes, expected * cell.payload as u64, "{case}");
    assert_eq!((report.account.messages, report.account.bytes), (expected, report.bytes), "{case}");
}

fn assert_all_deliver(producers: &[u32]) {
    for strategy in sound() {
        for &producers in producers {
            assert_delivers(&Cell::new(strategy, producers));
        }
    }
}

#[test]
fn every_strategy_delivers() {
    assert_all_deliver(&[1, 2, 64]);
}

#[test]
fn every_strategy_that_takes_all_delivers_from_a_thousand() {
    for strategy in sound().filter(|strategy| strategy.queue.facts().drain == Drain::All) {
        if strategy.write.name() == "batch" {
            assert_delivers(&Cell::new(strategy, 1024));
        }
    }
}

#[test]
#[ignore = "minutes; `make prove`"]
fn every_strategy_delivers_from_thousands() {
    assert_all_deliver(&[1024, 8192]);
}

#[test]
fn every_payload_delivers() {
    for strategy in sound() {
        for payload in [2, 15, 16, 64, 65, 5000] {
            assert_delivers(&Cell { payload, messages: 50, ..Cell::new(strategy, 3) });
        }
    }
}

#[test]
fn every_setting_delivers() {
    for strategy in sound() {
        for producers_as in [Producers::Tasks, Producers::Threads] {
            for actor in [Placement::Thread, Placement::Task] {
                for server in Mode::ALL {
                    let cell = Cell { producers_as, actor, server, messages: 200, ..Cell::new(strategy, 4) };
                    assert_delivers(&cell);
                }
            }
        }
    }
}

#[test]
fn one_runtime_thread_is_enough() {
    for strategy in sound() {
        assert_delivers(&Cell { threads: Some(1), actor: Placement::Task, ..Cell::new(strategy, 8) });
    }
}

#[test]
fn a_capacity_is_kept() {
    for strategy in sound().filter(|strategy| strategy.queue.facts().bounded) {
        let cell = Cell { payload: 16, capacity: Some(Capacity::Bytes(1024)), ..Cell::new(strategy, 16) };
        assert_delivers(&cell);
        assert!(run(&cell).account.high_water <= 1024, "{strategy}");
    }
}

#[test]
fn an_echo_of_64_mib_does_not_deadlock() {
    let strategy = "swap/batch".parse().unwrap();
    let cell = Cell { payload: 65_536, messages: 256, server: Mode::Echo, ..Cell::new(strategy, 4) };
    assert_delivers(&cell);
    assert_eq!(run(&cell).account.answered, 64 << 20);
}

#[test]
fn short_bursts_are_repeated() {
    let strategy = "swap/batch".parse().unwrap();
    let cell = Cell { bursts: 3, min_time: Duration::from_millis(5), ..Cell::new(strategy, 2) };
    let report = run(&cell);
    assert!(report.bursts >= 3 && report.deliver >= Duration::from_millis(5));
    assert_delivers(&cell);
}

#[test]
fn work_and_delay_take_their_time() {
    let strategy = "swap/batch".parse().unwrap();
    let slow = Cell { messages: 20, delay: Duration::from_millis(2), ..Cell::new(strategy, 2) };
    assert!(run(&slow).produce >= Duration::from_millis(40));
    let busy = Cell { messages: 100, work: Duration::from_micros(200), ..Cell::new(strategy, 1) };
    assert!(run(&busy).produce >= Duration::from_millis(20));
    let threads = Cell { producers_as: Producers::Threads, ..slow };
    assert!(run(&threads).produce >= Duration::from_millis(40));
}

/// Runs a cell that takes long and raises the signal in the middle; returns how long the end took.
fn time_to_cancel(cell: Cell) -> Duration {
    let cancel = Signal::new();
    let signal = cancel.clone();
    let running = thread::spawn(move || lab::run(&cell, &signal));
    thread::sleep(Duration::from_millis(100));
    let raised = Instant::now();
    cancel.raise();
    assert!(matches!(running.join().unwrap(), Err(Error::Cancelled)));
    raised.elapsed()
}

#[test]
fn every_run_can_be_cancelled() {
    // The ceiling has no producers that could be slow, and is done before it can be cancelled.
    for strategy in sound().filter(|strategy| strategy.queue != Source::Direct) {
        for producers_as in [Producers::Tasks, Producers::Threads] {
            let cell = Cell { messages: 10_000_000, producers_as, ..Cell::new(strategy, 2) };
            let slow = Cell { delay: Duration::from_secs(60), messages: 10, ..cell.clone() };
            for cell in [cell, slow] {
                let took = time_to_cancel(cell);
                assert!(took < Duration::from_secs(10), "{strategy} took {took:?}");
            }
        }
    }
}

/// The actor may not have connected yet, and then no receipt ever comes.
#[test]
fn a_run_that_is_cancelled_before_it_began_ends() {
    for _ in 0..50 {
        let cancel = Signal::new();
        cancel.raise();
        let cell = Cell { min_time: Duration::from_secs(60), ..Cell::new("swap/batch".parse().unwrap(), 2) };
        assert!(matches!(lab::run(&cell, &cancel), Err(Error::Cancelled)));
    }
}

#[test]
fn a_timeout_is_told() {
    let strategy = "swap/batch".parse().unwrap();
    let cell = Cell {
        messages: 10,
        delay: Duration::from_secs(60),
        timeout: Some(Duration::from_millis(50)),
        ..Cell::new(strategy, 2)
    };
    let report = run(&cell);
    assert_eq!(report.status, Status::TimedOut);
    assert!(report.counterexample.as_ref().unwrap().starts_with("after 0.05 s"));
    assert_eq!(report.messages_per_second(), None);
}

#[test]
fn an_unknown_strategy_is_told_what_there_is() {
    for name in ["swap", "swap/all", "heap/batch", "swap/batch/each", ""] {
        let message = name.parse::<Strategy>().unwrap_err().to_string();
        assert!(message.starts_with(&format!("strategy={name}:")), "{message}");
        assert!(message.contains("mpsc-one") && message.contains("vectored"), "{message}");
    }
}

fn mixes() -> [Contents; 2] {
    let lines = ["GET /", "", "POST /form", "a longer line than those before it"];
    [
        Contents::mix(vec![(16, 5.0), (100, 4.0), (5000, 1.0)]).unwrap(),
        Contents::records(lines.map(|line| line.as_bytes().into()).to_vec()).unwrap(),
    ]
}

#[test]
fn messages_that_differ_in_size_are_delivered_by_every_strategy() {
    for contents in mixes() {
        for strategy in sound().filter(|strategy| strategy.queue != Source::Direct) {
            let cell = Cell { contents: Some(contents.clone()), messages: 50, ..Cell::new(strategy, 3) };
            let report = run(&cell);
            assert_eq!((report.status, report.counterexample), (Status::Ok, None), "{strategy}");
            let bytes = contents.frames(3).unwrap().bytes(50);
            assert_eq!((report.delivered, report.bytes, report.account.bytes), (150, bytes, bytes), "{strategy}");
            assert_eq!(report.proof, Proof::Exact);
        }
    }
}

#[test]
fn messages_that_differ_in_size_can_be_bounded_dropped_and_paced() {
    for contents in mixes() {
        let cell =
            |strategy: &str| Cell { contents: Some(contents.clone()), ..Cell::new(strategy.parse().unwrap(), 4) };
        let bounded = run(&Cell { capacity: Some(Capacity::Bytes(8192)), ..cell("swap/batch") });
        assert_eq!((bounded.status, bounded.delivered), (Status::Ok, 4000));
        assert!(bounded.account.high_water <= 8192);
        let on_full = OnFull::DropOldest;
        let capacity = Some(Capacity::Messages(4));
        let dropping = run(&Cell { capacity, on_full, read_rate: Some(2_000_000), ..cell("swap/batch") });
        assert_eq!((dropping.status, dropping.delivered + dropping.dropped), (Status::Ok, 4000));
        let load = Load::Open { rate: 50_000.0, arrivals: Arrivals::Poisson, seed: 1 };
        let paced = run(&Cell { load, messages: 250, ..cell("mpsc/batch") });
        assert_eq!((paced.delivered, paced.open.unwrap().latencies.count()), (1000, 1000));
        let threads = run(&Cell { producers_as: Producers::Threads, ..cell("locked/each") });
        assert_eq!((threads.status, threads.delivered), (Status::Ok, 4000));
    }
}

#[test]
fn what_cannot_hold_the_largest_message_is_refused() {
    let contents = Some(Contents::mix(vec![(16, 9.0), (5000, 1.0)]).unwrap());
    let small = Cell { contents, capacity: Some(Capacity::Bytes(4999)), ..Cell::new("swap/batch".parse().unwrap(), 1) };
    assert!(lab::run(&small, &Signal::new()).unwrap_err().to_string().contains("5000 bytes"));
    let direct = Cell { strategy: "direct/batch".parse().unwrap(), capacity: None, ..small };
    assert!(lab::run(&direct, &Signal::new()).unwrap_err().to_string().contains("one size"));
}
