//! The claims, one by one.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use bytes::Buf;
use fanin::error::SendError;
use fanin::queue::{Capacity, Facts, Queue, Receiver, Sender};

use crate::tools::{assert_delivered, drain_now, drain_to_the_end, fill, message, messages, poll, push, shape, three};
use crate::*;

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

impl Claim for EmptyRoom {
    fn hold<Q: Queue>(self, facts: &Facts, size: Option<usize>) {
        if size.is_some() || !facts.bounded {
            return;
        }
        let (mut sender, mut receiver) = Q::open(&shape(size, three(facts)));
        for _ in 0..10 {
            push(&mut sender, &[]);
            while poll(receiver.drain()) == Poll::Ready(true) {
                assert!(messages(receiver.batch()).is_empty());
            }
        }
        assert_eq!(fill(&mut sender, size), 3);
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
