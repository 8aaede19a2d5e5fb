//! Many producers, one socket: fan-in queues, verified at the receiver, measured side by side.
//!
//! A *fan-in* is many producers that hand bytes to one actor, which owns a socket. This crate has the queues that can stand
//! between them ([`queue`]), the actor that empties one into a socket ([`actor`]), a server that proves what arrived
//! ([`server`]), and a [`lab`] that runs the three together and reports a number only for what was proved.
//!
//! ```text
//! producers ──► queue ──► actor ──► socket ──► server ──► ledger
//! ```
//!
//! # Measure one
//! ```
//! use fanin::lab::{self, Cell, Signal};
//!
//! let cell = Cell { payload: 64, ..Cell::new("swap/batch".parse()?, 8) };
//! let report = lab::run(&cell, &Signal::new())?;
//! assert_eq!(report.delivered, 8000);
//! println!("{:?} messages/s, proof: {}", report.messages_per_second(), report.proof.name());
//! # Ok::<(), fanin::Error>(())
//! ```
//!
//! # Use one
//! ```
//! use bytes::Buf;
//! use fanin::queue::{Queue, Receiver, Sender, Shape, swap::Swap};
//!
//! let (mut sender, mut receiver) = Swap::open(&Shape::default());
//! std::thread::spawn(move || sender.send_blocking(b"from a thread"));
//! let drained = pollster::block_on(async {
//!     receiver.drain().await;
//!     receiver.batch().chunk().to_vec()
//! });
//! assert_eq!(drained, b"from a thread");
//! ```
//!
//! # Ship one
//! A [`sink`] is queue, actor and life cycle in one: threads and tasks send, and its account says what has become of every
//! message.
//!
//! ```
//! use std::time::Duration;
//!
//! use fanin::server::{Mode, Server, Settings};
//! use fanin::sink::{Config, Framing, Sink, Wait};
//!
//! let server = Server::start(&Settings::local(Mode::Discard))?;
//! let mut config = Config::new(server.endpoint().to_string().parse()?);
//! config.framing = Framing::Lines;
//! let sink = Sink::new(config)?;
//! sink.open().wait()?;
//! sink.try_send(b"from any thread")?;
//! let account = sink.close(Duration::from_secs(5)).wait()?;
//! assert_eq!(account.accepted.messages, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//! | feature | brings |
//! | --- | --- |
//! | none, which is the default | queues, actor, sink, server, lab |
//! | `rivals` | the queues of other crates, to be measured beside ours |
//! | `python` | the border to Python: for the wheel, not for crates that depend on this one |
//!
//! # What stays
//! While the first number of the version is 0, the second counts breaking changes. Enumerations and errors may get more
//! variants: they are `#[non_exhaustive]`. Structures that describe what is wanted ([`lab::Cell`], [`server::Settings`])
//! may get more fields: make them from their constructors, as in `Cell { payload: 64, ..Cell::new(strategy, 8) }`. What is
//! reported may get more fields as well. No type of pyo3 is in the public interface, with any feature.
//!
//! # Rooms
//! Who may know whom, left to right: `error, message ← queue ← actor ← lab, sink ← python`, and `server` stands on `message`
//! alone. The feature `python` adds the border to Python and nothing else; without it there is no pyo3 in the graph.

pub mod actor;
pub mod cores;
pub mod error;
pub mod lab;
pub mod message;
pub mod queue;
pub mod server;
pub mod sink;
pub mod usage;

#[cfg(test)]
mod properties;
#[cfg(feature = "python")]
mod python;

pub use error::{Error, Result, SendError};
