//! The sink over real sockets: what is taken arrives, what is lost is told, and nobody is left waiting.

mod tools;

mod basics;
mod echoes;
mod losses;
mod policies;
mod tls;
