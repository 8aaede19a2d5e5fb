//! `swap-parking-lot`: [`swap`](super::swap) behind `parking_lot::Mutex`.
//!
//! * **Idea**: the lock that many programs take for the faster one, under the same algorithm, so that the lock is the only
//!   difference.
//! * **Guarantees**: as `swap`.
//! * **Cost**: as `swap`: an uncontended lock is one compare-and-exchange in either. Contended, this one spins a little
//!   longer before it sleeps, and is handed over in turn twice a millisecond.
//! * **When it loses**: where `swap` does; on Linux the standard lock has caught up, so measure before you choose it.
//! * **Source**: the article, which names it as the next thing to try; the crate `parking_lot`.

use std::ops::DerefMut;

use super::guard::Guard;
use super::swap::{SwapReceiver, SwapSender, open};
use super::{Algorithm, Carrier, Drain, Facts, Family, Queue, Shape};

/// The algorithm.
#[derive(Debug)]
pub struct SwapParkingLot;

impl Algorithm for SwapParkingLot {
    const FACTS: Facts = Facts {
        name: "swap-parking-lot",
        about: "swap behind parking_lot's mutex",
        family: Family::Swap,
        drain: Drain::All,
        total_order: true,
        bounded: true,
        unasked: None,
        sound: true,
        guarantees: "as swap",
        cost: "as swap; a contended lock spins longer before it sleeps",
        loses_when: "swap does",
        source: "parking_lot::Mutex",
    };
    type Queue<C: Carrier> = Self;
}

impl Queue for SwapParkingLot {
    type Sender = SwapSender<ParkingLot>;
    type Receiver = SwapReceiver<ParkingLot>;

    fn open(shape: &Shape) -> (Self::Sender, Self::Receiver) {
        open(shape)
    }
}

/// `parking_lot::Mutex`.
#[derive(Debug)]
pub struct ParkingLot;

impl Guard for ParkingLot {
    type Mutex<T: Send + 'static> = parking_lot::Mutex<T>;

    fn guarded<T: Send + 'static>(value: T) -> parking_lot::Mutex<T> {
        parking_lot::Mutex::new(value)
    }

    #[inline]
    fn lock<T: Send + 'static>(mutex: &parking_lot::Mutex<T>) -> impl DerefMut<Target = T> {
        mutex.lock()
    }
}
