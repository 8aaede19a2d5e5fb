//! The server does wrong what it was asked to, at the byte it was asked for, and nothing else.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use common::{Ended, connect, is_echoed, pattern, read_out, settled, ship};
use fanin::server::{EchoFault, Faults, Mode, Place, Server, Settings, Wrong};

fn start(mode: Mode, faults: Faults) -> Server {
    Server::start(&Settings { faults, ..Settings::local(mode) }).unwrap()
}

#[test]
fn a_reset_comes_at_its_byte() {
    for byte in [0, 1, 100, 65_535, 65_536, 65_537] {
        let server = start(Mode::Discard, Faults { reset: Some(Place::at(byte)), ..Faults::default() });
        let (read, ended) = ship(connect(server.address()), &pattern(200_000));
        assert_eq!((read.len(), ended), (0, Ended::Reset), "byte {byte}");
        let report = settled(&server, |report| report.opened == 1 && report.open == 0);
        assert_eq!((report.bytes_received, report.faults, report.failed), (byte, 1, 0));
    }
}

#[test]
fn what_comes_before_the_byte_is_echoed() {
    let server = start(Mode::Echo, Faults { reset: Some(Place::at(1000)), ..Faults::default() });
    let mut client = connect(server.address());
    client.write_all(&pattern(1000)).unwrap();
    // All of it was read, and so the server has nothing to throw away but the connection.
    let (read, ended) = read_out(&mut client);
    assert!(pattern(1000).starts_with(&read), "an echo that is sound as far as it goes");
    assert_eq!(ended, Ended::Reset);
    assert_eq!(server.report().bytes_echoed, 1000);
}

#[test]
fn a_close_is_an_end_where_all_was_read_and_a_reset_where_not() {
    let server = start(Mode::Echo, Faults { close: Some(Place::at(100)), ..Faults::default() });
    let mut client = connect(server.address());
    client.write_all(&pattern(100)).unwrap();
    assert_eq!(read_out(&mut client), (pattern(100), Ended::Closed));
    let (_, ended) = ship(connect(server.address()), &pattern(200_000));
    assert_eq!(ended, Ended::Reset);
    assert_eq!(settled(&server, |report| report.open == 0).bytes_received, 200);
}

#[test]
fn a_half_close_ends_the_answer_and_reads_on() {
    let server = start(Mode::Echo, Faults { half_close: Some(Place::at(100)), ..Faults::default() });
    let mut client = connect(server.address());
    client.write_all(&pattern(100)).unwrap();
    assert_eq!(read_out(&mut client), (pattern(100), Ended::Closed));
    client.write_all(&pattern(100_000)).unwrap();
    let report = settled(&server, |report| report.bytes_received == 100_100);
    assert_eq!((report.bytes_echoed, report.open, report.failed), (100, 1, 0));
}

#[test]
fn a_stall_holds_the_client_until_it_gives_up() {
    let faults = Faults { stall: Some(Place::at(10)), ..Faults::default() };
    let settings = Settings { faults, receive_buffer: Some(4096), ..Settings::local(Mode::Discard) };
    let server = Server::start(&settings).unwrap();
    let mut client = connect(server.address());
    client.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    client.write_all(&vec![7; 64 << 20]).unwrap_err();
    let report = server.report();
    assert_eq!((report.bytes_received, report.open, report.faults), (10, 1, 1));
    socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    settled(&server, |report| report.open == 0);
}

/// How much a client may send to somebody who reads nothing.
fn taken(receive_buffer: Option<usize>) -> usize {
    let faults = Faults { stall: Some(Place::at(0)), ..Faults::default() };
    let server = Server::start(&Settings { faults, receive_buffer, ..Settings::local(Mode::Discard) }).unwrap();
    let mut client = connect(server.address());
    socket2::SockRef::from(&client).set_send_buffer_size(4_096).unwrap();
    client.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut taken = 0;
    while let Ok(length) = client.write(&[7; 1_024]) {
        taken += length;
    }
    taken
}

#[test]
fn a_small_receive_buffer_stalls_a_client_early() {
    let (small, usual, large) = (taken(Some(4_096)), taken(None), taken(Some(1 << 20)));
    assert!(small > 0 && small * 2 < usual, "{small} of {usual}");
    assert!(small * 2 < large, "{small} of {large}");
}

#[test]
fn a_stall_may_end() {
    let length = Duration::from_millis(200);
    let server = start(Mode::Echo, Faults { stall: Some(Place::at(4)), stall_for: Some(length), ..Faults::default() });
    let mut client = connect(server.address());
    assert!(is_echoed(&mut client));
    let stalled = Instant::now();
    assert!(is_echoed(&mut client));
    assert!(stalled.elapsed() >= length / 2);
}

#[test]
fn a_delay_comes_before_each_read_and_before_each_echo() {
    let wait = Duration::from_millis(60);
    for faults in [
        Faults { delay: wait, ..Faults::default() },
        Faults { echo_delay: wait, ..Faults::default() },
        Faults { echo_delay: wait, only_first: Some(1), ..Faults::default() },
    ] {
        let server = start(Mode::Echo, faults);
        let mut client = connect(server.address());
        let start = Instant::now();
        for _ in 0..3 {
            assert!(is_echoed(&mut client));
        }
        assert!(start.elapsed() >= wait * 2, "{:?}", start.elapsed());
    }
}

#[test]
fn refused_connections_are_reset_and_the_next_one_is_served() {
    let server = start(Mode::Echo, Faults { refuse: 3, ..Faults::default() });
    for _ in 0..3 {
        let mut client = connect(server.address());
        assert!(!is_echoed(&mut client));
    }
    assert!(is_echoed(&mut connect(server.address())));
    let report = settled(&server, |report| report.open == 0);
    assert_eq!((report.turned_away, report.opened), (3, 1));
}

#[test]
fn an_echo_is_wrong_in_one_byte() {
    let sent = pattern(100_000);
    for (what, length) in [(Wrong::Flip, 100_000), (Wrong::Double, 100_001), (Wrong::Drop, 99_999)] {
        let echo = Some(EchoFault { what, after: Place::at(70_000) });
        let server = start(Mode::Echo, Faults { echo, ..Faults::default() });
        let client = connect(server.address());
        let mut reader = client.try_clone().unwrap();
        let (read, ended) = thread::scope(|scope| {
            let reading = scope.spawn(move || read_out(&mut reader));
            let mut writer = &client;
            writer.write_all(&sent).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
            reading.join().unwrap()
        });
        assert_eq!((read.len(), ended), (length, Ended::Closed), "{what}");
        let sound = read.iter().zip(&sent).take_while(|(read, sent)| read == sent).count();
        let first = if what == Wrong::Double { 70_001 } else { 70_000 };
        assert_eq!(sound, first, "{what}");
        assert_eq!(server.report().faults, 1);
    }
}

/// Where each of some connections is reset, one after the other.
fn cuts(seed: u64, connections: usize) -> Vec<u64> {
    let reset = Some(Place::within(0, 50_000));
    let server = start(Mode::Discard, Faults { seed, reset, ..Faults::default() });
    let mut before = 0;
    let cut = |number| {
        ship(connect(server.address()), &pattern(60_000));
        let report = settled(&server, |report| report.opened == number && report.open == 0);
        let bytes = report.bytes_received - before;
        before = report.bytes_received;
        bytes
    };
    (1..=connections as u64).map(cut).collect()
}

#[test]
fn a_seed_gives_the_same_cuts_again() {
    let first = cuts(1, 20);
    assert_eq!(first, cuts(1, 20));
    assert_ne!(first, cuts(2, 20));
    assert!(first.iter().any(|&cut| cut < 25_000) && first.iter().any(|&cut| cut > 25_000), "{first:?}");
}

#[test]
fn who_connects_anew_finds_a_sound_server_in_the_end() {
    let server = start(Mode::Echo, Faults { reset: Some(Place::at(0)), only_first: Some(2), ..Faults::default() });
    let outcomes: Vec<_> = (0..4).map(|_| is_echoed(&mut connect(server.address()))).collect();
    assert_eq!(outcomes, [false, false, true, true]);
}

#[test]
fn stopping_does_not_wait_for_a_stall() {
    let server = start(Mode::Discard, Faults { stall: Some(Place::at(0)), ..Faults::default() });
    let mut client = connect(server.address());
    settled(&server, |report| report.faults == 1);
    let start = Instant::now();
    server.stop().unwrap();
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(client.read(&mut [0]).unwrap_or(0), 0);
}
