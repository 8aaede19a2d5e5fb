//! A program of your own: threads push messages, one actor carries them to a socket.
//!
//! `cargo run --release --example fan_in` feeds a listener of its own; give an address, as `127.0.0.1:9000`, to feed
//! another.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::thread;

use fanin::actor::{self, Account, Policy, Timeline};
use fanin::queue::lanes::Lanes;
use fanin::queue::{Capacity, Queue, Sender, Shape};
use fanin::{Error, Result};
use tokio::net::TcpStream;

const PRODUCERS: usize = 4;
const MESSAGES: usize = 250_000;

fn main() -> Result<()> {
    let account = run(std::env::args().nth(1))?;
    println!("{} messages, {} bytes, in {} writes", account.messages, account.bytes, account.writes);
    println!("answered: {} bytes", account.answered);
    Ok(())
}

fn run(address: Option<String>) -> Result<Account> {
    let address = match address {
        Some(address) => {
            address.parse().map_err(|_| Error::argument("address", address, "allowed is HOST:PORT in numbers"))?
        }
        None => listen()?,
    };
    // Messages of any size; at most 256 KiB wait, then senders do.
    let (sender, receiver) = Lanes::open(&Shape { capacity: Some(Capacity::Bytes(256 * 1024)), ..Shape::default() });
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|number| {
            let sender = sender.clone();
            thread::spawn(move || produce(number, sender))
        })
        .collect();
    // The actor ends when the last sender is gone.
    drop(sender);
    let account = runtime()?.block_on(async {
        let stream = TcpStream::connect(address).await.map_err(Error::io("connect"))?;
        Box::pin(actor::run(receiver, &stream, Policy::Batch, Timeline::off())).await
    })?;
    for producer in producers {
        producer.join().map_err(|payload| Error::panicked("producer", &*payload))??;
    }
    Ok(account)
}

fn produce(number: usize, mut sender: impl Sender) -> Result<()> {
    for sequence in 0..MESSAGES {
        sender.send_blocking(format!("producer={number} sequence={sequence}\n").as_bytes())?;
    }
    Ok(())
}

/// One actor on one socket is fastest on a thread of its own.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(Error::io("start the runtime"))
}

/// The other end: counts the lines that arrive at one connection.
fn listen() -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(Error::io("listen"))?;
    let address = listener.local_addr().map_err(Error::io("listen"))?;
    thread::spawn(move || {
        let (mut stream, mut lines) = (listener.accept()?.0, 0);
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match stream.read(&mut buffer)? {
                0 => break,
                count => lines += buffer[..count].iter().map(|byte| usize::from(*byte == b'\n')).sum::<usize>(),
            }
        }
        println!("arrived: {lines} lines");
        Ok::<_, std::io::Error>(())
    });
    Ok(address)
}

#[cfg(test)]
mod tests {
    #[test]
    fn carries_every_message() {
        let account = super::run(None).unwrap();
        assert_eq!(account.messages, (super::PRODUCERS * super::MESSAGES) as u64);
        assert!(account.writes < account.messages / 10);
    }
}
