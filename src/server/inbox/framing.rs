//! Where one message ends and the next begins, as the client's protocol has it.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// How messages stand in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Framing {
    /// They do not: each piece that a read brings is kept as it came.
    Raw,
    /// Each ends with a newline, which is not part of it. A carriage return before it is.
    Lines,
    /// Each comes after its length, a big-endian `u32`.
    Length,
    /// Each comes after its length in decimal digits and a space: RFC 6587's octet counting, for syslog.
    Rfc6587,
    /// Each has so many bytes.
    Fixed(usize),
}

impl Framing {
    /// The most digits of a length before a message of syslog: those of the largest number there is.
    const DIGITS: usize = 20;

    /// The most bytes that come before or after a message of so many.
    const fn around(self) -> usize {
        match self {
            Self::Raw | Self::Fixed(_) => 0,
            Self::Lines => 1,
            Self::Length => 4,
            Self::Rfc6587 => Self::DIGITS + 1,
        }
    }

    /// The next message in `bytes`: where it stands, and where the one after it begins. `seen` bytes were looked at
    /// before, and hold no end of it.
    pub(super) fn next(self, bytes: &[u8], seen: usize, most: usize) -> Result<Option<Found>, Malformed> {
        match self {
            Self::Raw => Ok((!bytes.is_empty()).then(|| Found::at(0, bytes.len(), 0))),
            Self::Fixed(size) => Ok((bytes.len() >= size).then(|| Found::at(0, size, 0))),
            Self::Lines => line(bytes, seen, most),
            Self::Length => length(bytes, most),
            Self::Rfc6587 => counted(bytes, most),
        }
    }

    /// The most bytes of an unfinished message that may have come.
    pub(super) const fn longest(self, most: usize) -> usize {
        most.saturating_add(self.around())
    }
}

/// A message in some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Where the next one begins.
    pub(super) next: usize,
}

impl Found {
    const fn at(start: usize, end: usize, after: usize) -> Self {
        Self { start, end, next: end + after }
    }
}

/// The stream is not framed as it should be, or a message is larger than allowed. What comes after it means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct Malformed;

fn line(bytes: &[u8], seen: usize, most: usize) -> Result<Option<Found>, Malformed> {
    match memchr::memchr(b'\n', &bytes[seen..]) {
        Some(at) => within(Found::at(0, seen + at, 1), most).map(Some),
        None if bytes.len() > most => Err(Malformed),
        None => Ok(None),
    }
}

/// The length is judged before anything is awaited or made room for.
fn length(bytes: &[u8], most: usize) -> Result<Option<Found>, Malformed> {
    let Some((prefix, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    let size = usize::try_from(u32::from_be_bytes(*prefix)).map_err(|_| Malformed)?;
    let found = within(Found::at(4, size.saturating_add(4), 0), most)?;
    Ok((rest.len() >= size).then_some(found))
}

/// A length that is too large is refused at its first digit too many, before its end has come.
fn counted(bytes: &[u8], most: usize) -> Result<Option<Found>, Malformed> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = |size: usize, digit: &u8| size.saturating_mul(10).saturating_add(usize::from(digit - b'0'));
    let size = bytes[..digits].iter().fold(0, number);
    if digits > Framing::DIGITS || size > most {
        return Err(Malformed);
    }
    match bytes.get(digits) {
        None => Ok(None),
        Some(b' ') if digits > 0 => {
            let start = digits + 1;
            let found = within(Found::at(start, start.saturating_add(size), 0), most)?;
            Ok((bytes.len() >= found.end).then_some(found))
        }
        Some(_) => Err(Malformed),
    }
}

fn within(found: Found, most: usize) -> Result<Found, Malformed> {
    if found.end - found.start > most { Err(Malformed) } else { Ok(found) }
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw => f.pad("raw"),
            Self::Lines => f.pad("lines"),
            Self::Length => f.pad("length"),
            Self::Rfc6587 => f.pad("rfc6587"),
            Self::Fixed(size) => write!(f, "fixed({size})"),
        }
    }
}

impl FromStr for Framing {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let fixed = |size: &str| size.parse().ok().filter(|&size| size > 0).map(Self::Fixed);
        let found = match text {
            "raw" => Some(Self::Raw),
            "lines" => Some(Self::Lines),
            "length" => Some(Self::Length),
            "rfc6587" => Some(Self::Rfc6587),
            other => other.strip_prefix("fixed(").and_then(|size| size.strip_suffix(')')).and_then(fixed),
        };
        found.ok_or_else(|| {
            Error::argument(
                "framing",
                text,
                "allowed are raw, lines, length, rfc6587, and fixed(N) with N bytes a message",
            )
        })
    }
}
