//! Accepts connections, for as long as the server runs.
//!
//! Every connection is a task on the server's one thread. They take turns where they wait, and after a number of reads
//! where they never have to; so none is starved, and none needs a lock against another.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::Shared;
use super::connection::Connection;

/// How long to wait after the first failure to accept. Each further one doubles it.
const SHORTEST_WAIT: Duration = Duration::from_millis(5);

/// The longest wait: what a client may have to wait for when descriptors are free again.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// Accepts, and has each connection served by a task of its own. It never ends by itself.
///
/// What cannot be accepted for want of descriptors or memory stays in the listener's backlog, and accepting it fails again
/// at once. So a failure is followed by a wait; connections that are open are served meanwhile.
pub(super) async fn run(listener: TcpListener, shared: &Arc<Shared>) {
    let mut wait = SHORTEST_WAIT;
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(Connection::new(stream, Arc::clone(shared)).serve());
            wait = SHORTEST_WAIT;
        } else {
            shared.counters.refused.add(1);
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}
