//! The sink over real sockets: what is taken arrives, what is lost is told, and nobody is left waiting.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::cast_possible_truncation)]

mod tools;

mod basics;
mod connecting;
mod cuts;
mod echoes;
mod losses;
mod peers;
mod policies;
mod tls;
mod wires;
