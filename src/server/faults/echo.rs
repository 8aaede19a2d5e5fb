//! An echo that is wrong in one byte, so that whoever compares it is tested too.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use super::{Faults, Place};
use crate::error::Error;

/// What is wrong with one byte of an echo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Wrong {
    /// One of its bits is another.
    Flip,
    /// It comes twice.
    Double,
    /// It is missing.
    Drop,
}

impl Wrong {
    /// Every way to be wrong.
    pub const ALL: [Self; 3] = [Self::Flip, Self::Double, Self::Drop];

    /// The word for it, as a command line has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flip => "flip",
            Self::Double => "double",
            Self::Drop => "drop",
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Wrong {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|wrong| wrong.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::argument("echo_fault", text, format!("allowed are {names}"))
        })
    }
}

/// A wrong byte, and where in the connection's echo it stands: after how many sound ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EchoFault {
    /// What is wrong with it.
    pub what: Wrong,
    /// How many bytes come before it.
    pub after: Place,
}

/// Makes one byte of one connection's echo wrong.
#[derive(Debug)]
pub(in crate::server) struct Spoiler {
    what: Wrong,
    /// How many bytes there still are before it.
    left: u64,
}

impl Spoiler {
    /// Keeps the echo's place apart from those of the other faults.
    const FAULT: u64 = 16;

    /// What `faults` hold for the echo of the connection of this number.
    pub(in crate::server) fn new(faults: &Faults, connection: u64) -> Option<Self> {
        let fault = faults.echo.filter(|_| faults.concern(connection))?;
        Some(Self { what: fault.what, left: fault.after.draw(faults.seed, connection, Self::FAULT) })
    }

    /// The same bytes, until the wrong one is among them: then a copy, and it is done.
    pub(in crate::server) fn spoil<'a>(this: &mut Option<Self>, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let Some(spoiler) = this else { return Cow::Borrowed(bytes) };
        match usize::try_from(spoiler.left) {
            Ok(at) if at < bytes.len() => {
                let wrong = spoiler.what.applied(bytes, at);
                *this = None;
                Cow::Owned(wrong)
            }
            _ => {
                spoiler.left -= bytes.len() as u64;
                Cow::Borrowed(bytes)
            }
        }
    }
}

impl Wrong {
    fn applied(self, bytes: &[u8], at: usize) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        match self {
            Self::Flip => bytes[at] ^= 1,
            Self::Double => bytes.insert(at, bytes[at]),
            Self::Drop => drop(bytes.remove(at)),
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn echo(what: Wrong, after: u64, pieces: &[&[u8]]) -> Vec<u8> {
        let faults = Faults { echo: Some(EchoFault { what, after: Place::at(after) }), ..Faults::default() };
        let mut spoiler = Spoiler::new(&faults, 0);
        pieces.iter().flat_map(|piece| Spoiler::spoil(&mut spoiler, piece).into_owned()).collect()
    }

    #[test]
    fn one_byte_is_wrong_wherever_the_pieces_end() {
        for pieces in [&[&b"abcdef"[..]][..], &[b"ab", b"cdef"], &[b"abc", b"def"], &[b"", b"abcd", b"", b"ef"]] {
            assert_eq!(echo(Wrong::Flip, 3, pieces), b"abceef");
            assert_eq!(echo(Wrong::Double, 2, pieces), b"abccdef");
            assert_eq!(echo(Wrong::Drop, 0, pieces), b"bcdef");
            assert_eq!(echo(Wrong::Drop, 6, pieces), b"abcdef");
        }
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for wrong in Wrong::ALL {
            assert_eq!(wrong.to_string().parse::<Wrong>().unwrap(), wrong);
        }
        let message = "lose".parse::<Wrong>().unwrap_err().to_string();
        assert_eq!(message, "echo_fault=lose: allowed are flip, double, drop");
    }
}
