//! The window and the account beside a naive model of both: frames in a list, and two places in it.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::super::account::Account;
use super::super::delivery::{Delivery, Tally};
use super::*;
use crate::message::Framing;
use crate::properties::cases;
use crate::queue::frames::Chain;
use bytes::Bytes;

#[derive(Clone, Debug)]
struct Frame {
    bytes: Vec<u8>,
    message: usize,
    doubted: bool,
}

/// What the window should be.
#[derive(Debug, Default)]
struct Model {
    confirms: bool,
    frames: VecDeque<Frame>,
    /// Bytes from the first frame on.
    written: usize,
    echoed: usize,
    gone: Delivery,
    room: usize,
}

impl Model {
    fn ends(&self) -> Vec<usize> {
        let add = |end: &mut usize, frame: &Frame| {
            *end += frame.bytes.len();
            Some(*end)
        };
        self.frames.iter().scan(0, add).collect()
    }

    fn stream(&self) -> Vec<u8> {
        self.frames.iter().flat_map(|frame| frame.bytes.clone()).collect()
    }

    fn pop(&mut self) -> Tally {
        let frame = self.frames.pop_front().unwrap();
        self.room -= frame.bytes.len().max(4);
        self.written = self.written.saturating_sub(frame.bytes.len());
        self.echoed = self.echoed.saturating_sub(frame.bytes.len());
        Tally::one(frame.message)
    }

    fn settle(&mut self) {
        if !self.confirms {
            self.echoed = self.written;
        }
        while self.frames.front().is_some_and(|frame| frame.bytes.len() <= self.echoed) {
            let tally = self.pop();
            *(if self.confirms { &mut self.gone.acked } else { &mut self.gone.written }) += tally;
        }
    }

    fn lose(&mut self, resend: bool) {
        let ends = self.ends();
        let is_begun =
            |(end, frame): &(&usize, &Frame)| **end <= self.written || **end - frame.bytes.len() < self.written;
        let begun = ends.iter().zip(&self.frames).filter(is_begun).count();
        self.gone.in_doubt += self.gone.written;
        self.gone.written = Tally::default();
        if resend {
            for frame in self.frames.iter_mut().take(begun) {
                frame.doubted = true;
            }
        } else {
            for _ in 0..begun {
                let tally = self.pop();
                self.gone.in_doubt += tally;
            }
        }
        (self.written, self.echoed) = (0, 0);
    }

    fn delivery(&self) -> Delivery {
        let mut delivery = self.gone;
        for (end, frame) in self.ends().into_iter().zip(&self.frames) {
            let tally = Tally::one(frame.message);
            let state = match (end <= self.written, frame.doubted) {
                (true, _) => &mut delivery.written,
                (false, true) => &mut delivery.in_doubt,
                (false, false) => &mut delivery.unsent,
            };
            *state += tally;
        }
        delivery
    }
}

#[derive(Clone, Debug)]
enum Step {
    Lend(Vec<usize>),
    /// Drops the oldest of those that are lent next.
    DropThenLend(usize, Vec<usize>),
    Write(usize),
    Echo(usize),
    Lose,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let length = || prop_oneof![8 => 0_usize..12, 2 => 100_usize..400, 1 => 1_000_usize..1_500];
    let lengths = || prop::collection::vec(length(), 1..6);
    prop::collection::vec(
        prop_oneof![
            3 => lengths().prop_map(Step::Lend),
            1 => (1_usize..3, lengths()).prop_map(|(count, lengths)| Step::DropThenLend(count, lengths)),
            4 => (0_usize..600).prop_map(Step::Write),
            4 => (0_usize..600).prop_map(Step::Echo),
            1 => Just(Step::Lose),
        ],
        1..40,
    )
}

struct Pair {
    chain: Chain,
    window: Window,
    account: Account,
    model: Model,
    framing: Framing,
    resend: bool,
    sent: usize,
    /// The room that the frames in the window take.
    room: usize,
}

impl Pair {
    fn new(framing: Framing, confirms: bool, resend: bool) -> Self {
        let scale = Scale { framing, least: 4 };
        Self {
            // Blocks of 4 KiB, and messages from 1 KiB on by reference.
            chain: Chain::new(scale, 1),
            window: Window::new(scale, confirms),
            account: Account::default(),
            model: Model { confirms, ..Model::default() },
            framing,
            resend: resend && confirms,
            sent: 0,
            room: 0,
        }
    }

    fn lend(&mut self, dropped: usize, lengths: &[usize]) {
        for (at, length) in lengths.iter().enumerate() {
            self.sent += 1;
            let message: Vec<u8> = (0..*length).map(|at| u8::try_from((at * 7 + self.sent) % 251).unwrap()).collect();
            let frame = self.framing.frame(message.len());
            let bytes = [frame.prefix(), &message, frame.suffix].concat();
            if bytes.len() > self.chain.longest_copied() {
                self.chain.push_large(Bytes::from(message));
            } else {
                self.chain.push(bytes.len(), &message);
            }
            self.account.accept(Tally::one(*length));
            if at < dropped {
                self.model.gone.dropped += Tally::one(*length);
            } else {
                self.model.room += bytes.len().max(4);
                self.room += bytes.len().max(4);
                self.model.frames.push_back(Frame { bytes, message: *length, doubted: false });
            }
        }
        for _ in 0..dropped.min(lengths.len()) {
            let measure = self.chain.drop_first().unwrap();
            self.account.drop(measure.into());
        }
        let mut taken = Vec::new();
        self.chain.take(usize::MAX, &mut taken);
        for segment in taken {
            self.window.admit(segment);
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Lend(lengths) => self.lend(0, lengths),
            Step::DropThenLend(count, lengths) => self.lend(*count, lengths),
            Step::Write(count) => {
                let count = (*count).min(usize::try_from(self.window.unwritten()).unwrap());
                self.window.wrote(count);
                self.model.written += count;
            }
            Step::Echo(count) => {
                let owed = self.model.written - self.model.echoed;
                let count = if self.model.confirms { (*count).min(owed) } else { 0 };
                let echo = self.model.stream()[self.model.echoed..][..count].to_vec();
                self.window.echo(&echo).unwrap();
                self.model.echoed += count;
            }
            Step::Lose => {
                let cut = self.window.lose(self.resend);
                self.settle();
                self.account.lose(cut);
                self.model.lose(self.resend);
                // As the next connection does first.
                self.window.wrote(0);
            }
        }
        self.model.settle();
        self.settle();
    }

    fn settle(&mut self) {
        let moves = self.window.moves();
        self.account.write(moves.fresh, moves.again);
        self.account.acknowledge(moves.acked);
        self.room -= moves.room;
        for segment in moves.used {
            self.chain.put_back(segment);
        }
    }

    fn unwritten(&self) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 512];
        let filled = self.window.slices(&mut slices, usize::MAX);
        slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect()
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn the_window_is_what_the_model_is(
        framing in 0_usize..4, confirms: bool, resend: bool, steps in steps()
    ) {
        let mut pair = Pair::new(Framing::ALL[framing], confirms, resend);
        for step in steps {
            pair.step(&step);
            prop_assert_eq!(pair.account.delivery(), Delivery {
                accepted: pair.account.delivery().accepted,
                ..pair.model.delivery()
            }, "after {:?}", step);
            prop_assert!(pair.account.delivery().is_even());
            prop_assert_eq!(pair.room, pair.model.room);
            prop_assert_eq!(pair.unwritten(), &pair.model.stream()[pair.model.written..]);
            prop_assert_eq!(pair.window.front().is_none(), pair.model.frames.is_empty());
            prop_assert_eq!(pair.window.is_owed(), confirms && pair.model.echoed < pair.model.written);
        }
    }
}

fn echoing(messages: &[&[u8]]) -> Window {
    let scale = Scale { framing: Framing::Lines, least: 4 };
    let (mut chain, mut window) = (Chain::new(scale, 1 << 20), Window::new(scale, true));
    for message in messages {
        chain.push(message.len() + 1, message);
    }
    let mut taken = Vec::new();
    let length = chain.take(usize::MAX, &mut taken);
    for segment in taken {
        window.admit(segment);
    }
    window.wrote(length);
    window
}

#[test]
fn a_wrong_echo_names_its_byte() {
    let mut window = echoing(&[b"one", b"two"]);
    window.echo(b"one\nt").unwrap();
    let wrong = WrongEcho { offset: 6, expected: Some(b'o'), found: b'0' };
    assert_eq!(window.echo(b"w0\n"), Err(wrong));
    let mut window = echoing(&[b"one"]);
    assert_eq!(window.echo(b"one\none"), Err(WrongEcho { offset: 4, expected: None, found: b'o' }));
}

#[test]
fn small_takes_do_not_hold_blocks() {
    let scale = Scale { framing: Framing::Lines, least: 4 };
    let (mut chain, mut window) = (Chain::new(scale, 1 << 20), Window::new(scale, true));
    for turn in 0..10_000_u32 {
        chain.push(11, format!("{turn:010}").as_bytes());
        let mut taken = Vec::new();
        let length = chain.take(usize::MAX, &mut taken);
        for segment in taken {
            window.admit(segment);
        }
        window.wrote(length);
        for segment in window.moves().used {
            chain.put_back(segment);
        }
    }
    assert!(window.memory() < 110_000 + 40_000 + 3 * 64 * 1024, "{}", window.memory());
    assert!(chain.memory() < 3 * 64 * 1024);
}
