//! The proxy: a line that is bad in the way that was asked for, and otherwise not there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use common::{Ended, connect, is_echoed, pattern, read_out, settle, settled, ship};
use fanin::server::proxy::{Command, Lane, Proxy, ProxySettings, Report, Way, What};
use fanin::server::{EchoFault, Endpoint, Faults, Framing, Mode, Place, Recording, Server, Settings, Wrong};

fn server(mode: Mode) -> Server {
    let recording = Recording { framing: Framing::Raw, max_frame: 1 << 20, most: 64 << 20 };
    Server::start(&Settings { recording: Some(recording), ..Settings::local(mode) }).unwrap()
}

fn before(server: &Server, up: Faults, down: Faults) -> Proxy {
    let (up, down) = (Lane { faults: up, rate: None }, Lane { faults: down, rate: None });
    Proxy::start(&ProxySettings { up, down, ..ProxySettings::local(server.endpoint().to_string()) }).unwrap()
}

fn address(proxy: &Proxy) -> SocketAddr {
    let Endpoint::Tcp(address) = proxy.endpoint() else { panic!("{:?}", proxy.endpoint()) };
    *address
}

fn proxied(proxy: &Proxy, is_settled: impl Fn(&Report) -> bool) -> Report {
    settle(|| proxy.report(), is_settled)
}

/// All bytes that arrived, of all connections one after the other.
fn arrived(server: &Server) -> Vec<u8> {
    server.inbox().unwrap().messages(0).iter().flat_map(|(_, piece)| piece.to_vec()).collect()
}

#[test]
fn a_line_without_faults_is_not_there() {
    let server = server(Mode::Echo);
    let proxy = before(&server, Faults::default(), Faults::default());
    let sent = pattern(3 << 20);
    let client = connect(address(&proxy));
    let mut reader = client.try_clone().unwrap();
    let (read, ended) = thread::scope(|scope| {
        let reading = scope.spawn(move || read_out(&mut reader));
        (&client).write_all(&sent).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        reading.join().unwrap()
    });
    assert!((read == sent, ended) == (true, Ended::Closed));
    let report = proxied(&proxy, |report| report.open == 0);
    assert_eq!((report.bytes_up, report.bytes_down, report.opened), (3 << 20, 3 << 20, 1));
    assert_eq!((report.faults, report.events.len()), (0, 0));
}

#[test]
fn a_reset_comes_after_exactly_so_many_bytes() {
    for byte in [0, 1, 4096, 100_000] {
        let server = server(Mode::Discard);
        let proxy = before(&server, Faults { reset: Some(Place::at(byte)), ..Faults::default() }, Faults::default());
        let sent = pattern(200_000);
        assert_eq!(ship(connect(address(&proxy)), &sent).1, Ended::Reset);
        let report = proxied(&proxy, |report| report.open == 0);
        assert_eq!(report.bytes_up, byte);
        let [event] = report.events[..] else { panic!("{report:?}") };
        assert_eq!((event.connection, event.way, event.bytes, event.what), (0, Some(Way::Up), byte, What::Reset));
        settled(&server, |report| (report.opened, report.open, report.failed) == (1, 0, 1));
        assert!(sent.starts_with(&arrived(&server)));
    }
}

#[test]
fn the_way_down_has_faults_of_its_own() {
    let server = server(Mode::Echo);
    let faults = Faults { close: Some(Place::at(10)), ..Faults::default() };
    let proxy = before(&server, Faults::default(), faults);
    let mut client = connect(address(&proxy));
    client.write_all(&pattern(10)).unwrap();
    assert_eq!(read_out(&mut client), (pattern(10), Ended::Closed));

    let echo = Some(EchoFault { what: Wrong::Flip, after: Place::at(2) });
    let proxy = before(&server, Faults::default(), Faults { echo, ..Faults::default() });
    let mut client = connect(address(&proxy));
    client.write_all(b"abcd").unwrap();
    let mut echo = [0; 4];
    client.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"abbd");
    assert_eq!(proxy.report().events[0].what, What::Spoilt);
}

#[test]
fn the_way_up_is_closed_or_ended_after_exactly_so_many_bytes() {
    let server = server(Mode::Discard);
    let faults = Faults { close: Some(Place::at(10)), ..Faults::default() };
    let proxy = before(&server, faults, Faults::default());
    let mut client = connect(address(&proxy));
    client.write_all(&pattern(10)).unwrap();
    assert_eq!(read_out(&mut client), (vec![], Ended::Closed));
    settled(&server, |report| (report.bytes_received, report.opened, report.open) == (10, 1, 0));
    let [event] = proxy.report().events[..] else { panic!("{:?}", proxy.report()) };
    assert_eq!((event.way, event.bytes, event.what), (Some(Way::Up), 10, What::Closed));

    let server = self::server(Mode::Echo);
    let faults = Faults { half_close: Some(Place::at(10)), ..Faults::default() };
    let proxy = before(&server, faults, Faults::default());
    let mut client = connect(address(&proxy));
    // What comes after the tenth byte is read, and goes nowhere; the answer to the ten still comes.
    client.write_all(&pattern(1_000)).unwrap();
    assert_eq!(read_out(&mut client), (pattern(10), Ended::Closed));
    assert_eq!(arrived(&server), pattern(10));
    assert_eq!(settled(&server, |report| report.open == 0).failed, 0);
    let [event] = proxy.report().events[..] else { panic!("{:?}", proxy.report()) };
    assert_eq!((event.way, event.bytes, event.what), (Some(Way::Up), 10, What::HalfClosed));
}

#[test]
fn a_stall_may_end() {
    let length = Duration::from_millis(300);
    let faults = Faults { stall: Some(Place::at(4)), stall_for: Some(length), ..Faults::default() };
    for (up, down, way) in
        [(faults.clone(), Faults::default(), Way::Up), (Faults::default(), faults.clone(), Way::Down)]
    {
        let server = server(Mode::Echo);
        let proxy = before(&server, up, down);
        let mut client = connect(address(&proxy));
        let start = Instant::now();
        assert!(is_echoed(&mut client));
        let stalled = proxied(&proxy, |report| report.faults == 1).events[0];
        assert_eq!((stalled.way, stalled.bytes, stalled.what), (Some(way), 4, What::Stalled));
        assert!(is_echoed(&mut client));
        assert!(start.elapsed() >= length, "{:?}", start.elapsed());
        assert_eq!(proxy.report().faults, 1);
    }
}

#[test]
fn a_byte_is_doubled_either_way() {
    let echo = Some(EchoFault { what: Wrong::Double, after: Place::at(2) });
    let faults = Faults { echo, ..Faults::default() };
    for (up, down, came) in
        [(faults.clone(), Faults::default(), &b"abccd"[..]), (Faults::default(), faults.clone(), b"abcd")]
    {
        let server = server(Mode::Echo);
        let proxy = before(&server, up, down);
        let mut client = connect(address(&proxy));
        client.write_all(b"abcd").unwrap();
        let mut echo = [0; 5];
        client.read_exact(&mut echo).unwrap();
        assert_eq!((&echo, arrived(&server).as_slice()), (b"abccd", came));
    }
}

#[test]
fn both_ways_have_their_own_faults_at_once() {
    let flip =
        |byte| Faults { echo: Some(EchoFault { what: Wrong::Flip, after: Place::at(byte) }), ..Faults::default() };
    let server = server(Mode::Echo);
    let proxy = before(&server, flip(1), Faults { close: Some(Place::at(4)), ..flip(3) });
    let mut client = connect(address(&proxy));
    client.write_all(b"abcd").unwrap();
    assert_eq!(read_out(&mut client), (b"acce".to_vec(), Ended::Closed));
    assert_eq!(arrived(&server), b"accd");
    let events: Vec<_> = proxy.report().events.iter().map(|event| (event.way, event.bytes, event.what)).collect();
    let (up, down) = (Some(Way::Up), Some(Way::Down));
    assert_eq!(events, [(up, 4, What::Spoilt), (down, 4, What::Spoilt), (down, 4, What::Closed)]);
}

#[test]
fn a_delay_is_a_latency_and_no_bottleneck() {
    let delay = Duration::from_millis(100);
    let server = server(Mode::Echo);
    let proxy = before(&server, Faults { delay, ..Faults::default() }, Faults::default());
    let mut client = connect(address(&proxy));
    let start = Instant::now();
    assert!(is_echoed(&mut client));
    assert!(start.elapsed() >= delay);
    // Fifty small messages in a row are on their way at once; one after the other they would take five seconds.
    let start = Instant::now();
    for _ in 0..50 {
        client.write_all(b"here").unwrap();
        thread::sleep(Duration::from_millis(2));
    }
    client.read_exact(&mut [0; 200]).unwrap();
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[test]
fn a_held_line_passes_nothing_and_then_all() {
    let server = server(Mode::Echo);
    let proxy = before(&server, Faults::default(), Faults::default());
    let mut client = connect(address(&proxy));
    assert!(is_echoed(&mut client));
    proxy.command(Command::Hold);
    client.write_all(b"late").unwrap();
    thread::sleep(Duration::from_millis(100));
    assert_eq!(server.report().bytes_received, 4);
    proxy.command(Command::Resume);
    let mut echo = [0; 4];
    client.read_exact(&mut echo).unwrap();
    assert_eq!(&echo, b"late");
}

#[test]
fn a_cut_resets_what_is_open_and_nothing_that_comes() {
    let server = server(Mode::Echo);
    let proxy = before(&server, Faults::default(), Faults::default());
    let mut clients: Vec<_> = (0..3).map(|_| connect(address(&proxy))).collect();
    assert!(clients.iter_mut().all(is_echoed));
    proxy.command(Command::Cut);
    for client in &mut clients {
        assert_eq!(read_out(client).1, Ended::Reset);
    }
    assert!(is_echoed(&mut connect(address(&proxy))));
    let cut = proxy.report().events.iter().filter(|event| event.what == What::Cut).count();
    assert_eq!(cut, 3);
}

#[test]
fn a_schedule_begins_with_the_first_connection() {
    let server = server(Mode::Echo);
    let schedule = vec![(Duration::from_millis(200), Command::Cut)];
    let settings = ProxySettings { schedule, ..ProxySettings::local(server.endpoint().to_string()) };
    let proxy = Proxy::start(&settings).unwrap();
    thread::sleep(Duration::from_millis(300));
    let mut client = connect(address(&proxy));
    assert!(is_echoed(&mut client));
    assert_eq!(read_out(&mut client).1, Ended::Reset);
}

#[test]
fn a_rate_is_kept() {
    let server = server(Mode::Discard);
    let up = Lane { rate: Some(1 << 20), ..Lane::default() };
    let settings = ProxySettings { up, ..ProxySettings::local(server.endpoint().to_string()) };
    let proxy = Proxy::start(&settings).unwrap();
    let mut client = connect(address(&proxy));
    let start = Instant::now();
    client.write_all(&pattern(300 << 10)).unwrap();
    settled(&server, |report| report.bytes_received == 300 << 10);
    assert!(start.elapsed() >= Duration::from_millis(250), "{:?}", start.elapsed());
}

#[test]
fn who_cannot_be_reached_is_a_reset() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = Proxy::start(&ProxySettings::local(format!("tcp://{nobody}"))).unwrap();
    let mut client = connect(address(&proxy));
    assert_eq!(read_out(&mut client).1, Ended::Reset);
    assert_eq!(proxied(&proxy, |report| report.faults == 1).events[0].what, What::Unreachable);
}

#[test]
fn refused_connections_never_reach_the_target() {
    let server = server(Mode::Echo);
    let proxy = before(&server, Faults { refuse: 2, ..Faults::default() }, Faults::default());
    let outcomes: Vec<_> = (0..3).map(|_| is_echoed(&mut connect(address(&proxy)))).collect();
    assert_eq!(outcomes, [false, false, true]);
    assert_eq!(server.report().opened, 1);
}

/// Where some connections are cut, one after the other.
fn cuts(seed: u64) -> Vec<u64> {
    let server = server(Mode::Discard);
    let faults = Faults { seed, reset: Some(Place::within(0, 20_000)), ..Faults::default() };
    let proxy = before(&server, faults, Faults::default());
    for _ in 0..10 {
        assert_eq!(ship(connect(address(&proxy)), &pattern(30_000)).1, Ended::Reset);
    }
    let report = proxied(&proxy, |report| report.open == 0);
    report.events.iter().map(|event| event.bytes).collect()
}

#[test]
fn a_seed_gives_the_same_cuts_again() {
    let first = cuts(7);
    assert_eq!((first.len(), &first), (10, &cuts(7)));
    assert_ne!(first, cuts(8));
}

#[test]
fn unix_sockets_on_either_side() {
    let room = std::env::temp_dir().join(format!("fanin-{}-proxy", std::process::id()));
    std::fs::create_dir_all(&room).unwrap();
    let inner = Server::start(&Settings { path: Some(room.join("inner")), ..Settings::local(Mode::Echo) }).unwrap();
    let settings =
        ProxySettings { path: Some(room.join("outer")), ..ProxySettings::local(inner.endpoint().to_string()) };
    let proxy = Proxy::start(&settings).unwrap();
    assert!(is_echoed(&mut UnixStream::connect(room.join("outer")).unwrap()));
    drop((proxy, inner));
    std::fs::remove_dir(&room).unwrap(); // which needs it to be empty
}

#[test]
fn stopping_waits_for_nobody() {
    let server = server(Mode::Discard);
    let proxy = before(&server, Faults { stall: Some(Place::at(0)), ..Faults::default() }, Faults::default());
    let clients: Vec<TcpStream> = (0..5).map(|_| connect(address(&proxy))).collect();
    proxied(&proxy, |report| report.faults == 5);
    let start = Instant::now();
    let report = proxy.stop().unwrap();
    assert!(start.elapsed() < Duration::from_secs(1));
    assert_eq!(report.open, 0);
    drop(clients);
}
