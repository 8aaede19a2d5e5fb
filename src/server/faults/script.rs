//! What will happen to one connection, and after which of its bytes.

use std::time::Duration;

use super::{Faults, Place};

/// Something that is done to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Action {
    /// End the server's side of the stream.
    HalfClose,
    /// Read nothing, for so long or for good.
    Stall(Option<Duration>),
    /// Close it.
    Close,
    /// Reset it.
    Reset,
}

/// The actions that are still to come, the next one last.
#[derive(Debug, Default)]
pub(in crate::server) struct Script {
    left: Vec<(u64, Action)>,
    /// How long to wait before each read.
    pub(in crate::server) delay: Duration,
}

impl Script {
    /// What `faults` hold for the connection of this number.
    pub(in crate::server) fn new(faults: &Faults, connection: u64) -> Self {
        if !faults.concern(connection) {
            return Self::default();
        }
        // The mildest first: where several fall on one byte, all of them happen.
        let planned: [(Option<Place>, Action); 4] = [
            (faults.half_close, Action::HalfClose),
            (faults.stall, Action::Stall(faults.stall_for)),
            (faults.close, Action::Close),
            (faults.reset, Action::Reset),
        ];
        let drawn = planned.into_iter().zip(0..).filter_map(|((place, action), fault)| {
            place.map(|place| (place.draw(faults.seed, connection, fault), action))
        });
        let mut left: Vec<_> = drawn.collect();
        left.sort_by_key(|&(at, _)| at);
        left.reverse();
        Self { left, delay: faults.delay }
    }

    /// The next action, if it is its turn after so many bytes.
    pub(in crate::server) fn due(&mut self, bytes: u64) -> Option<Action> {
        self.left.pop_if(|&mut (at, _)| at <= bytes).map(|(_, action)| action)
    }

    /// How many of `most` bytes may be read after so many, to end at the next action's byte.
    pub(in crate::server) fn reach(&self, bytes: u64, most: usize) -> usize {
        let Some(&(at, _)) = self.left.last() else { return most };
        usize::try_from(at.saturating_sub(bytes)).map_or(most, |left| left.min(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_come_in_the_order_of_their_bytes() {
        let faults = Faults {
            reset: Some(Place::at(30)),
            stall: Some(Place::at(10)),
            half_close: Some(Place::at(10)),
            ..Faults::default()
        };
        let mut script = Script::new(&faults, 0);
        assert_eq!((script.reach(0, 4096), script.due(9)), (10, None));
        assert_eq!(script.due(10), Some(Action::HalfClose));
        assert_eq!((script.reach(10, 4096), script.due(10)), (0, Some(Action::Stall(None))));
        assert_eq!((script.reach(10, 4096), script.reach(10, 7), script.due(29)), (20, 7, None));
        assert_eq!((script.due(31), script.due(31)), (Some(Action::Reset), None));
        assert_eq!(script.reach(31, 4096), 4096);
    }

    #[test]
    fn only_the_first_connections_are_concerned() {
        let faults = Faults {
            reset: Some(Place::at(0)),
            only_first: Some(2),
            delay: Duration::from_secs(1),
            ..Faults::default()
        };
        assert_eq!(Script::new(&faults, 1).due(0), Some(Action::Reset));
        let mut sound = Script::new(&faults, 2);
        assert_eq!((sound.due(0), sound.delay), (None, Duration::ZERO));
    }
}
