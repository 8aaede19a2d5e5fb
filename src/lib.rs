//! Many producers, one socket.

pub mod actor;
pub mod error;
pub mod lab;
pub mod message;
pub mod queue;
pub mod server;

#[cfg(feature = "python")]
mod python;

pub use error::{Error, Result, SendError};
