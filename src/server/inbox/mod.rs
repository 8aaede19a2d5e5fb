//! What arrived, message by message, for whoever wants to look at it.
//!
//! The ledger proves the lab's own records as they come, and keeps nothing. Programs send what they like: their messages
//! are told apart by a [`Framing`], counted, and kept up to a limit, in the order in which the server read them. Between
//! connections that is some order; within one it is the order of the stream.
//!
//! When the limit is reached, nothing more is kept, and it says so; counting goes on.

mod framing;
mod splitter;

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use framing::Framing;
pub(super) use framing::Malformed;
pub(super) use splitter::Splitter;

/// How messages are told apart, and how many of them are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Where a message ends.
    pub framing: Framing,
    /// The largest message, in bytes; whoever sends or announces a larger one is cut off.
    pub max_frame: usize,
    /// The most bytes that are kept of all messages, with their bookkeeping.
    pub most: usize,
}

impl Recording {
    /// The messages of one stream that comes in these pieces, as a server cuts it, and what comes after the last of them;
    /// nothing for that when it can become no message.
    pub fn split<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Messages, Option<Vec<u8>>) {
        let (mut splitter, mut kept) = (Splitter::new(self.framing, self.max_frame), Kept::default());
        for piece in pieces {
            if splitter.push(piece, |message| kept.take(0, message, self.most)).is_err() {
                return (kept.messages, None);
            }
        }
        (kept.messages, Some(splitter.rest().to_vec()))
    }
}

/// What a kept message costs beyond its bytes.
const BOOKKEEPING: usize = size_of::<Entry>();

/// Where a message ends in the kept bytes, and on which connection it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    end: usize,
    connection: u64,
}

/// Some messages, copied out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

impl Messages {
    /// Each message, with the number of its connection; the first accepted is 0.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let starts = std::iter::once(0).chain(self.entries.iter().map(|entry| entry.end));
        starts.zip(&self.entries).map(|(start, entry)| (entry.connection, &self.bytes[start..entry.end]))
    }

    fn push(&mut self, connection: u64, message: &[u8]) {
        self.bytes.extend_from_slice(message);
        self.entries.push(Entry { end: self.bytes.len(), connection });
    }
}

/// What was counted and kept, by the server's thread for any other.
#[derive(Debug)]
pub struct Inbox {
    recording: Recording,
    kept: Mutex<Kept>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Kept {
    messages: Messages,
    counts: Counts,
}

/// How much an inbox has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Messages that came whole, kept or not.
    pub messages: u64,
    /// Of these, how many were kept.
    pub kept: u64,
    /// Connections that ended in the middle of a message.
    pub cut: u64,
    /// Connections whose stream was not framed as it should be, or held too large a message.
    pub malformed: u64,
}

impl Inbox {
    pub(super) fn new(recording: Recording) -> Self {
        Self { recording, kept: Mutex::default(), arrived: Condvar::new() }
    }

    /// What it was asked to do.
    #[must_use]
    pub const fn recording(&self) -> &Recording {
        &self.recording
    }

    /// What it has seen so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// Waits until so many messages came, or for so long; whether they did.
    #[must_use]
    pub fn wait(&self, messages: u64, timeout: Duration) -> bool {
        let since = Instant::now();
        let mut kept = self.lock();
        while kept.counts.messages < messages {
            let Some(left) = timeout.checked_sub(since.elapsed()) else { return false };
            kept = self.arrived.wait_timeout(kept, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// A copy of the kept messages, from that of this number on.
    #[must_use]
    pub fn messages(&self, from: usize) -> Messages {
        let kept = self.lock();
        let entries = kept.messages.entries.get(from..).unwrap_or_default();
        let start = from.checked_sub(1).and_then(|last| kept.messages.entries.get(last)).map_or(0, |entry| entry.end);
        if entries.is_empty() {
            return Messages::default();
        }
        let moved = entries.iter().map(|entry| Entry { end: entry.end - start, ..*entry });
        Messages { bytes: kept.messages.bytes[start..].to_vec(), entries: moved.collect() }
    }

    /// Forgets all messages and counts, for a fresh start; connections go on where they are.
    pub fn clear(&self) {
        *self.lock() = Kept::default();
    }

    /// A splitter for a connection.
    pub(super) const fn splitter(&self) -> Splitter {
        Splitter::new(self.recording.framing, self.recording.max_frame)
    }

    /// Takes a piece of a connection's stream; how many messages ended in it.
    pub(super) fn received(&self, connection: u64, splitter: &mut Splitter, piece: &[u8]) -> Result<u64, Malformed> {
        let mut kept = self.lock();
        let before = kept.counts.messages;
        let outcome = splitter.push(piece, |message| kept.take(connection, message, self.recording.most));
        kept.counts.malformed += u64::from(outcome.is_err());
        let fresh = kept.counts.messages - before;
        drop(kept);
        if fresh > 0 {
            self.arrived.notify_all();
        }
        outcome.map(|()| fresh)
    }

    /// A connection has ended.
    pub(super) fn ended(&self, splitter: &Splitter) {
        self.lock().counts.cut += u64::from(!splitter.rest().is_empty());
    }

    /// The list is whole at every moment, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Counts a message, and keeps it if all before it were kept and there is room.
    fn take(&mut self, connection: u64, message: &[u8], most: usize) {
        let used = self.messages.bytes.len() + self.messages.entries.len() * BOOKKEEPING;
        if self.counts.kept == self.counts.messages && used + message.len() + BOOKKEEPING <= most {
            self.messages.push(connection, message);
            self.counts.kept += 1;
        }
        self.counts.messages += 1;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn inbox(most: usize) -> Inbox {
        Inbox::new(Recording { framing: Framing::Lines, max_frame: 100, most })
    }

    fn listed(messages: &Messages) -> Vec<(u64, &[u8])> {
        messages.iter().collect()
    }

    #[test]
    fn messages_are_kept_in_the_order_in_which_they_end() {
        let inbox = inbox(1 << 20);
        let (mut first, mut second) = (inbox.splitter(), inbox.splitter());
        assert_eq!(inbox.received(0, &mut first, b"a\nb"), Ok(1));
        assert_eq!(inbox.received(1, &mut second, b"x\ny\n"), Ok(2));
        assert_eq!(inbox.received(0, &mut first, b"c\nd"), Ok(1));
        assert_eq!(listed(&inbox.messages(0)), [(0, &b"a"[..]), (1, b"x"), (1, b"y"), (0, b"bc")]);
        assert_eq!(listed(&inbox.messages(3)), [(0, &b"bc"[..])]);
        assert_eq!(listed(&inbox.messages(4)), []);
        assert_eq!(listed(&inbox.messages(40)), []);
        inbox.ended(&first);
        inbox.ended(&second);
        assert_eq!(inbox.counts(), Counts { messages: 4, kept: 4, cut: 1, malformed: 0 });
        inbox.clear();
        assert_eq!((inbox.counts(), listed(&inbox.messages(0))), (Counts::default(), vec![]));
    }

    #[test]
    fn beyond_the_limit_is_counted_only() {
        let inbox = inbox(2 * (BOOKKEEPING + 3));
        let mut splitter = inbox.splitter();
        inbox.received(0, &mut splitter, b"abc\nabcd\na\n").unwrap();
        // The third would fit, but a recording with a hole in it is none.
        assert_eq!(inbox.counts(), Counts { messages: 3, kept: 1, cut: 0, malformed: 0 });
        assert_eq!(listed(&inbox.messages(0)), [(0, &b"abc"[..])]);
    }

    #[test]
    fn waiting_ends_with_the_message_or_the_time() {
        let inbox = inbox(1 << 20);
        assert!(inbox.wait(0, Duration::ZERO));
        assert!(!inbox.wait(1, Duration::from_millis(5)));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| inbox.wait(2, Duration::from_secs(20)));
            let mut splitter = inbox.splitter();
            inbox.received(0, &mut splitter, b"a\n").unwrap();
            inbox.received(0, &mut splitter, b"b\n").unwrap();
            assert!(waiting.join().unwrap());
        });
    }
}
