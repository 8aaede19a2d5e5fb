//! A thousand connections, one after the other, each reset at a random byte: at every one of the losses the account says
//! exactly where the next connection begins.

use std::ops::Range;
use std::thread;
use std::time::Duration;

use fanin::server::{self, Faults, Mode, Place, Recording, Server, Settings};
use fanin::sink::{Confirm, Delivery, Framing, Reconnect, Sink};

use super::tools::{LONG, accounts, assert_even, listen, message, number, quick, soon, within};

const CUTS: u64 = 1_000;

/// Resets its first connections, each somewhere within its first 3,000 bytes.
fn cutting(mode: Mode, seed: u64) -> Server {
    let faults = Faults { seed, only_first: Some(CUTS), reset: Some(Place::within(1, 3_000)), ..Faults::default() };
    let recording = Recording { framing: server::Framing::Lines, max_frame: 1 << 10, most: 256 << 20 };
    Server::start(&Settings { faults, recording: Some(recording), ..Settings::local(mode) }).unwrap()
}

/// What came of it.
struct Outcome {
    /// The last account.
    delivery: Delivery,
    /// The account at each loss.
    losses: Vec<Delivery>,
    /// The whole messages of each connection: they follow each other.
    streams: Vec<Range<u64>>,
}

fn through_cuts(reconnect: Reconnect, confirm: Confirm, seed: u64) -> Outcome {
    let server = cutting(if confirm == Confirm::Echo { Mode::Echo } else { Mode::Discard }, seed);
    let mut config = quick(server.endpoint().to_string().parse().unwrap(), Framing::Lines, reconnect, confirm);
    config.capacity = 8_000;
    config.backoff.longest = config.backoff.first;
    let sink = Sink::new(config).unwrap();
    let listener = listen(&sink);
    within(sink.open()).unwrap();
    let mut sent = 0;
    while sink.stats().losses < CUTS {
        for _ in 0..20 {
            within(sink.send(message(sent))).unwrap();
            sent += 1;
        }
    }
    let delivery = within(sink.close(LONG)).unwrap_or_else(|failure| panic!("{failure}"));
    let stats = sink.stats();
    assert_eq!((stats.losses, stats.connections, stats.failed_attempts), (CUTS, CUTS + 1, 0));
    let losses = accounts(&listener.join().unwrap());
    let streams = streams(&server);
    for account in losses.iter().chain([&delivery]) {
        assert_even(*account);
        assert_eq!(account.dropped.messages, 0);
    }
    assert_eq!((losses.len() as u64, delivery.accepted.messages), (CUTS, sent as u64));
    assert_eq!(delivery.unsent.messages, 0);
    Outcome { delivery, losses, streams }
}

/// What each connection brought, once all of them have ended.
fn streams(server: &Server) -> Vec<Range<u64>> {
    let deadline = soon();
    while server.report().open > 0 {
        assert!(std::time::Instant::now() < deadline, "{:?}", server.report());
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(server.report().faults, CUTS);
    let mut streams = vec![0..0; 1 + usize::try_from(CUTS).unwrap()];
    for (connection, message) in server.inbox().unwrap().messages(0).iter() {
        let (stream, number) = (&mut streams[usize::try_from(connection).unwrap()], number(message) as u64);
        if Range::is_empty(stream) {
            *stream = number..number;
        }
        assert_eq!(stream.end, number, "on connection {connection}");
        stream.end += 1;
    }
    streams
}

/// Each loss, with what the connection before it and the one after it brought; an empty one says nothing.
fn turns(outcome: &Outcome) -> impl Iterator<Item = (&Delivery, &Range<u64>, &Range<u64>)> {
    let pairs = outcome.streams.windows(2).map(|two| (&two[0], &two[1]));
    outcome.losses.iter().zip(pairs).map(|(loss, (before, after))| (loss, before, after))
}

#[test]
fn at_least_once_through_a_thousand_cuts_has_no_gap_and_doubles_only_what_was_in_doubt() {
    let outcome = through_cuts(Reconnect::AtLeastOnce, Confirm::Echo, 1);
    let (mut doubles, mut in_doubt) = (0, 0);
    let mut next = 0;
    for (loss, before, after) in turns(&outcome) {
        next = next.max(before.end);
        let (acked, doubtful) = (loss.acked.messages, loss.in_doubt.messages);
        assert!(acked <= next && next <= acked + doubtful, "{next} came before {loss}");
        if !after.is_empty() {
            assert_eq!(after.start, acked, "after {loss}");
        }
        doubles += next.min(after.end).saturating_sub(after.start);
        in_doubt += doubtful;
    }
    let last = outcome.streams.last().unwrap().end.max(next);
    let came: u64 = outcome.streams.iter().map(|stream| stream.end - stream.start).sum();
    assert_eq!((last, came - last), (outcome.delivery.accepted.messages, doubles), "a gap");
    assert!(0 < doubles && doubles <= in_doubt, "{doubles} doubles of {in_doubt} in doubt");
    assert_eq!(outcome.delivery.acked, outcome.delivery.accepted);
}

#[test]
fn at_most_once_through_a_thousand_cuts_has_no_double_and_counts_what_is_missing() {
    for (confirm, seed) in [(Confirm::None, 2), (Confirm::Echo, 3)] {
        let outcome = through_cuts(Reconnect::AtMostOnce, confirm, seed);
        let (mut next, mut missing) = (0, 0);
        for (loss, before, after) in turns(&outcome) {
            next = next.max(before.end);
            let begun = loss.acked.messages + loss.in_doubt.messages;
            assert!(next <= begun && loss.acked.messages <= next, "{next} came before {loss}");
            if !after.is_empty() {
                // Neither again nor left out: the first that was not begun on any connection before.
                assert_eq!((after.start, loss.written.messages), (begun, 0), "after {loss}");
                missing += after.start - next;
            }
        }
        let came: u64 = outcome.streams.iter().map(|stream| stream.end - stream.start).sum();
        let Delivery { accepted, acked, written, in_doubt, .. } = outcome.delivery;
        let settled = acked.messages + written.messages;
        assert!(settled <= came && came <= settled + in_doubt.messages, "{came} of {}", outcome.delivery);
        let tail = accepted.messages - outcome.streams.iter().map(|stream| stream.end).max().unwrap();
        assert_eq!(accepted.messages - came, missing + tail, "{}", outcome.delivery);
        assert!(0 < missing && missing + tail <= in_doubt.messages);
    }
}
