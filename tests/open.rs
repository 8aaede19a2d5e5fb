//! Open load, drops and a slow server, end to end. What is asserted holds on a machine of any speed: times are bounded
//! from below by what must have been waited, and counts must add up exactly.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use fanin::lab::{self, Arrivals, Cell, Load, Report, Signal, Status};
use fanin::message::Proof;
use fanin::queue::{Capacity, OnFull};
use fanin::server::{Pause, PauseAt};

const MILLISECOND: u64 = 1_000_000;

fn cell(strategy: &str) -> Cell {
    let limit = Some(Duration::from_secs(60));
    Cell { payload: 64, messages: 500, timeout: limit, ..Cell::new(strategy.parse().unwrap(), 4) }
}

fn open(rate: f64, arrivals: Arrivals) -> Load {
    Load::Open { rate, arrivals, seed: 7 }
}

fn run(cell: &Cell) -> Report {
    lab::run(cell, &Signal::new()).unwrap()
}

/// What must hold for any run that was judged to be delivered.
fn assert_adds_up(report: &Report, expected: u64) {
    assert!(
        matches!(report.status, Status::Ok | Status::Saturated),
        "{:?}: {:?}",
        report.status,
        report.counterexample
    );
    assert_eq!((report.sent, report.lost, report.counterexample.as_ref()), (expected, 0, None));
    assert_eq!(report.delivered + report.dropped, report.sent);
    assert_eq!(report.account.messages, report.delivered);
}

#[test]
fn every_message_has_a_latency() {
    for strategy in
        ["mpsc-one/each", "mpsc/batch", "swap/batch", "swap-yield/vectored", "async-swap/batch", "locked/each"]
    {
        for (payload, arrivals) in [(64, Arrivals::Constant), (5, Arrivals::Poisson)] {
            let report = run(&Cell { payload, load: open(10_000.0, arrivals), ..cell(strategy) });
            assert_adds_up(&report, 2000);
            let open = report.open.unwrap();
            assert_eq!(open.latencies.count(), 2000, "{strategy}");
            assert!(open.latencies.min() <= open.latencies.percentile(50.0));
            assert!(open.latencies.percentile(50.0) <= open.latencies.max());
            assert!(open.achieved_rate > 0.0 && open.achieved_rate <= 10_000.0);
        }
    }
}

#[test]
fn the_schedule_is_kept_or_the_run_is_saturated() {
    let report = run(&Cell { load: open(2000.0, Arrivals::Constant), ..cell("swap/batch") });
    let open = report.open.as_ref().unwrap();
    // 2000 messages, the last of which is due after a second: none can have come before.
    assert!(report.deliver >= Duration::from_secs(1));
    let share = open.achieved_rate / 2000.0;
    assert_eq!(report.status == Status::Ok, share >= 0.99, "{share}");
    assert!(open.lateness.late <= report.sent);
}

#[test]
fn a_rate_beyond_the_server_saturates() {
    let fast = open(200_000.0, Arrivals::Constant);
    let report = run(&Cell { load: fast, read_rate: Some(640_000), ..cell("swap/batch") });
    assert_adds_up(&report, 2000);
    // 128,000 bytes at 640,000 a second take a fifth of a second; they were due within a hundredth.
    assert_eq!(report.status, Status::Saturated);
    assert!(report.deliver >= Duration::from_millis(180), "{:?}", report.deliver);
    assert!(report.open.unwrap().achieved_rate < 20_000.0);
}

/// No coordinated omission: of 2 s in which the server does not read for 100 ms, the messages due in that time waited.
/// They are a twentieth of all, so the 99th percentile must be among them, however the queue makes producers wait.
#[test]
fn one_pause_of_the_server_shows_in_the_99th_percentile() {
    for (strategy, capacity) in
        [("swap/batch", None), ("swap/batch", Some(Capacity::Messages(8))), ("mpsc/batch", None)]
    {
        let pause = Pause { at: PauseAt::Time(Duration::from_millis(700)), length: Duration::from_millis(100) };
        let load = open(2000.0, Arrivals::Constant);
        let report = run(&Cell { messages: 1000, capacity, pause: Some(pause), load, ..cell(strategy) });
        assert_adds_up(&report, 4000);
        let latencies = report.open.unwrap().latencies;
        assert!(latencies.max() >= 95 * MILLISECOND, "{}", latencies.max());
        assert!(latencies.percentile(99.0) >= 70 * MILLISECOND, "{}", latencies.percentile(99.0));
    }
}

#[test]
fn bursts_are_merged_into_one_histogram() {
    let report = run(&Cell { bursts: 3, load: open(20_000.0, Arrivals::Poisson), ..cell("swap/batch") });
    if report.status == Status::Ok {
        assert_eq!(report.bursts, 3);
    }
    assert_eq!(report.open.unwrap().latencies.count(), report.delivered);
}

#[test]
fn what_is_dropped_is_accounted_for() {
    for strategy in ["swap/batch", "swap-yield/each", "locked/vectored"] {
        for on_full in [OnFull::DropNewest, OnFull::DropOldest] {
            for payload in [1, 7, 64] {
                let capacity = Some(Capacity::Messages(16));
                let slow = Some(payload as u64 * 4000);
                let report = run(&Cell { payload, capacity, on_full, read_rate: slow, ..cell(strategy) });
                assert_adds_up(&report, 2000);
                let proof = [Proof::Count, Proof::Tagged, Proof::Exact]
                    [[1, 7, 64].iter().position(|&size| size == payload).unwrap()];
                assert_eq!(report.proof, proof);
                assert_eq!(report.bytes, report.delivered * payload as u64);
            }
        }
    }
}

/// A server that takes nothing for a while: its buffers and the queue fill, and what comes then must go.
fn stalled(strategy: &str, on_full: OnFull, load: Load) -> Report {
    let pause = Some(Pause { at: PauseAt::Bytes(1), length: Duration::from_millis(400) });
    let capacity = Some(Capacity::Bytes(64 << 10));
    let buffers = Some(16 << 10);
    let cell = Cell { capacity, on_full, pause, load, messages: 500, payload: 4096, ..cell(strategy) };
    run(&Cell { receive_buffer: buffers, send_buffer: buffers, timeline: true, ..cell })
}

#[test]
fn a_server_that_stalls_makes_a_bounded_queue_drop() {
    for strategy in ["swap/batch", "locked/batch"] {
        for on_full in [OnFull::DropNewest, OnFull::DropOldest] {
            let load = open(10_000.0, Arrivals::Constant);
            let report = stalled(strategy, on_full, load);
            assert_adds_up(&report, 2000);
            // 8 MiB are sent in 200 ms, to a server that reads once and then not for 400 ms.
            assert!(report.dropped > 500, "{strategy} {on_full:?}: {}", report.dropped);
            assert!(report.account.high_water <= 64 << 10);
            assert_eq!(report.open.unwrap().latencies.count(), report.delivered);
        }
    }
}

/// The oldest are dropped, so what arrives last is what was sent last, and it has not waited for long.
#[test]
fn which_message_is_dropped_shows_in_the_latencies() {
    let shortest = |on_full| {
        let report = stalled("swap/batch", on_full, open(10_000.0, Arrivals::Constant));
        assert_adds_up(&report, 2000);
        report.open.unwrap().latencies.min()
    };
    // All were due within 200 ms, and what was in no buffer was read after 400 ms: the newest waited the least.
    assert!(shortest(OnFull::DropOldest) <= shortest(OnFull::DropNewest) + 50 * MILLISECOND);
}

#[test]
fn a_queue_that_waits_drops_nothing() {
    let report = stalled("swap/batch", OnFull::Wait, Load::Closed);
    assert_adds_up(&report, 2000);
    assert_eq!((report.status, report.dropped), (Status::Ok, 0));
    assert!(report.produce >= Duration::from_millis(300), "producers waited: {:?}", report.produce);
}

#[test]
fn without_a_bound_the_backlog_is_what_the_server_did_not_take() {
    let pause = Some(Pause { at: PauseAt::Bytes(1), length: Duration::from_millis(300) });
    let buffers = Some(16 << 10);
    let cell = Cell { pause, receive_buffer: buffers, send_buffer: buffers, timeline: true, ..cell("swap/batch") };
    let report = run(&Cell { payload: 4096, messages: 1000, ..cell });
    assert_eq!(report.status, Status::Ok);
    assert!(report.account.high_water > 4 << 20, "of 16 MiB: {}", report.account.high_water);
    let timeline = report.timeline.unwrap();
    assert!((1..=200).contains(&timeline.len()) && timeline.is_sorted());
    assert_eq!(timeline.iter().map(|sample| sample.1).max(), Some(report.account.high_water));
    assert!(report.send_buffer.is_some_and(|size| (16 << 10..1 << 20).contains(&size)));
    assert!((16 << 10..1 << 20).contains(&report.receive_buffer));
}

#[test]
fn a_slow_server_keeps_its_rate() {
    let report = run(&Cell { messages: 1000, read_rate: Some(1 << 20), ..cell("mpsc/batch") });
    assert_eq!(report.status, Status::Ok);
    // A quarter of a MiB at a MiB a second; the bucket holds a hundredth of a second.
    assert!(report.deliver >= Duration::from_millis(220), "{:?}", report.deliver);
}

#[test]
fn costs_are_told_apart() {
    let report = run(&Cell { messages: 50_000, ..cell("mpsc-one/each") });
    assert_eq!(report.status, Status::Ok);
    let cost = report.cost;
    let total = |usage: fanin::usage::Usage| usage.user + usage.system;
    let parts = total(cost.producers.unwrap()) + total(cost.actor.unwrap()) + total(cost.server);
    if cfg!(target_os = "linux") {
        assert!(total(cost.actor.unwrap()) > Duration::ZERO && total(cost.server) > Duration::ZERO);
        // Other tests run in this process, so the whole may be more; it is never much less.
        assert!(parts <= total(cost.all) * 11 / 10 + Duration::from_millis(20), "{parts:?} of {:?}", cost.all);
    }
    assert_eq!(report.account.writes, report.account.batches);
    assert_eq!(report.account.largest_batch, 64);
    assert!(report.account.wakeups <= report.account.batches + 1);
    let task = run(&Cell { actor: lab::Placement::Task, ..cell("mpsc-one/each") }).cost;
    assert!(task.actor.is_none() && task.producers.is_none());
}

#[test]
fn a_stopped_open_load_ends_soon() {
    let slow =
        Cell { timeout: Some(Duration::from_millis(200)), load: open(10.0, Arrivals::Constant), ..cell("swap/batch") };
    let report = run(&slow);
    assert_eq!(report.status, Status::TimedOut);
    let bounded = Cell { capacity: Some(Capacity::Messages(1)), read_rate: Some(64), ..slow };
    assert_eq!(run(&Cell { load: open(1e6, Arrivals::Poisson), ..bounded }).status, Status::TimedOut);
}

fn refusal(cell: &Cell) -> String {
    cell.validate().unwrap_err().to_string()
}

#[test]
fn what_cannot_be_measured_is_refused_by_name() {
    let load = open(1000.0, Arrivals::Constant);
    assert!(
        refusal(&Cell { payload: 1, load, ..cell("swap/batch") }).starts_with("payload=1: with an open load allowed")
    );
    let work = Duration::from_nanos(5);
    assert!(refusal(&Cell { work, load, ..cell("swap/batch") }).starts_with("work=5ns"));
    assert!(refusal(&Cell { delay: work, load, ..cell("swap/batch") }).starts_with("delay=5ns"));
    let capacity = Some(Capacity::Bytes(1 << 16));
    let on_full = OnFull::DropOldest;
    assert!(refusal(&Cell { on_full, ..cell("swap/batch") }).contains("without a capacity"));
    let message = refusal(&Cell { on_full, ..cell("mpsc/batch") });
    assert_eq!(message, "on_full=drop-oldest: mpsc can wait");
    let many = Cell { payload: 2, messages: 20_000, capacity, on_full, load, ..cell("swap/batch") };
    assert!(refusal(&many).starts_with("payload=2: with an open load and drops"));
    assert!(refusal(&Cell { receive_buffer: Some(0), ..cell("swap/batch") }).starts_with("receive_buffer=0"));
    assert!(refusal(&Cell { read_rate: Some(0), ..cell("swap/batch") }).starts_with("read_rate=0"));
}
