//! Attempts to connect, in simulated time: when they come, and how long one may take.

use std::future::{Future, pending};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fanin::error::{Error, Result};
use fanin::sink::{Config, Connect, FailureKind, Reconnect, Sink};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::tools::{config, with};

/// Nobody who listens, or who never answers; and when he was asked.
#[derive(Clone, Default)]
struct Nobody {
    asked: Arc<Mutex<Vec<Instant>>>,
    is_mute: bool,
}

impl Connect for Nobody {
    type Wire = TcpStream;

    async fn connect(&mut self) -> Result<TcpStream> {
        self.asked.lock().unwrap().push(Instant::now());
        if self.is_mute {
            pending::<()>().await;
        }
        let source = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        Err(Error::Address { doing: "connect to", address: "nobody".to_owned(), source })
    }
}

fn settings(reconnect: Reconnect) -> Config {
    with(config(([127, 0, 0, 1], 9).into()), |config| config.reconnect = reconnect)
}

/// Hours of it take no time: the clock goes on when there is nothing else to do.
fn in_simulated_time<T>(main: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(main)
}

#[test]
fn a_hundred_attempts_follow_the_back_off() {
    in_simulated_time(async {
        let nobody = Nobody::default();
        let (sink, actor) = Sink::driven(settings(Reconnect::AtMostOnce), nobody.clone()).unwrap();
        let actor = tokio::spawn(actor);
        sink.try_send(b"kept").unwrap();
        while sink.stats().failed_attempts < 100 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let asked = nobody.asked.lock().unwrap().clone();
        for (turn, two) in asked.windows(2).enumerate() {
            let (wait, full) =
                (two[1] - two[0], Duration::from_millis(100 << turn.min(7)).min(Duration::from_secs(10)));
            let slack = Duration::from_millis(2);
            assert!(wait >= full / 2 && wait <= full + slack, "attempt {turn}: {wait:?} of {full:?}");
        }
        let waits: Vec<_> = asked.windows(2).skip(10).map(|two| two[1] - two[0]).collect();
        assert!(waits.iter().any(|wait| *wait != waits[0]), "they come at random moments: {waits:?}");

        let began = Instant::now();
        let failure = sink.close(Duration::from_millis(50)).await.unwrap_err();
        assert_eq!((failure.kind, failure.delivery.unsent.messages), (FailureKind::TimedOut, 1));
        assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
        actor.await.unwrap();
    });
}

#[test]
fn an_attempt_that_never_ends_is_given_up() {
    in_simulated_time(async {
        let nobody = Nobody { is_mute: true, ..Nobody::default() };
        let (sink, actor) = Sink::driven(settings(Reconnect::Off), nobody).unwrap();
        let began = Instant::now();
        let (failure, ()) = tokio::join!(sink.open(), actor);
        assert!(began.elapsed() >= Duration::from_secs(10) && began.elapsed() < Duration::from_secs(11));
        assert_eq!(
            failure.unwrap_err().to_string().split(" (").next(),
            Some("cannot connect to tcp://127.0.0.1:9: no connection within 10s")
        );
    });
}

#[test]
fn a_close_ends_an_attempt_in_the_middle() {
    in_simulated_time(async {
        let nobody = Nobody { is_mute: true, ..Nobody::default() };
        let (sink, actor) = Sink::driven(settings(Reconnect::AtMostOnce), nobody.clone()).unwrap();
        let actor = tokio::spawn(actor);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let began = Instant::now();
        assert_eq!(sink.close(Duration::from_secs(60)).await.unwrap().accepted.messages, 0);
        assert!(began.elapsed() < Duration::from_millis(10), "{:?}", began.elapsed());
        assert_eq!(nobody.asked.lock().unwrap().len(), 1);
        actor.await.unwrap();
    });
}
