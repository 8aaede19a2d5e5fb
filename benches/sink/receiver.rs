//! The other end of `make bench-sink`: one process, native, that proves what arrives.
//!
//! It prints the port that it listens on, then takes orders on its standard input, a line each, and answers on its
//! standard output:
//!
//! | order | answer |
//! | --- | --- |
//! | `expect raw ring size=64 producers=8 ring=100 messages=1000000` | `ready`: connections from now on are for this |
//! | `wait SECONDS` | what has come, as JSON, once all messages have; or when the time is over |
//! | `end SECONDS` | the same once every connection has ended: a late double is seen |
//!
//! The first word is the *wire*, how messages are cut from the stream: `raw` (all of one size), `lines`, `length` (`u32`,
//! big-endian), `rfc6587` (octets counted), `zmtp` (that of ØMQ, as a PULL socket would). The second is the *record*, what is
//! in a message:
//!
//! * `ring`: producer and place (two `u16`, little-endian), then bytes that follow from both. A producer sends its ring of
//!   so many messages over and over, so the next place is known, and every byte is compared.
//! * `text`: somewhere in it `fanin-bench PPPPPP SSSSSS `, producer and sequence in six digits; the sequence is checked.
//! * `stamp`: when it was sent (`u64`, little-endian, nanoseconds of the monotonic clock); the way's time is kept.
//! * `any`: anything; only counted.

#[path = "receiver/check.rs"]
mod check;
#[path = "receiver/wire.rs"]
mod wire;

use std::error::Error;
use std::io::{self, BufRead, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use check::{Check, Expected};
use wire::Wire;

/// As much as one read takes.
const PIECE: usize = 256 << 10;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    say(&format!("listening {}", listener.local_addr()?.port()))?;
    let current = Arc::new(Mutex::new(Arc::new(Run::new(Wire::Raw, Expected::default()))));
    let accepting = Arc::clone(&current);
    thread::spawn(move || accept(&listener, &accepting));
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (order, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match order {
            "expect" => {
                let (wire, rest) = rest.split_once(' ').ok_or("expect WIRE RECORD …")?;
                *lock(&current) = Arc::new(Run::new(wire.parse()?, rest.parse()?));
                say("ready")?;
            }
            "wait" => say(&run_of(&current).wait(seconds(rest)?, |state| state.check.complete()))?,
            "end" => say(&run_of(&current).wait(seconds(rest)?, |state| state.open == 0))?,
            _ => return Err(format!("no such order: {line}").into()),
        }
    }
    Ok(())
}

fn run_of(current: &Mutex<Arc<Run>>) -> Arc<Run> {
    Arc::clone(&lock(current))
}

fn seconds(text: &str) -> Outcome<Duration> {
    Ok(Duration::from_secs_f64(text.trim().parse()?))
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// Serves each connection on a thread of its own, for the run that is expected when it comes.
fn accept(listener: &TcpListener, current: &Mutex<Arc<Run>>) {
    while let Ok((stream, _)) = listener.accept() {
        let run = run_of(current);
        lock(&run.state).open += 1;
        thread::spawn(move || {
            let ended = run.serve(stream);
            let mut state = lock(&run.state);
            state.open -= 1;
            if let Err(error) = ended {
                state.check.fault(&error.to_string());
            }
            run.changed.notify_all();
        });
    }
}

/// What is expected, and what has come of it, over all of its connections.
struct Run {
    wire: Wire,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    check: Check,
    open: usize,
}

impl Run {
    fn new(wire: Wire, expected: Expected) -> Self {
        let state = State { check: Check::new(expected), open: 0 };
        Self { wire, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Reads to the end of the stream. What is left there, and is no whole message, is a fault.
    fn serve(&self, mut stream: TcpStream) -> Outcome<()> {
        if matches!(self.wire, Wire::Zmtp) {
            wire::greet(&mut stream)?;
        }
        let size = lock(&self.state).check.size();
        let (mut buffer, mut held) = (vec![0; PIECE], 0);
        loop {
            let count = stream.read(&mut buffer[held..])?;
            let now = check::now()?;
            held += count;
            let used = self.take(&buffer[..held], size, now)?;
            buffer.copy_within(used..held, 0);
            held -= used;
            if count == 0 {
                return if held == 0 {
                    Ok(())
                } else {
                    Err(format!("{held} bytes of a cut message at the end").into())
                };
            }
            if held == buffer.len() {
                return Err("a message is larger than what one read takes".into());
            }
        }
    }

    /// Checks every whole message in `bytes`, and says how many bytes those were.
    fn take(&self, bytes: &[u8], size: usize, now: u64) -> Outcome<usize> {
        let mut state = lock(&self.state);
        let mut used = 0;
        while let Some((body, length)) = self.wire.next(&bytes[used..], size)? {
            if let Some(body) = body {
                state.check.take(&bytes[used + body.start..used + body.end], now);
            }
            used += length;
        }
        state.check.arrived(used, now);
        if state.check.complete() {
            self.changed.notify_all();
        }
        Ok(used)
    }

    fn wait(&self, time: Duration, over: impl Fn(&State) -> bool) -> String {
        let end = Instant::now() + time;
        let mut state = lock(&self.state);
        while !over(&state) && Instant::now() < end {
            let left = end.saturating_duration_since(Instant::now());
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.check.to_json(state.open)
    }
}

/// The state is whole at every moment; a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
