//! Peers that behave badly without breaking anything: they leave with bytes unread, end their half, read a byte a second.

use std::fs;
use std::io::Read;
use std::net::Shutdown;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use fanin::SendError;
use fanin::server::{Mode, Server, Settings};
use fanin::sink::{Config, Confirm, FailureKind, Sink, Wait};
use socket2::{Domain, Socket, Type};

use super::tools::{LONG, Peer, assert_even, opened, soon, with, within};

const CAPACITY: usize = 1 << 20;

/// More than a socket that takes a little now and then ever makes room for.
static LARGE: &[u8] = &[b'x'; CAPACITY / 2];

fn small(config: Config) -> Config {
    with(config, |config| {
        config.capacity = CAPACITY;
        config.send_buffer = Some(4_096);
    })
}

/// Waits until it is so.
fn until(what: impl Fn() -> bool) {
    let deadline = soon();
    while !what() {
        assert!(Instant::now() < deadline, "it never came to be");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Sends until nothing moves any more; how many messages of 10,000 bytes were taken.
fn fill(sink: &Sink) -> u64 {
    let (mut taken, mut since) = (0, Instant::now());
    while since.elapsed() < Duration::from_millis(300) {
        match sink.try_send(&[b'x'; 10_000]) {
            Ok(()) => {
                taken += 1;
                since = Instant::now();
            }
            Err(SendError::Full) => thread::sleep(Duration::from_millis(1)),
            Err(error) => panic!("{error}"),
        }
    }
    taken
}

#[test]
fn a_peer_that_closes_with_bytes_unread_resets() {
    let peer = Peer::start(|listener| {
        let (stream, _) = listener.accept().unwrap();
        stream.peek(&mut [0]).unwrap();
    });
    let sink = opened(peer.config());
    sink.try_send(b"never read").unwrap();
    peer.join();
    until(|| !sink.is_open());
    let failure = sink.failure().unwrap();
    assert_eq!((failure.kind, failure.os_error()), (FailureKind::Disconnected, Some(104)), "{failure}");
    assert_eq!((failure.delivery.in_doubt.messages, failure.delivery.written.messages), (1, 0));
    assert_even(failure.delivery);
}

#[test]
fn an_end_beside_sends_that_wait_is_told_to_all_of_them() {
    let (tell, told) = channel::<()>();
    let peer = Peer::start(move |listener| {
        let (stream, _) = listener.accept().unwrap();
        told.recv().unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        told.recv().unwrap();
    });
    let sink = opened(small(peer.config()));
    let taken = fill(&sink);
    let waiting: Vec<_> = (0..8)
        .map(|_| {
            let sink = sink.clone();
            thread::spawn(move || within(sink.send(LARGE)))
        })
        .collect();
    until(|| sink.stats().waiting == 8);
    tell.send(()).unwrap();
    for sender in waiting {
        assert_eq!(sender.join().unwrap(), Err(SendError::Disconnected));
    }
    let failure = sink.failure().unwrap();
    assert!(failure.to_string().contains("the other end closed the connection"), "{failure}");
    let delivery = failure.delivery;
    assert_even(delivery);
    assert_eq!((delivery.accepted.messages, delivery.written.messages), (taken, 0));
    assert!(delivery.in_doubt.messages > 0 && delivery.unsent.messages > 0, "{delivery}");
    tell.send(()).unwrap();
    peer.join();
}

#[test]
fn a_reader_of_a_byte_a_second_holds_senders_and_no_memory() {
    let settings = Settings { read_rate: Some(1), receive_buffer: Some(4_096), ..Settings::local(Mode::Discard) };
    let server = Server::start(&settings).unwrap();
    let sink = opened(small(Config::new(server.endpoint().to_string().parse().unwrap())));
    let (began, taken) = (Instant::now(), fill(&sink));
    assert!(sink.send(LARGE).wait_until(Instant::now() + Duration::from_secs(2)).is_none());
    let (stats, read) = (sink.stats(), server.report().bytes_received);
    assert!(read <= began.elapsed().as_secs() + 2, "{read} bytes");
    assert_eq!(stats.delivery.accepted.messages, taken, "a send that was given up was not taken");
    assert!(stats.high_water_bytes <= CAPACITY as u64 && stats.memory_bytes <= 2 * CAPACITY as u64, "{stats:?}");
    let failure = within(sink.close(Duration::from_millis(300))).unwrap_err();
    assert_eq!((failure.kind, failure.delivery.accepted.messages), (FailureKind::TimedOut, taken));
    assert!(failure.delivery.unsent.messages > 0, "{failure}");
    assert_even(failure.delivery);
}

#[test]
fn a_stall_of_ten_seconds_holds_senders_and_no_memory_and_then_all_arrives() {
    let (tell, told) = channel::<()>();
    let peer = Peer::start(move |listener| {
        let (mut stream, _) = listener.accept().unwrap();
        told.recv().unwrap();
        std::io::copy(&mut stream, &mut std::io::sink()).unwrap()
    });
    let sink = opened(small(peer.config()));
    let (began, taken) = (Instant::now(), fill(&sink));
    let before = sink.stats();
    let sender = {
        let sink = sink.clone();
        thread::spawn(move || (within(sink.send(LARGE)), Instant::now()))
    };
    while began.elapsed() < Duration::from_secs(10) {
        thread::sleep(Duration::from_millis(250));
        let now = sink.stats();
        assert_eq!(now.delivery.accepted, before.delivery.accepted);
        assert!(now.wire_bytes - before.wire_bytes < LARGE.len() as u64 / 2, "nothing moves, but for a probe's worth");
        assert!(now.held_bytes <= CAPACITY as u64 && now.memory_bytes <= 2 * CAPACITY as u64, "{now:?}");
    }
    let resumed = Instant::now();
    tell.send(()).unwrap();
    let (sent, at) = sender.join().unwrap();
    assert!(sent == Ok(()) && at >= resumed, "it waited all the while");
    let delivery = within(sink.close(LONG)).unwrap();
    assert_eq!((delivery.written.messages, delivery.accepted.messages), (taken + 1, taken + 1));
    assert_eq!(peer.join(), sink.stats().wire_bytes);
}

/// Whether a descriptor of this process is left to the programs that it starts; nothing where it is gone by now.
fn is_inherited(number: &str) -> Option<bool> {
    const CLOSES: u32 = 0o2_000_000;
    let about = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).ok()?;
    let flags = about.lines().find_map(|line| line.strip_prefix("flags:"))?;
    Some(u32::from_str_radix(flags.trim(), 8).unwrap() & CLOSES == 0)
}

/// The sockets of this process.
fn sockets() -> Vec<String> {
    let entries = fs::read_dir("/proc/self/fd").unwrap().filter_map(Result::ok);
    let is_socket = |entry: &fs::DirEntry| {
        fs::read_link(entry.path()).is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    };
    entries.filter(is_socket).map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn no_socket_of_sink_or_server_is_inherited() {
    let path = std::env::temp_dir().join(format!("fanin-inherited-{}", std::process::id()));
    let places = [None, Some(path)];
    let servers = places.map(|path| Server::start(&Settings { path, ..Settings::local(Mode::Echo) }).unwrap());
    let sinks = servers.each_ref().map(|server| {
        let config = Config::new(server.endpoint().to_string().parse().unwrap());
        let sink = opened(with(config, |config| config.confirm = Confirm::Echo));
        sink.try_send(b"there").unwrap();
        assert_eq!(within(sink.flush()).unwrap().acked.messages, 1);
        sink
    });
    // Whatever other tests have open is no more inherited; of ours there are six.
    let all = sockets();
    assert!(all.len() >= 6, "{all:?}");
    assert!(all.iter().all(|number| is_inherited(number) != Some(true)), "{all:?}");
    drop(sinks);
    // What is made without the flag is found.
    let (bare, _other) = Socket::pair_raw(Domain::UNIX, Type::STREAM, None).unwrap();
    assert_eq!(is_inherited(&std::os::fd::AsRawFd::as_raw_fd(&bare).to_string()), Some(true));
}

#[test]
fn thousands_of_senders_that_wait_are_woken_by_a_close_at_once() {
    const SENDERS: usize = 8_192;
    let (tell, told) = channel::<()>();
    let peer = Peer::start(move |listener| {
        let (mut stream, _) = listener.accept().unwrap();
        told.recv().unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap()
    });
    let sink = opened(small(peer.config()));
    let taken = fill(&sink);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..SENDERS)
            .map(|_| {
                let sink = sink.clone();
                tokio::spawn(async move { sink.send(LARGE).await })
            })
            .collect();
        while sink.stats().waiting < SENDERS as u64 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let began = Instant::now();
        let closing = sink.close(LONG);
        for task in tasks {
            assert_eq!(task.await.unwrap(), Err(SendError::Closed));
        }
        let woken = began.elapsed();
        println!("{SENDERS} senders were woken in {woken:?}");
        assert!(woken < Duration::from_secs(5), "{woken:?}");
        tell.send(()).unwrap();
        assert_eq!(closing.await.unwrap().written.messages, taken);
    });
    peer.join();
}
