//! Repeats a burst until enough was measured, and ends early when it is told to.

use std::pin::Pin;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::burst::{Burst, Stage, burst};
use super::cell::Cell;
use super::direct;
use super::report::{Report, Status};
use super::signal::Signal;
use super::strategy::Source;
use crate::error::{Error, Result};
use crate::queue::{Queue, Visitor};
use crate::server::Server;

/// Runs a cell. It ends early, with [`Error::Cancelled`], when `cancel` is raised.
///
/// # Errors
/// [`Error::Argument`] for a cell that cannot be run, [`Error::Cancelled`], and what threads and sockets fail with.
///
/// # Example
/// ```
/// use fanin::lab::{self, Cell, Signal, Status};
///
/// let cell = Cell::new("swap/batch".parse()?, 8);
/// let report = lab::run(&cell, &Signal::new())?;
/// assert_eq!(report.status, Status::Ok);
/// assert_eq!((report.sent, report.delivered), (8000, 8000));
/// # Ok::<(), fanin::Error>(())
/// ```
pub fn run(cell: &Cell, cancel: &Signal) -> Result<Report> {
    cell.validate()?;
    let one: OneBurst = match cell.strategy.queue {
        Source::Queue(kind) => kind.visit(cell.shape().size, Choose),
        Source::Direct => |stage, _| Box::pin(direct::burst(stage)),
    };
    play(cell, cancel, one)
}

/// Runs a cell over a queue of the caller's own, in the place of the one that its strategy names.
///
/// # Errors
/// As [`run`].
pub fn run_queue<Q: Queue>(cell: &Cell, cancel: &Signal) -> Result<Report> {
    cell.validate()?;
    play(cell, cancel, Choose.visit::<Q>())
}

/// Runs one burst. It stands behind a pointer so that what repeats it is compiled once, and not once a queue.
type OneBurst = for<'a> fn(&'a Stage<'a>, u64) -> Pin<Box<dyn Future<Output = Result<Burst>> + 'a>>;

/// The step from a queue's name to its burst.
struct Choose;

impl Visitor for Choose {
    type Output = OneBurst;

    fn visit<Q: Queue>(self) -> OneBurst {
        |stage, number| Box::pin(burst::<Q>(stage, number))
    }
}

fn play(cell: &Cell, cancel: &Signal, one: OneBurst) -> Result<Report> {
    let server = Server::start(&cell.settings())?;
    let runtime = producers_runtime(cell)?;
    let runtime_handle = runtime.handle().clone();
    let stage = Stage { cell, script: cell.script()?, server: &server, runtime: runtime_handle, stop: Signal::new() };
    let report = runtime.block_on(repeat(&stage, cancel, one));
    drop(runtime);
    let reads = server.stop()?.reads;
    report.map(|report| Report { server_reads: reads, ..report })
}

fn producers_runtime(cell: &Cell) -> Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(cell.runtime_threads())
        .thread_name("fanin-producers")
        .enable_all()
        .build()
        .map_err(Error::io("start the producers' runtime"))
}

async fn repeat(stage: &Stage<'_>, cancel: &Signal, one: OneBurst) -> Result<Report> {
    let mut report = Report::new(stage.script.layout().proof(), stage.cell.runtime_threads());
    report.receive_buffer = stage.server.receive_buffer();
    let ending = {
        let bursts = bursts(stage, one, &mut report);
        tokio::pin!(bursts);
        tokio::select! {
            ended = &mut bursts => Ending::Own(ended),
            ending = end_of(stage.cell.timeout, cancel) => {
                stage.stop.raise();
                // Whatever it comes to now: it was not let finish.
                let _ = bursts.await;
                ending
            }
        }
    };
    match ending {
        Ending::Own(ended) => ended.map(|()| report),
        Ending::Cancelled => Err(Error::Cancelled),
        Ending::Late(timeout) => Ok(timed_out(stage, report, timeout)),
    }
}

async fn bursts(stage: &Stage<'_>, one: OneBurst, report: &mut Report) -> Result<()> {
    while report.status == Status::Ok && wants_more(stage.cell, report) {
        let burst = one(stage, report.bursts).await?;
        report.add(&burst)?;
        check(burst)?;
    }
    report.judge_rate(stage.cell.load.rate());
    Ok(())
}

fn wants_more(cell: &Cell, report: &Report) -> bool {
    report.bursts < u64::from(cell.bursts) || report.deliver < cell.min_time
}

/// A burst whose actor failed is an error, unless the ledger has already found what is wrong.
fn check(burst: Burst) -> Result<()> {
    let is_accounted = burst.is_accounted();
    match burst.account {
        Err(error) if is_accounted || matches!(error, Error::Cancelled) => Err(error),
        _ => Ok(()),
    }
}

/// How a run ends: by itself, or before it is done.
enum Ending {
    Own(Result<()>),
    Cancelled,
    Late(Duration),
}

async fn end_of(timeout: Option<Duration>, cancel: &Signal) -> Ending {
    let timeout = timeout.unwrap_or(Duration::MAX);
    tokio::select! {
        () = cancel.raised() => Ending::Cancelled,
        () = tokio::time::sleep(timeout) => Ending::Late(timeout),
    }
}

fn timed_out(stage: &Stage<'_>, mut report: Report, timeout: Duration) -> Report {
    let (seconds, bytes) = (timeout.as_secs_f64(), stage.server.report().bytes_received);
    report.status = Status::TimedOut;
    report.counterexample = Some(format!("after {seconds} s {bytes} bytes had arrived"));
    report
}
