//! A connection of the test's own: what no real socket does at the moment that a test wants it.

use std::future::pending;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use fanin::actor::Wire;
use fanin::sink::{Config, Confirm, Connect, Framing, Full, Reconnect, Sink, Stats, Wait};
use fanin::{Error, Result};
use tokio::runtime::{Builder, Runtime};

/// Takes all that is written, never answers, and is flushed when it is allowed to be.
#[derive(Clone, Default)]
struct Abyss(Arc<Flush>);

#[derive(Default)]
struct Flush {
    holds: AtomicBool,
    waker: std::sync::Mutex<Option<Waker>>,
}

impl Abyss {
    fn hold(&self) {
        self.0.holds.store(true, Ordering::SeqCst);
    }

    fn let_go(&self) {
        self.0.holds.store(false, Ordering::SeqCst);
        if let Some(waker) = self.0.waker.lock().unwrap().take() {
            waker.wake();
        }
    }
}

fn all(pieces: &[IoSlice<'_>]) -> usize {
    pieces.iter().map(|piece| piece.len()).sum()
}

impl Wire for Abyss {
    fn poll_send(&self, _: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(all(pieces)))
    }

    fn poll_receive(&self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.0.holds.load(Ordering::SeqCst) {
            return Poll::Ready(Ok(()));
        }
        *self.0.waker.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_finish(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Always has more to read, as sockets do whose peer is faster; with tokio's budget or without.
#[derive(Clone)]
struct Flood {
    is_fair: bool,
}

impl Wire for Flood {
    fn poll_send(&self, _: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(all(pieces)))
    }

    fn poll_receive(&self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.is_fair {
            let budget = std::pin::pin!(tokio::task::coop::consume_budget());
            std::task::ready!(budget.poll(cx));
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_finish(&self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Connects to a wire that is there.
struct To<W>(W);

impl<W: Wire + Clone + Send + Sync + 'static> Connect for To<W> {
    type Wire = W;

    async fn connect(&mut self) -> Result<W> {
        Ok(self.0.clone())
    }
}

/// Never comes to an end.
struct Nowhere;

impl Connect for Nowhere {
    type Wire = Abyss;

    async fn connect(&mut self) -> Result<Abyss> {
        pending().await
    }
}

/// Fails at once.
struct Refused;

impl Connect for Refused {
    type Wire = Abyss;

    async fn connect(&mut self) -> Result<Abyss> {
        Err(Error::Cancelled)
    }
}

fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::new("unix://@a-wire-of-its-own".parse().unwrap());
    change(&mut config);
    config
}

/// Whose clock goes on as soon as nothing else does.
fn quick_clock() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap()
}

/// A sink with its actor on a thread beside.
fn beside<W: Wire + Clone + Send + Sync + 'static>(config: Config, wire: W) -> Sink {
    let (sink, actor) = Sink::driven(config, To(wire)).unwrap();
    thread::spawn(move || Builder::new_current_thread().enable_all().build().unwrap().block_on(actor));
    sink
}

/// Waits until all that it has is lent or gone.
fn until_taken(sink: &Sink) -> Stats {
    let begun = Instant::now();
    while !sink.is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", sink.stats());
        thread::sleep(Duration::from_micros(200));
    }
    sink.stats()
}

#[test]
fn a_flush_that_had_to_wait_is_not_held_against_a_wire_that_is_idle_after() {
    quick_clock().block_on(async {
        let wire = Abyss::default();
        wire.hold();
        let (sink, actor) = Sink::driven(config(|_| ()), To(wire.clone())).unwrap();
        tokio::spawn(actor);
        sink.try_send(b"hello").unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        wire.let_go();
        sink.flush().await.unwrap();
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(sink.failure().is_none(), "{:?}", sink.failure());
        sink.try_send(b"hello").unwrap();
        assert!(sink.flush().await.is_ok());
    });
}

#[test]
fn a_flush_that_never_comes_is() {
    quick_clock().block_on(async {
        let wire = Abyss::default();
        wire.hold();
        let (sink, actor) = Sink::driven(config(|_| ()), To(wire)).unwrap();
        tokio::spawn(actor);
        sink.try_send(b"hello").unwrap();
        let failure = sink.flush().await.unwrap_err();
        assert!(failure.to_string().contains("takes nothing for 30s"), "{failure}");
    });
}

#[test]
fn a_panic_of_the_callers_iterator_leaves_nobody_asleep() {
    let sink = beside(config(|_| ()), Abyss::default());
    thread::sleep(Duration::from_millis(100)); // the actor is asleep
    let caller = sink.clone();
    let panics = (0..3).map(|turn| if turn == 2 { panic!("of the caller") } else { b"x" });
    assert!(thread::spawn(move || caller.try_send_many(panics)).join().is_err());
    let delivery = until_taken(&sink).delivery;
    assert_eq!((delivery.accepted.messages, delivery.unsent.messages), (2, 0));
    sink.try_send(b"y").unwrap();
    assert_eq!(sink.flush().wait().unwrap().written.messages, 3);
}

#[test]
fn a_peer_that_never_rests_does_not_hold_up_a_close() {
    for is_fair in [true, false] {
        let sink = beside(config(|_| ()), Flood { is_fair });
        sink.try_send(b"x").unwrap();
        let closed = sink.close(Duration::from_millis(500)).wait_until(Instant::now() + Duration::from_secs(60));
        assert!(closed.is_some(), "its time is long over");
    }
}

#[test]
fn the_oldest_stay_where_to_drop_them_would_not_make_room() {
    let settings = config(|config| {
        (config.capacity, config.on_full) = (4096, Full::DropOldest);
        (config.confirm, config.framing) = (Confirm::Echo, Framing::Length);
    });
    let sink = beside(settings, Abyss::default());
    for _ in 0..4 {
        (0..8).for_each(|_| sink.try_send(&[1; 60]).unwrap());
        until_taken(&sink); // written, and never answered
    }
    let held = sink.stats().held_bytes;
    assert_eq!(held, 32 * 64);
    (0..32).for_each(|_| sink.try_send(&[2; 60]).unwrap());
    let dropped = |sink: &Sink| sink.delivery().dropped.messages;
    let before = dropped(&sink);
    sink.try_send(&[3; 3000]).unwrap();
    assert_eq!(dropped(&sink), before + 1, "it alone: the rest is the actor's");
}

#[test]
fn what_waits_for_its_echo_takes_twice_the_capacity_at_the_most() {
    for (capacity, message) in [(4 << 20, 8_300), (256 << 10, 4_100), (4 << 20, 16_400), (64 << 10, 3)] {
        let settings = config(|config| {
            (config.capacity, config.confirm, config.idle_timeout) = (capacity, Confirm::Echo, None);
        });
        let (sink, message) = (beside(settings, Abyss::default()), vec![7; message]);
        while sink.try_send(&message).is_ok() && sink.try_send(&message).is_ok() {
            until_taken(&sink);
        }
        let stats = sink.stats();
        assert!(stats.memory_bytes >= stats.held_bytes, "{stats:?}");
        assert!(stats.held_bytes as usize > capacity - 2 * message.len(), "{stats:?}");
        assert!(
            stats.memory_bytes as usize <= 2 * capacity + 2 * (64 << 10),
            "{capacity} {}: {stats:?}",
            message.len()
        );
    }
}

#[test]
fn who_waits_for_what_is_dropped_is_woken_at_once() {
    quick_clock().block_on(async {
        let settings = config(|config| {
            (config.capacity, config.on_full) = (1000, Full::DropOldest);
            (config.reconnect, config.connect_timeout) = (Reconnect::AtMostOnce, Duration::from_secs(60));
        });
        let (sink, actor) = Sink::driven(settings, Nowhere).unwrap();
        tokio::spawn(actor);
        tokio::time::sleep(Duration::from_millis(10)).await;
        (0..10).for_each(|_| sink.try_send(&[0; 100]).unwrap());
        let flush = sink.flush();
        let begun = tokio::time::Instant::now();
        let flushed = tokio::spawn(async move { (flush.await.is_ok(), begun.elapsed()) });
        tokio::task::yield_now().await;
        (0..10).for_each(|_| sink.try_send(&[1; 100]).unwrap());
        assert_eq!(sink.delivery().dropped.messages, 10);
        let (is_ok, after) = flushed.await.unwrap();
        assert!(is_ok && after < Duration::from_secs(1), "{after:?}");
    });
}

#[test]
fn at_the_end_nothing_is_held() {
    quick_clock().block_on(async {
        let (sink, actor) = Sink::driven(config(|_| ()), Nowhere).unwrap();
        tokio::spawn(actor);
        sink.try_send(&[0; 900]).unwrap();
        assert_eq!(sink.stats().held_bytes, 900);
        sink.close(Duration::ZERO).await.unwrap_err();
        let stats = sink.stats();
        assert_eq!((stats.held_bytes, stats.memory_bytes, stats.high_water_bytes), (0, 0, 900));
        assert_eq!(stats.delivery.unsent.messages, 1);
    });
}

#[test]
fn a_wait_that_lasts_for_ever_is_no_panic() {
    quick_clock().block_on(async {
        let settings = config(|config| {
            config.reconnect = Reconnect::AtMostOnce;
            (config.backoff.first, config.backoff.longest) = (Duration::MAX, Duration::MAX);
        });
        let (sink, actor) = Sink::driven(settings, Refused).unwrap();
        let actor = tokio::spawn(actor);
        tokio::task::yield_now().await;
        sink.close(Duration::from_secs(1)).await.unwrap();
        actor.await.unwrap();
    });
}

#[test]
#[should_panic(expected = "after it had taken its message")]
fn a_send_that_is_done_takes_nothing_again() {
    let sink = beside(config(|_| ()), Abyss::default());
    let mut sending = sink.send(b"once");
    sending.wait().unwrap();
    let _ = sending.wait();
}

/// Where as many wait to be let in as the listener allows, a connection waits for its turn.
#[cfg(target_os = "linux")]
#[test]
fn a_crowded_listener_is_asked_again() {
    use socket2::{Domain, SockAddr, Socket, Type};

    let path = std::env::temp_dir().join(format!("fanin-crowded-{}", std::process::id()));
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    listener.bind(&SockAddr::unix(&path).unwrap()).unwrap();
    listener.listen(0).unwrap();
    let target = || format!("unix://{}", path.display());
    let opened = |timeout| {
        let mut config = Config::new(target().parse().unwrap());
        config.connect_timeout = timeout;
        let sink = Sink::new(config).unwrap();
        let opening = sink.open();
        (sink, opening)
    };
    let (first, mut opening) = opened(Duration::from_secs(60));
    opening.wait().unwrap();
    let (second, mut opening) = opened(Duration::from_millis(200));
    let failure = opening.wait().unwrap_err().to_string();
    assert!(failure.contains("no connection within 200ms (connect_timeout)"), "{failure}");
    let (third, mut opening) = opened(Duration::from_secs(60));
    assert!(opening.wait_until(Instant::now() + Duration::from_millis(100)).is_none());
    let (_peer, _) = listener.accept().unwrap();
    opening.wait_until(Instant::now() + Duration::from_secs(60)).unwrap().unwrap();
    drop((first, second, third));
    std::fs::remove_file(&path).unwrap();
}
