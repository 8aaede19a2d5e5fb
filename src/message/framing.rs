//! Frames: what a message is on the wire, so that the other end can tell where it ends.
//!
//! | [`Framing`] | a frame | what a message cannot be |
//! | --- | --- | --- |
//! | `none` | the bytes as they are | |
//! | `lines` | the bytes, then a newline | one with a newline inside |
//! | `length` | the length as a big-endian `u32`, then the bytes | longer than 4 GiB |
//! | `rfc6587` | the length in decimal digits, a space, then the bytes: octet counting, as syslog has it | |
//!
//! A frame says its own length only once: `Frame` has what stands before and behind the bytes, and the [`Decoder`] takes
//! a stream apart. Both are plain functions of bytes.

use std::str::FromStr;

use crate::error::{Error, Result};

/// The most bytes before a message: the digits of a length, and a space.
pub(crate) const LONGEST_PREFIX: usize = 21;

/// How a message becomes bytes on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Framing {
    /// The bytes as they are. Another message never comes in between.
    #[default]
    None,
    /// A newline after each message, which has none inside.
    Lines,
    /// The length before each message, as a big-endian `u32`.
    Length,
    /// The length before each message, in decimal digits with a space (RFC 6587).
    Rfc6587,
}

impl Framing {
    /// Every framing.
    pub const ALL: &[Self] = &[Self::None, Self::Lines, Self::Length, Self::Rfc6587];

    /// The word that callers use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lines => "lines",
            Self::Length => "length",
            Self::Rfc6587 => "rfc6587",
        }
    }

    /// The longest message that it can carry.
    #[must_use]
    pub const fn longest(self) -> usize {
        match self {
            Self::Length => u32::MAX as usize,
            // Far beyond any memory, and far from any overflow.
            Self::None | Self::Lines | Self::Rfc6587 => usize::MAX >> 1,
        }
    }

    /// Whether a message of these bytes can be framed; its length is another question.
    #[inline]
    pub(crate) fn allows(self, message: &[u8]) -> bool {
        !matches!(self, Self::Lines) || memchr::memchr(b'\n', message).is_none()
    }

    /// How long the frame of a message is, which is not longer than the [`longest`](Self::longest).
    #[inline]
    pub(crate) const fn frame_length(self, message: usize) -> usize {
        message + self.overhead(message)
    }

    #[inline]
    const fn overhead(self, message: usize) -> usize {
        match self {
            Self::None => 0,
            Self::Lines => 1,
            Self::Length => 4,
            Self::Rfc6587 => digits(message) + 1,
        }
    }

    /// The bytes that each frame has beside its message, where that is the same for all.
    pub(crate) const fn fixed_overhead(self) -> Option<usize> {
        match self {
            Self::Rfc6587 => None,
            fixed => Some(fixed.overhead(0)),
        }
    }

    /// How long the message in a frame of this length is.
    pub(crate) fn message_length(self, frame: usize) -> usize {
        if let Some(overhead) = self.fixed_overhead() {
            return frame - overhead;
        }
        // The digits of the message's length, not of the frame's; the two differ by one digit at most.
        let guess = frame - 1 - digits(frame);
        if self.frame_length(guess) == frame { guess } else { guess + 1 }
    }

    /// The frame of a message of this length, without the message.
    #[inline]
    pub(crate) fn frame(self, message: usize) -> Frame {
        let mut frame = Frame { prefix: [0; LONGEST_PREFIX], used: 0, suffix: b"" };
        match self {
            Self::None => {}
            Self::Lines => frame.suffix = b"\n",
            Self::Length => {
                #[allow(clippy::cast_possible_truncation)] // at most `longest`
                frame.write(&(message as u32).to_be_bytes());
            }
            Self::Rfc6587 => frame.write_decimal(message),
        }
        frame
    }
}

impl FromStr for Framing {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|framing| framing.name() == word).ok_or_else(|| {
            let words: Vec<_> = Self::ALL.iter().map(|framing| framing.name()).collect();
            Error::argument("framing", word, format!("allowed are {}", words.join(", ")))
        })
    }
}

const fn digits(number: usize) -> usize {
    match number.checked_ilog10() {
        Some(power) => power as usize + 1,
        None => 1,
    }
}

/// What stands before and behind a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    prefix: [u8; LONGEST_PREFIX],
    used: usize,
    /// What comes after the message.
    pub(crate) suffix: &'static [u8],
}

impl Frame {
    /// What comes before the message.
    #[inline]
    pub(crate) fn prefix(&self) -> &[u8] {
        &self.prefix[..self.used]
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.prefix[self.used..self.used + bytes.len()].copy_from_slice(bytes);
        self.used += bytes.len();
    }

    fn write_decimal(&mut self, mut number: usize) {
        let length = digits(number);
        for at in (0..length).rev() {
            #[allow(clippy::cast_possible_truncation)] // one digit
            let digit = (number % 10) as u8;
            self.prefix[at] = b'0' + digit;
            number /= 10;
        }
        self.prefix[length] = b' ';
        self.used = length + 1;
    }
}

/// What is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// It says that it is longer than the limit; nothing was allocated for it.
    #[error("a frame of {length} bytes is longer than the limit of {limit}")]
    TooLong {
        /// What it says, or has at least.
        length: u64,
        /// What is allowed.
        limit: usize,
    },
    /// Its length is not a decimal number and a space.
    #[error("a frame's length is not a decimal number and a space")]
    NoLength,
}

/// Takes a stream apart into messages, whatever the pieces in which it comes. It never holds more than what was given to
/// it and not yet taken, nor allocates for what a frame only says.
#[derive(Debug)]
pub struct Decoder {
    framing: Framing,
    limit: usize,
    bytes: Vec<u8>,
    /// Bytes before this one are taken.
    head: usize,
    /// Bytes behind the head that hold no newline.
    seen: usize,
}

impl Decoder {
    /// A decoder of messages of at most `limit` bytes.
    #[must_use]
    pub const fn new(framing: Framing, limit: usize) -> Self {
        Self { framing, limit, bytes: Vec::new(), head: 0, seen: 0 }
    }

    /// Gives it what came.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.head * 2 >= self.bytes.len() {
            self.bytes.drain(..self.head);
            self.head = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message, if it is there. Without framing, all that is there.
    ///
    /// # Errors
    /// [`DecodeError`] when what is there cannot become a frame; the stream is of no further use then.
    pub fn next_message(&mut self) -> Result<Option<&[u8]>, DecodeError> {
        let Some((prefix, length, suffix)) = self.find()? else { return Ok(None) };
        let start = self.head + prefix;
        self.head = start + length + suffix;
        self.seen = 0;
        Ok(Some(&self.bytes[start..start + length]))
    }

    /// The bytes that are no whole message yet.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.head..]
    }

    /// The bytes before the message, of it, and behind it, when the frame is there as a whole.
    fn find(&mut self) -> Result<Option<(usize, usize, usize)>, DecodeError> {
        let rest = &self.bytes[self.head..];
        let (prefix, length) = match self.framing {
            Framing::None => return Ok((!rest.is_empty()).then_some((0, rest.len(), 0))),
            Framing::Lines => return self.find_newline(),
            Framing::Length => match rest.first_chunk::<4>() {
                Some(length) => (4, u64::from(u32::from_be_bytes(*length))),
                None => return Ok(None),
            },
            Framing::Rfc6587 => match read_decimal(rest, self.limit)? {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        let length = self.checked(length)?;
        Ok((rest.len() - prefix >= length).then_some((prefix, length, 0)))
    }

    fn find_newline(&mut self) -> Result<Option<(usize, usize, usize)>, DecodeError> {
        let rest = &self.bytes[self.head..];
        if let Some(at) = memchr::memchr(b'\n', &rest[self.seen..]) {
            return Ok(Some((0, self.checked((self.seen + at) as u64)?, 1)));
        }
        self.seen = rest.len();
        self.checked(self.seen as u64).map(|_| None)
    }

    fn checked(&self, length: u64) -> Result<usize, DecodeError> {
        let limit = self.limit;
        usize::try_from(length).ok().filter(|length| *length <= limit).ok_or(DecodeError::TooLong { length, limit })
    }
}

/// The length of a number with its space, and the number; nothing while it is not there as a whole.
fn read_decimal(bytes: &[u8], limit: usize) -> Result<Option<(usize, u64)>, DecodeError> {
    let mut number = 0_u64;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'0'..=b'9' => number = number.saturating_mul(10).saturating_add(u64::from(byte - b'0')),
            b' ' if at > 0 => return Ok(Some((at + 1, number))),
            _ => return Err(DecodeError::NoLength),
        }
        if number > limit as u64 {
            return Err(DecodeError::TooLong { length: number, limit });
        }
        if at + 1 == LONGEST_PREFIX {
            return Err(DecodeError::NoLength);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::properties::cases;

    fn framed(framing: Framing, messages: &[Vec<u8>]) -> Vec<u8> {
        let mut stream = Vec::new();
        for message in messages {
            let frame = framing.frame(message.len());
            let before = stream.len();
            stream.extend_from_slice(frame.prefix());
            stream.extend_from_slice(message);
            stream.extend_from_slice(frame.suffix);
            assert_eq!(stream.len() - before, framing.frame_length(message.len()));
        }
        stream
    }

    fn decode(framing: Framing, pieces: &[&[u8]]) -> Result<Vec<Vec<u8>>, DecodeError> {
        let mut decoder = Decoder::new(framing, 1000);
        let mut messages = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            while let Some(message) = decoder.next_message()? {
                messages.push(message.to_vec());
            }
        }
        assert!(decoder.rest().is_empty());
        Ok(messages)
    }

    #[test]
    fn frames_are_what_the_table_says() {
        let messages = [b"ab".to_vec(), Vec::new()];
        assert_eq!(framed(Framing::None, &messages), b"ab");
        assert_eq!(framed(Framing::Lines, &messages), b"ab\n\n");
        assert_eq!(framed(Framing::Length, &messages), b"\0\0\0\x02ab\0\0\0\0");
        assert_eq!(framed(Framing::Rfc6587, &messages), b"2 ab0 ");
    }

    #[test]
    fn a_message_is_as_long_as_its_frame_says() {
        for framing in Framing::ALL {
            for length in (0..2000).chain([9_999, 10_000, 99_999, 100_000, 999_999_999, 1_000_000_000]) {
                assert_eq!(framing.message_length(framing.frame_length(length)), length, "{framing:?} {length}");
            }
        }
    }

    #[test]
    fn what_a_frame_says_is_checked_before_it_is_believed() {
        let too_long = |length| Err(DecodeError::TooLong { length, limit: 1000 });
        assert_eq!(decode(Framing::Length, &[b"\xff\xff\xff\xff"]), too_long(0xffff_ffff));
        assert_eq!(decode(Framing::Rfc6587, &[b"1001"]), too_long(1001));
        assert_eq!(decode(Framing::Lines, &[&[b'a'; 1001]]), too_long(1001));
        for wrong in [&b" a"[..], b"a", b"-1 ", b"000000000000000000000 "] {
            assert_eq!(decode(Framing::Rfc6587, &[wrong]), Err(DecodeError::NoLength), "{wrong:?}");
        }
    }

    #[test]
    fn only_lines_refuse_a_newline() {
        for framing in Framing::ALL {
            assert_eq!(framing.allows(b"a\nb"), *framing != Framing::Lines);
            assert_eq!(framing.name().parse::<Framing>().unwrap(), *framing);
        }
    }

    proptest! {
        #![proptest_config(cases())]

        #[test]
        fn a_stream_in_any_pieces_is_taken_apart(
            kind in 1_usize..4,
            messages in prop::collection::vec(prop::collection::vec(0_u8..10, 0..120), 0..12),
            cuts in prop::collection::vec(0_usize..1500, 0..8),
        ) {
            let framing = Framing::ALL[kind];
            let stream = framed(framing, &messages);
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(stream.len())).chain([0, stream.len()]).collect();
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
            prop_assert_eq!(decode(framing, &pieces).unwrap(), messages);
        }

        #[test]
        fn no_stream_makes_it_panic(kind in 0_usize..4, bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut decoder = Decoder::new(Framing::ALL[kind], 40);
            decoder.push(&bytes);
            while let Ok(Some(message)) = decoder.next_message() {
                prop_assert!(message.len() <= bytes.len());
            }
        }
    }
}
