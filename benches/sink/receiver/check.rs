//! What a message must say, and the account of what came.

use std::fmt::Write;
use std::str::FromStr;

use nix::time::{ClockId, clock_gettime};

use super::Outcome;

/// Where a text's numbers stand: `fanin-bench PPPPPP SSSSSS`.
const MARK: &[u8] = b"fanin-bench ";
const DIGITS: usize = 6;

/// Nanoseconds of the monotonic clock, the one that Python's `time.monotonic_ns` reads.
pub(super) fn now() -> Outcome<u64> {
    nanoseconds(ClockId::CLOCK_MONOTONIC)
}

fn nanoseconds(clock: ClockId) -> Outcome<u64> {
    let time = clock_gettime(clock)?;
    Ok(u64::try_from(time.tv_sec())? * 1_000_000_000 + u64::try_from(time.tv_nsec())?)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Record {
    Ring,
    Text,
    Stamp,
    #[default]
    Any,
}

/// What is expected over all connections of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    record: Record,
    size: usize,
    producers: usize,
    ring: usize,
    messages: u64,
}

impl FromStr for Expected {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut found = Self { size: 64, producers: 1, ring: 1, messages: u64::MAX, ..Self::default() };
        for word in text.split_whitespace() {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let number = || value.parse().map_err(|_| format!("no number: {word}"));
            match name {
                "ring" if value.is_empty() => found.record = Record::Ring,
                "text" => found.record = Record::Text,
                "stamp" => found.record = Record::Stamp,
                "any" => found.record = Record::Any,
                "size" => found.size = number()?,
                "producers" => found.producers = number()?,
                "ring" => found.ring = number()?,
                "messages" => found.messages = value.parse().map_err(|_| format!("no number: {word}"))?,
                _ => return Err(format!("no such word: {word}")),
            }
        }
        Ok(found)
    }
}

/// The account of a run, as it grows.
pub(super) struct Check {
    expected: Expected,
    /// Every message of every producer's ring, one after the other.
    table: Vec<u8>,
    /// The place, or the sequence, that each producer's next message must have.
    next: Vec<usize>,
    messages: u64,
    bytes: u64,
    first_ns: u64,
    last_ns: u64,
    fault: Option<String>,
    took_ns: Vec<u64>,
    /// What the process had used when the run began.
    cpu_ns: u64,
}

impl Check {
    pub(super) fn new(expected: Expected) -> Self {
        let table = if expected.record == Record::Ring { table(&expected) } else { Vec::new() };
        let next = vec![0; expected.producers];
        let (messages, bytes, first_ns, last_ns) = (0, 0, 0, 0);
        let cpu_ns = used();
        Self { expected, table, next, messages, bytes, first_ns, last_ns, fault: None, took_ns: Vec::new(), cpu_ns }
    }

    pub(super) const fn size(&self) -> usize {
        self.expected.size
    }

    /// Whether the last message has come, or something wrong: nobody needs to wait on then.
    pub(super) const fn complete(&self) -> bool {
        self.messages >= self.expected.messages || self.fault.is_some()
    }

    /// Keeps the first fault.
    pub(super) fn fault(&mut self, what: &str) {
        self.fault.get_or_insert_with(|| what.to_owned());
    }

    /// So many bytes were taken at this time.
    pub(super) const fn arrived(&mut self, bytes: usize, now: u64) {
        if bytes > 0 {
            self.bytes += bytes as u64;
            if self.first_ns == 0 {
                self.first_ns = now;
            }
            if self.messages <= self.expected.messages {
                self.last_ns = now;
            }
        }
    }

    pub(super) fn take(&mut self, body: &[u8], now: u64) {
        let right = match self.expected.record {
            Record::Ring => self.ring(body),
            Record::Text => self.text(body),
            Record::Stamp => self.stamp(body, now),
            Record::Any => Some(()),
        };
        if right.is_none() && self.fault.is_none() {
            let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
            self.fault = Some(format!("message {} is not the next of any producer: {shown:?}", self.messages));
        }
        self.messages += 1;
    }

    fn ring(&mut self, body: &[u8]) -> Option<()> {
        let [p, q, s, t, ..] = *body else { return None };
        let producer = usize::from(u16::from_le_bytes([p, q]));
        let next = self.next.get_mut(producer)?;
        let start = (producer * self.expected.ring + *next) * self.expected.size;
        if usize::from(u16::from_le_bytes([s, t])) != *next || self.table.get(start..start + body.len())? != body {
            return None;
        }
        *next = if *next + 1 == self.expected.ring { 0 } else { *next + 1 };
        (body.len() == self.expected.size).then_some(())
    }

    fn text(&mut self, body: &[u8]) -> Option<()> {
        let start = memchr::memmem::find(body, MARK)? + MARK.len();
        let number = |at: usize| std::str::from_utf8(body.get(at..at + DIGITS)?).ok()?.parse::<usize>().ok();
        let (producer, sequence) = (number(start)?, number(start + DIGITS + 1)?);
        let next = self.next.get_mut(producer)?;
        *next += 1;
        (sequence + 1 == *next).then_some(())
    }

    fn stamp(&mut self, body: &[u8], now: u64) -> Option<()> {
        self.took_ns.push(now.checked_sub(u64::from_le_bytes(*body.first_chunk()?))?);
        Some(())
    }

    pub(super) fn to_json(&self, open: usize) -> String {
        let Self { messages, bytes, first_ns, last_ns, .. } = self;
        let took = self.took_ns.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
        let mut text = format!(r#"{{"messages":{messages},"bytes":{bytes},"first_ns":{first_ns},"last_ns":{last_ns}"#);
        // `{:?}` of a text without control characters is what JSON calls a string.
        let fault = self.fault.as_ref().map_or_else(|| "null".to_owned(), |fault| format!("{:?}", plain(fault)));
        let receiver = used().saturating_sub(self.cpu_ns);
        let written = write!(text, r#","open":{open},"fault":{fault},"receiver_ns":{receiver},"took_ns":[{took}]}}"#);
        debug_assert!(written.is_ok(), "a string takes what it is given");
        text
    }
}

/// What the process has used of the processor.
fn used() -> u64 {
    nanoseconds(ClockId::CLOCK_PROCESS_CPUTIME_ID).unwrap_or(0)
}

fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

/// What `messages.py` makes too: two numbers, then letters that follow from them.
fn table(expected: &Expected) -> Vec<u8> {
    let mut table = Vec::with_capacity(expected.producers * expected.ring * expected.size);
    for producer in 0..expected.producers {
        for place in 0..expected.ring {
            let [p, q, ..] = producer.to_le_bytes();
            let [s, t, ..] = place.to_le_bytes();
            table.extend([p, q, s, t]);
            let first = producer * 7 + place * 13;
            table.extend((4..expected.size).map(|at| 33 + u8::try_from((first + at) % 90).unwrap_or(0)));
        }
    }
    table
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Check, Expected, table};

    fn expected(text: &str) -> Expected {
        text.parse().unwrap()
    }

    /// What a stream of two producers, with rings of three, comes to; the fault, if there is one.
    fn verdict(order: &[(usize, usize)], spoil: impl Fn(&mut Vec<u8>)) -> Option<String> {
        let expected = expected("ring size=20 producers=2 ring=3 messages=6");
        let table = table(&expected);
        let mut check = Check::new(expected);
        for (producer, place) in order {
            let mut message = table.chunks(20).nth(producer * 3 + place).unwrap().to_vec();
            spoil(&mut message);
            check.take(&message, 1);
        }
        check.fault
    }

    #[test]
    fn any_interleaving_is_right() {
        assert_eq!(verdict(&[(0, 0), (1, 0), (1, 1), (0, 1), (0, 2), (0, 0), (1, 2)], |_| {}), None);
    }

    #[test]
    fn lost_doubled_reordered_and_changed_are_faults() {
        let plain = |_: &mut Vec<u8>| {};
        assert!(verdict(&[(0, 0), (0, 2)], plain).is_some());
        assert!(verdict(&[(0, 0), (0, 0)], plain).is_some());
        assert!(verdict(&[(0, 1), (0, 0)], plain).is_some());
        assert!(verdict(&[(0, 0)], |message| message[19] ^= 1).is_some());
        assert!(verdict(&[(0, 0)], |message| message.truncate(19)).is_some());
        assert!(verdict(&[(0, 0)], |message| message[1] = 9).is_some());
    }

    #[test]
    fn texts_are_known_by_their_numbers() {
        let mut check = Check::new(expected("text producers=2 messages=9"));
        for text in
            ["<14>1 fanin-bench 000000 000000 a", "fanin-bench 000001 000000 b", "x fanin-bench 000000 000001 c"]
        {
            check.take(text.as_bytes(), 1);
        }
        assert_eq!(check.fault, None);
        check.take(b"fanin-bench 000001 000002 one is missing", 1);
        assert!(check.fault.unwrap().contains("message 3"));
    }
}
