//! Many producers, one socket.

pub mod error;
pub mod message;

pub use error::{Error, Result, SendError};
