//! `async-swap`: two byte arenas behind `tokio::sync::Mutex`, swapped.
//!
//! * **Idea**: [`swap`](super::swap) with the lock that may be held across an `.await`, which nothing here needs.
//! * **Guarantees**: one order for all producers; unbounded.
//! * **Cost**: a fair, queueing lock a message: a contended one is a turn of the scheduler.
//! * **When it loses**: always against `swap`; that is what it is here to show.
//! * **Source**: the article's tokio-mutex variant.

use bytes::Buf;
use tokio::sync::{Mutex, Notify};

use super::arena::Arena;
use super::sync::{Arc, AtomicBool, AtomicUsize, Ordering};
use super::{Algorithm, Carrier, Drain, Facts, Family, Queue, Receiver, Sender, Shape};
use crate::error::SendError;

/// The algorithm.
#[derive(Debug)]
pub struct AsyncSwap;

impl Algorithm for AsyncSwap {
    const FACTS: Facts = Facts {
        name: "async-swap",
        about: "two byte arenas behind tokio's mutex, swapped",
        family: Family::Swap,
        drain: Drain::All,
        total_order: true,
        bounded: false,
        unasked: None,
        sound: true,
        guarantees: "one order for all producers; memory without a bound",
        cost: "a queueing lock a message; contended, a turn of the scheduler",
        loses_when: "always against swap",
        source: "the article's tokio-mutex variant",
    };
    type Queue<C: Carrier> = Self;
}

impl Queue for AsyncSwap {
    type Sender = AsyncSwapSender;
    type Receiver = AsyncSwapReceiver;

    fn open(shape: &Shape) -> (AsyncSwapSender, AsyncSwapReceiver) {
        let shared = Arc::new(Shared {
            front: Mutex::new(Arena::new(shape.size)),
            filled: Notify::new(),
            senders: AtomicUsize::new(1),
            open: AtomicBool::new(true),
        });
        let back = Arena::new(shape.size);
        (AsyncSwapSender(Arc::clone(&shared)), AsyncSwapReceiver { shared, back, backlog: 0 })
    }
}

#[derive(Debug)]
struct Shared {
    front: Mutex<Arena>,
    /// Told when the front turns from empty to filled, and of the end. It keeps one permit, so no telling is lost.
    filled: Notify,
    senders: AtomicUsize,
    /// Written before the receiver's last look takes the lock and read under the lock, so that look sees all that was
    /// taken; the lock orders the two, so Relaxed.
    open: AtomicBool,
}

impl Shared {
    fn push(&self, front: &mut Arena, message: &[u8]) -> Result<(), SendError> {
        if !self.open.load(Ordering::Relaxed) {
            return Err(SendError::Closed);
        }
        if !front.fits(message.len()) {
            return Err(SendError::Size);
        }
        let was_empty = !front.has_remaining();
        front.push(message);
        if was_empty {
            self.filled.notify_one();
        }
        Ok(())
    }
}

/// A producer.
#[derive(Debug)]
pub struct AsyncSwapSender(Arc<Shared>);

impl Sender for AsyncSwapSender {
    /// [`SendError::Full`] also when another holds the lock: it is a lock to be awaited.
    fn try_send(&mut self, message: &[u8]) -> Result<(), SendError> {
        let mut front = self.0.front.try_lock().map_err(|_| SendError::Full)?;
        self.0.push(&mut front, message)
    }

    async fn send(&mut self, message: &[u8]) -> Result<(), SendError> {
        let mut front = self.0.front.lock().await;
        self.0.push(&mut front, message)
    }
}

impl Clone for AsyncSwapSender {
    fn clone(&self) -> Self {
        // Relaxed: a new sender comes from a living one, so the count cannot reach zero beside this.
        self.0.senders.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for AsyncSwapSender {
    fn drop(&mut self) {
        // Release: what this sender pushed is seen by a receiver that reads zero (Acquire in `drain`).
        if self.0.senders.fetch_sub(1, Ordering::Release) == 1 {
            self.0.filled.notify_one();
        }
    }
}

/// The consumer.
#[derive(Debug)]
pub struct AsyncSwapReceiver {
    shared: Arc<Shared>,
    back: Arena,
    backlog: usize,
}

impl AsyncSwapReceiver {
    /// Acquire: the partner is in the senders' drop. The end is read before the look: a sender that pushes and goes between the two is then found by the next look.
    fn ended(&self) -> bool {
        self.shared.senders.load(Ordering::Acquire) == 0 || !self.shared.open.load(Ordering::Relaxed)
    }

    async fn look(&mut self) -> bool {
        let mut front = self.shared.front.lock().await;
        if !front.has_remaining() {
            return false;
        }
        std::mem::swap(&mut *front, &mut self.back);
        self.backlog = self.back.remaining();
        true
    }
}

impl Receiver for AsyncSwapReceiver {
    type Batch = Arena;

    async fn drain(&mut self) -> bool {
        self.back.clear();
        loop {
            let ended = self.ended();
            if self.look().await {
                return true;
            }
            if ended {
                return false;
            }
            self.shared.filled.notified().await;
        }
    }

    fn batch(&mut self) -> &mut Arena {
        &mut self.back
    }

    fn backlog(&self) -> usize {
        self.backlog
    }

    fn close(&mut self) {
        self.shared.open.store(false, Ordering::Relaxed);
        self.shared.filled.notify_one();
    }
}

impl Drop for AsyncSwapReceiver {
    fn drop(&mut self) {
        self.close();
    }
}
