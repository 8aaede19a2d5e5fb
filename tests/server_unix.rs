//! The server on a Unix socket (failure mode 30: long paths, files in the way, abstract names).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::fs;
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use common::{Ended, PATIENCE, is_echoed, pattern, read_out, settled};
use fanin::Error;
use fanin::server::{Endpoint, Faults, Mode, Place, Server, Settings};

/// A folder of one's own, gone afterwards.
struct Room(PathBuf);

impl Room {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("fanin-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("s")
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn start(path: &Path, faults: Faults) -> Result<Server, Error> {
    Server::start(&Settings { path: Some(path.to_owned()), faults, ..Settings::local(Mode::Echo) })
}

fn connect(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn it_echoes_as_over_tcp_and_removes_its_file() {
    let room = Room::new("echo");
    let server = start(&room.socket(), Faults::default()).unwrap();
    assert_eq!(server.endpoint(), &Endpoint::Unix(room.socket()));
    assert_eq!(server.endpoint().to_string(), format!("unix://{}", room.socket().display()));
    assert_eq!(server.address().port(), 0);
    let mut client = connect(&room.socket());
    for _ in 0..3 {
        assert!(is_echoed(&mut client));
    }
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_out(&mut client), (Vec::new(), Ended::Closed));
    server.stop().unwrap();
    assert!(!room.socket().exists());
}

#[test]
fn a_fault_comes_at_its_byte() {
    let room = Room::new("fault");
    let server = start(&room.socket(), Faults { reset: Some(Place::at(100)), ..Faults::default() }).unwrap();
    let mut client = connect(&room.socket());
    client.write_all(&pattern(200)).unwrap();
    let (read, ended) = read_out(&mut client);
    assert_eq!((pattern(100).starts_with(&read), ended), (true, Ended::Reset));
    assert_eq!(settled(&server, |report| report.open == 0).bytes_received, 100);
}

#[test]
fn what_was_left_over_is_replaced() {
    let room = Room::new("stale");
    drop(UnixListener::bind(room.socket()).unwrap());
    assert!(room.socket().exists(), "a listener that was dropped leaves its file");
    let server = start(&room.socket(), Faults::default()).unwrap();
    assert!(is_echoed(&mut connect(&room.socket())));
    drop(server);
}

#[test]
fn what_is_in_use_or_no_socket_is_left_alone() {
    let room = Room::new("taken");
    let first = start(&room.socket(), Faults::default()).unwrap();
    let told = start(&room.socket(), Faults::default()).unwrap_err().to_string();
    assert!(told.starts_with(&format!("cannot listen on unix://{}: ", room.socket().display())), "{told}");
    assert!(is_echoed(&mut connect(&room.socket())), "whoever was first still listens");
    drop(first);

    fs::write(room.socket(), "something of value").unwrap();
    assert!(matches!(start(&room.socket(), Faults::default()), Err(Error::Address { .. })));
    assert_eq!(fs::read_to_string(room.socket()).unwrap(), "something of value");
}

#[test]
fn a_file_that_took_its_place_is_left_alone() {
    let room = Room::new("moved");
    let server = start(&room.socket(), Faults::default()).unwrap();
    fs::remove_file(room.socket()).unwrap();
    fs::write(room.socket(), "another's").unwrap();
    drop(server);
    assert!(room.socket().exists());
}

#[test]
fn a_path_has_107_bytes_at_the_most() {
    let room = Room::new("long");
    let of_length = |length: usize| {
        let missing = length - room.0.as_os_str().len() - 1;
        room.0.join("x".repeat(missing))
    };
    drop(start(&of_length(107), Faults::default()).unwrap());
    let told = start(&of_length(108), Faults::default()).unwrap_err().to_string();
    assert!(told.ends_with(": allowed are paths of up to 107 bytes; this one has 108"), "{told}");
}

#[test]
fn a_name_that_is_no_path_is_refused() {
    for name in ["", "@abstract", "\0abstract", "in\0side"] {
        let told = start(Path::new(name), Faults::default()).unwrap_err().to_string();
        assert!(told.contains("no abstract names"), "{name:?}: {told}");
    }
}
