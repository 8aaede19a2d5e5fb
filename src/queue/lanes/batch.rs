//! What was drained: pieces of lanes, as they lie.

use std::io::IoSlice;
use std::task::Waker;

use bytes::Buf;

use super::super::Batch;
use super::super::sync::Arc;
use super::chain::{Count, Reader, Segment};
use super::desk::{EXACT, Shared};
use super::lane::{Lane, units};

/// A drain lends about this much of one lane, and of all lanes together: more gains nothing on any socket that was
/// measured, and keeps the other lanes waiting.
const OF_ONE: usize = 128 * 1024;
const OF_ALL: usize = 512 * 1024;

/// Pieces that are at least this long on the average are sent where they lie; shorter ones are cheaper copied together.
const PIECE: usize = 1024;

/// A lane that the consumer looks at by itself.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) lane: Arc<Lane>,
    pub(super) reader: Reader,
    /// What was ever lent.
    taken: Count,
    /// What of this lane is lent and not yet written, in bytes.
    lent: usize,
    /// What was taken of it since the last settling is still to be told.
    owes: bool,
    /// It had nothing at the last look.
    pub(super) idle: bool,
}

/// The lanes that are active, and what of them is lent.
#[derive(Debug)]
pub struct LanesBatch {
    shared: Arc<Shared>,
    pub(super) active: Vec<Active>,
    /// The lanes that lend, by their place in `active`; those before `at` are written.
    order: Vec<usize>,
    at: usize,
    lent: Count,
    /// The lane that the next drain begins with.
    first: usize,
    /// The lanes that owe an account of what was taken, by their place in `active`, and how much that is.
    owing: Vec<usize>,
    owed: usize,
    /// Segments that are read to their end.
    finished: Vec<Arc<Segment>>,
    /// Kept for its memory.
    woken: Vec<Waker>,
}

impl LanesBatch {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            active: Vec::new(),
            order: Vec::new(),
            at: 0,
            lent: Count::default(),
            first: 0,
            owing: Vec::new(),
            owed: 0,
            finished: Vec::new(),
            woken: Vec::new(),
        }
    }

    /// Looks at a lane by itself from here on.
    pub(super) fn take_up(&mut self, lane: Arc<Lane>) {
        if let Some(reader) = lane.take_reader() {
            let taken = lane.taken();
            self.active.push(Active { lane, reader, taken, lent: 0, owes: false, idle: false });
        }
    }

    /// Parks the lanes that had nothing, if they are more than `few` and more than half of all: what a drain costs is then
    /// in proportion to what it finds.
    pub(super) fn park_idle(&mut self, few: usize) {
        let idle = self.active.iter().filter(|active| active.idle).count();
        if idle > few && idle * 2 > self.active.len() {
            self.park();
        }
    }

    /// Parks every lane; whether one of them has something after all.
    pub(super) fn park_all(&mut self) -> bool {
        self.active.iter_mut().for_each(|active| active.idle = true);
        if !self.active.is_empty() {
            self.park();
        }
        !self.active.is_empty()
    }

    /// Parks the idle lanes, by one barrier for all, and takes those up again that have something after all.
    fn park(&mut self) {
        self.settle_all();
        let idle = || self.active.iter().filter(|active| active.idle);
        let promised = idle().all(|active| active.taken.messages < active.lane.promised());
        if !self.shared.barrier.reaches(promised, || self.shared.desk().senders == 0) {
            return;
        }
        idle().for_each(|active| active.lane.park());
        self.shared.barrier.heavy(promised);
        let mut place = 0;
        while let Some(active) = self.active.get_mut(place) {
            let found = !active.idle || active.reader.look(&mut self.finished).bytes > 0;
            // A lane whose producer was first to unpark it has rung: it is on the desk's list.
            if found && (!active.idle || active.lane.unpark()) {
                active.idle = false;
                place += 1;
            } else {
                let Active { lane, reader, .. } = self.active.swap_remove(place);
                lane.leave_reader(reader);
            }
        }
    }

    /// Lends what the active lanes have, beginning with another one each time, and returns how many bytes stand in all.
    pub(super) fn gather(&mut self) -> usize {
        self.order.clear();
        (self.at, self.lent) = (0, Count::default());
        let lanes = self.active.len();
        let mut next = self.first + 1;
        let mut standing = 0;
        for step in 0..lanes {
            let place = (self.first + step) % lanes;
            let active = &mut self.active[place];
            let found = active.reader.look(&mut self.finished).bytes;
            active.idle = found == 0;
            standing += found;
            if found > 0 && self.lent.bytes < OF_ALL {
                self.lend(place);
                next = place + 1;
            }
        }
        self.first = if lanes > 0 { next % lanes } else { 0 };
        if self.owed > self.held_back() || !self.finished.is_empty() {
            self.settle();
        }
        standing
    }

    fn lend(&mut self, place: usize) {
        let active = &mut self.active[place];
        let lent = active.reader.unread(OF_ONE);
        active.lent = lent.bytes;
        active.taken.bytes += lent.bytes;
        active.taken.messages += lent.messages;
        self.lent.bytes += lent.bytes;
        self.lent.messages += lent.messages;
        self.owed += units(self.shared.capacity, lent);
        if !active.owes {
            active.owes = true;
            self.owing.push(place);
        }
        self.order.push(place);
    }

    /// How much taken room may be kept back before it is given to producers; never while the consumer sleeps. Settling
    /// costs a lock, and the line that the lock is on.
    fn held_back(&self) -> usize {
        match self.shared.capacity {
            Some(capacity) if capacity.limit() < EXACT => 0,
            Some(capacity) => capacity.limit() / 8,
            None => OF_ONE,
        }
    }

    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.order[self.at..].iter().flat_map(|&place| {
            let active = &self.active[place];
            let mut left = active.lent;
            active.reader.pieces().map_while(move |piece| {
                let piece = (left > 0).then_some(piece)?;
                left = left.saturating_sub(piece.len());
                Some(piece)
            })
        })
    }

    /// Tells producers what was taken: gives back its room, keeps the segments that were read to their end, and wakes as
    /// many of those that wait for room as have a turn's worth of it.
    fn settle(&mut self) {
        self.settle_with(self.shared.turn());
    }

    /// The same, and wakes all for whom there is room: the consumer may not come by again.
    pub(super) fn settle_all(&mut self) {
        if self.shared.capacity.is_some() || !self.owing.is_empty() || !self.finished.is_empty() {
            self.settle_with(0);
        }
    }

    fn settle_with(&mut self, turn: usize) {
        let shared = Arc::clone(&self.shared);
        let mut desk = shared.desk();
        let freed = self.note_taken();
        desk.room.release_for_turns(freed, turn, &mut self.woken);
        desk.keep(&mut self.finished);
        drop(desk);
        self.woken.drain(..).for_each(Waker::wake);
    }

    /// Tells the lanes what is taken, and returns how much of it had been billed.
    fn note_taken(&mut self) -> usize {
        let capacity = self.shared.capacity;
        self.owed = 0;
        self.owing.drain(..).fold(0, |freed, place| {
            let Active { lane, taken, owes, .. } = &mut self.active[place];
            *owes = false;
            let billed = lane.billed();
            let before = units(capacity, lane.taken()).min(billed);
            lane.set_taken(*taken);
            freed + units(capacity, *taken).min(billed) - before
        })
    }
}

impl Buf for LanesBatch {
    #[inline]
    fn remaining(&self) -> usize {
        self.lent.bytes
    }

    fn chunk(&self) -> &[u8] {
        self.pieces().next().unwrap_or(&[])
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        for (slice, piece) in slices.iter_mut().zip(self.pieces()) {
            *slice = IoSlice::new(piece);
            filled += 1;
        }
        filled
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.remaining(), "advanced beyond the batch");
        self.lent.bytes -= count;
        while count > 0 {
            let active = &mut self.active[self.order[self.at]];
            let step = count.min(active.lent);
            self.lent.messages -= active.reader.advance(step, &mut self.finished);
            active.lent -= step;
            count -= step;
            self.at += usize::from(active.lent == 0);
        }
    }
}

impl Batch for LanesBatch {
    fn first(&self) -> usize {
        self.order.get(self.at).map_or(0, |&place| self.active[place].reader.first())
    }

    fn messages(&self) -> usize {
        self.lent.messages
    }

    fn gathers(&self) -> bool {
        self.lent.bytes / PIECE >= self.order.len() - self.at
    }
}
