//! The producers of a burst: they wait for the start, then send their messages one after another.

use std::hint;
use std::pin::Pin;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::cell::{Cell, Producers};
use super::signal::Signal;
use crate::error::{Error, Result};
use crate::message::Layout;
use crate::queue::Sender;

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
    pub(super) sent: u64,
}

impl Produced {
    fn and(self, other: Self) -> Self {
        Self { first: self.first.min(other.first), last: self.last.max(other.last), sent: self.sent + other.sent }
    }
}

/// One producer.
#[derive(Clone)]
struct Producer<S> {
    sender: S,
    number: u32,
    layout: Layout,
    messages: u64,
    work: Duration,
    delay: Duration,
    start: Signal,
    stop: Signal,
}

impl<S: Sender> Producer<S> {
    async fn task(mut self) -> Produced {
        self.start.raised().await;
        let mut record = vec![0; self.layout.size()];
        let first = Instant::now();
        let mut sent = 0;
        while sent < self.messages && self.prepare_task().await {
            self.layout.write(&mut record, self.number, sent);
            if self.sender.send(&record).await.is_err() {
                break;
            }
            sent += 1;
        }
        Produced { first, last: Instant::now(), sent }
    }

    fn thread(mut self) -> Produced {
        pollster::block_on(self.start.raised());
        let mut record = vec![0; self.layout.size()];
        let first = Instant::now();
        let mut sent = 0;
        while sent < self.messages && self.prepare_thread() {
            self.layout.write(&mut record, self.number, sent);
            if self.sender.send_blocking(&record).is_err() {
                break;
            }
            sent += 1;
        }
        Produced { first, last: Instant::now(), sent }
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
    /// Starts them; they wait until `start` is raised, and end early when `stop` is.
    pub(super) fn gather<S: Sender>(
        cell: &Cell,
        layout: Layout,
        sender: S,
        start: &Signal,
        stop: &Signal,
        runtime: &Handle,
    ) -> Result<Self> {
        let model = Producer {
            sender,
            number: 0,
            layout,
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
            Producers::Threads => spawn_threads(producers, start, stop).map(Self::Threads),
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

fn spawn_threads<S: Sender>(
    producers: impl Iterator<Item = Producer<S>>,
    start: &Signal,
    stop: &Signal,
) -> Result<Vec<JoinHandle<Produced>>> {
    let mut threads = Vec::new();
    for producer in producers {
        let name = format!("fanin-p{}", producer.number);
        match thread::Builder::new().name(name).stack_size(STACK).spawn(move || producer.thread()) {
            Ok(thread) => threads.push(thread),
            Err(source) => {
                stop.raise();
                start.raise();
                return Err(Error::Io { doing: "start a producer's thread", source });
            }
        }
    }
    Ok(threads)
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
