//! Accepts connections, for as long as the server runs.
//!
//! Every connection is a task on the server's one thread. They take turns where they wait, and after a number of reads
//! where they never have to; so none is starved, and none needs a lock against another.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::connection::Connection;
use super::listen::Listener;
use super::stream::Stream;

/// How long to wait after the first failure to accept. Each further one doubles it.
const SHORTEST_WAIT: Duration = Duration::from_millis(5);

/// The longest wait: what a client may have to wait for when descriptors are free again.
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// Accepts, and has each connection served by a task of its own. It never ends by itself.
///
/// What cannot be accepted for want of descriptors or memory stays in the listener's backlog, and accepting it fails again
/// at once. So a failure is followed by a wait; connections that are open are served meanwhile.
pub(super) async fn run(listener: Listener, shared: &Arc<Shared>) -> Infallible {
    let mut wait = SHORTEST_WAIT;
    let mut number = 0;
    loop {
        if let Ok(stream) = listener.accept().await {
            admit(stream, number, shared);
            number += 1;
            wait = SHORTEST_WAIT;
        } else {
            shared.counters.refused.add(1);
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

/// Has a connection served, or turns it away where the faults or the limits say so.
fn admit(stream: Stream, number: u64, shared: &Arc<Shared>) {
    if shared.faults.refuses(number) || shared.is_full() {
        shared.counters.turned_away.add(1);
        stream.reset();
    } else {
        tokio::spawn(Connection::new(stream, number, Arc::clone(shared)).serve());
    }
}
