//! Servers that are bad partners: slow readers, small buffers, pauses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use fanin::server::{Mode, Pause, PauseAt, Server, Settings};

/// How long a server takes to read and to end a stream of so many bytes.
fn served(settings: &Settings, bytes: usize) -> Duration {
    let server = Server::start(settings).unwrap();
    let mut client = TcpStream::connect(server.address()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let begun = Instant::now();
    client.write_all(&vec![7; bytes]).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    let took = begun.elapsed();
    assert_eq!(answer.len(), if settings.mode == Mode::Echo { bytes } else { 0 });
    assert_eq!(server.stop().unwrap().bytes_received, bytes as u64);
    took
}

#[test]
fn a_rate_is_never_exceeded() {
    for mode in Mode::ALL {
        let took = served(&Settings { read_rate: Some(500_000), ..Settings::local(mode) }, 100_000);
        // A fifth of a second, but for what the bucket holds: a hundredth.
        assert!(took >= Duration::from_millis(185), "{took:?}");
    }
}

#[test]
fn a_pause_comes_once_and_when_it_was_asked_for() {
    let length = Duration::from_millis(150);
    for at in [PauseAt::Bytes(0), PauseAt::Bytes(100_000), PauseAt::Time(Duration::ZERO)] {
        let settings = Settings { pause: Some(Pause { at, length }), ..Settings::local(Mode::Discard) };
        let took = served(&settings, 400_000);
        assert!(took >= length, "{at:?}: {took:?}");
    }
    let never = Pause { at: PauseAt::Bytes(400_001), length: Duration::from_secs(3600) };
    served(&Settings { pause: Some(never), ..Settings::local(Mode::Discard) }, 400_000);
}

#[test]
fn a_receive_buffer_is_told_as_it_was_granted() {
    let settings = Settings { receive_buffer: Some(20_000), ..Settings::local(Mode::Discard) };
    let small = Server::start(&settings).unwrap().receive_buffer();
    assert!((20_000..=80_000).contains(&small), "{small}");
    let usual = Server::start(&Settings::local(Mode::Discard)).unwrap().receive_buffer();
    assert!(usual > 0);
}

#[test]
fn a_server_that_is_slow_is_stopped_at_once() {
    let settings = Settings { read_rate: Some(1), ..Settings::local(Mode::Discard) };
    let server = Server::start(&settings).unwrap();
    let mut client = TcpStream::connect(server.address()).unwrap();
    client.write_all(&[7; 10_000]).unwrap();
    let begun = Instant::now();
    server.stop().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1));
}
