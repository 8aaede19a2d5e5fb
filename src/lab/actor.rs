//! Places the actor: on a thread of its own, or as a task among the producers.

use std::net::SocketAddr;
use std::pin::Pin;
use std::{io, thread};

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::burst::Stage;
use super::cell::Placement;
use crate::actor::{self, Account, Policy, Timeline};
use crate::error::{Error, Result};
use crate::queue::Receiver;

type Life = Pin<Box<dyn Future<Output = ()> + Send>>;

/// An actor on its way.
pub(super) struct Actor {
    connected: oneshot::Receiver<usize>,
    outcome: oneshot::Receiver<Result<Account>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Actor {
    /// Connects to the stage's server and drains `receiver` into it, until the last sender is gone or the run is stopped.
    pub(super) fn start<R: Receiver>(stage: &Stage<'_>, receiver: R) -> Result<Self> {
        let (ready, connected) = oneshot::channel();
        let (done, outcome) = oneshot::channel();
        let plan = Plan::of(stage);
        let (stop, placement) = (stage.stop.clone(), stage.cell.actor);
        // Behind a pointer, so that runtimes are not compiled once a queue.
        let life: Life = Box::pin(async move {
            let account = tokio::select! {
                account = live(receiver, plan, ready) => account,
                () = stop.raised() => Err(Error::Cancelled),
            };
            // Nobody listens when the burst has failed before.
            let _ = done.send(account);
        });
        let thread = match placement {
            Placement::Task => {
                stage.runtime.spawn(life);
                None
            }
            Placement::Thread => Some(on_own_thread(life)?),
        };
        Ok(Self { connected, outcome, thread })
    }

    /// Waits until it has connected, and says how large its send buffer is; when it could not connect,
    /// [`join`](Self::join) tells why.
    pub(super) async fn connected(&mut self) -> Option<usize> {
        (&mut self.connected).await.ok()
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

/// What an actor has to know of its cell.
struct Plan {
    address: SocketAddr,
    policy: Policy,
    send_buffer: Option<usize>,
    timeline: Timeline,
}

impl Plan {
    fn of(stage: &Stage<'_>) -> Self {
        let Stage { cell, server, .. } = stage;
        Self {
            address: server.address(),
            policy: cell.strategy.write,
            send_buffer: cell.send_buffer,
            timeline: if cell.timeline { Timeline::watching() } else { Timeline::off() }.with_gauge(cell.watch.clone()),
        }
    }
}

async fn live<R: Receiver>(receiver: R, plan: Plan, ready: oneshot::Sender<usize>) -> Result<Account> {
    let stream = connect(plan.address).await?;
    let _ = ready.send(size_buffer(&stream, plan.send_buffer).map_err(Error::io("set the socket's options"))?);
    actor::run(receiver, &stream, plan.policy, plan.timeline).await
}

async fn connect(address: SocketAddr) -> Result<TcpStream> {
    let refused = |source| Error::Address { doing: "connect to", address: address.to_string(), source };
    let stream = TcpStream::connect(address).await.map_err(refused)?;
    stream.set_nodelay(true).map_err(Error::io("set the socket's options"))?;
    Ok(stream)
}

/// Asks for a send buffer, if a size is given; says how large it is.
fn size_buffer(stream: &TcpStream, size: Option<usize>) -> io::Result<usize> {
    let socket = SockRef::from(stream);
    if let Some(size) = size {
        socket.set_send_buffer_size(size)?;
    }
    socket.send_buffer_size()
}

/// A thread with a runtime for sockets only: one actor on one socket is fastest alone.
fn on_own_thread(life: Life) -> Result<thread::JoinHandle<()>> {
    let runtime = Builder::new_current_thread().enable_io().build().map_err(Error::io("start the actor's runtime"))?;
    thread::Builder::new()
        .name("fanin-actor".to_owned())
        .spawn(move || runtime.block_on(life))
        .map_err(Error::io("start the actor's thread"))
}
