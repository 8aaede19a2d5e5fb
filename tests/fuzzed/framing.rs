//! Both readers of frames beside a plain third one: the sink's [`Decoder`] and the server's [`Recording::split`].
//!
//! Byte 0 is the framing, byte 1 the largest message, byte 2 the seed of the pieces; the rest is the stream.

use fanin::message::framing::{Decoder, Framing};
use fanin::server::{self, Recording};

use super::pieces;

/// Whole messages, and what comes after them; nothing for the rest if it can become no frame.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    messages: Vec<Vec<u8>>,
    rest: Option<Vec<u8>>,
}

/// The kinds of frames that have an end.
const FRAMINGS: [(Framing, server::Framing); 3] = [
    (Framing::Lines, server::Framing::Lines),
    (Framing::Length, server::Framing::Length),
    (Framing::Rfc6587, server::Framing::Rfc6587),
];

pub(crate) fn try_bytes(data: &[u8]) {
    let Some(([kind, most, seed], stream)) = data.split_first_chunk::<3>() else { return };
    let most = usize::from(*most);
    let pieces = pieces(stream, *seed);
    match FRAMINGS.get(usize::from(kind % 5)) {
        Some(&(sinks, servers)) => {
            let expected = plainly(sinks, most, stream);
            assert_eq!(by_the_sink(sinks, most, &pieces), expected, "{sinks:?}, {most}, by the sink");
            assert_eq!(by_the_server(servers, most, &pieces), expected, "{servers:?}, {most}, by the server");
        }
        None if kind % 5 == 3 => {
            let read = by_the_server(server::Framing::Fixed(most.max(1)), most, &pieces);
            let chunks = stream.chunks_exact(most.max(1));
            let rest = Some(chunks.remainder().to_vec());
            assert_eq!(read, Read { messages: chunks.map(<[u8]>::to_vec).collect(), rest });
        }
        None => {
            let read = by_the_sink(Framing::None, most, &pieces);
            assert_eq!(read.messages.concat(), stream);
        }
    }
}

fn by_the_sink(framing: Framing, most: usize, pieces: &[&[u8]]) -> Read {
    let (mut decoder, mut messages) = (Decoder::new(framing, most), Vec::new());
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next_message() {
                Ok(Some(message)) => messages.push(message.to_vec()),
                Ok(None) => break,
                Err(_) => return Read { messages, rest: None },
            }
        }
    }
    Read { messages, rest: Some(decoder.rest().to_vec()) }
}

fn by_the_server(framing: server::Framing, most: usize, pieces: &[&[u8]]) -> Read {
    let recording = Recording { framing, max_frame: most, most: usize::MAX };
    let (messages, rest) = recording.split(pieces.iter().copied());
    Read { messages: messages.iter().map(|(_, message)| message.to_vec()).collect(), rest }
}

/// What a stream holds, found without any state, from the front.
fn plainly(framing: Framing, most: usize, mut stream: &[u8]) -> Read {
    let mut messages = Vec::new();
    loop {
        let Ok(found) = first(framing, most, stream) else { return Read { messages, rest: None } };
        let Some((start, length, after)) = found else { return Read { messages, rest: Some(stream.to_vec()) } };
        messages.push(stream[start..start + length].to_vec());
        stream = &stream[start + length + after..];
    }
}

/// What comes before the first message, its length, and what comes behind it.
fn first(framing: Framing, most: usize, stream: &[u8]) -> Result<Option<(usize, usize, usize)>, ()> {
    let (start, length, after) = match framing {
        Framing::Lines => match stream.iter().position(|byte| *byte == b'\n') {
            Some(end) => (0, end, 1),
            None if stream.len() > most => return Err(()),
            None => return Ok(None),
        },
        Framing::Length => match stream.first_chunk::<4>() {
            Some(length) => (4, u32::from_be_bytes(*length) as usize, 0),
            None => return Ok(None),
        },
        _ => match decimal(most, stream)? {
            Some((start, length)) => (start, length, 0),
            None => return Ok(None),
        },
    };
    if length > most {
        return Err(());
    }
    Ok((stream.len() >= start + length + after).then_some((start, length, after)))
}

/// Up to 20 digits and a space: where they end, and what they say.
fn decimal(most: usize, stream: &[u8]) -> Result<Option<(usize, usize)>, ()> {
    let digits = stream.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = stream[..digits]
        .iter()
        .fold(0_usize, |number, digit| number.saturating_mul(10).saturating_add(usize::from(digit - b'0')));
    match stream.get(digits) {
        _ if digits > 20 || number > most => Err(()),
        Some(b' ') if digits > 0 => Ok(Some((digits + 1, number))),
        Some(_) => Err(()),
        None => Ok(None),
    }
}
