//! A sink in earnest: threads send lines, the connection is lost in the middle, and nothing is missing at the end.
//!
//! `cargo run --release --example sink` feeds a server of its own that resets its first connection; give a target, as
//! `tcp://127.0.0.1:9000`, to feed one that echoes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use fanin::sink::{Config, Confirm, Event, Framing, Reconnect, Sink, Wait};

const THREADS: usize = 4;
const MESSAGES: usize = 50_000;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let target = match std::env::args().nth(1) {
        Some(target) => target,
        None => unreliable_echo()?,
    };
    let mut config = Config::new(target.parse()?);
    config.framing = Framing::Lines;
    config.confirm = Confirm::Echo;
    config.reconnect = Reconnect::AtLeastOnce;
    let sink = Sink::new(config)?;
    let mut events = sink.events();
    let listener = thread::spawn(move || while !told(&events.wait()) {});
    sink.open().wait()?;
    thread::scope(|scope| {
        for number in 0..THREADS {
            let sink = &sink;
            scope.spawn(move || produce(sink, number));
        }
    });
    let delivery = sink.close(Duration::from_secs(30)).wait()?;
    println!("{delivery}");
    let stats = sink.stats();
    println!("{} writes, {} bytes on the wire, {} connections", stats.writes, stats.wire_bytes, stats.connections);
    listener.join().map_err(|_| "the listener panicked")?;
    Ok(())
}

/// Sends its messages, waiting only when the sink is full.
fn produce(sink: &Sink, number: usize) {
    for turn in 0..MESSAGES {
        let line = format!("producer {number}, message {turn}");
        if let Err(error) = sink.send(line.into_bytes()).wait() {
            eprintln!("message {turn} of producer {number} was not taken: {error}");
            return;
        }
    }
}

/// Prints what happened; whether that was all.
fn told(events: &[Event]) -> bool {
    for event in events {
        match event {
            Event::Error { cause, .. } => println!("lost: {cause}"),
            Event::Reconnected { attempts, .. } => println!("connected again, at attempt {attempts}"),
            _ => {}
        }
    }
    events.iter().any(|event| matches!(event, Event::Ended))
}

/// Echoes, but hangs up on its first client after a megabyte.
fn unreliable_echo() -> Outcome<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let target = format!("tcp://{}", listener.local_addr()?);
    thread::spawn(move || {
        for (turn, stream) in listener.incoming().flatten().enumerate() {
            let most = if turn == 0 { 1 << 20 } else { usize::MAX };
            thread::spawn(move || echo(stream, most));
        }
    });
    Ok(target)
}

fn echo(mut stream: TcpStream, most: usize) {
    let (mut buffer, mut total) = (vec![0; 64 * 1024], 0);
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        total += count;
        if stream.write_all(&buffer[..count]).is_err() || total > most {
            return;
        }
    }
}
