//! Cuts one connection's stream into messages, whatever its pieces are.

use super::framing::{Framing, Malformed};

/// The beginning of a message whose end has not come yet.
///
/// It holds no more than the largest message that is allowed and one piece, and gets room only for what came: a length
/// that a client announces costs nothing.
#[derive(Debug)]
pub(in crate::server) struct Splitter {
    framing: Framing,
    most: usize,
    rest: Vec<u8>,
    /// How many bytes of it hold no end of a line.
    seen: usize,
}

impl Splitter {
    /// For messages of up to `most` bytes.
    pub(in crate::server) const fn new(framing: Framing, most: usize) -> Self {
        Self { framing, most, rest: Vec::new(), seen: 0 }
    }

    /// Takes a piece; `each` is called with every message that ends in it.
    pub(in crate::server) fn push(&mut self, piece: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            let used = self.cut(piece, 0, &mut each)?;
            self.rest.extend_from_slice(&piece[used..]);
        } else {
            let mut whole = std::mem::take(&mut self.rest);
            whole.extend_from_slice(piece);
            let used = self.cut(&whole, self.seen, &mut each)?;
            whole.drain(..used);
            self.rest = whole;
        }
        self.seen = self.rest.len();
        if self.rest.is_empty() && self.rest.capacity() > Self::KEPT {
            self.rest = Vec::new(); // one large message is no reason to keep its room
        }
        if self.rest.len() > self.framing.longest(self.most) { Err(Malformed) } else { Ok(()) }
    }

    /// The room that is kept for the next message that comes in parts.
    const KEPT: usize = 64 << 10;

    /// Calls `each` with every message in `bytes`; how many bytes those take up.
    fn cut(&self, bytes: &[u8], mut seen: usize, each: &mut impl FnMut(&[u8])) -> Result<usize, Malformed> {
        let mut used = 0;
        while let Some(found) = self.framing.next(&bytes[used..], seen, self.most)? {
            each(&bytes[used + found.start..used + found.end]);
            used += found.next;
            seen = 0;
        }
        Ok(used)
    }

    /// What has come of a message whose end has not.
    pub(in crate::server) fn rest(&self) -> &[u8] {
        &self.rest
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;
    use crate::properties::cases;

    fn split(framing: Framing, most: usize, pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Result<Vec<u8>, Malformed>) {
        let (mut splitter, mut messages) = (Splitter::new(framing, most), Vec::new());
        for piece in pieces {
            if let Err(malformed) = splitter.push(piece, |message| messages.push(message.to_vec())) {
                return (messages, Err(malformed));
            }
        }
        (messages, Ok(splitter.rest().to_vec()))
    }

    fn framed(framing: Framing, messages: &[Vec<u8>]) -> Vec<u8> {
        let mut stream = Vec::new();
        for message in messages {
            match framing {
                Framing::Length => stream.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes()),
                Framing::Rfc6587 => stream.extend_from_slice(format!("{} ", message.len()).as_bytes()),
                _ => {}
            }
            stream.extend_from_slice(message);
            if framing == Framing::Lines {
                stream.push(b'\n');
            }
        }
        stream
    }

    #[test]
    fn raw_pieces_are_kept_as_they_came() {
        assert_eq!(split(Framing::Raw, 2, &[b"abc", b"", b"d"]).0, [b"abc".to_vec(), b"d".to_vec()]);
    }

    #[test]
    fn the_end_that_did_not_come_is_told() {
        assert_eq!(
            split(Framing::Lines, 9, &[b"a\n\nb\r\nc", b"d"]),
            (vec![b"a".to_vec(), vec![], b"b\r".to_vec()], Ok(b"cd".to_vec()))
        );
        assert_eq!(
            split(Framing::Length, 9, &[b"\0\0\0\x01a\0\0\0\0\0\0\0\x02b"]),
            (vec![b"a".to_vec(), vec![]], Ok(b"\0\0\0\x02b".to_vec()))
        );
        assert_eq!(split(Framing::Fixed(3), 9, &[b"abcd"]), (vec![b"abc".to_vec()], Ok(b"d".to_vec())));
        assert_eq!(split(Framing::Rfc6587, 9, &[b"2 ab", b"7"]), (vec![b"ab".to_vec()], Ok(b"7".to_vec())));
    }

    #[test]
    fn what_is_too_large_or_no_frame_is_seen_at_once() {
        let refused: [(Framing, &[u8]); 9] = [
            (Framing::Length, b"\xFF\xFF\xFF\xFF"),
            (Framing::Length, b"\0\0\0\x05"),
            (Framing::Lines, b"abcde"),
            (Framing::Lines, b"abcde\n"),
            (Framing::Rfc6587, b"5 "),
            (Framing::Rfc6587, b"5"),
            (Framing::Rfc6587, b"000000000000000000000"),
            (Framing::Rfc6587, b"<34>1 a message"),
            (Framing::Rfc6587, b" a"),
        ];
        for (framing, stream) in refused {
            assert_eq!(split(framing, 4, &[stream]).1, Err(Malformed), "{framing}: {stream:?}");
        }
        for (framing, stream) in
            [(Framing::Lines, &b"abcd\n"[..]), (Framing::Rfc6587, b"4 abcd"), (Framing::Length, b"\0\0\0\x04abcd")]
        {
            assert_eq!(split(framing, 4, &[stream]), (vec![b"abcd".to_vec()], Ok(Vec::new())));
        }
    }

    #[test]
    fn messages_before_a_malformed_one_are_kept() {
        let (messages, ended) = split(Framing::Length, 4, &[b"\0\0\0\x01a\xFF\xFF\xFF\xFF"]);
        assert_eq!((messages, ended), (vec![b"a".to_vec()], Err(Malformed)));
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for framing in [Framing::Raw, Framing::Lines, Framing::Length, Framing::Rfc6587, Framing::Fixed(16)] {
            assert_eq!(framing.to_string().parse::<Framing>().unwrap(), framing);
        }
        for wrong in ["line", "fixed(0)", "fixed(-1)", "fixed"] {
            assert!(wrong.parse::<Framing>().unwrap_err().to_string().contains("fixed(N)"));
        }
    }

    proptest! {
        #![proptest_config(cases())]

        #[test]
        fn pieces_make_no_difference(
            which in 0..3_usize,
            messages in prop::collection::vec(prop::collection::vec(0..=255_u8, 0..40), 0..20),
            sizes in prop::collection::vec(1..30_usize, 1..100),
        ) {
            let framing = [Framing::Lines, Framing::Length, Framing::Rfc6587][which];
            let clean = |mut message: Vec<u8>| { message.retain(|&byte| which > 0 || byte != b'\n'); message };
            let messages: Vec<_> = messages.into_iter().map(clean).collect();
            let stream = framed(framing, &messages);
            let (mut pieces, mut at) = (Vec::new(), 0);
            for size in sizes.iter().cycle().take(stream.len()) {
                let end = (at + size).min(stream.len());
                pieces.push(&stream[at..end]);
                at = end;
            }
            prop_assert_eq!(split(framing, 40, &pieces), (messages, Ok(Vec::new())));
        }

        #[test]
        fn hostile_bytes_never_hold_more_than_allowed(
            which in 0..4_usize,
            pieces in prop::collection::vec(prop::collection::vec(0..=255_u8, 0..300), 0..30),
        ) {
            let framing = [Framing::Lines, Framing::Length, Framing::Rfc6587, Framing::Fixed(50)][which];
            let mut splitter = Splitter::new(framing, 64);
            let mut longest = 0;
            for piece in pieces {
                if splitter.push(&piece, |message| longest = longest.max(message.len())).is_err() {
                    break;
                }
                prop_assert!(splitter.rest().len() <= framing.longest(64));
            }
            prop_assert!(longest <= 64);
        }
    }
}
