//! Places the actor: on a thread of its own, or as a task among the producers.

use std::net::SocketAddr;
use std::pin::Pin;
use std::thread;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::cell::Placement;
use super::signal::Signal;
use crate::actor::{self, Account, Policy};
use crate::error::{Error, Result};
use crate::queue::Receiver;

type Life = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An actor on its way.
pub(super) struct Actor {
    connected: oneshot::Receiver<()>,
    outcome: oneshot::Receiver<Result<Account>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Actor {
    /// Connects to `address` and drains `receiver` into it, until the last sender is gone or `stop` is raised.
    pub(super) fn start<R: Receiver>(
        placement: Placement,
        receiver: R,
        address: SocketAddr,
        policy: Policy,
        stop: &Signal,
        runtime: &Handle,
    ) -> Result<Self> {
        let (ready, connected) = oneshot::channel();
        let (done, outcome) = oneshot::channel();
        let stop = stop.clone();
        // Behind a pointer, so that runtimes are not compiled once a queue.
        let life: Life = Box::pin(async move {
            let account = tokio::select! {
                account = live(receiver, address, policy, ready) => account,
                () = stop.raised() => Err(Error::Cancelled),
            };
            // Nobody listens when the burst has failed before.
            let _ = done.send(account);
        });
        let thread = match placement {
            Placement::Task => {
                runtime.spawn(life);
                None
            }
            Placement::Thread => Some(on_own_thread(life)?),
        };
        Ok(Self { connected, outcome, thread })
    }

    /// Waits until it has connected; when it could not, [`join`](Self::join) tells why.
    pub(super) async fn connected(&mut self) -> bool {
        (&mut self.connected).await.is_ok()
    }

    /// Waits for its end.
    pub(super) async fn join(self) -> Result<Account> {
        let outcome = self.outcome.await;
        if let Some(thread) = self.thread {
            // The outcome is the last thing that the thread does, or its panic was: this does not wait.
            thread.join().map_err(|payload| Error::panicked("actor", &*payload))?;
        }
        outcome.map_err(|_| Error::panicked("actor", &"its task ended without an outcome"))?
    }
}

async fn live<R: Receiver>(
    receiver: R,
    address: SocketAddr,
    policy: Policy,
    ready: oneshot::Sender<()>,
) -> Result<Account> {
    let stream = connect(address).await?;
    let _ = ready.send(());
    actor::run(receiver, &stream, policy).await
}

async fn connect(address: SocketAddr) -> Result<TcpStream> {
    let refused = |source| Error::Address { doing: "connect to", address: address.to_string(), source };
    let stream = TcpStream::connect(address).await.map_err(refused)?;
    stream.set_nodelay(true).map_err(Error::io("set the socket's options"))?;
    Ok(stream)
}

/// A thread with a runtime for sockets only: one actor on one socket is fastest alone.
fn on_own_thread(life: Life) -> Result<thread::JoinHandle<()>> {
    let runtime = Builder::new_current_thread().enable_io().build().map_err(Error::io("start the actor's runtime"))?;
    thread::Builder::new()
        .name("fanin-actor".to_owned())
        .spawn(move || runtime.block_on(life))
        .map_err(Error::io("start the actor's thread"))
}
