"""A sink's states: not open, open, full, disconnected, closed; and what opens, flushes and closes it."""

import asyncio
import copy
import errno
import gc
import pickle
import queue
import socket
import ssl
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from receivers import Receiver, stalled, url_of, wait_for

import fanin

# --- states ----------------------------------------------------------------------------------------------------------

CALLS: dict[str, Callable[[fanin.Sink], object]] = {
    "send": lambda sink: sink.send(b"x"),
    "send, waiting": lambda sink: sink.send(b"x", timeout=5),
    "try_send": lambda sink: sink.try_send(b"x"),
    "write": lambda sink: sink.write(b"x"),
    "send_many": lambda sink: sink.send_many([b"x"]),
    "send_many, of one buffer": lambda sink: sink.send_many(b"x", offsets=[0, 1]),
    "send_async": lambda sink: sink.send_async(b"x").send(None),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_nothing_is_sent_before_it_is_open(receiver: Receiver, call: Callable[[fanin.Sink], object]) -> None:
    sink = fanin.Sink(receiver.url)
    with pytest.raises(fanin.Closed, match="not open yet"):
        call(sink)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_nothing_is_sent_after_it_is_closed(receiver: Receiver, call: Callable[[fanin.Sink], object]) -> None:
    with fanin.Sink(receiver.url) as sink:
        pass
    with pytest.raises(fanin.Closed, match="is closed"):
        call(sink)
    assert isinstance(sink.delivery, fanin.Delivery)
    assert sink.delivery.accepted == 0


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_nothing_is_sent_after_the_connection_is_lost(receiver: Receiver, call: Callable[[fanin.Sink], object]) -> None:
    sink = fanin.Sink(receiver.url).open()
    wait_for(lambda: receiver.connection)
    receiver.reset()
    wait_for(lambda: not sink._is_open)
    with pytest.raises(fanin.Disconnected) as caught:
        call(sink)
    lost = caught.value
    assert isinstance(lost, ConnectionError)
    assert lost.delivery
    assert lost.delivery.accepted == sink.delivery.accepted
    assert lost.delivery.written == 0
    with pytest.raises(fanin.Disconnected):
        sink.flush()
    with pytest.raises(fanin.Disconnected):
        sink.close()
    assert sink.close() == sink.close()


def test_closing_twice_returns_the_same(receiver: Receiver) -> None:
    sink = fanin.Sink(receiver.url).open()
    sink.send(b"once")
    first = sink.close()
    assert first == sink.close() == sink.close(timeout=0) == sink.delivery
    assert (first.accepted, first.written, sink.closed) == (1, 1, True)
    assert repr(sink) == f"<Sink {receiver.url}, closed>"
    with pytest.raises(fanin.Closed, match="not opened again"):
        sink.open()
    with pytest.raises(fanin.Closed), sink:
        pass


def test_closing_what_was_never_open() -> None:
    sink = fanin.Sink("tcp://127.0.0.1:9")
    assert sink.close() == fanin.Delivery()
    assert sink.closed
    with pytest.raises(fanin.Closed):
        sink.open()
    with pytest.raises(fanin.Closed):
        fanin.Sink("tcp://127.0.0.1:9").flush()


def test_opening_twice_is_fine(receiver: Receiver) -> None:
    sink = fanin.Sink(receiver.url)
    assert sink.open() is sink
    with sink.open(5) as same:
        assert same is sink
        assert "open, 0 pending" in repr(sink)
    receiver.ended.wait(10)
    assert len(receiver.streams) == 1


def test_a_failure_in_the_body_is_what_is_raised(receiver: Receiver) -> None:
    def body(sink: fanin.Sink) -> None:
        wait_for(lambda: receiver.connection)
        sink.send(b"x")
        sink.flush(timeout=20)
        receiver.reset()
        wait_for(lambda: not sink._is_open)
        raise KeyError("mine")

    with pytest.raises(KeyError) as caught, fanin.Sink(receiver.url) as sink:
        body(sink)
    assert sink.closed
    assert any("the sink" in note for note in caught.value.__notes__)


# --- opening ---------------------------------------------------------------------------------------------------------


def refused() -> str:
    """An address that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return url_of(listener)


@pytest.mark.parametrize(
    ("target", "number"),
    [
        (refused, errno.ECONNREFUSED),
        (lambda: "unix:///nowhere/at/all", errno.ENOENT),
        (lambda: "tcp://no-such-host.invalid:9", None),
    ],
    ids=["refused", "no path", "no name"],
)
def test_what_cannot_be_connected_to_raises(target: Callable[[], str], number: int | None) -> None:
    url = target()
    for enter in (fanin.Sink.open, fanin.Sink.__enter__):
        sink = fanin.Sink(url)
        with pytest.raises(fanin.AddressError) as caught:
            enter(sink)
        assert isinstance(caught.value, OSError)
        if number:
            assert caught.value.errno == number
        assert url.partition("://")[2] in str(caught.value)
        assert sink.closed
    wait_for(lambda: not any(thread.name.startswith("fanin") for thread in threading.enumerate()))


def test_reconnecting_waits_for_whoever_comes_late() -> None:
    url = refused()
    sink = fanin.Sink(url, reconnect="at_most_once", backoff=(0.01, 0.02))
    assert sink.open(0) is sink
    sink.send(b"before anybody listens")
    with pytest.raises(fanin.TimedOut):
        sink.open(0.05)
    port = int(url.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)) as listener:
        sink.open(20)
        connection, _ = listener.accept()
        with connection:
            sink.send(b", and after")
            assert sink.close().complete
            assert connection.recv(100, socket.MSG_WAITALL) == b"before anybody listens, and after"


@pytest.mark.unix
def test_unix_and_ipv6(tmp_path: Path) -> None:
    with Receiver(tmp_path / "here.sock") as receiver:
        with fanin.Sink(receiver.url, framing="lines") as sink:
            assert sink.target == f"unix://{tmp_path}/here.sock"
            sink.send(b"by a path")
        receiver.ended.wait(10)
        assert receiver.received == b"by a path\n"
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        return
    with listener, fanin.Sink(f"tcp://[::1]:{listener.getsockname()[1]}") as sink:
        sink.send(b"by six")


@pytest.mark.parametrize("family", [pytest.param("pair", marks=pytest.mark.unix), "tcp"])
def test_a_socket_that_is_connected_already(family: str) -> None:
    if family == "pair":
        here, there = socket.socketpair()
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            here = socket.create_connection(listener.getsockname())
            there, _ = listener.accept()
    with there:
        sink = fanin.Sink.from_socket(here, framing="lines")
        assert here.fileno() == -1
        assert sink.target.startswith("unix://" if family == "pair" else "tcp://127.0.0.1:")
        sink.send(b"hello")
        assert sink.close().written == 1
        assert there.recv(100, socket.MSG_WAITALL) == b"hello\n"


@pytest.mark.unix
def test_sockets_that_are_none() -> None:
    with pytest.raises(fanin.PlanError, match="sock=5"):
        fanin.Sink.from_socket(5)  # type: ignore[arg-type]
    with socket.socket() as sock:
        with pytest.raises(OSError, match="not connected"):
            fanin.Sink.from_socket(sock)
        assert sock.fileno() >= 0
    here, there = socket.socketpair()
    with here, there:
        with pytest.raises(fanin.PlanError, match="capacity=0"):
            fanin.Sink.from_socket(here, capacity=0)
        with pytest.raises(TypeError, match="'framming'"):
            fanin.Sink.from_socket(here, framming="lines")
        with pytest.raises(TypeError, match="'target'"):
            fanin.Sink.from_socket(here, target="tcp://127.0.0.1:9")
        assert here.fileno() >= 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("")
        sock.connect(sock.getsockname())
        with pytest.raises(fanin.PlanError, match="stream sockets"):
            fanin.Sink.from_socket(sock)


@pytest.mark.skipif(sys.platform != "linux", reason="netlink is Linux's")
def test_a_socket_of_another_family_is_refused() -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as sock:
        sock.connect((0, 0))
        with pytest.raises(fanin.PlanError, match="TCP and Unix"):
            fanin.Sink.from_socket(sock)


def test_a_socket_that_speaks_tls_is_not_written_past_it() -> None:
    here, there = socket.socketpair()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    with there, context.wrap_socket(here, do_handshake_on_connect=False) as secure:
        with pytest.raises(fanin.PlanError, match="in the clear"):
            fanin.Sink.from_socket(secure)
        assert secure.fileno() >= 0


@pytest.mark.proc
def test_a_socket_that_is_refused_leaves_no_descriptor() -> None:
    here, there = socket.socketpair()
    wrong = [{"framing": "none at all"}, {"reconnect": "at_most_once"}]
    with here, there:
        gc.collect()  # of what other tests have left
        before = len(list(Path("/proc/self/fd").iterdir()))
        for settings in wrong * 5:
            with pytest.raises(fanin.PlanError):
                fanin.Sink.from_socket(here, **settings)
        assert len(list(Path("/proc/self/fd").iterdir())) <= before


# --- confirming, flushing, closing -----------------------------------------------------------------------------------


def test_an_echo_confirms() -> None:
    with Receiver(echo=True) as receiver, fanin.Sink(receiver.url, framing="length", confirm="echo") as sink:
        sink.send_many([b"%d" % n for n in range(1000)])
        account = sink.flush(timeout=20)
    assert (account.accepted, account.acked, account.written) == (1000, 1000, 0)


def test_a_flush_honours_its_timeout(full: fanin.Sink) -> None:
    began = time.monotonic()
    with pytest.raises(fanin.TimedOut) as caught:
        full.flush(timeout=0.1)
    assert 0.1 <= time.monotonic() - began < 10
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.delivery
    assert caught.value.delivery.unsent > 0
    assert full.stats().pending == len(full) > 0


def test_a_close_honours_its_timeout_and_keeps_the_account(full: fanin.Sink) -> None:
    before, began = full.delivery, time.monotonic()
    with pytest.raises(fanin.TimedOut) as caught:
        full.close(timeout=0.2)
    assert time.monotonic() - began < 10
    after = caught.value.delivery
    assert after == full.delivery == full.close()
    assert after
    assert after.accepted == before.accepted
    assert after.accepted == after.written + after.in_doubt + after.unsent
    assert after.unsent > 0


def test_closing_wakes_whoever_waits(full: fanin.Sink) -> None:
    outcomes: list[BaseException] = []

    def wait() -> None:
        try:
            full.send(bytes(2048))
        except BaseException as error:
            outcomes.append(error)

    before = full.delivery.accepted
    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait_for(lambda: full.stats().waiting == 8)
    with pytest.raises(fanin.TimedOut):
        full.close(timeout=0.1)
    for thread in threads:
        thread.join(20)
    assert [type(error) for error in outcomes] == [fanin.Closed] * 8
    assert full.delivery.accepted == before


def test_stats_are_numbers(receiver: Receiver) -> None:
    with fanin.Sink(receiver.url, framing="lines", capacity="1 MiB") as sink:
        sink.send_many([b"x" * 9] * 1000)
        sink.flush(timeout=20)
        stats = sink.stats()
    assert stats.delivery.written == 1000
    assert (stats.capacity_bytes, stats.wire_bytes, stats.held_bytes, stats.pending) == (1 << 20, 10_000, 0, 0)
    assert (stats.connected, stats.reconnects, stats.connections) == (True, 0, 1)
    assert 0 < stats.high_water_bytes <= 1 << 20
    assert stats.writes >= 1
    row = stats.as_dict()
    assert row["accepted"] == 1000
    assert all(isinstance(value, (int, float)) for value in row.values())
    assert pickle.loads(pickle.dumps(stats)) == stats


# --- handles ---------------------------------------------------------------------------------------------------------


def test_a_sink_neither_pickles_nor_copies() -> None:
    sink = fanin.Sink("tcp://localhost:9")
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot pickle or copy"):
            take(sink)
    sending = sink.send_async(b"x")
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(sending)
    sending.close()


def test_exceptions_travel_with_their_account() -> None:
    account = fanin.Delivery(accepted=3, in_doubt=3)
    lost = pickle.loads(pickle.dumps(fanin.Disconnected("gone", account, errno.EPIPE)))
    assert (str(lost), lost.delivery, lost.errno) == ("gone", account, errno.EPIPE)
    bare = pickle.loads(pickle.dumps(fanin.Disconnected("gone")))
    assert (str(bare), bare.delivery, bare.errno) == ("gone", None, None)
    late = pickle.loads(pickle.dumps(fanin.TimedOut("late", account)))
    assert (str(late), late.delivery) == ("late", account)
    for kind, parent in {
        fanin.Full: queue.Full,
        fanin.Closed: RuntimeError,
        fanin.Disconnected: ConnectionError,
        fanin.TimedOut: TimeoutError,
        fanin.MessageError: ValueError,
    }.items():
        assert issubclass(kind, parent)
        assert issubclass(kind, fanin.FaninError)
        assert str(pickle.loads(pickle.dumps(kind("why")))) == "why"


def test_an_unclosed_sink_warns_and_still_writes(receiver: Receiver) -> None:
    sink = fanin.Sink(receiver.url).open()
    alive = weakref.ref(sink)
    sink.send(b"left behind")
    with pytest.warns(ResourceWarning, match="unclosed <Sink tcp://127.*, open"):
        del sink
    assert alive() is None
    assert receiver.ended.wait(20)
    wait_for(lambda: receiver.received == b"left behind")


def test_a_sink_that_was_never_open_or_is_closed_does_not_warn(receiver: Receiver) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fanin.Sink(receiver.url)
        fanin.Sink(receiver.url).open().close()


def test_there_is_no_cost_in_references() -> None:
    data = b"some bytes that nobody else has"
    before = sys.getrefcount(data)
    with Receiver() as receiver, fanin.Sink(receiver.url) as sink:
        for _ in range(1000):
            sink.send(data)
            sink.try_send(data)
            sink.send_many([data])
            sink.send_async(data).close()
    assert sys.getrefcount(data) == before


def test_closing_beside_a_slow_callback_leaves_the_loop_free() -> None:
    began, turns, goes_on = threading.Event(), 0, threading.Event()

    def slow(_: object) -> None:
        began.set()
        goes_on.wait(20)

    async def main() -> None:
        nonlocal turns
        with stalled() as listener:
            sink = fanin.Sink(url_of(listener), on_full="drop_newest", on_drop=slow, capacity=2048, send_buffer=4096)
            await sink.open_async()
            while not began.is_set():
                sink.try_send(bytes(1000))
                await asyncio.sleep(0)
            closing = asyncio.create_task(sink.close_async(timeout=0))
            while not closing.done() and turns < 5:
                await asyncio.sleep(0.01)
                turns += 1
            goes_on.set()
            with suppress(fanin.TimedOut):  # what little there is may just have been written
                await closing

    asyncio.run(main())
    assert turns == 5
