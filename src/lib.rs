//! Many producers, one socket.

pub mod error;
pub mod message;
pub mod server;

pub use error::{Error, Result, SendError};
