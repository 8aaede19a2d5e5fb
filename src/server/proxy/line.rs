//! One connection: the client's end, the target's end, and a pump each way.

use std::sync::Arc;

use super::pump::{End, Pump};
use super::report::{Event, What};
use super::{Shared, Way};
use crate::server::stream::Stream;

pub(super) struct Line {
    client: Stream,
    number: u64,
    seat: Seat,
}

impl Line {
    pub(super) fn new(client: Stream, number: u64, shared: Arc<Shared>) -> Self {
        Self { client, number, seat: Seat::take(shared) }
    }

    /// Connects, and passes until both ways have ended or something ends them.
    pub(super) async fn serve(self) {
        self.seat.0.control.watch().passable().await;
        match self.seat.0.dial.connect().await {
            Ok(target) => self.pass(target).await,
            Err(_) => self.give_up(),
        }
    }

    /// A client whose target takes no connection is reset, as it would be without the proxy.
    fn give_up(self) {
        self.note(What::Unreachable);
        self.client.reset();
    }

    async fn pass(self, target: Stream) {
        self.client.set_nodelay();
        target.set_nodelay();
        let shared = &self.seat.0;
        let mut watch = shared.control.watch();
        let mut up = Pump::new(&self.client, &target, shared, Way::Up, self.number);
        let mut down = Pump::new(&target, &self.client, shared, Way::Down, self.number);
        let end = tokio::select! {
            both = async { tokio::try_join!(up.run(), down.run()) } => both.err().unwrap_or(End::Close),
            () = watch.cut() => End::Cut,
        };
        drop((up, down));
        if end == End::Cut {
            self.note(What::Cut);
        }
        if end != End::Close {
            self.client.reset();
            target.reset();
        }
    }

    fn note(&self, what: What) {
        self.seat.0.counters.note(Event { connection: self.number, way: None, bytes: 0, what });
    }
}

/// A connection's place among those that are open, given back by a drop: a proxy that stops drops its connections.
struct Seat(Arc<Shared>);

impl Seat {
    fn take(shared: Arc<Shared>) -> Self {
        shared.counters.opened();
        Self(shared)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.counters.closed();
    }
}
