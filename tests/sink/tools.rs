//! A peer that does what a test wants, and what the tests say again and again.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fanin::message::framing::{Decoder, Framing};
use fanin::sink::{Backoff, Config, Confirm, Delivery, Event, Reconnect, Sink, Target, Wait};

/// Longer than anything takes on a machine that is busy with other tests.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) fn soon() -> Instant {
    Instant::now() + LONG
}

/// Waits for a future on this thread, and fails where that never ends.
pub(crate) fn within<F: Wait>(mut what: F) -> F::Output {
    what.wait_until(soon()).expect("it never ends")
}

/// A listener, and a thread that serves its connections one after the other.
pub(crate) struct Peer<T> {
    pub(crate) address: SocketAddr,
    thread: JoinHandle<T>,
}

impl<T: Send + 'static> Peer<T> {
    pub(crate) fn start(serve: impl FnOnce(TcpListener) -> T + Send + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        Self { address, thread: thread::spawn(move || serve(listener)) }
    }

    pub(crate) fn join(self) -> T {
        self.thread.join().unwrap()
    }

    pub(crate) fn config(&self) -> Config {
        config(self.address)
    }

    pub(crate) fn target(&self) -> Target {
        self.config().target
    }
}

pub(crate) fn config(address: SocketAddr) -> Config {
    Config::new(format!("tcp://{address}").parse().unwrap())
}

pub(crate) fn with(mut config: Config, change: impl FnOnce(&mut Config)) -> Config {
    change(&mut config);
    config
}

/// Connects again within milliseconds.
pub(crate) fn quick(target: Target, framing: Framing, reconnect: Reconnect, confirm: Confirm) -> Config {
    with(Config::new(target), |config| {
        config.framing = framing;
        config.reconnect = reconnect;
        config.confirm = confirm;
        config.backoff = Backoff { first: Duration::from_millis(1), longest: Duration::from_millis(5), seed: Some(1) };
    })
}

/// Numbered messages of different lengths.
pub(crate) fn message(turn: usize) -> Vec<u8> {
    let filler = "x".repeat(turn * 7 % 23);
    format!("{turn}{filler}").into_bytes()
}

pub(crate) fn number(message: &[u8]) -> usize {
    let digits: Vec<u8> = message.iter().copied().take_while(u8::is_ascii_digit).collect();
    String::from_utf8(digits).unwrap().parse().unwrap()
}

/// A sink that is connected.
pub(crate) fn opened(config: Config) -> Sink {
    let sink = Sink::new(config).unwrap();
    within(sink.open()).unwrap();
    sink
}

/// A sink over a connection that may be lost before anybody looks.
pub(crate) fn opened_or_lost(config: Config) -> Sink {
    let sink = Sink::new(config).unwrap();
    let _ = within(sink.open());
    sink
}

/// All events from now to the end, taken as they come.
pub(crate) fn listen(sink: &Sink) -> JoinHandle<Vec<Event>> {
    let mut events = sink.events();
    thread::spawn(move || {
        let mut all = Vec::new();
        while !matches!(all.last(), Some(Event::Ended)) {
            all.extend(events.wait_until(soon()).expect("events"));
        }
        all
    })
}

/// The accounts that were told with the losses among events.
pub(crate) fn accounts(events: &[Event]) -> Vec<Delivery> {
    let account = |event: &Event| if let Event::Error { delivery, .. } = event { Some(*delivery) } else { None };
    events.iter().filter_map(account).collect()
}

/// Reads one connection to its end.
pub(crate) fn read_one(listener: &TcpListener) -> Vec<u8> {
    let (mut stream, _) = listener.accept().unwrap();
    let mut bytes = Vec::new();
    // A reset ends it as well as a close.
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

/// Sends everything back, to the end.
pub(crate) fn echo_one(listener: &TcpListener) -> usize {
    let (stream, _) = listener.accept().unwrap();
    echo(stream)
}

pub(crate) fn echo(mut stream: TcpStream) -> usize {
    let (mut buffer, mut total) = (vec![0; 64 * 1024], 0);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return total,
            Ok(count) => {
                total += count;
                if stream.write_all(&buffer[..count]).is_err() {
                    return total;
                }
            }
        }
    }
}

/// The whole messages of a stream, and what is left at its end.
pub(crate) fn messages(framing: Framing, stream: &[u8]) -> (Vec<Vec<u8>>, usize) {
    let mut decoder = Decoder::new(framing, 1 << 30);
    decoder.push(stream);
    let mut messages = Vec::new();
    while let Some(message) = decoder.next_message().unwrap() {
        messages.push(message.to_vec());
    }
    (messages, decoder.rest().len())
}

pub(crate) fn assert_even(delivery: Delivery) {
    assert!(delivery.is_even(), "{delivery:?}");
}
