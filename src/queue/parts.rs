//! What queues wait by, opened to the models in `models/`; it is in no other build.

use super::bell::Bell;
use super::line::{Line, Waiting};
use crate::error::SendError;

/// The consumer's sleep: a `bell`.
#[derive(Debug, Default)]
pub struct Sleep(Bell);

impl Sleep {
    /// From now on rings wake `sleeper`.
    pub fn listen(&self, sleeper: &std::task::Waker) {
        self.0.listen(sleeper);
    }

    /// Rings need not wake any more.
    pub fn ignore(&self) {
        self.0.ignore();
    }

    /// Wakes the consumer if it sleeps.
    pub fn ring(&self) {
        self.0.ring();
    }
}

/// The senders' wait: a `line`.
#[derive(Debug, Default)]
pub struct Wait(Line);

impl Wait {
    /// Calls up to `count`.
    pub fn call(&self, count: usize) {
        self.0.call(count);
    }

    /// Calls everybody.
    pub fn call_all(&self) {
        self.0.call_all();
    }

    /// Whether somebody waits.
    #[must_use]
    pub fn is_forming(&self) -> bool {
        self.0.is_forming()
    }

    /// Waits until `attempt` answers other than [`SendError::Full`].
    ///
    /// # Errors
    /// What `attempt` answers.
    pub async fn until(&self, attempt: impl FnMut() -> Result<(), SendError> + Unpin) -> Result<(), SendError> {
        Waiting::new(&self.0, attempt).await
    }
}
