//! A client that is gone is an error and never a signal (failure mode 31), whatever the process does about SIGPIPE.
//!
//! Rust's runtime ignores SIGPIPE, so this process restores what a Python program may have: its default, which is death.

#![allow(unsafe_code)] // a signal's default action is set by an unsafe call
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use common::{connect, is_echoed, pattern, settled};
use fanin::server::{Faults, Mode, Server, Settings};
use nix::sys::signal::{SigHandler, Signal, signal};

#[test]
fn nobody_dies_of_a_client_that_is_gone() {
    // SAFETY: the default action is no handler of ours; nothing else in this process sets one.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) }.unwrap();
    let path = std::env::temp_dir().join(format!("fanin-{}-pipe", std::process::id()));
    let faults = Faults { echo_delay: Duration::from_millis(100), only_first: Some(1), ..Faults::default() };
    for path in [None, Some(path)] {
        let settings = Settings { path: path.clone(), faults: faults.clone(), ..Settings::local(Mode::Echo) };
        let server = Server::start(&settings).unwrap();
        // The client leaves while its echo is still to come; two pieces, so that one write meets a broken connection.
        match &path {
            None => leave(&mut connect(server.address())),
            Some(path) => leave(&mut UnixStream::connect(path).unwrap()),
        }
        settled(&server, |report| (report.opened, report.open) == (1, 0));
        match &path {
            None => assert!(is_echoed(&mut connect(server.address()))),
            Some(path) => assert!(is_echoed(&mut UnixStream::connect(path).unwrap())),
        }
    }
}

fn leave(client: &mut impl Write) {
    client.write_all(&pattern(150_000)).unwrap();
}
