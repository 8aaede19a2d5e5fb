//! What a client gets back: nothing, its own bytes, or what a fault makes of them.

use std::borrow::Cow;
use std::io;
use std::time::Duration;

use super::Mode;
use super::faults::{Faults, Spoiler};
use super::report::Counters;
use super::stream::Stream;

/// The echo of one connection.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Whether the client gets its bytes back: as the server's mode says, until it takes no more.
    echo: bool,
    /// It took no more before its stream ended.
    failed: bool,
    /// How much later it comes.
    delay: Duration,
    /// The byte of it that will be wrong.
    spoiler: Option<Spoiler>,
}

impl Answer {
    pub(super) fn new(mode: Mode, faults: &Faults, number: u64) -> Self {
        let delay = if faults.concern(number) { faults.echo_delay } else { Duration::ZERO };
        Self { echo: mode == Mode::Echo, failed: false, delay, spoiler: Spoiler::new(faults, number) }
    }

    /// Whether a piece is to be answered at all.
    pub(super) const fn is_due(&self) -> bool {
        self.echo
    }

    /// Whether the client left without all of its echo.
    pub(super) const fn has_failed(&self) -> bool {
        self.failed
    }

    /// Answers no more, and says so to the client.
    pub(super) fn end(&mut self, stream: &Stream) {
        self.echo = false;
        stream.end();
    }

    /// Answers a piece. When the client takes no more answers this is not an error: what it sent is still read, for the
    /// ledger's sake.
    pub(super) async fn give(&mut self, bytes: &[u8], stream: &Stream, counters: &Counters) -> io::Result<()> {
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let bytes = Spoiler::spoil(&mut self.spoiler, bytes);
        counters.faults.add(u64::from(matches!(bytes, Cow::Owned(_))));
        self.failed = write_all(stream, &bytes, counters).await.is_err();
        self.echo = !self.failed;
        Ok(())
    }
}

async fn write_all(stream: &Stream, mut bytes: &[u8], counters: &Counters) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(written) => {
                counters.echoed.add(written as u64);
                bytes = &bytes[written..];
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
