//! What happens when file descriptors run out (failure mode 27). Alone in its process, since the limit is the whole process's.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use fanin::server::{Mode, Server, Settings};
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};

/// Takes all descriptors that are left.
fn exhaust() -> Vec<File> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 64, most).unwrap();
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

/// Processor time of this process.
fn busy() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let [user, system] = [usage.user_time(), usage.system_time()];
    Duration::from_micros(u64::try_from((user.tv_sec() + system.tv_sec()) * 1_000_000).unwrap())
        + Duration::from_micros(u64::try_from(user.tv_usec() + system.tv_usec()).unwrap())
}

fn is_echoed(client: &mut TcpStream) -> bool {
    client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut echo = [0; 4];
    client.write_all(b"here").is_ok() && client.read_exact(&mut echo).is_ok() && echo == *b"here"
}

#[test]
fn a_server_without_descriptors_waits_for_them() {
    let server = Server::start(&Settings::local(Mode::Echo)).unwrap();
    let mut early = TcpStream::connect(server.address()).unwrap();
    assert!(is_echoed(&mut early));

    let mut taken = exhaust();
    taken.pop(); // one for the client; the server's end finds none
    let mut late = TcpStream::connect(server.address()).unwrap();
    let (start, before) = (Instant::now(), busy());
    while server.report().refused < 5 {
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", server.report());
        thread::sleep(Duration::from_millis(10));
    }
    assert!(is_echoed(&mut early), "who is connected is served");
    thread::sleep(Duration::from_millis(300));
    assert!(server.report().refused < 20, "it waits between its attempts: {:?}", server.report());
    assert!(busy() < before + start.elapsed() / 2, "it does not spin");

    drop(taken);
    assert!(is_echoed(&mut late), "who waited is served when there are descriptors again");
    assert_eq!(server.stop().unwrap().opened, 2);
}
