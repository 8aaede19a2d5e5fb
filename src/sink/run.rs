//! Many messages under one lock: taken one by one, counted together.

use super::delivery::Tally;
use super::state::{Payload, Roused, State};
use crate::error::SendError;

/// A run of messages. What it has taken is counted when it ends, were it by a panic of who hands them in.
#[derive(Debug)]
pub(super) struct Run<'a> {
    state: &'a mut State,
    /// The room that is left for messages with which nobody else is concerned.
    room: usize,
    used: usize,
    taken: Tally,
}

impl<'a> Run<'a> {
    pub(super) fn new(state: &'a mut State) -> Self {
        Self { room: state.quiet_room(), state, used: 0, taken: Tally::default() }
    }

    /// Takes a message that is to be copied, where that concerns nobody else; whether it did.
    #[inline]
    pub(super) fn take_quietly(&mut self, frame: usize, message: &[u8]) -> bool {
        let need = self.state.scale().room(frame);
        if self.room < need {
            return false;
        }
        self.room -= need;
        self.used += need;
        self.taken += Tally::one(message.len());
        self.state.chain.push(frame, message);
        true
    }

    /// Takes a message by the policy; hands out whom to wake.
    pub(super) fn offer(&mut self, frame: usize, message: &Payload<'_>) -> Result<Roused, SendError> {
        self.count();
        let offered = self.state.offer(frame, message);
        self.room = self.state.quiet_room();
        offered
    }

    fn count(&mut self) {
        self.state.room.charge(std::mem::take(&mut self.used));
        self.state.account.accept(std::mem::take(&mut self.taken));
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.count();
    }
}
