//! What hostile and careless clients can do to the server: failure modes 5, 24 and 25, and a thousand that are idle.
//!
//! One test at a time, since memory is the whole process's. (Failure mode 27, descriptors, has a process of its own.)

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use common::{Ended, PATIENCE, connect, is_echoed, pattern, read_out, resident, settled};
use fanin::server::proxy::{Proxy, ProxySettings};
use fanin::server::{Endpoint, Faults, Framing, Limits, Mode, Recording, Server, Settings};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

const MIB: usize = 1 << 20;

static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most.min(8192), most).unwrap();
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

const fn recording(framing: Framing) -> Recording {
    Recording { framing, max_frame: 16 * MIB, most: 64 * MIB }
}

/// Failure mode 5: an echo must push back, not buffer.
#[test]
fn an_echo_that_nobody_reads_takes_no_memory() {
    let _alone = alone();
    let server = Server::start(&Settings::local(Mode::Echo)).unwrap();
    let before = resident();
    let clients: Vec<_> = (0..20).map(|_| connect(server.address())).collect();
    for mut client in &clients {
        client.set_nonblocking(true).unwrap();
        let piece = pattern(MIB);
        while client.write(&piece).is_ok_and(|taken| taken > 0) {
            thread::sleep(Duration::from_millis(1));
        }
    }
    let report = server.report();
    assert!(report.bytes_received - report.bytes_echoed <= 20 * (64 << 10), "a piece each: {report:?}");
    let grown = resident().saturating_sub(before);
    assert!(grown < 12 * MIB, "20 clients that never read cost {grown} bytes");
}

/// Failure mode 24: a length is judged before anything is made room for.
#[test]
fn a_hostile_length_costs_nothing() {
    let _alone = alone();
    let settings = Settings { recording: Some(recording(Framing::Length)), ..Settings::local(Mode::Discard) };
    let server = Server::start(&settings).unwrap();
    let mut warm = connect(server.address());
    warm.write_all(b"\0\0\0\x02ok").unwrap();
    let before = resident();
    for _ in 0..1000 {
        let mut client = connect(server.address());
        client.write_all(&[0xFF; 4]).unwrap();
        assert_eq!(read_out(&mut client), (Vec::new(), Ended::Reset));
    }
    // The largest that is allowed: it is awaited, and gets room for what came and no more.
    let awaited: Vec<_> = (0..500).map(|_| connect(server.address())).collect();
    for mut client in &awaited {
        client.write_all(&[1, 0, 0, 0, 7]).unwrap();
    }
    let report = settled(&server, |report| report.bytes_received == 6 + 4000 + 2500);
    let grown = resident().saturating_sub(before);
    assert!(grown < 48 * MIB, "{grown} bytes; 1,500 clients announced 4 TB");
    assert_eq!((report.expelled, report.open), (1000, 501));
    let inbox = server.inbox().unwrap();
    assert_eq!((inbox.counts().messages, inbox.counts().malformed), (1, 1000));
    drop(awaited);
    settled(&server, |report| report.open == 1);
    assert_eq!(inbox.counts().cut, 500, "what was announced did not come; what was malformed is counted apart");
}

/// Failure mode 25: who sends a byte now and then, and never a message, is sent away; the others are served meanwhile.
#[test]
fn a_slow_loris_is_sent_away() {
    let _alone = alone();
    let limits = Limits { max_connections: Some(220), idle_timeout: Some(Duration::from_secs(1)) };
    let settings = Settings { limits, recording: Some(recording(Framing::Lines)), ..Settings::local(Mode::Echo) };
    let server = Server::start(&settings).unwrap();
    let slow: Vec<_> = (0..200).map(|_| connect(server.address())).collect();
    let mut fair = connect(server.address());
    let start = Instant::now();
    while server.report().expelled < 200 {
        assert!(start.elapsed() < PATIENCE, "{:?}", server.report());
        for mut client in &slow {
            let _ = client.write(b"x"); // until it is sent away
        }
        fair.write_all(b"a line\n").unwrap();
        assert!(is_echoed_back(&mut fair, b"a line\n"));
        thread::sleep(Duration::from_millis(100));
    }
    assert!(start.elapsed() > Duration::from_millis(900));
    assert_eq!(settled(&server, |report| report.open == 1).opened, 201);
}

fn is_echoed_back(client: &mut TcpStream, sent: &[u8]) -> bool {
    let mut echo = vec![0; sent.len()];
    io::Read::read_exact(client, &mut echo).is_ok() && echo == sent
}

/// A client that does not take its echo is idle too.
#[test]
fn who_never_reads_its_echo_is_sent_away() {
    let _alone = alone();
    let limits = Limits { idle_timeout: Some(Duration::from_millis(300)), ..Limits::default() };
    let server = Server::start(&Settings { limits, ..Settings::local(Mode::Echo) }).unwrap();
    let mut client = connect(server.address());
    let error = client.write_all(&vec![7; 64 * MIB]).unwrap_err();
    assert!(common::is_reset(&error), "{error}");
    assert_eq!(settled(&server, |report| report.open == 0).expelled, 1);
}

#[test]
fn too_many_are_turned_away_and_let_in_when_there_is_room() {
    let _alone = alone();
    let limits = Limits { max_connections: Some(2), ..Limits::default() };
    let server = Server::start(&Settings { limits, ..Settings::local(Mode::Echo) }).unwrap();
    let mut inside: Vec<_> = (0..2).map(|_| connect(server.address())).collect();
    assert!(inside.iter_mut().all(is_echoed));
    assert!(!is_echoed(&mut connect(server.address())));
    inside.pop();
    settled(&server, |report| report.open == 1);
    assert!(is_echoed(&mut connect(server.address())));
    assert_eq!(server.report().turned_away, 1);
}

#[test]
fn a_thousand_idle_connections_do_not_hurt() {
    let _alone = alone();
    let server = Server::start(&Settings::local(Mode::Echo)).unwrap();
    assert!(is_echoed(&mut connect(server.address())));
    let before = resident();
    let idle: Vec<_> = (0..1000).map(|_| connect(server.address())).collect();
    settled(&server, |report| report.open == 1000);
    let grown = resident().saturating_sub(before);
    assert!(grown < 16 * MIB, "a thousand idle connections cost {grown} bytes");
    assert!(is_echoed(&mut connect(server.address())));
    drop(idle);
    settled(&server, |report| report.open == 0);
}

/// The same through a proxy, which has two connections and two ways for each of them.
#[test]
fn a_thousand_idle_lines_do_not_hurt() {
    let _alone = alone();
    let server = Server::start(&Settings::local(Mode::Echo)).unwrap();
    let proxy = Proxy::start(&ProxySettings::local(server.endpoint().to_string())).unwrap();
    let Endpoint::Tcp(address) = *proxy.endpoint() else { panic!("it has a port") };
    assert!(is_echoed(&mut connect(address)));
    let before = resident();
    let idle: Vec<_> = (0..1000).map(|_| connect(address)).collect();
    settled(&server, |report| report.open == 1000);
    let grown = resident().saturating_sub(before);
    assert!(grown < 48 * MIB, "a thousand idle lines cost {grown} bytes");
    assert!(is_echoed(&mut connect(address)));
    drop(idle);
    settled(&server, |report| report.open == 0);
}

/// Messages are told apart whatever the mode, and the faults leave cut ones, which are counted as such.
#[test]
fn what_was_cut_is_no_message() {
    let _alone = alone();
    let faults = Faults { reset: Some(fanin::server::Place::at(10)), ..Faults::default() };
    let settings = Settings { faults, recording: Some(recording(Framing::Lines)), ..Settings::local(Mode::Discard) };
    let server = Server::start(&settings).unwrap();
    let mut client = connect(server.address());
    client.write_all(b"one\ntwo\nthree\nfour\n").unwrap();
    assert_eq!(read_out(&mut client).1, Ended::Reset);
    let inbox = server.inbox().unwrap();
    server.stop().unwrap();
    let messages = inbox.messages(0);
    assert_eq!(messages.iter().collect::<Vec<_>>(), [(0, &b"one"[..]), (0, b"two")]);
    assert_eq!((inbox.counts().messages, inbox.counts().cut), (2, 1));
}
