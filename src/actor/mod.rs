//! The consumer: it owns the socket, drains the queue, and writes.
//!
//! [`run`] drives one queue and one [`Wire`] to their common end: the last sender gone, all written, the other end's
//! answers read to the end. It sleeps while there is nothing to drain, and it reads what the other end answers while it
//! writes, so an echo cannot stall it.

pub mod wire;
pub mod write;

use bytes::Buf;

use crate::error::{Error, Result};
use crate::queue::{Batch, Receiver};
pub use wire::Wire;
pub use write::{Policy, Writer};

/// What an actor has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Messages that were wholly given to the kernel.
    pub messages: u64,
    /// Bytes that were given to the kernel.
    pub bytes: u64,
    /// Drains that brought something.
    pub batches: u64,
    /// System calls that wrote.
    pub writes: u64,
    /// The most bytes that stood in the queue at a drain.
    pub high_water: u64,
    /// Bytes that the other end answered.
    pub answered: u64,
}

/// Drains `receiver` into `wire` until the last sender is gone and all is written, then ends the stream and reads the
/// answers to their end.
///
/// # Errors
/// [`Error::Io`] when the wire fails; the receiver is dropped then, so that senders are told.
pub async fn run<R: Receiver, W: Wire>(mut receiver: R, wire: &W, policy: Policy) -> Result<Account> {
    let writing = async {
        let account = write_all(&mut receiver, wire, policy).await?;
        wire.finish().await.map_err(Error::io("end the stream"))?;
        Ok(account)
    };
    let (account, answered) = tokio::try_join!(writing, read_answers(wire))?;
    Ok(Account { answered, ..account })
}

async fn write_all<R: Receiver, W: Wire>(receiver: &mut R, wire: &W, policy: Policy) -> Result<Account> {
    let mut account = Account::default();
    let mut writer = Writer::new(policy);
    while receiver.drain().await {
        let batch = receiver.batch();
        account.messages += batch.messages() as u64;
        account.bytes += batch.remaining() as u64;
        account.batches += 1;
        account.writes += writer.write(batch, wire).await.map_err(Error::io("write to the socket"))?;
        account.high_water = account.high_water.max(receiver.backlog() as u64);
    }
    Ok(account)
}

/// Reads until the other end closes, which it may do without a farewell once all is written.
async fn read_answers<W: Wire>(wire: &W) -> Result<u64> {
    let mut buffer = vec![0; 64 * 1024];
    let mut answered = 0;
    loop {
        match wire.receive(&mut buffer).await.map_err(Error::io("read from the socket"))? {
            0 => return Ok(answered),
            count => answered += count as u64,
        }
    }
}
