//! Any walk, in one thread, does to every queue what it does to a list.

use std::collections::VecDeque;

use fanin::error::SendError;
use fanin::queue::{Capacity, Facts, Kind, Queue, Receiver, Sender};
use proptest::prelude::*;

use crate::tools::{drain_now, message, shape};
use crate::{Claim, SIZES, With};

#[derive(Clone, Debug)]
enum Step {
    Send(usize),
    Drain,
    Clone(usize),
    Drop(usize),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any::<usize>().prop_map(Step::Send),
        3 => Just(Step::Drain),
        1 => any::<usize>().prop_map(Step::Clone),
        1 => any::<usize>().prop_map(Step::Drop),
        1 => Just(Step::Close),
    ]
}

/// Walks a queue and a plain model of it through the same steps.
struct Walk<'a> {
    steps: &'a [Step],
    capacity: Option<usize>,
}

impl Claim for &Walk<'_> {
    fn hold<Q: Queue>(self, facts: &Facts, size: Option<usize>) {
        let capacity = if facts.bounded { self.capacity } else { None };
        let (first, mut receiver) = Q::open(&shape(size, capacity.map(Capacity::Messages)));
        let mut senders = vec![(0, first)];
        let (mut model, mut open, mut born, mut sequence) = (VecDeque::new(), true, 1, 0);
        for step in self.steps {
            match *step {
                Step::Send(at) if !senders.is_empty() => {
                    let at = at % senders.len();
                    let (producer, sender) = &mut senders[at];
                    let bytes = message(size, *producer, sequence);
                    sequence += 1;
                    let full = capacity.is_some_and(|capacity| model.len() >= capacity);
                    let expected = match (open, full) {
                        (false, _) => Err(SendError::Closed),
                        (true, true) => Err(SendError::Full),
                        (true, false) => Ok(()),
                    };
                    assert_eq!(sender.try_send(&bytes), expected);
                    if expected.is_ok() {
                        model.push_back((*producer, bytes));
                    }
                }
                Step::Drain => assert_same(drain_now(&mut receiver), &mut model, facts, senders.is_empty() || !open),
                Step::Clone(at) if !senders.is_empty() && senders.len() < 6 => {
                    let sender = senders[at % senders.len()].1.clone();
                    senders.push((born, sender));
                    born += 1;
                }
                Step::Drop(at) if !senders.is_empty() => drop(senders.remove(at % senders.len())),
                Step::Close => {
                    receiver.close();
                    open = false;
                }
                _ => {}
            }
        }
        drop(senders);
        assert_same(drain_now(&mut receiver), &mut model, facts, true);
    }
}

fn assert_same(drained: (Vec<Vec<u8>>, bool), model: &mut VecDeque<(usize, Vec<u8>)>, facts: &Facts, ended: bool) {
    let (taken, told) = drained;
    assert_eq!(told, ended);
    let mut expected: Vec<_> = model.drain(..).collect();
    if !facts.total_order {
        // Order across producers is free: compare producer by producer.
        expected.sort_by_key(|(producer, _)| *producer);
        let mut taken = taken;
        taken.sort_by_key(|bytes| expected.iter().find(|(_, sent)| sent == bytes).map(|(producer, _)| *producer));
        assert_eq!(taken, expected.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>());
        return;
    }
    assert_eq!(taken, expected.into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any walk, in one thread, does to every queue what it does to a list.
    #[test]
    fn every_queue_does_what_a_list_does(
        steps in prop::collection::vec(step(), 1..60),
        capacity in prop::option::of(1_usize..6),
    ) {
        let walk = Walk { steps: &steps, capacity };
        for &kind in Kind::ALL {
            for size in SIZES {
                kind.visit(size, With(&walk, kind.facts(), size));
            }
        }
    }
}
