//! Something that happens once, and that many wait for: a start, or a stop.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// An event that is raised once and stays raised. Clones are the same event.
#[derive(Clone, Debug)]
pub struct Signal(Arc<Semaphore>);

impl Signal {
    /// An event that has not happened.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets it happen; everybody who waits goes on.
    pub fn raise(&self) {
        self.0.close();
    }

    /// Whether it has happened.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.is_closed()
    }

    /// Waits until it happens.
    pub async fn raised(&self) {
        // There is never a permit: this ends by the closing alone.
        let _ = self.0.acquire().await;
    }
}

impl Default for Signal {
    fn default() -> Self {
        Self::new()
    }
}
