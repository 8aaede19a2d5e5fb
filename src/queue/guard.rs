//! A mutex by whoever makes it: what lets one algorithm be measured over several locks.

use super::sync::{Mutex, lock};
use std::ops::DerefMut;

/// A kind of lock.
pub trait Guard: Send + Sync + 'static {
    /// Its mutex.
    type Mutex<T: Send + 'static>: Send + Sync;

    /// A mutex that nobody holds.
    fn guarded<T: Send + 'static>(value: T) -> Self::Mutex<T>;

    /// Waits for the lock.
    fn lock<T: Send + 'static>(mutex: &Self::Mutex<T>) -> impl DerefMut<Target = T>;
}

/// `std::sync::Mutex`.
#[derive(Debug)]
pub struct Std;

impl Guard for Std {
    type Mutex<T: Send + 'static> = Mutex<T>;

    fn guarded<T: Send + 'static>(value: T) -> Mutex<T> {
        Mutex::new(value)
    }

    #[inline]
    fn lock<T: Send + 'static>(mutex: &Mutex<T>) -> impl DerefMut<Target = T> {
        lock(mutex)
    }
}
