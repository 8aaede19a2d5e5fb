//! `direct`: the ceiling. One thread writes what all producers would have sent; nothing is shared, so there is no queue.
//!
//! It is the yardstick for queues: same records, same socket, same server, ledger and clock. A strategy that comes near it
//! has little left to gain. The records are laid straight into blocks of 64 KiB, the producers' in turn, by the actor
//! itself, which is thereby the one producer.

use std::time::Instant;

use bytes::Buf;
use tokio::sync::oneshot;

use super::actor::Actor;
use super::burst::{Burst, Stage, judged, own_usage};
use super::cost::Meter;
use super::producer::Produced;
use super::signal::Signal;
use crate::error::{Error, Result};
use crate::message::Layout;
use crate::queue::{Batch, Capacity, Drain, Facts, Family, Receiver};
use crate::server::ledger::Ledger;

/// Larger blocks gain nothing on any socket that was measured.
const BLOCK: usize = 64 * 1024;

/// What it says of itself, as queues do.
pub const FACTS: Facts = Facts {
    name: "direct",
    about: "one thread writes what all producers would have sent, in blocks of 64 KiB; nothing is shared",
    family: Family::Ceiling,
    drain: Drain::All,
    total_order: true,
    bounded: false,
    unasked: Some(Capacity::Bytes(BLOCK)),
    sound: true,
    guarantees: "one order for all records, the producers' in turn",
    cost: "laying out the record, and a share of a write",
    loses_when: "there is more than one producer: then it is no fan-in, only its ceiling",
    source: "what any fan-in would be without the fan",
};

/// Runs one burst without a queue.
pub(super) async fn burst(stage: &Stage<'_>) -> Result<Burst> {
    let Stage { cell, script, server, stop, .. } = stage;
    let layout = script.layout();
    let start = Signal::new();
    let (ended, produced) = oneshot::channel();
    let author = Author::new(layout, cell.messages, start.clone(), ended);
    let receipt = server.expect(Ledger::new(layout, cell.messages));
    let mut actor = Actor::start(stage, author)?;
    let send_buffer = actor.connected().await;
    let meter = Meter::start();
    start.raise();
    let account = actor.join().await;
    if send_buffer.is_none() {
        // No connection, no receipt: the server would wait for it for ever.
        return Err(account.err().unwrap_or(Error::Cancelled));
    }
    let verdict = judged(receipt, stop).await?;
    // An author that did not come to its end was stopped, or could not write.
    let Ok(produced) = produced.await else { return Err(account.err().unwrap_or(Error::Cancelled)) };
    let cost = meter.stop(own_usage(&account, cell), &verdict);
    Ok(Burst { produced, account, verdict, cost, send_buffer, scheduled: None })
}

/// Stands where the actor has its queue, and makes up what that would hold.
struct Author {
    block: Block,
    layout: Layout,
    messages: u64,
    /// Whose record comes next, and which.
    producer: u32,
    sequence: u64,
    start: Signal,
    first: Option<Instant>,
    ended: Option<oneshot::Sender<Produced>>,
}

impl Author {
    fn new(layout: Layout, messages: u64, start: Signal, ended: oneshot::Sender<Produced>) -> Self {
        let block = Block { bytes: Vec::with_capacity(BLOCK.max(layout.size())), head: 0, size: layout.size() };
        Self { block, layout, messages, producer: 0, sequence: 0, start, first: None, ended: Some(ended) }
    }

    /// Lays out as many records as a block takes, or as are left; whether that is any.
    fn fill(&mut self) -> bool {
        let Block { bytes, head, size } = &mut self.block;
        let left = (self.messages - self.sequence) * u64::from(self.layout.producers()) - u64::from(self.producer);
        let records = usize::try_from(left).unwrap_or(usize::MAX).min((BLOCK / *size).max(1));
        *head = 0;
        bytes.resize(records * *size, 0);
        for record in bytes.chunks_exact_mut(*size) {
            self.layout.write(record, self.producer, self.sequence);
            self.producer += 1;
            if self.producer == self.layout.producers() {
                (self.producer, self.sequence) = (0, self.sequence + 1);
            }
        }
        records > 0
    }

    /// Tells, once, what was sent: the block before was written, or this would not be asked for another.
    fn tell(&mut self) {
        let sent = self.messages * u64::from(self.layout.producers());
        if let (Some(first), Some(ended)) = (self.first, self.ended.take()) {
            // Nobody listens when the burst has failed before.
            let _ = ended.send(Produced { last: Instant::now(), sent, ..Produced::at(first) });
        }
    }
}

impl Receiver for Author {
    type Batch = Block;

    async fn drain(&mut self) -> bool {
        if self.first.is_none() {
            self.start.raised().await;
            self.first = Some(Instant::now());
        }
        let some = self.fill();
        if !some {
            self.tell();
        }
        some
    }

    fn batch(&mut self) -> &mut Block {
        &mut self.block
    }

    fn backlog(&self) -> usize {
        self.block.bytes.len()
    }

    fn close(&mut self) {
        self.sequence = self.messages;
        self.producer = 0;
    }
}

/// Records of one size in one piece.
struct Block {
    bytes: Vec<u8>,
    /// Bytes before this one are written.
    head: usize,
    size: usize,
}

impl Buf for Block {
    fn remaining(&self) -> usize {
        self.bytes.len() - self.head
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes[self.head..]
    }

    fn advance(&mut self, count: usize) {
        assert!(count <= self.remaining(), "advanced beyond the block");
        self.head += count;
    }
}

impl Batch for Block {
    fn first(&self) -> usize {
        (self.size - self.head % self.size).min(self.remaining())
    }

    fn messages(&self) -> usize {
        self.remaining().div_ceil(self.size)
    }
}

#[cfg(test)]
mod tests {
    use crate::lab::{Cell, Signal, Status, run};

    fn report(strategy: &str, producers: u32, messages: u64, payload: usize) -> crate::lab::Report {
        let cell = Cell { messages, payload, ..Cell::new(strategy.parse().unwrap(), producers) };
        run(&cell, &Signal::new()).unwrap()
    }

    #[test]
    fn is_proved_like_any_other() {
        for (producers, messages, payload) in [(1, 1, 1), (4, 1000, 1), (3, 1000, 7), (4, 1000, 64), (2, 3, 100_000)] {
            let report = report("direct/batch", producers, messages, payload);
            assert_eq!((report.status, report.counterexample), (Status::Ok, None));
            assert_eq!((report.sent, report.delivered), (messages * u64::from(producers), report.sent));
        }
    }

    #[test]
    fn writes_each_or_in_blocks() {
        assert_eq!(report("direct/each", 2, 50, 64).account.writes, 100);
        assert_eq!(report("direct/batch", 4, 1024, 64).account.batches, 4);
    }

    #[test]
    fn refuses_what_it_has_no_producers_for() {
        let cell = Cell { delay: std::time::Duration::from_millis(1), ..Cell::new("direct/batch".parse().unwrap(), 2) };
        assert!(run(&cell, &Signal::new()).unwrap_err().to_string().starts_with("delay"));
    }
}
