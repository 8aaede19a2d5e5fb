//! How messages are cut from a stream of bytes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::str::FromStr;

use super::Outcome;

/// The most that a length may say.
const LARGEST: usize = 200 << 10;

#[derive(Clone, Copy, Debug)]
pub(super) enum Wire {
    Raw,
    Lines,
    Length,
    Rfc6587,
    Zmtp,
}

impl FromStr for Wire {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "raw" => Ok(Self::Raw),
            "lines" => Ok(Self::Lines),
            "length" => Ok(Self::Length),
            "rfc6587" => Ok(Self::Rfc6587),
            "zmtp" => Ok(Self::Zmtp),
            _ => Err(format!("no such wire: {text}")),
        }
    }
}

/// The message's place, if it is one for the reader, and how many bytes it takes with its frame.
type Cut = (Option<Range<usize>>, usize);

impl Wire {
    /// The next whole frame of `bytes`, if there is one. A raw one has `size` bytes.
    pub(super) fn next(self, bytes: &[u8], size: usize) -> Outcome<Option<Cut>> {
        match self {
            Self::Raw => whole(bytes, 0, size),
            Self::Lines => Ok(memchr::memchr(b'\n', bytes).map(|end| (Some(0..end), end + 1))),
            Self::Length => match bytes.first_chunk() {
                Some(length) => whole(bytes, 4, u32::from_be_bytes(*length) as usize),
                None => Ok(None),
            },
            Self::Rfc6587 => match memchr::memchr(b' ', &bytes[..bytes.len().min(8)]) {
                Some(digits) => whole(bytes, digits + 1, std::str::from_utf8(&bytes[..digits])?.parse()?),
                None if bytes.len() < 8 => Ok(None),
                None => Err("no count of octets where one should be".into()),
            },
            Self::Zmtp => zmtp(bytes),
        }
    }
}

fn whole(bytes: &[u8], head: usize, body: usize) -> Outcome<Option<Cut>> {
    if body > LARGEST {
        return Err(format!("a frame of {body} bytes").into());
    }
    let end = head + body;
    Ok((bytes.len() >= end).then_some((Some(head..end), end)))
}

/// A frame of ZMTP 3: flags, a length of one byte or eight, the body. Commands are nobody's message.
fn zmtp(bytes: &[u8]) -> Outcome<Option<Cut>> {
    const LONG: u8 = 2;
    const COMMAND: u8 = 4;
    let [flags, rest @ ..] = bytes else { return Ok(None) };
    let found = if flags & LONG == 0 {
        let [length, ..] = rest else { return Ok(None) };
        whole(bytes, 2, usize::from(*length))?
    } else {
        let Some(length) = rest.first_chunk() else { return Ok(None) };
        whole(bytes, 9, usize::try_from(u64::from_be_bytes(*length))?)?
    };
    Ok(found.map(|(body, end)| (body.filter(|_| flags & COMMAND == 0), end)))
}

/// What a PULL socket says first: the greeting of ZMTP 3.0 without security, and that it is ready.
pub(super) fn greet(stream: &mut TcpStream) -> Outcome<()> {
    let mut greeting = [0; 64];
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10] = 3;
    greeting[12..16].copy_from_slice(b"NULL");
    stream.write_all(&greeting)?;
    stream.read_exact(&mut [0; 64])?;
    stream.write_all(b"\x04\x1a\x05READY\x0bSocket-Type\x00\x00\x00\x04PULL")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::Wire;

    fn bodies(wire: &str, bytes: &[u8], size: usize) -> Vec<Vec<u8>> {
        let wire: Wire = wire.parse().unwrap();
        let (mut found, mut used) = (Vec::new(), 0);
        while let Some((body, length)) = wire.next(&bytes[used..], size).unwrap() {
            found.extend(body.map(|body| bytes[used..][body].to_vec()));
            used += length;
        }
        found
    }

    #[test]
    fn whole_messages_are_cut_and_the_rest_is_left() {
        let two = [b"ab".to_vec(), b"cd".to_vec()];
        assert_eq!(bodies("raw", b"abcde", 2), two);
        assert_eq!(bodies("lines", b"ab\ncd\ne", 0), two);
        assert_eq!(bodies("length", b"\0\0\0\x02ab\0\0\0\x02cd\0\0\0\x02e", 0), two);
        assert_eq!(bodies("rfc6587", b"2 ab2 cd12 e", 0), two);
        let zmtp = b"\x04\x01x\x00\x02ab\x02\0\0\0\0\0\0\0\x02cd\x00\x02e";
        assert_eq!(bodies("zmtp", zmtp, 0), two, "a command is nobody's message");
    }
}
