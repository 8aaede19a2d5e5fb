//! `nexus-logbuf`: nexus-logbuf's ring of records, filled in place and read record by record.
//!
//! * **Idea**: as [`ring`](crate::queue::ring), with each record's length in front of it, where it is also the commit. The
//!   consumer copies records into one run of bytes, zeroes what it has read, and moves on.
//! * **Guarantees**: one order for all producers; bounded by nature: 256 KiB, of which a record takes its bytes, 8 more, and
//!   what rounds it up to 8. It takes no other capacity: rings are powers of two, and count neither messages nor their bytes.
//! * **Cost**: a compare-and-exchange, two copies and a zeroing a message. The crate has no waking at all: the consumer sleeps
//!   and senders wait by means of ours, for which each send pays a fence and a load.
//! * **When it loses**: with more than a few producers: its own documentation advises a ring a producer beyond four.
//! * **Source**: the crate `nexus-logbuf`, its module `queue::mpsc`; Aeron's log buffers.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Poll, Waker};

use bytes::Buf;
use nexus_logbuf::queue::mpsc::{self, Consumer, Producer};

use super::BLOCK;
use crate::error::SendError;
use crate::queue::arena::Arena;
use crate::queue::bell::Bell;
use crate::queue::line::{Line, Waiting};
use crate::queue::room::CACHE_SIZED;
use crate::queue::{Algorithm, Carrier, Drain, Facts, Family, Queue, Receiver, Sender, Shape};

/// A record's length, in front of it.
const HEADER: usize = 8;

/// The algorithm.
#[derive(Debug)]
pub struct Logbuf;

impl Algorithm for Logbuf {
    const FACTS: Facts = Facts {
        name: "nexus-logbuf",
        about: "nexus-logbuf: a ring of records, each with its length in front; all waiting is ours",
        family: Family::Rivals,
        drain: Drain::All,
        total_order: true,
        bounded: false,
        unasked: Some(CACHE_SIZED),
        sound: true,
        guarantees: "one order for all producers; at most 256 KiB, headers included",
        cost: "a compare-and-exchange, two copies, a zeroing and a fence a message",
        loses_when: "there are more than a few producers",
        source: "nexus_logbuf::queue::mpsc",
    };
    type Queue<C: Carrier> = Self;
}

impl Queue for Logbuf {
    type Sender = LogbufSender;
    type Receiver = LogbufReceiver;

    fn open(shape: &Shape) -> (LogbufSender, LogbufReceiver) {
        let (producer, consumer) = mpsc::new(ring_for(shape));
        let longest = consumer.capacity() / 2 - HEADER;
        let shared = Arc::new(Shared { longest, size: shape.size, open: AtomicBool::new(true), ..Shared::default() });
        // The first sender. Relaxed: nobody else has it yet.
        shared.senders.store(1, Ordering::Relaxed);
        let sender = LogbufSender { producer, shared: Arc::clone(&shared) };
        (sender, LogbufReceiver { consumer, shared, batch: Arena::new(shape.size), backlog: 0 })
    }
}

/// The ring's bytes. A record that does not fit before the ring's end goes to its beginning, and what is left is lost: a ring
/// of twice the largest record takes it wherever the end is.
fn ring_for(shape: &Shape) -> usize {
    let record = (HEADER + shape.size.unwrap_or(0)).next_multiple_of(HEADER);
    CACHE_SIZED.limit().max(2 * record)
}

#[derive(Debug, Default)]
struct Shared {
    size: Option<usize>,
    longest: usize,
    senders: AtomicUsize,
    /// Looked at by every send; a send that falls beside the closing may still be taken, and is lost.
    /// Relaxed: nothing is read on the strength of it.
    open: AtomicBool,
    bell: Bell,
    line: Line,
}

/// A producer.
#[derive(Debug)]
pub struct LogbufSender {
    producer: Producer,
    shared: Arc<Shared>,
}

impl Shared {
    fn admit(&self, message: &[u8]) -> Result<(), SendError> {
        if !self.open.load(Ordering::Relaxed) {
            return Err(SendError::Closed);
        }
        if self.size.is_some_and(|size| size > 0 && size != message.len()) {
            return Err(SendError::Size);
        }
        if message.len() > self.longest { Err(SendError::TooLarge) } else { Ok(()) }
    }

    /// An empty message leaves no trace: the ring has no record for it.
    #[inline]
    fn offer(&self, producer: &mut Producer, message: &[u8]) -> Result<(), SendError> {
        self.admit(message)?;
        if message.is_empty() {
            return Ok(());
        }
        let mut record = producer.try_claim(message.len()).map_err(|_| SendError::Full)?;
        record.copy_from_slice(message);
        record.commit();
        self.bell.ring();
        Ok(())
    }
}

impl Sender for LogbufSender {
    #[inline]
    fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        if self.shared.line.is_forming() {
            return self.shared.admit(message).and(Err(SendError::Full));
        }
        self.shared.offer(&mut self.producer, message)
    }

    #[inline]
    async fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        match self.try_send(message) {
            Err(SendError::Full) => {
                let Self { producer, shared } = self;
                Waiting::new(&shared.line, || shared.offer(producer, message)).await
            }
            done => done,
        }
    }
}

impl Clone for LogbufSender {
    fn clone(&self) -> Self {
        // Relaxed: a new sender comes from a living one, so the count cannot reach zero beside this.
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        Self { producer: self.producer.clone(), shared: Arc::clone(&self.shared) }
    }
}

impl Drop for LogbufSender {
    fn drop(&mut self) {
        // Release: a consumer that reads zero (Acquire in `look`) sees all that was committed.
        if self.shared.senders.fetch_sub(1, Ordering::Release) == 1 {
            self.shared.bell.ring();
        }
    }
}

/// The consumer.
#[derive(Debug)]
pub struct LogbufReceiver {
    consumer: Consumer,
    shared: Arc<Shared>,
    batch: Arena,
    backlog: usize,
}

impl LogbufReceiver {
    fn look(&mut self) -> Poll<bool> {
        // The end is read before the look, so that what the last sender committed is found by it. Acquire: the partner is in
        // the senders' drop. Relaxed: only the consumer closes.
        let gone = self.shared.senders.load(Ordering::Acquire) == 0;
        let ended = gone || !self.shared.open.load(Ordering::Relaxed);
        let mut taken = 0;
        while self.batch.remaining() < BLOCK
            && let Some(record) = self.consumer.try_claim()
        {
            self.batch.push(&record);
            taken += 1;
        }
        if taken == 0 {
            return if ended { Poll::Ready(false) } else { Poll::Pending };
        }
        self.shared.line.call(taken);
        self.backlog = self.batch.remaining();
        Poll::Ready(true)
    }

    fn poll_drain(&mut self, sleeper: &Waker) -> Poll<bool> {
        self.batch.clear();
        let found = self.look();
        if found.is_ready() {
            return found;
        }
        self.shared.bell.listen(sleeper);
        let found = self.look();
        if found.is_ready() {
            self.shared.bell.ignore();
        }
        found
    }
}

impl Receiver for LogbufReceiver {
    type Batch = Arena;

    async fn drain(&mut self) -> bool {
        poll_fn(|cx| self.poll_drain(cx.waker())).await
    }

    fn batch(&mut self) -> &mut Arena {
        &mut self.batch
    }

    fn backlog(&self) -> usize {
        self.backlog
    }

    fn close(&mut self) {
        // Relaxed: a send that does not see it yet counts as one that came before.
        self.shared.open.store(false, Ordering::Relaxed);
        self.shared.line.call_all();
    }
}

impl Drop for LogbufReceiver {
    fn drop(&mut self) {
        self.close();
    }
}
