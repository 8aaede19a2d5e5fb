//! Confirmation by echo: what comes back is compared, and acknowledges.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use fanin::sink::{Config, Confirm, FailureKind, Framing, Sink, Target};
use fanin::{Error, SendError};

use super::tools::{LONG, Peer, assert_even, echo_one, opened, opened_or_lost, with, within};

fn echoing(config: Config) -> Config {
    with(config, |config| config.confirm = Confirm::Echo)
}

fn send_mib(sink: &Sink, mib: usize) {
    let message = vec![b'x'; 10_000];
    for _ in 0..(mib << 20) / message.len() {
        within(sink.send(message.as_slice())).unwrap();
    }
}

#[test]
fn an_echo_acknowledges() {
    let peer = Peer::start(|listener| echo_one(&listener));
    let sink = opened(echoing(peer.config()));
    for turn in 0..1_000_u32 {
        within(sink.send(turn.to_string().into_bytes())).unwrap();
    }
    let delivery = within(sink.flush()).unwrap();
    assert_eq!((delivery.acked.messages, delivery.written.messages), (1_000, 0));
    assert_eq!(sink.stats().held_bytes, 0);
    assert_eq!(within(sink.close(LONG)).unwrap(), delivery);
    assert_eq!(peer.join(), 2_890);
}

#[test]
fn sixty_four_mebibytes_come_back_through_small_buffers() {
    let peer = Peer::start(|listener| echo_one(&listener));
    let sink = opened(with(echoing(peer.config()), |config| {
        config.send_buffer = Some(4_096);
        config.receive_buffer = Some(4_096);
        config.capacity = 1 << 20;
    }));
    send_mib(&sink, 64);
    let delivery = within(sink.close(LONG)).unwrap();
    assert_eq!(delivery.acked, delivery.accepted);
    assert!(sink.stats().high_water_bytes <= 1 << 20);
    peer.join();
}

#[test]
fn an_echo_that_nobody_asked_for_is_read_and_thrown_away() {
    let peer = Peer::start(|listener| echo_one(&listener));
    let sink = opened(peer.config());
    send_mib(&sink, 32);
    let delivery = within(sink.close(LONG)).unwrap();
    assert_eq!(delivery.written, delivery.accepted);
    assert_eq!(sink.stats().received_bytes, delivery.accepted.bytes);
    peer.join();
}

#[test]
fn a_wrong_echo_is_told_with_its_byte() {
    for wrong in [0, 1, 100, 4_321] {
        let peer = Peer::start(move |listener| {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut buffer, mut at) = ([0; 100], 0);
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                if (at..at + count).contains(&wrong) {
                    buffer[wrong - at] ^= 1;
                }
                at += count;
                if stream.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
        });
        let sink = opened(echoing(peer.config()));
        let _ = sink.try_send_many((0..1_000).map(|_| b"0123456789"));
        let failure = within(sink.flush()).unwrap_err();
        let Some(Error::Echo { offset, expected, found }) = failure.cause.as_deref() else { panic!("{failure}") };
        let sent = b"0123456789"[wrong % 10];
        assert_eq!((*offset, *expected, *found), (wrong as u64, Some(sent), sent ^ 1));
        assert_eq!(failure.delivery.acked.messages, wrong as u64 / 10);
        assert!(sink.stats().received_bytes > wrong as u64, "what came before a loss is counted too");
        assert_even(failure.delivery);
        assert_eq!(sink.try_send(b"a"), Err(SendError::Disconnected));
        drop(sink);
        peer.join();
    }
}

#[test]
fn an_echo_of_nothing_is_wrong() {
    let peer = Peer::start(|listener| {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"!").unwrap();
        let _ = stream.read(&mut [0]);
    });
    let sink = opened_or_lost(echoing(peer.config()));
    while sink.is_open() {
        thread::sleep(Duration::from_millis(1));
    }
    let failure = sink.failure().unwrap().to_string();
    assert!(
        failure.starts_with("the echo is wrong at byte 0 of the connection: 0x21 came, and nothing was owed"),
        "{failure}"
    );
    drop(sink);
    peer.join();
}

#[test]
fn an_echo_that_stays_away_is_not_waited_for_without_end() {
    let peer = Peer::start(|listener| {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let sink = opened(with(echoing(peer.config()), |config| config.idle_timeout = Some(Duration::from_millis(100))));
    sink.try_send(b"anybody?").unwrap();
    let failure = within(sink.flush()).unwrap_err();
    assert_eq!((failure.kind, failure.delivery.in_doubt.messages), (FailureKind::Disconnected, 1));
    assert!(failure.to_string().contains("an echo is owed for 100ms"), "{failure}");
    peer.join();
}

#[test]
fn a_reader_that_stalls_is_not_waited_for_without_end() {
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let peer = Peer::start(move |listener| {
        let _stream = listener.accept().unwrap();
        told.recv().unwrap();
    });
    let sink = opened(with(peer.config(), |config| {
        config.write_timeout = Some(Duration::from_millis(200));
        config.send_buffer = Some(4_096);
    }));
    let error = (0..).find_map(|_| within(sink.send(vec![0; 10_000])).err());
    assert_eq!(error, Some(SendError::Disconnected));
    let failure = sink.failure().unwrap();
    assert!(failure.to_string().contains("the other end takes nothing for 200ms"), "{failure}");
    assert!(failure.delivery.in_doubt.messages > 0 && failure.delivery.unsent.messages > 0);
    assert_even(failure.delivery);
    tell.send(()).unwrap();
    peer.join();
}

fn unix_echo(listener: UnixListener) -> thread::JoinHandle<usize> {
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        socket2::SockRef::from(&stream).set_send_buffer_size(4_096).unwrap();
        let (mut buffer, mut total) = ([0; 4_096], 0);
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            stream.write_all(&buffer[..count]).unwrap();
            total += count;
        }
        total
    })
}

#[test]
fn sixty_four_mebibytes_come_back_through_unix_sockets() {
    use std::os::linux::net::SocketAddrExt;
    let path = std::env::temp_dir().join(format!("fanin-sink-{}", std::process::id()));
    let name = format!("fanin-sink-{}", std::process::id());
    let listeners = [
        (UnixListener::bind(&path).unwrap(), path.to_str().unwrap().to_owned()),
        (
            UnixListener::bind_addr(&std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap()).unwrap(),
            format!("@{name}"),
        ),
    ];
    for (listener, place) in listeners {
        let server = unix_echo(listener);
        let config = Config::new(format!("unix://{place}").parse().unwrap());
        let sink = opened(with(echoing(config), |config| {
            config.framing = Framing::Length;
            config.send_buffer = Some(4_096);
        }));
        send_mib(&sink, 64);
        let delivery = within(sink.close(LONG)).unwrap();
        assert_eq!(delivery.acked, delivery.accepted);
        assert_eq!(server.join().unwrap() as u64, delivery.acked.bytes + delivery.acked.messages * 4);
    }
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_socket_that_is_connected_already() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let target = Target::Unix("pair".into());
    let sink = Sink::from_stream(Config::new(target.clone()), ours.into()).unwrap();
    within(sink.open()).unwrap();
    sink.try_send(b"hello").unwrap();
    within(sink.close(Duration::from_millis(300))).unwrap();
    let mut all = Vec::new();
    theirs.read_to_end(&mut all).unwrap();
    assert_eq!(all, b"hello");
    let file = std::fs::File::open("/dev/null").unwrap();
    let refusal = Sink::from_stream(Config::new(target), file.into()).unwrap_err().to_string();
    assert!(refusal.starts_with("socket="), "{refusal}");
}
