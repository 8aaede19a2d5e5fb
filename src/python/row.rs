//! The row of a run, as the Python side gets it: plain numbers and words.
//!
//! | keys | meaning |
//! | --- | --- |
//! | `strategy`, `queue`, `write`, `producers`, `messages`, `payload`, `capacity`, `capacity_unit`, `on_full`, `producers_as`, `actor`, `threads`, `work_ns`, `delay_ns`, `load`, `rate`, `arrivals`, `server`, `read_rate` | what was asked for, by the [knobs](super::knobs)' names; `capacity_unit` is None without a capacity, `rate` and `arrivals` with a closed load |
//! | `receive_buffer`, `send_buffer`, `pause_ns`, `pause_after_bytes`, `pause_after_ns` | what was asked of server and sockets |
//! | `receive_buffer_granted`, `send_buffer_granted` | the socket buffers as the system granted them |
//! | `status` | `ok`, `invalid`, `timeout`, `saturated` (delivered, but below 99 % of an open load's rate) |
//! | `sent`, `delivered`, `dropped`, `lost` | `sent = delivered + dropped + lost`; `dropped` is on purpose, `lost` never is |
//! | `proof` | `exact`, `tagged`, `shuffle`; `count` where drops leave records only countable |
//! | `achieved_rate` | messages a second delivered or dropped on purpose; None unless open and `ok` or `saturated` |
//! | `late_starts`, `worst_lateness_ns` | sends that began more than 100 µs after they were due, and the worst; None unless open |
//! | `latency_count`, `latency_{min,p50,p90,p99,p999,max}_ns` | from when a message was due to when the server had it; None unless open and `ok` or `saturated`; a percentile is None with fewer than 10 latencies above it |
//! | `latency_histogram` | all of them: the V2 base64 form of `HdrHistogram`, in nanoseconds |
//! | `batches`, `writes`, `largest_batch_bytes`, `wakeups`, `high_water_bytes` | what the actor did; `wakeups` are the drains that had to wait |
//! | `server_reads` | system calls by which the server read |
//! | `cpu_user_ns`, `cpu_system_ns`, `voluntary_switches`, `involuntary_switches`, `page_faults` | of the whole process during the run |
//! | `cpu_{producers,actor,server}_{user,system}_ns` | the same apart; producers and actor None where the actor is a task. With an open load the producers are the pacing thread, its looking at the clock included |
//! | `timeline` | the first burst's backlog as `(ns, bytes)` pairs, at most 200; None unless asked for |

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::lab::report::Open;
use crate::lab::{Arrivals, Cell, Report, Status};
use crate::queue::Capacity;
use crate::server::PauseAt;
use crate::server::ledger::Latencies;
use crate::usage::Usage;

/// A percentile is told from so many latencies above it on.
const ABOVE: f64 = 10.0;

type Row<'py> = Bound<'py, PyDict>;

/// What was asked for, and what came of it.
pub(super) fn row<'py>(py: Python<'py>, cell: &Cell, report: &Report) -> PyResult<Row<'py>> {
    let row = PyDict::new(py);
    describe(&row, cell, report)?;
    describe_load(&row, cell, report)?;
    delivery(&row, report)?;
    latency(&row, report)?;
    actor(&row, report)?;
    cost(&row, report)?;
    Ok(row)
}

/// The axes.
fn describe(row: &Row<'_>, cell: &Cell, report: &Report) -> PyResult<()> {
    row.set_item("strategy", cell.strategy.to_string())?;
    row.set_item("queue", cell.strategy.queue.facts().name)?;
    row.set_item("write", cell.strategy.write.name())?;
    row.set_item("producers", cell.producers)?;
    row.set_item("messages", cell.messages)?;
    row.set_item("payload", cell.payload)?;
    row.set_item("capacity", cell.capacity.map(Capacity::limit))?;
    row.set_item("capacity_unit", cell.capacity.map(unit))?;
    row.set_item("on_full", cell.on_full.name())?;
    row.set_item("producers_as", cell.producers_as.name())?;
    row.set_item("actor", cell.actor.name())?;
    row.set_item("threads", report.threads)?;
    row.set_item("work_ns", nanoseconds(cell.work))?;
    row.set_item("delay_ns", nanoseconds(cell.delay))?;
    row.set_item("bursts", report.bursts)
}

fn describe_load(row: &Row<'_>, cell: &Cell, report: &Report) -> PyResult<()> {
    row.set_item("load", cell.load.name())?;
    row.set_item("rate", cell.load.rate())?;
    row.set_item("arrivals", cell.load.arrivals().map(Arrivals::name))?;
    row.set_item("server", cell.server.name())?;
    row.set_item("read_rate", cell.read_rate)?;
    row.set_item("receive_buffer", cell.receive_buffer)?;
    row.set_item("receive_buffer_granted", report.receive_buffer)?;
    row.set_item("send_buffer", cell.send_buffer)?;
    row.set_item("send_buffer_granted", report.send_buffer)?;
    row.set_item("pause_ns", cell.pause.map(|pause| nanoseconds(pause.length)))?;
    let (bytes, time) = match cell.pause.map(|pause| pause.at) {
        Some(PauseAt::Bytes(bytes)) => (Some(bytes), None),
        Some(PauseAt::Time(time)) => (None, Some(nanoseconds(time))),
        None => (None, None),
    };
    row.set_item("pause_after_bytes", bytes)?;
    row.set_item("pause_after_ns", time)
}

const fn unit(capacity: Capacity) -> &'static str {
    match capacity {
        Capacity::Bytes(_) => "bytes",
        Capacity::Messages(_) => "messages",
    }
}

fn delivery(row: &Row<'_>, report: &Report) -> PyResult<()> {
    row.set_item("status", report.status.name())?;
    row.set_item("counterexample", &report.counterexample)?;
    row.set_item("proof", report.proof.name())?;
    row.set_item("sent", report.sent)?;
    row.set_item("delivered", report.delivered)?;
    row.set_item("dropped", report.dropped)?;
    row.set_item("lost", report.lost)?;
    row.set_item("duplicated", report.duplicated)?;
    row.set_item("reordered", report.reordered)?;
    row.set_item("corrupted", report.corrupted)?;
    row.set_item("bytes", report.bytes)?;
    row.set_item("produce_ns", nanoseconds(report.produce))?;
    row.set_item("deliver_ns", nanoseconds(report.deliver))
}

/// What an open load came to. The pacer's lateness is told whatever the end, a rate and latencies only with delivery.
fn latency(row: &Row<'_>, report: &Report) -> PyResult<()> {
    let open = report.open.as_ref();
    row.set_item("late_starts", open.map(|open| open.lateness.late))?;
    row.set_item("worst_lateness_ns", open.map(|open| nanoseconds(open.lateness.worst)))?;
    let delivered = open.filter(|_| matches!(report.status, Status::Ok | Status::Saturated));
    row.set_item("achieved_rate", delivered.map(|open| open.achieved_rate))?;
    let latencies = delivered.map(|Open { latencies, .. }| latencies);
    row.set_item("latency_count", latencies.map(Latencies::count))?;
    row.set_item("latency_min_ns", latencies.map(Latencies::min))?;
    for (key, percentile) in PERCENTILES {
        row.set_item(key, latencies.and_then(|latencies| supported(latencies, percentile)))?;
    }
    row.set_item("latency_max_ns", latencies.map(Latencies::max))?;
    row.set_item("latency_histogram", latencies.map(Latencies::encode).transpose()?)
}

const PERCENTILES: [(&str, f64); 4] =
    [("latency_p50_ns", 50.0), ("latency_p90_ns", 90.0), ("latency_p99_ns", 99.0), ("latency_p999_ns", 99.9)];

/// The percentile, if enough latencies lie above it for it to mean anything.
fn supported(latencies: &Latencies, percentile: f64) -> Option<u64> {
    let above = latencies.count() as f64 * (1.0 - percentile / 100.0);
    // A thousand latencies have ten above the 99th percentile, whatever a sum of binary fractions makes of it.
    (above + 1e-6 >= ABOVE).then(|| latencies.percentile(percentile))
}

fn actor(row: &Row<'_>, report: &Report) -> PyResult<()> {
    row.set_item("batches", report.account.batches)?;
    row.set_item("writes", report.account.writes)?;
    row.set_item("wakeups", report.account.wakeups)?;
    row.set_item("largest_batch_bytes", report.account.largest_batch)?;
    row.set_item("high_water_bytes", report.account.high_water)?;
    row.set_item("server_reads", report.server_reads)?;
    row.set_item("timeline", &report.timeline)
}

fn cost(row: &Row<'_>, report: &Report) -> PyResult<()> {
    let cost = &report.cost;
    row.set_item("cpu_user_ns", nanoseconds(cost.all.user))?;
    row.set_item("cpu_system_ns", nanoseconds(cost.all.system))?;
    row.set_item("voluntary_switches", cost.all.voluntary_switches)?;
    row.set_item("involuntary_switches", cost.all.involuntary_switches)?;
    row.set_item("page_faults", cost.all.page_faults)?;
    let parts: [(&str, Option<Usage>); 3] =
        [("producers", cost.producers), ("actor", cost.actor), ("server", Some(cost.server))];
    for (who, usage) in parts {
        row.set_item(format!("cpu_{who}_user_ns"), usage.map(|usage| nanoseconds(usage.user)))?;
        row.set_item(format!("cpu_{who}_system_ns"), usage.map(|usage| nanoseconds(usage.system)))?;
    }
    Ok(())
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
