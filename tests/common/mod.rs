//! What the tests of the server and the proxy share: clients that do not wait for ever.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)] // each test takes what it needs

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use fanin::server::{Report, Server};

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A client that gives up in the end.
pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Waits until `is_settled`, or for too long.
pub fn settle<T: std::fmt::Debug>(look: impl Fn() -> T, is_settled: impl Fn(&T) -> bool) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = look();
        if is_settled(&seen) {
            return seen;
        }
        assert!(Instant::now() < deadline, "never settled: {seen:?}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until the server's counts are as they should be.
pub fn settled(server: &Server, is_settled: impl Fn(&Report) -> bool) -> Report {
    settle(|| server.report(), is_settled)
}

/// Bytes that differ from place to place.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| ((at * 7 + at / 251) % 256).try_into().unwrap()).collect()
}

/// How a client's stream came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With an end of the stream.
    Closed,
    /// With a reset.
    Reset,
}

/// Reads until the stream ends; what came, and how it ended.
pub fn read_out(client: &mut impl Read) -> (Vec<u8>, Ended) {
    let mut read = Vec::new();
    match client.read_to_end(&mut read) {
        Ok(_) => (read, Ended::Closed),
        Err(error) if is_reset(&error) => (read, Ended::Reset),
        Err(error) => panic!("{error} after {} bytes", read.len()),
    }
}

/// Sends as much of `bytes` as the other side takes, ends the stream, and reads until the other side ends it too. A reset
/// is told once: by the send that meets it, or else by the read.
pub fn ship(mut client: TcpStream, bytes: &[u8]) -> (Vec<u8>, Ended) {
    let sent = client.write_all(bytes).and_then(|()| client.shutdown(std::net::Shutdown::Write));
    let (read, ended) = read_out(&mut client);
    match sent {
        Ok(()) => (read, ended),
        Err(error) if is_reset(&error) || error.kind() == io::ErrorKind::NotConnected => (read, Ended::Reset),
        Err(error) => panic!("{error}"),
    }
}

/// Whether an error says that the connection is gone.
pub fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

/// Whether a connection is served: what is sent comes back.
pub fn is_echoed(client: &mut (impl Read + Write)) -> bool {
    let mut echo = [0; 4];
    client.write_all(b"here").is_ok() && client.read_exact(&mut echo).is_ok() && echo == *b"here"
}

/// The memory of this process that is in use, in bytes.
pub fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() << 10
}
