//! The bell and the line by themselves.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

#[cfg(fanin_loom)]
use loom::{
    future::block_on,
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};
#[cfg(fanin_shuttle)]
use shuttle::{
    future::block_on,
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

use crate::error::SendError;
use crate::queue::parts::{Sleep, Wait};

#[derive(Debug, Default)]
struct Rung {
    sleep: Sleep,
    published: AtomicUsize,
}

impl Rung {
    fn publish(&self) {
        self.published.fetch_add(1, Relaxed);
        self.sleep.ring();
    }

    /// Sleeps until so much is published, as the queues do: look, listen, look again.
    async fn reach(&self, count: usize) {
        poll_fn(|cx| {
            if self.published.load(Relaxed) >= count {
                return Poll::Ready(());
            }
            self.sleep.listen(cx.waker());
            if self.published.load(Relaxed) < count {
                return Poll::Pending;
            }
            self.sleep.ignore();
            Poll::Ready(())
        })
        .await;
    }
}

/// Each of two producers publishes and rings; the sleeper hears of both.
pub fn a_bell_wakes() {
    let rung = Arc::new(Rung::default());
    let producers = [(); 2].map(|()| {
        let rung = Arc::clone(&rung);
        thread::spawn(move || rung.publish())
    });
    block_on(rung.reach(1));
    block_on(rung.reach(2));
    for producer in producers {
        producer.join().unwrap();
    }
}

/// Room without a lock, and those who wait for it.
#[derive(Debug, Default)]
struct Room {
    wait: Wait,
    left: AtomicUsize,
    closed: AtomicUsize,
}

impl Room {
    fn take(&self) -> Result<(), SendError> {
        if self.closed.load(Relaxed) > 0 {
            return Err(SendError::Closed);
        }
        let mut left = self.left.load(Relaxed);
        while left > 0 {
            match self.left.compare_exchange(left, left - 1, Relaxed, Relaxed) {
                Ok(_) => return Ok(()),
                Err(now) => left = now,
            }
        }
        Err(SendError::Full)
    }

    fn free(&self) {
        self.left.fetch_add(1, Relaxed);
        self.wait.call(1);
    }

    fn close(&self) {
        self.closed.store(1, Relaxed);
        self.wait.call_all();
    }
}

fn waiter(room: &Arc<Room>) -> thread::JoinHandle<Result<(), SendError>> {
    let room = Arc::clone(room);
    thread::spawn(move || block_on(room.wait.until(|| room.take())))
}

fn fickle(room: &Arc<Room>) -> thread::JoinHandle<bool> {
    let room = Arc::clone(room);
    thread::spawn(move || {
        let mut waiting = pin!(room.wait.until(|| room.take()));
        waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    })
}

/// Two wait, and room for one becomes free, which each of them leaves again at once, as a message does that is drained
/// before its sender has returned.
pub fn a_line_moves_on() {
    let room = Arc::new(Room::default());
    let waiters = [(); 2].map(|()| {
        let room = Arc::clone(&room);
        thread::spawn(move || block_on(room.wait.until(|| room.take().inspect(|()| room.free()))))
    });
    room.free();
    for waiter in waiters {
        assert_eq!(waiter.join().unwrap(), Ok(()));
    }
    assert!(!room.wait.is_forming());
}

/// One of two gives up, called or not; the other is served.
pub fn a_call_is_handed_on() {
    let room = Arc::new(Room::default());
    let (patient, fickle) = (waiter(&room), fickle(&room));
    room.free();
    if fickle.join().unwrap() {
        room.free();
    }
    assert_eq!(patient.join().unwrap(), Ok(()));
    assert!(!room.wait.is_forming());
}

/// The close ends both, one of them perhaps with the room that came before.
pub fn a_line_is_sent_home() {
    let room = Arc::new(Room::default());
    let waiters = [waiter(&room), waiter(&room)];
    room.free();
    room.close();
    let served = waiters.map(|waiter| usize::from(waiter.join().unwrap().is_ok()));
    assert!(served.iter().sum::<usize>() <= 1);
}
