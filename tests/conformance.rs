//! What every queue must hold. A queue that is registered is tested here; nothing is to be added for it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::needless_for_each)]

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use bytes::Buf;
use fanin::error::SendError;
use fanin::queue::{Batch, Capacity, Facts, Kind, Queue, Receiver, Sender, Shape, Visitor};
use proptest::prelude::*;

/// Sizes that reach every carrier: a byte, both inline forms, the array, the box; and messages of any size.
const SIZES: [Option<usize>; 6] = [Some(1), Some(8), Some(24), Some(64), Some(100), None];

/// A claim about any queue.
trait Claim: Copy {
    fn hold<Q: Queue>(self, facts: &Facts, size: Option<usize>);
}

struct With<C>(C, &'static Facts, Option<usize>);

impl<C: Claim> Visitor for With<C> {
    type Output = ();

    fn visit<Q: Queue>(self) {
        self.0.hold::<Q>(self.1, self.2);
    }
}

fn for_every_queue(claim: impl Claim) {
    for &kind in Kind::ALL {
        for size in SIZES {
            println!("{} with messages of {size:?} bytes", kind.facts().name);
            kind.visit(size, With(claim, kind.facts(), size));
        }
    }
}

macro_rules! claims {
    ($($(#[$about:meta])* $test:ident is $claim:ident;)*) => {
        $(
            #[derive(Clone, Copy)]
            struct $claim;
            $(#[$about])*
            #[test]
            fn $test() {
                for_every_queue($claim);
            }
        )*
    };
}

claims! {
    /// A consumer that waits for nobody is told.
    the_end_is_told_when_the_last_sender_goes is EndIsTold;
    /// What was taken before the end is drained.
    what_was_sent_outlives_its_sender is OutlivesSender;
    /// No message is taken after a close, and none that was taken is lost by it.
    closing_while_empty_refuses_at_once is ClosesEmpty;
    closing_while_full_keeps_what_was_taken is ClosesFull;
    a_dropped_receiver_refuses_senders is DroppedReceiver;
    an_empty_message_leaves_no_trace is EmptyMessage;
    a_message_of_another_size_is_taken_whole_or_not_at_all is OtherSize;
    a_message_beyond_the_capacity_is_refused_at_once is TooLarge;
    a_cancelled_send_takes_nothing_and_lets_the_next_one_in is Cancelled;
    a_batch_can_be_written_in_any_steps is AnySteps;
    the_consumer_sleeps_until_it_is_woken is Sleeps;
    one_thread_delivers_in_order is OneThread;
    many_threads_deliver_in_order is ManyThreads;
    many_waiting_threads_are_all_served is WaitingThreads;
    many_waiting_tasks_are_all_served is WaitingTasks;
    a_panicking_producer_takes_nobody_along is PanickingProducer;
    thousands_of_producers_deliver is Thousands;
}

// ---------------------------------------------------------------------------------------------------------- tools

/// The message of `producer` with number `sequence`, of the size that the queue was opened for.
fn message(size: Option<usize>, producer: usize, sequence: usize) -> Vec<u8> {
    let tag = ((producer as u64) << 40 | sequence as u64).to_le_bytes();
    let length = size.unwrap_or(9 + (producer * 31 + sequence * 7) % 90);
    if length == 1 {
        return vec![u8::try_from(sequence % 251).unwrap()];
    }
    let mut bytes = vec![u8::try_from(length).unwrap(); length];
    bytes[length - 8..].copy_from_slice(&tag);
    bytes
}

fn shape(size: Option<usize>, capacity: Option<Capacity>) -> Shape {
    Shape { size, capacity }
}

fn poll<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Takes the batch as a list of messages.
fn messages(batch: &mut impl Batch) -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    while batch.has_remaining() {
        let (left, length) = (batch.messages(), batch.first());
        assert!(length > 0, "something is left, and no message");
        taken.push(batch.copy_to_bytes(length).to_vec());
        assert_eq!(batch.messages(), left - 1);
    }
    assert_eq!((batch.first(), batch.messages()), (0, 0));
    taken
}

/// What can be drained without waiting, and whether the end was told.
fn drain_now<R: Receiver>(receiver: &mut R) -> (Vec<Vec<u8>>, bool) {
    let mut taken = Vec::new();
    loop {
        match poll(receiver.drain()) {
            Poll::Ready(true) => {
                let before = taken.len();
                taken.extend(messages(receiver.batch()));
                assert!(taken.len() > before, "a drain that brings nothing does not end");
            }
            Poll::Ready(false) => return (taken, true),
            Poll::Pending => return (taken, false),
        }
    }
}

fn drain_to_the_end<R: Receiver>(mut receiver: R) -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    pollster::block_on(async {
        while receiver.drain().await {
            taken.extend(messages(receiver.batch()));
        }
    });
    taken
}

/// Every producer's messages came once each and in order.
fn assert_delivered(taken: &[Vec<u8>], size: Option<usize>, producers: usize, each: usize) {
    assert_eq!(taken.len(), producers * each);
    if size == Some(1) {
        return;
    }
    let mut next = vec![0; producers];
    for bytes in taken {
        let tag = u64::from_le_bytes(bytes[bytes.len() - 8..].try_into().unwrap());
        let producer = usize::try_from(tag >> 40).unwrap();
        assert_eq!(*bytes, message(size, producer, next[producer]), "producer {producer}");
        next[producer] += 1;
    }
    assert!(next.iter().all(|&count| count == each));
}

fn push<S: Sender>(sender: &mut S, bytes: &[u8]) {
    assert_eq!(poll(sender.send(bytes)), Poll::Ready(Ok(())));
}

/// Room for three messages, where the queue can be told so.
fn three(facts: &Facts) -> Option<Capacity> {
    facts.bounded.then_some(Capacity::Messages(3))
}

/// Sends until the queue is full, or a few; returns how many were taken.
fn fill<S: Sender>(sender: &mut S, size: Option<usize>) -> usize {
    (0..5).take_while(|&sequence| poll(sender.send(&message(size, 0, sequence))) == Poll::Ready(Ok(()))).count()
}

// --------------------------------------------------------------------------------------------------------- claims

impl Claim for EndIsTold {
    fn hold<Q: Queue>(self, _: &Facts, size: Option<usize>) {
        let (sender, mut receiver) = Q::open(&shape(size, None));
        let second = sender.clone();
        assert_eq!(poll(receiver.drain()), Poll::Pending);
        drop(sender);
        assert_eq!(poll(receiver.drain()), Poll::Pending, "one sender is left");
        drop(second);
        assert_eq!(poll(receiver.drain()), Poll::Ready(false));
        assert_eq!(poll(receiver.drain()), Poll::Ready(false), "and it stays so");
    }
}

impl Claim for OutlivesSender {
    fn hold<Q: Queue>(self, _: &Facts, size: Option<usize>) {
        let (mut sender, mut receiver) = Q::open(&shape(size, None));
        let sent: Vec<_> = (0..3).map(|sequence| message(size, 0, sequence)).collect();
        sent.iter().for_each(|bytes| push(&mut sender, bytes));
        drop(sender);
        assert_eq!(drain_now(&mut receiver), (sent, true));
    }
}

impl Claim for ClosesEmpty {
    fn hold<Q: Queue>(self, _: &Facts, size: Option<usize>) {
        let (mut sender, mut receiver) = Q::open(&shape(size, None));
        receiver.close();
        let bytes = message(size, 0, 0);
        assert_eq!(sender.try_send(&bytes), Err(SendError::Closed));
        assert_eq!(poll(sender.send(&bytes)), Poll::Ready(Err(SendError::Closed)));
        assert_eq!(sender.send_blocking(&bytes), Err(SendError::Closed));
        assert_eq!(drain_now(&mut receiver), (vec![], true));
    }
}

impl Claim for ClosesFull {
    fn hold<Q: Queue>(self, facts: &Facts, size: Option<usize>) {
        let (mut sender, mut receiver) = Q::open(&shape(size, three(facts)));
        let taken = fill(&mut sender, size);
        let (late, mut other) = (message(size, 0, taken), sender.clone());
        let mut waiting = pin!(other.send(&late));
        let mut cx = Context::from_waker(Waker::noop());
        if facts.bounded {
            assert_eq!(taken, 3);
            assert_eq!(sender.try_send(&late), Err(SendError::Full));
            assert_eq!(waiting.as_mut().poll(&mut cx), Poll::Pending);
        }
        receiver.close();
        assert_eq!(waiting.as_mut().poll(&mut cx), Poll::Ready(Err(SendError::Closed)));
        let sent: Vec<_> = (0..taken).map(|sequence| message(size, 0, sequence)).collect();
        assert_eq!(drain_now(&mut receiver), (sent, true), "though a sender is left");
    }
}

impl Claim for DroppedReceiver {
    fn hold<Q: Queue>(self, facts: &Facts, size: Option<usize>) {
        let (mut sender, receiver) = Q::open(&shape(size, three(facts)));
        let taken = fill(&mut sender, size);
        let late = message(size, 0, taken);
        drop(receiver);
        assert_eq!(sender.try_send(&late), Err(SendError::Closed));
        assert_eq!(sender.send_blocking(&late), Err(SendError::Closed));
    }
}

impl Claim for EmptyMessage {
    fn hold<Q: Queue>(self, _: &Facts, size: Option<usize>) {
        if size.is_some() {
            return;
        }
        let (mut sender, mut receiver) = Q::open(&shape(size, None));
        let sent: Vec<_> = (0..2).map(|sequence| message(size, 0, sequence)).collect();
        for bytes in [&sent[0], &vec![], &sent[1], &vec![]] {
            push(&mut sender, bytes);
        }
        drop(sender);
        let mut taken = Vec::new();
        pollster::block_on(async {
            while receiver.drain().await {
                taken.extend(messages(receiver.batch()));
            }
        });
        assert_eq!(taken, sent);
    }
}

impl Claim for OtherSize {
    fn hold<Q: Queue>(self, _: &Facts, size: Option<usize>) {
        let Some(size) = size else { return };
        let (mut sender, mut receiver) = Q::open(&shape(Some(size), None));
        let other = vec![7; size + 1];
        let outcome = poll(sender.send(&other));
        drop(sender);
        let left = std::iter::from_fn(|| match poll(receiver.drain()) {
            Poll::Ready(true) => Some(messages(receiver.batch()).concat()),
            _ => None,
        });
        let left: Vec<u8> = left.flatten().collect();
        match outcome {
            Poll::Ready(Ok(())) => assert_eq!(left, other),
            Poll::Ready(Err(SendError::Size)) => assert!(left.is_empty(), "{left:?}"),
            outcome => panic!("{outcome:?}"),
        }
    }
}

impl Claim for TooLarge {
    fn hold<Q: Queue>(self, facts: &Facts, size: Option<usize>) {
        if !facts.bounded {
            return;
        }
        let large = message(size, 0, 0);
        let (mut sender, mut receiver) = Q::open(&shape(size, Some(Capacity::Bytes(large.len() - 1))));
        assert_eq!(sender.try_send(&large), Err(SendError::TooLarge));
        assert_eq!(poll(sender.send(&large)), Poll::Ready(Err(SendError::TooLarge)));
        assert_eq!(sender.send_blocking(&large), Err(SendError::TooLarge));
        assert_eq!(drain_now(&mut receiver), (vec![], false));
    }
}

impl Claim for Cancelled {
    fn hold<Q: Queue>(self, facts: &Facts, size: Option<usize>) {
        if !facts.bounded {
            return;
        }
        let (mut sender, mut receiver) = Q::open(&shape(size, three(facts)));
        assert_eq!(fill(&mut sender, size), 3);
        let (dropped, kept) = (message(size, 1, 100), message(size, 2, 200));
        let (mut first, mut second) = (sender.clone(), sender.clone());
        let mut second = pin!(second.send(&kept));
        let mut cx = Context::from_waker(Waker::noop());
        {
            let mut first = pin!(first.send(&dropped));
            assert_eq!(first.as_mut().poll(&mut cx), Poll::Pending);
            assert_eq!(second.as_mut().poll(&mut cx), Poll::Pending);
            assert_eq!(poll(receiver.drain()), Poll::Ready(true));
            assert_eq!(messages(receiver.batch()).len(), 3);
        }
        assert_eq!(second.as_mut().poll(&mut cx), Poll::Ready(Ok(())));
        assert_eq!(drain_now(&mut receiver).0, std::slice::from_ref(&kept));
    }
}

impl Claim for AnySteps {
    fn hold<Q: Queue>(self, _: &Facts, size: Option<usize>) {
        for step in [1, 3, 7, 64, 1000] {
            let (mut sender, mut receiver) = Q::open(&shape(size, None));
            let sent: Vec<_> = (0..20).map(|sequence| message(size, 0, sequence)).collect();
            sent.iter().for_each(|bytes| push(&mut sender, bytes));
            drop(sender);
            let mut taken = Vec::new();
            while poll(receiver.drain()) == Poll::Ready(true) {
                let batch = receiver.batch();
                while batch.has_remaining() {
                    let written = step.min(batch.chunk().len());
                    taken.extend_from_slice(&batch.chunk()[..written]);
                    batch.advance(written);
                }
            }
            assert_eq!(taken, sent.concat());
        }
    }
}

struct Unpark(thread::Thread, Mutex<usize>);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        *self.1.lock().unwrap() += 1;
        self.0.unpark();
    }
}

impl Claim for Sleeps {
    fn hold<Q: Queue>(self, facts: &Facts, size: Option<usize>) {
        if facts.name == "swap-yield" {
            return; // it polls; that is what it is
        }
        let (mut sender, mut receiver) = Q::open(&shape(size, None));
        let woken = Arc::new(Unpark(thread::current(), Mutex::new(0)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut cx = Context::from_waker(&waker);
        {
            let mut drain = pin!(receiver.drain());
            assert_eq!(drain.as_mut().poll(&mut cx), Poll::Pending);
            assert_eq!(*woken.1.lock().unwrap(), 0, "nothing came, nobody is woken");
            push(&mut sender, &message(size, 0, 0));
            assert_eq!(*woken.1.lock().unwrap(), 1, "the first message wakes");
            assert_eq!(drain.as_mut().poll(&mut cx), Poll::Ready(true));
        }
        assert_eq!(messages(receiver.batch()).len(), 1);
    }
}

/// `producers` threads send `each` messages, and the consumer checks them.
fn deliver<Q: Queue>(size: Option<usize>, capacity: Option<Capacity>, producers: usize, each: usize) {
    let (sender, receiver) = Q::open(&shape(size, capacity));
    let consumer = thread::spawn(move || drain_to_the_end(receiver));
    let threads: Vec<_> = (0..producers)
        .map(|producer| {
            let mut sender = sender.clone();
            thread::spawn(move || {
                for sequence in 0..each {
                    sender.send_blocking(&message(size, producer, sequence)).unwrap();
                }
            })
        })
        .collect();
    drop(sender);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_delivered(&consumer.join().unwrap(), size, producers, each);
}

impl Claim for OneThread {
    fn hold<Q: Queue>(self, _: &Facts, size: Option<usize>) {
        deliver::<Q>(size, None, 1, 5000);
    }
}

impl Claim for ManyThreads {
    fn hold<Q: Queue>(self, _: &Facts, size: Option<usize>) {
        deliver::<Q>(size, None, 8, 1000);
    }
}

impl Claim for WaitingThreads {
    fn hold<Q: Queue>(self, facts: &Facts, size: Option<usize>) {
        if facts.bounded {
            deliver::<Q>(size, Some(Capacity::Messages(2)), 8, 200);
            deliver::<Q>(size, Some(Capacity::Bytes(128)), 8, 200);
        }
    }
}

/// `producers` tasks send `each` messages on a runtime that the consumer shares.
fn deliver_from_tasks<Q: Queue>(size: Option<usize>, capacity: Option<Capacity>, producers: usize, each: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (sender, mut receiver) = Q::open(&shape(size, capacity));
    for producer in 0..producers {
        let mut sender = sender.clone();
        runtime.spawn(async move {
            for sequence in 0..each {
                sender.send(&message(size, producer, sequence)).await.unwrap();
            }
        });
    }
    drop(sender);
    let consumer = runtime.spawn(async move {
        let mut taken = Vec::new();
        while receiver.drain().await {
            taken.extend(messages(receiver.batch()));
        }
        taken
    });
    assert_delivered(&runtime.block_on(consumer).unwrap(), size, producers, each);
}

impl Claim for WaitingTasks {
    fn hold<Q: Queue>(self, facts: &Facts, size: Option<usize>) {
        deliver_from_tasks::<Q>(size, facts.bounded.then_some(Capacity::Messages(2)), 16, 100);
    }
}

impl Claim for PanickingProducer {
    fn hold<Q: Queue>(self, _: &Facts, size: Option<usize>) {
        let (sender, mut receiver) = Q::open(&shape(size, None));
        let (mut bad, mut good) = (sender.clone(), sender);
        let panicking = thread::spawn(move || {
            push(&mut bad, &message(size, 0, 0));
            std::panic::resume_unwind(Box::new("planted")); // without the hook's print
        });
        assert!(panicking.join().is_err());
        push(&mut good, &message(size, 1, 0));
        drop(good);
        assert_eq!(drain_now(&mut receiver), (vec![message(size, 0, 0), message(size, 1, 0)], true));
    }
}

impl Claim for Thousands {
    fn hold<Q: Queue>(self, facts: &Facts, size: Option<usize>) {
        if size == Some(64) {
            deliver_from_tasks::<Q>(size, None, 8192, 4);
            deliver_from_tasks::<Q>(size, three(facts), 1024, 2);
        }
    }
}

// ----------------------------------------------------------------------------------------------------- the oracle

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
