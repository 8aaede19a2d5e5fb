//! The check of the counter against brute force: all the ways in which producers could have sent a stream.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::judge_whole;
use crate::message::{COUNTER, Layout};
use crate::properties::cases;

/// Whether `producers` that send `messages` each can have sent `stream`: follows every choice of who sent which value.
fn is_possible(producers: usize, messages: u64, stream: &[u8]) -> bool {
    let mut states = BTreeSet::from([vec![0_u64; producers]]);
    for value in stream {
        states = states.iter().flat_map(|state| after(state, messages, *value)).collect();
    }
    states.contains(&vec![messages; producers])
}

/// The states that one arrival of `value` can lead to. States are sorted, since producers are alike.
fn after(state: &[u64], messages: u64, value: u8) -> Vec<Vec<u64>> {
    let sends = |sent: u64| sent < messages && (sent + 1) % u64::from(COUNTER) == u64::from(value);
    let choices = (0..state.len()).filter(|at| sends(state[*at]));
    choices
        .map(|at| {
            let mut next = state.to_vec();
            next[at] += 1;
            next.sort_unstable();
            next
        })
        .collect()
}

/// An interleaving of producers that is drawn from `choices`.
fn interleave(producers: usize, messages: u64, choices: &[usize]) -> Vec<u8> {
    let mut sent = vec![0_u64; producers];
    let mut choices = choices.iter().cycle();
    let mut stream = Vec::new();
    while let Some(least) = sent.iter().position(|sent| *sent < messages) {
        let mut at = choices.next().map_or(least, |choice| choice % producers);
        if sent[at] == messages {
            at = least;
        }
        sent[at] += 1;
        stream.push(u8::try_from(sent[at] % u64::from(COUNTER)).unwrap());
    }
    stream
}

/// Changes a stream in a way that often leaves it possible: most changes are small or near the same value.
fn change(stream: &mut Vec<u8>, kind: u8, at: usize, other: usize) {
    if stream.is_empty() {
        return;
    }
    let length = stream.len();
    let (at, other) = (at % length, other % length);
    match kind % 5 {
        0 => {
            stream.remove(at);
        }
        1 => stream.insert(at, stream[other]),
        2 => stream.swap(at, other),
        3 => stream.swap(at, (at + 1) % length),
        _ => stream[at] = stream[at].wrapping_add(1),
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn what_is_proved_is_what_is_possible(
        producers in 1_usize..5,
        messages in prop_oneof![0_u64..6, 253_u64..258, 509_u64..512],
        choices in prop::collection::vec(prop_oneof![4 => Just(0_usize), 1 => 0..5_usize], 1..40),
        changes in prop::collection::vec((any::<u8>(), any::<usize>(), any::<usize>()), 0..4),
    ) {
        let mut stream = interleave(producers, messages, &choices);
        prop_assert!(is_possible(producers, messages, &stream));
        for (kind, at, other) in &changes {
            change(&mut stream, *kind, *at, *other);
        }
        let layout = Layout::new(1, u32::try_from(producers).unwrap()).unwrap();
        let verdict = judge_whole(layout, messages, &stream);
        prop_assert_eq!(verdict.is_proved(), is_possible(producers, messages, &stream), "{:?}", verdict);
    }

    #[test]
    fn losses_and_doubles_are_counted_by_value(
        producers in 1_usize..5,
        messages in 1_u64..600,
        choices in prop::collection::vec(0..5_usize, 1..40),
        lost in any::<usize>(),
        doubled in any::<usize>(),
    ) {
        let mut stream = interleave(producers, messages, &choices);
        let gone = stream.remove(lost % stream.len());
        let mut expected = (1, 0);
        if !stream.is_empty() {
            let again = stream[doubled % stream.len()];
            stream.push(again);
            expected = if again == gone { (0, 0) } else { (1, 1) };
        }
        let layout = Layout::new(1, u32::try_from(producers).unwrap()).unwrap();
        let verdict = judge_whole(layout, messages, &stream);
        prop_assert_eq!((verdict.lost, verdict.duplicated), expected);
    }
}

#[test]
fn all_streams_of_a_few_values_are_judged_as_by_brute_force() {
    for (producers, messages, longest) in [(1_u32, 3_u64, 4_u32), (2, 2, 5), (3, 1, 4), (2, 3, 7)] {
        let layout = Layout::new(1, producers).unwrap();
        for length in 0..=longest {
            for number in 0..4_u32.pow(length) {
                let stream: Vec<u8> = (0..length).map(|at| (number >> (2 * at) & 3) as u8).collect();
                let proved = judge_whole(layout, messages, &stream).is_proved();
                assert_eq!(proved, is_possible(producers as usize, messages, &stream), "{stream:?}");
            }
        }
    }
}

/// A producer a whole lap ahead may be mistaken for one that is behind; what is proved is that it makes no difference.
#[test]
fn chains_that_differ_by_laps_are_possible_after_all() {
    let layout = Layout::new(1, 2).unwrap();
    let lap: Vec<u8> = (1..255).chain([0]).collect();
    let stream = [&lap[..], &lap, &lap[..10], &lap[..10]].concat();
    assert!(is_possible(2, 265, &stream));
    assert!(judge_whole(layout, 265, &stream).is_proved());
}

/// All around the circle, and over its end, no place is special.
#[test]
fn one_producers_neighbours_are_never_exchanged_unseen() {
    let layout = Layout::new(1, 1).unwrap();
    let stream = interleave(1, 600, &[0]);
    for at in 0..stream.len() - 1 {
        let mut broken = stream.clone();
        broken.swap(at, at + 1);
        let verdict = judge_whole(layout, 600, &broken);
        assert_eq!((verdict.lost, verdict.duplicated, verdict.reordered), (0, 0, 1), "at {at}");
        assert_eq!(verdict.counterexample.unwrap().byte(), at as u64);
    }
}

/// The last message comes first, too far ahead to be taken for the next after a loss.
#[test]
fn a_message_that_comes_far_too_early_is_reordered() {
    let layout = Layout::new(1, 1).unwrap();
    let mut stream = interleave(1, 200, &[0]);
    stream.rotate_right(1);
    let verdict = judge_whole(layout, 200, &stream);
    assert_eq!((verdict.lost, verdict.duplicated, verdict.reordered), (0, 0, 1));
}

/// Every value comes as often as it should, and only the order is wrong.
#[test]
fn a_rotated_stream_is_reordered() {
    let layout = Layout::new(1, 1).unwrap();
    let lap: Vec<u8> = (1..255).chain([0]).collect();
    let stream = [&lap[99..], &lap, &lap[..99]].concat();
    let verdict = judge_whole(layout, 510, &stream);
    assert_eq!((verdict.lost, verdict.duplicated, verdict.reordered), (0, 0, 99));
}
