//! What a sink has done: counters, cheap enough to be polled.

use std::time::Duration;

use super::delivery::Delivery;

/// A sink's counters, all taken at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// The account.
    pub delivery: Delivery,
    /// The bytes that the sink holds now, unsent or not yet acknowledged, in frames: what the capacity bounds.
    pub held_bytes: u64,
    /// The most that it has held.
    pub high_water_bytes: u64,
    /// The bytes of memory for messages, in use or kept for the next.
    pub memory_bytes: u64,
    /// Times that the actor took what was there.
    pub batches: u64,
    /// System calls that wrote.
    pub writes: u64,
    /// Bytes on the wire: frames, and whatever was sent again.
    pub wire_bytes: u64,
    /// Bytes that the other end sent.
    pub received_bytes: u64,
    /// Times that the actor was found asleep, and woken.
    pub wakeups: u64,
    /// Sends that had to wait for room.
    pub waits: u64,
    /// How long those waited, all together.
    pub waited: Duration,
    /// How many wait now.
    pub waiting: u64,
    /// Connections that were made.
    pub connections: u64,
    /// Connections that were lost.
    pub losses: u64,
    /// Attempts to connect that failed.
    pub failed_attempts: u64,
}
