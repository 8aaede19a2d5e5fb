//! The server from outside: real sockets, on this machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use fanin::Error;
use fanin::message::Layout;
use fanin::server::ledger::Ledger;
use fanin::server::{Mode, Report, Server, Settings};

const MIB: usize = 1 << 20;

fn start(mode: Mode) -> Server {
    Server::start(&Settings::local(mode)).unwrap()
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Waits until the server's counts are as they should be, or for too long.
fn settle(server: &Server, is_settled: impl Fn(&Report) -> bool) -> Report {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let report = server.report();
        if is_settled(&report) {
            return report;
        }
        assert!(Instant::now() < deadline, "never settled: {report:?}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// Bytes that differ from place to place.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| ((at * 7 + at / 251) % 256).try_into().unwrap()).collect()
}

/// The records of `producers` that take turns.
fn records(layout: Layout, messages: u64) -> Vec<u8> {
    let mut stream = Vec::new();
    let mut record = vec![0; layout.size()];
    for sequence in 0..messages {
        for producer in 0..layout.producers() {
            layout.write(&mut record, producer, sequence);
            stream.extend_from_slice(&record);
        }
    }
    stream
}

#[test]
fn echo_answers_byte_for_byte() {
    let server = start(Mode::Echo);
    let mut client = connect(&server);
    for length in [1, 2, 1000, 65_536] {
        let sent = pattern(length);
        client.write_all(&sent).unwrap();
        let mut echo = vec![0; length];
        client.read_exact(&mut echo).unwrap();
        assert_eq!(echo, sent);
    }
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0, "the server ends its stream when the client has");
    let report = server.stop().unwrap();
    assert_eq!((report.opened, report.open, report.failed), (1, 0, 0));
    assert_eq!((report.bytes_received, report.bytes_echoed), (66_539, 66_539));
    assert!(report.reads >= 4);
}

#[test]
fn discard_answers_nothing() {
    let server = start(Mode::Discard);
    let mut client = connect(&server);
    client.write_all(&pattern(3 * MIB)).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    let report = server.stop().unwrap();
    assert_eq!((report.bytes_received, report.bytes_echoed), (3 * MIB as u64, 0));
}

#[test]
fn an_echo_of_64_mib_does_not_deadlock() {
    let server = start(Mode::Echo);
    let mut client = connect(&server);
    let mut writer = client.try_clone().unwrap();
    let sent = pattern(MIB);
    let piece = sent.clone();
    let writing = thread::spawn(move || {
        for _ in 0..64 {
            writer.write_all(&piece).unwrap();
        }
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut echo = vec![0; MIB];
    for _ in 0..64 {
        client.read_exact(&mut echo).unwrap();
        assert!(echo == sent);
    }
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    writing.join().unwrap();
    assert_eq!(server.stop().unwrap().bytes_echoed, 64 * MIB as u64);
}

/// Writes until the other side takes nothing for a while.
fn fill(client: &mut impl Write) -> usize {
    let piece = pattern(MIB);
    let mut taken = 0;
    loop {
        match client.write(&piece) {
            Ok(length) => taken += length,
            Err(error) => {
                assert!(matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{error}");
                return taken;
            }
        }
        assert!(taken < 64 * MIB, "the server reads on though nobody reads its echo");
    }
}

/// Waits until the server does nothing more, which on a busy machine may take it a while.
fn rest(server: &Server) -> Report {
    let mut before = server.report();
    loop {
        thread::sleep(Duration::from_millis(300));
        let now = server.report();
        if now == before {
            return now;
        }
        before = now;
    }
}

#[test]
fn a_client_that_never_reads_its_echo_is_not_read_either() {
    let server = start(Mode::Echo);
    let mut client = connect(&server);
    client.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let taken = fill(&mut client);
    // Some MiB: what the kernel's buffers hold, both ways.
    assert!(taken >= MIB / 4, "{taken}");
    let stalled = rest(&server);
    assert!(stalled.bytes_received <= taken as u64);
    // What the server holds itself is at most one piece; the rest waits in the kernel's buffers.
    assert!(stalled.bytes_received - stalled.bytes_echoed <= 64 << 10, "{stalled:?}");
    drop(client);
    let report = settle(&server, |report| report.open == 0);
    assert_eq!(report.failed, 1, "an echo that cannot be delivered is no success");
}

#[test]
fn on_a_unix_socket_such_a_client_stalls_much_earlier() {
    let path = std::env::temp_dir().join(format!("fanin-server-unread-{}", std::process::id()));
    let server = Server::start(&Settings { path: Some(path.clone()), ..Settings::local(Mode::Echo) }).unwrap();
    let mut client = std::os::unix::net::UnixStream::connect(path).unwrap();
    client.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    // Mostly 320 KiB: a Unix socket's buffers do not grow.
    let taken = fill(&mut client);
    assert!((32 << 10..4 * MIB).contains(&taken), "{taken}");
    let stalled = rest(&server);
    assert!(stalled.bytes_received <= taken as u64);
    assert!(stalled.bytes_received - stalled.bytes_echoed <= 64 << 10, "{stalled:?}");
}

#[test]
fn a_client_that_leaves_without_its_echo_is_still_accounted_for() {
    let server = start(Mode::Echo);
    let layout = Layout::new(64, 2).unwrap();
    let receipt = server.expect(Ledger::new(layout, 100));
    let mut client = connect(&server);
    client.write_all(&records(layout, 100)).unwrap();
    settle(&server, |report| report.bytes_received == 12_800);
    drop(client); // with its echo unread, which resets the connection
    assert!(pollster::block_on(receipt).unwrap().is_proved());
}

#[test]
fn stopping_does_not_wait_for_clients() {
    let server = start(Mode::Echo);
    let mut stalled = connect(&server);
    stalled.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    fill(&mut stalled);
    let idle: Vec<_> = (0..10).map(|_| connect(&server)).collect();
    settle(&server, |report| report.open == 11);
    let start = Instant::now();
    let report = server.stop().unwrap();
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!((report.opened, report.open), (11, 0));
    for mut client in idle {
        assert_eq!(client.read(&mut [0]).unwrap_or(0), 0, "its connection is closed");
    }
}

#[test]
fn dropping_stops_too() {
    let server = start(Mode::Discard);
    let (address, _client) = (server.address(), connect(&server));
    let start = Instant::now();
    drop(server);
    assert!(start.elapsed() < Duration::from_secs(1));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_hundred_clients_are_served_at_once() {
    let server = start(Mode::Echo);
    let sent = pattern(MIB / 4);
    thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                let mut client = connect(&server);
                let mut echo = vec![0; sent.len()];
                for (out, back) in sent.chunks(16 << 10).zip(echo.chunks_mut(16 << 10)) {
                    client.write_all(out).unwrap();
                    client.read_exact(back).unwrap();
                }
                assert!(echo == sent);
            });
        }
    });
    let report = server.stop().unwrap();
    assert_eq!((report.opened, report.failed), (100, 0));
    assert_eq!(report.bytes_echoed, 100 * sent.len() as u64);
}

/// A client that is always ahead must not keep the others from being served.
#[test]
fn a_flood_does_not_starve_the_others() {
    let server = start(Mode::Discard);
    let mut flood = connect(&server);
    let flooding = thread::spawn(move || {
        let piece = pattern(MIB);
        while flood.write_all(&piece).is_ok() {}
    });
    settle(&server, |report| report.bytes_received > 8 * MIB as u64);
    let mut client = connect(&server);
    client.write_all(b"one").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    server.stop().unwrap();
    flooding.join().unwrap();
}

#[test]
fn ledgers_judge_the_connections_they_are_meant_for() {
    let server = start(Mode::Discard);
    let layout = Layout::new(16, 3).unwrap();
    let (good, withdrawn, short) = (
        server.expect(Ledger::new(layout, 1000)),
        server.expect(Ledger::new(layout, 1)),
        server.expect(Ledger::online(layout, 1000)),
    );
    drop(withdrawn);
    let stream = records(layout, 1000);
    for length in [stream.len(), stream.len() - 20, 5] {
        let mut client = connect(&server);
        client.write_all(&stream[..length]).unwrap();
    }
    let (good, short) = (pollster::block_on(good).unwrap(), pollster::block_on(short).unwrap());
    assert!(good.is_proved(), "{good:?}");
    assert!(good.first_byte.unwrap() <= good.last_byte.unwrap());
    assert_eq!((short.delivered, short.lost, short.corrupted), (2998, 2, 1));
    settle(&server, |report| (report.opened, report.open) == (3, 0));
}

#[test]
fn a_receipt_whose_server_ends_first_is_cancelled() {
    let server = start(Mode::Discard);
    let layout = Layout::new(16, 1).unwrap();
    let (open, never) = (server.expect(Ledger::new(layout, 1)), server.expect(Ledger::new(layout, 1)));
    let _client = connect(&server);
    settle(&server, |report| report.open == 1);
    server.stop().unwrap();
    assert!(matches!(pollster::block_on(open), Err(Error::Cancelled)));
    assert!(matches!(pollster::block_on(never), Err(Error::Cancelled)));
}

fn failure(host: &str, port: u16) -> String {
    Server::start(&Settings { host: host.to_owned(), port, ..Settings::local(Mode::Echo) }).unwrap_err().to_string()
}

/// Failure mode 28, with the two after it: what cannot be listened on is told by name, and leaves nothing running.
#[test]
fn a_port_in_use_is_named() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let message = failure("127.0.0.1", port);
    assert!(message.starts_with(&format!("cannot listen on 127.0.0.1:{port}: ")), "{message}");
    assert!(message.contains("in use"), "{message}");
}

#[test]
fn a_host_that_does_not_resolve_is_named() {
    let message = failure("no-such-host.invalid", 80);
    assert!(message.starts_with("cannot resolve no-such-host.invalid:80: "), "{message}");
}

#[test]
fn an_address_of_another_machine_is_named() {
    let message = failure("192.0.2.1", 0);
    assert!(message.starts_with("cannot listen on 192.0.2.1:0: "), "{message}");
}

/// Failure mode 29.
#[test]
fn names_and_ipv6_work_where_the_machine_has_them() {
    for host in ["localhost", "::1"] {
        if host == "::1" && TcpListener::bind((host, 0)).is_err() {
            continue; // this machine has no IPv6
        }
        let server = Server::start(&Settings { host: host.to_owned(), ..Settings::local(Mode::Echo) }).unwrap();
        let mut client = connect(&server);
        client.write_all(b"hello").unwrap();
        let mut echo = [0; 5];
        client.read_exact(&mut echo).unwrap();
        assert_eq!(&echo, b"hello");
    }
}
