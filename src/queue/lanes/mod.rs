//! `lanes`: a byte stream of its own for each producer, written to the socket from where it lies.
//!
//! * **Idea**: what producers share is what they pay for, so they share nothing while there is work. A producer copies a
//!   message to the end of its own `chain` and publishes it by one store; the consumer looks at the lanes that are
//!   active, lends their bytes in place to one gathered write, and moves on by what was really written. A lane that has
//!   nothing is parked, and its producer rings when it turns from empty to not empty, so a drain costs what is active,
//!   not what exists. The consumer sleeps when every lane is parked; the `barrier` that this needs is paid by the
//!   consumer. Where there is no `membarrier`, producers pay by a fence a message: 1.07 times the processor time in all,
//!   at 64 bytes from four.
//! * **Guarantees**: each producer's order, and no other; whole messages, each in one piece of memory. Bounded on request,
//!   in bytes or messages, counted for what waits (what the consumer has taken comes on top: at most as much again):
//!   exactly for small capacities, and within an eighth for large ones, where a lane sends a little on credit and the
//!   consumer gives room back a little late. Senders that wait are served in turn; with a large capacity a turn is as
//!   much as the queue holds. A producer that has not sent costs its handle, one that has, less than a KiB; what lanes
//!   keep after a burst is at most some 8 MiB in all.
//! * **Cost**: a copy, a store and two loads a message: no read-modify-write, no allocation, no lock. A lock where a lane
//!   turns from empty to not empty, where a segment is full (64 KiB under load), and where it is bounded with every
//!   eighth of the capacity.
//! * **When it loses**: when one order for all producers is needed: take `swap`, bounded. When messages come one by one
//!   with pauses, each rings, and it is no faster than a lock.
//! * **Source**: a ring a producer, as `NanoLog` and Aeron have; linked segments as in tokio's
//!   and crossbeam's lists; the asymmetric barrier of liburcu and folly.
//!
//! `chain` is the stream, `lane` what both sides know of it, `desk` what all lanes share, `pool` free segments;
//! `sender`, `receiver` and `batch` are the handles. `unsafe` are `chain` and `barrier`, and nothing else.

mod barrier;
mod batch;
mod chain;
mod desk;
mod lane;
mod pool;
mod receiver;
mod sender;

use super::sync::Arc;
use super::{Algorithm, Carrier, Drain, Facts, Family, Queue, Shape};
use barrier::Barrier;
pub use batch::LanesBatch;
use desk::Shared;
pub use receiver::LanesReceiver;
pub use sender::LanesSender;

/// The algorithm.
#[derive(Debug)]
pub struct Lanes;

impl Algorithm for Lanes {
    const FACTS: Facts = Facts {
        name: "lanes",
        about: "a byte stream a producer, written from where it lies",
        family: Family::Rings,
        drain: Drain::All,
        total_order: false,
        bounded: true,
        unasked: None,
        sound: true,
        guarantees: "each producer's order; waiting senders are served in turn; what idle lanes keep is bounded",
        cost: "a copy and a store a message: no lock, no allocation, no atomic read-modify-write",
        loses_when: "one order for all producers is needed, or messages come one by one with pauses",
        source: "a ring a producer, as NanoLog and Aeron; liburcu's asymmetric barrier",
    };
    type Queue<C: Carrier> = Self;
}

impl Queue for Lanes {
    type Sender = LanesSender;
    type Receiver = LanesReceiver;

    fn open(shape: &Shape) -> (LanesSender, LanesReceiver) {
        open(shape, Barrier::best())
    }
}

fn open(shape: &Shape, barrier: Barrier) -> (LanesSender, LanesReceiver) {
    let shared = Arc::new(Shared::new(shape.size.filter(|size| *size > 0), shape.capacity, barrier));
    (LanesSender::new(Arc::clone(&shared)), LanesReceiver::new(shared))
}

/// `lanes` whose consumer sleeps only where producers have promised a fence: for models.
#[cfg(fanin_loom)]
#[derive(Debug)]
pub struct PromisedLanes;

#[cfg(fanin_loom)]
impl Queue for PromisedLanes {
    type Sender = LanesSender;
    type Receiver = LanesReceiver;

    fn open(shape: &Shape) -> (LanesSender, LanesReceiver) {
        open(shape, Barrier::Promised)
    }
}

/// `lanes` with a fence on both sides, as on systems without `membarrier`: the form that is model-checked.
#[derive(Debug)]
pub struct FencedLanes;

impl Queue for FencedLanes {
    type Sender = LanesSender;
    type Receiver = LanesReceiver;

    fn open(shape: &Shape) -> (LanesSender, LanesReceiver) {
        open(shape, Barrier::Fenced)
    }
}
