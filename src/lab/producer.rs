//! The producers of a burst: they wait for the start, then send their messages one after another.

use std::pin::Pin;
use std::slice::ChunksExact;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{hint, io};

use tokio::task::JoinSet;

use super::burst::Stage;
use super::cell::{Cell, Producers};
use super::pacer::{self, Lateness, Pacer};
use super::script::Script;
use super::signal::Signal;
use crate::actor::Gauge;
use crate::error::{Error, Result, SendError};
use crate::queue::{OnFull, Sender};
use crate::server::ledger::Timetable;

/// Enough for a producer's frames; its message lies on the heap.
const STACK: usize = 128 * 1024;

/// How long a thread that is delayed sleeps before it looks whether it should stop.
const SLICE: Duration = Duration::from_millis(20);

/// How long the producers of a stopped run have to end by themselves.
const GRACE: Duration = Duration::from_secs(1);

/// What producers have sent, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Produced {
    pub(super) first: Instant,
    pub(super) last: Instant,
    /// Messages that were offered to the queue while it was open: taken, or dropped.
    pub(super) sent: u64,
    /// Of these, how many were dropped.
    pub(super) dropped: u64,
    pub(super) lateness: Lateness,
}

impl Produced {
    /// Nothing yet.
    pub(super) fn at(now: Instant) -> Self {
        Self { first: now, last: now, sent: 0, dropped: 0, lateness: Lateness::default() }
    }

    /// Counts a message that was offered; `false` when the queue takes no more.
    #[inline]
    pub(super) fn count(&mut self, offered: Result<u64, SendError>) -> bool {
        let Ok(dropped) = offered else { return false };
        self.sent += 1;
        self.dropped += dropped;
        true
    }

    fn and(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            sent: self.sent + other.sent,
            dropped: self.dropped + other.dropped,
            lateness: self.lateness.and(other.lateness),
        }
    }
}

/// How a message is offered to a queue: by what becomes of it when that is full. Answers how many were dropped for it,
/// itself included.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    on_full: OnFull,
    gauge: Option<Gauge>,
}

impl Offer {
    pub(super) fn of(cell: &Cell) -> Self {
        Self { on_full: cell.on_full, gauge: cell.watch.clone() }
    }

    #[inline]
    fn waits(&self) -> bool {
        self.on_full == OnFull::Wait
    }

    #[inline]
    pub(super) fn blocking<S: Sender>(&self, sender: &mut S, message: &[u8]) -> Result<u64, SendError> {
        if self.waits() {
            return sender.send_blocking(message).map(|()| 0);
        }
        self.at_once(sender, message)
    }

    #[inline]
    fn at_once<S: Sender>(&self, sender: &mut S, message: &[u8]) -> Result<u64, SendError> {
        let outcome = match self.on_full {
            OnFull::DropOldest => sender.displace(message),
            OnFull::Wait | OnFull::DropNewest => sender.try_send(message).map(|()| 0),
        };
        let dropped = match outcome {
            Err(SendError::Full) => 1,
            dropped => dropped? as u64,
        };
        match &self.gauge {
            Some(gauge) if dropped > 0 => gauge.dropped(dropped),
            _ => {}
        }
        Ok(dropped)
    }
}

/// One producer.
#[derive(Clone)]
struct Producer<S> {
    sender: S,
    offer: Offer,
    number: u32,
    script: Script,
    messages: u64,
    work: Duration,
    delay: Duration,
    start: Signal,
    stop: Signal,
}

impl<S: Sender> Producer<S> {
    async fn task(mut self) -> Produced {
        self.start.raised().await;
        let mut pages = self.script.clone().pages(self.number, self.messages);
        let mut produced = Produced::at(Instant::now());
        'all: while let Some(page) = pages.lay_out() {
            for message in page {
                if self.idles() && !self.prepare_task().await {
                    break 'all;
                }
                // The path of every message: no future of its own.
                let offered = if self.offer.waits() {
                    self.sender.send(message).await.map(|()| 0)
                } else {
                    // A producer that never waits gives the others their turn all the same.
                    tokio::task::coop::consume_budget().await;
                    self.offer.at_once(&mut self.sender, message)
                };
                if !produced.count(offered) {
                    break 'all;
                }
            }
        }
        Produced { last: Instant::now(), ..produced }
    }

    fn thread(mut self) -> Produced {
        pollster::block_on(self.start.raised());
        let mut pages = self.script.clone().pages(self.number, self.messages);
        let mut produced = Produced::at(Instant::now());
        let sends_only = !self.idles() && self.offer.waits();
        'all: while let Some(page) = pages.lay_out() {
            if sends_only {
                if !self.send_page(page, &mut produced) {
                    break;
                }
                continue;
            }
            for message in page {
                let ready = !self.idles() || self.prepare_thread();
                if !ready || !produced.count(self.offer.blocking(&mut self.sender, message)) {
                    break 'all;
                }
            }
        }
        Produced { last: Instant::now(), ..produced }
    }

    /// Sends a page of messages before which nothing comes; whether all of it was taken.
    #[inline]
    fn send_page(&mut self, page: ChunksExact<'_, u8>, produced: &mut Produced) -> bool {
        let messages = page.len();
        let taken = page.take_while(|message| self.sender.send_blocking(message).is_ok()).count();
        produced.sent += taken as u64;
        taken == messages
    }

    /// Whether anything comes before a message.
    #[inline]
    fn idles(&self) -> bool {
        !(self.delay.is_zero() && self.work.is_zero())
    }

    /// What comes before a message; `false` when the run was stopped in it.
    #[inline]
    async fn prepare_task(&mut self) -> bool {
        if !self.delay.is_zero() {
            tokio::select! {
                () = tokio::time::sleep(self.delay) => {}
                () = self.stop.raised() => return false,
            }
        }
        self.work()
    }

    #[inline]
    fn prepare_thread(&self) -> bool {
        if !self.delay.is_zero() {
            let end = Instant::now() + self.delay;
            while let left = end.saturating_duration_since(Instant::now())
                && !left.is_zero()
            {
                thread::sleep(left.min(SLICE));
                if self.stop.is_raised() {
                    return false;
                }
            }
        }
        self.work()
    }

    /// Spends processor time.
    #[inline]
    fn work(&self) -> bool {
        if self.work.is_zero() {
            return true;
        }
        let begun = Instant::now();
        while begun.elapsed() < self.work {
            hint::spin_loop();
            if self.stop.is_raised() {
                return false;
            }
        }
        true
    }
}

/// The producers of one burst, all waiting for the start.
pub(super) enum Crowd {
    Tasks(JoinSet<Produced>),
    Threads(Vec<JoinHandle<Produced>>),
}

impl Crowd {
    /// Starts them; they wait until `start` is raised, and end early when `stop` is. With a timetable one thread, the
    /// pacer, sends for them all.
    pub(super) fn gather<S: Sender>(
        stage: &Stage<'_>,
        sender: S,
        timetable: Option<Arc<Timetable>>,
        start: &Signal,
    ) -> Result<Self> {
        let Stage { cell, script, runtime, stop, .. } = stage;
        if let Some(timetable) = timetable {
            let pacer = pacer(stage, sender, timetable, start);
            return spawn_all([("fanin-pacer".to_owned(), || pacer.thread())], start, stop).map(Self::Threads);
        }
        let model = Producer {
            sender,
            offer: Offer::of(cell),
            number: 0,
            script: script.clone(),
            messages: cell.messages,
            work: cell.work,
            delay: cell.delay,
            start: start.clone(),
            stop: stop.clone(),
        };
        let producers = (1..cell.producers).map(|number| Producer { number, ..model.clone() });
        let producers: Vec<_> = producers.collect();
        let producers = std::iter::once(model).chain(producers);
        match cell.producers_as {
            Producers::Tasks => {
                let mut tasks = JoinSet::new();
                for producer in producers {
                    // Behind a pointer, so that the runtime is not compiled once a queue.
                    let task: Pin<Box<dyn Future<Output = Produced> + Send>> = Box::pin(producer.task());
                    tasks.spawn_on(task, runtime);
                }
                Ok(Self::Tasks(tasks))
            }
            Producers::Threads => {
                let lives = producers.map(|producer| (format!("fanin-p{}", producer.number), || producer.thread()));
                spawn_all(lives, start, stop).map(Self::Threads)
            }
        }
    }

    /// Waits for all of them.
    pub(super) async fn join(self, stop: &Signal) -> Result<Produced> {
        let produced = match self {
            Self::Tasks(tasks) => join_tasks(tasks, stop).await?,
            Self::Threads(threads) => {
                let join = tokio::task::spawn_blocking(move || join_threads(threads));
                join.await.map_err(|error| Error::panicked("producers' join", &error.to_string()))??
            }
        };
        produced.ok_or(Error::Cancelled)
    }
}

fn pacer<S: Sender>(stage: &Stage<'_>, sender: S, timetable: Arc<Timetable>, start: &Signal) -> Pacer<S> {
    let Stage { cell, script, stop, .. } = stage;
    let mut senders: Vec<_> = (1..cell.producers).map(|_| sender.clone()).collect();
    senders.push(sender);
    Pacer {
        senders,
        offer: Offer::of(cell),
        script: script.clone(),
        messages: cell.messages,
        timetable,
        awake: pacer::awake(),
        start: start.clone(),
        stop: stop.clone(),
    }
}

/// A thread for each life. When one cannot be had, those that wait are let go.
fn spawn_all<L: FnOnce() -> Produced + Send + 'static>(
    lives: impl IntoIterator<Item = (String, L)>,
    start: &Signal,
    stop: &Signal,
) -> Result<Vec<JoinHandle<Produced>>> {
    let spawn = |(name, life)| thread::Builder::new().name(name).stack_size(STACK).spawn(life);
    let threads = lives.into_iter().map(spawn).collect::<io::Result<_>>();
    threads.map_err(|source| {
        stop.raise();
        start.raise();
        Error::Io { doing: "start a producer's thread", source }
    })
}

async fn join_tasks(mut tasks: JoinSet<Produced>, stop: &Signal) -> Result<Option<Produced>> {
    let mut all: Option<Produced> = None;
    // A stopped run closes the queue, which ends its producers. Only a queue that wakes nobody needs more.
    let patience = async {
        stop.raised().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::pin!(patience);
    loop {
        tokio::select! {
            biased;
            ended = tasks.join_next() => match ended {
                None => return Ok(all),
                Some(Ok(one)) => all = Some(all.map_or(one, |all| all.and(one))),
                Some(Err(error)) => return Err(Error::panicked("producer", &error.to_string())),
            },
            () = &mut patience => break,
        }
    }
    tasks.shutdown().await;
    Ok(all)
}

fn join_threads(threads: Vec<JoinHandle<Produced>>) -> Result<Option<Produced>> {
    let mut all: Option<Produced> = None;
    for thread in threads {
        let one = thread.join().map_err(|payload| Error::panicked("producer", &*payload))?;
        all = Some(all.map_or(one, |all| all.and(one)));
    }
    Ok(all)
}
