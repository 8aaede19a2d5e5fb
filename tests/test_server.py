"""`fanin.Server` from Python: what arrives, and what goes wrong on purpose."""

import errno
import gc
import pickle
import socket
import struct
import threading
import time
import weakref
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from clients import connect, flood, netstrings, send, settle

import fanin

# --- framings --------------------------------------------------------------------------------------------------------

STREAMS: dict[str, tuple[Any, bytes]] = {
    "lines": ("lines", b"a\n\nbc\n"),
    "length": ("length", b"".join(struct.pack(">I", len(m)) + m for m in (b"a", b"", b"bc"))),
    "rfc6587": ("rfc6587", b"1 a0 2 bc"),
    "callable": (netstrings, b"1:a,0:,2:bc,"),
}


@pytest.mark.parametrize(("framing", "stream"), STREAMS.values(), ids=STREAMS)
def test_messages_are_told_apart(framing: Any, stream: bytes) -> None:
    with fanin.Server(framing=framing) as server:
        with connect(server) as client:
            for half in (stream[:4], stream[4:]):
                client.sendall(half)
                time.sleep(0.01)
            server.wait_for(3)
        assert server.messages() == [b"a", b"", b"bc"]
        assert server.count() == 3
        assert [arrival.connection for arrival in server.arrivals()] == [0, 0, 0]
        server.assert_delivered(expected=[b"a", b"", b"bc"], order="total")
    assert server.messages() == [b"a", b"", b"bc"], "a stopped server keeps what it has"
    server.clear()
    assert (server.messages(), server.count()) == ([], 0)


def test_messages_of_one_size() -> None:
    with fanin.Server(framing=4) as server:
        send(server, b"aaaabbbbcc")
        server.wait_for(2, timeout=20)
        settle(server, open=0, opened=1)
        assert server.messages() == [b"aaaa", b"bbbb"]
        with pytest.raises(fanin.NotArrived, match="1 connection ended in the middle of a message"):
            server.assert_delivered(3)


def test_a_stream_has_no_messages() -> None:
    with fanin.Server() as server:
        for ask in (server.count, server.messages, lambda: server.wait_for(1), lambda: server.assert_delivered(1)):
            with pytest.raises(fanin.PlanError, match="framing=None"):
                ask()


def test_a_callable_that_returns_something_else_is_told() -> None:
    with fanin.Server(framing=lambda data: data) as server:
        send(server, b"abc")
        settle(server, bytes_received=3)
        with pytest.raises(fanin.PlanError, match="messages, rest"):
            server.count()


@pytest.mark.parametrize(
    "given",
    [([3], b""), (["a"], b""), ([b"a"], 3), ([b"a"], "b"), (b"abc", b""), (3, b""), ([b"a"], None), ([b"a"],), None],
    ids=repr,
)
def test_a_callable_that_does_not_return_bytes_is_told_each_time(given: object) -> None:
    split: Any = lambda data: given  # noqa: E731
    with fanin.Server(framing=split) as server:
        send(server, b"abc")
        settle(server, bytes_received=3)
        for ask in (server.count, server.messages, server.count):
            with pytest.raises(fanin.PlanError, match=r"framing=.*messages, rest"):
                ask()


def test_what_is_like_bytes_is_taken_as_bytes() -> None:
    def split(data: bytes) -> Any:
        return (bytearray(part) for part in data.split()), memoryview(b"")

    def pair(data: bytes) -> Any:
        return [*split(data)]

    with fanin.Server(framing=pair) as server:
        send(server, b"a bc")
        settle(server, bytes_received=4)
        assert server.messages() == [b"a", b"bc"]
        assert {type(message) for message in server.messages()} == {bytes}


def test_what_a_callable_fails_over_is_not_lost() -> None:
    fails = [ValueError("not yet")]

    def split(data: bytes) -> tuple[list[bytes], bytes]:
        if fails:
            raise fails.pop()
        *whole, rest = data.split(b"\n")
        return whole, rest

    with fanin.Server(framing=split) as server:
        send(server, b"one\ntwo\n")
        settle(server, bytes_received=8)
        with pytest.raises(ValueError, match="not yet"):
            server.count()
        assert server.messages() == [b"one", b"two"]


def test_a_callable_cannot_ask_its_own_server() -> None:
    def split(data: bytes) -> tuple[list[bytes], bytes]:
        return [data] * server.count(), b""

    with fanin.Server(framing=split) as server:
        send(server, b"abc")
        settle(server, bytes_received=3)
        for ask in (server.count, server.messages):
            with pytest.raises(fanin.FaninError, match="asked by its own framing"):
                ask()
        server.clear()


def test_what_is_beyond_the_record_is_counted_only() -> None:
    with fanin.Server(framing="lines", record=100) as server:
        send(server, b"x\n" * 1000)
        server.wait_for(1000)
        assert "1,000 messages arrived. A count proves a count" in str(server.assert_delivered(1000))
        with pytest.raises(fanin.FaninError, match="record= is too small"):
            server.messages()


# --- waiting ---------------------------------------------------------------------------------------------------------


def test_a_server_that_is_stopped_is_not_waited_for() -> None:
    with fanin.Server(framing="lines") as server:
        send(server, b"a\nb\n")
        server.wait_for(2)
        threading.Timer(0.3, server.stop).start()
        began = time.monotonic()
        with pytest.raises(fanin.ArrivalTimeout, match="2 of 3 messages arrived: 1 too few; the server is stopped"):
            server.wait_for(3, timeout=100)
        with pytest.raises(fanin.ArrivalTimeout, match="the server is stopped"):
            server.wait_for(3, timeout=100)
        with pytest.raises(fanin.NotArrived, match="the server is stopped"):
            server.assert_delivered(expected=[b"a", b"b", b"c"], timeout=100)
        assert time.monotonic() - began < 50
        server.wait_for(2, timeout=0)


@pytest.mark.parametrize("timeout", [Fraction(1, 100), 0, Decimal("0.01")], ids=str)
def test_a_time_is_any_number(timeout: Any) -> None:
    with fanin.Server(framing="lines") as server, pytest.raises(fanin.ArrivalTimeout, match=r"0 of 1 .* in 0(\.01)? s"):
        server.wait_for(1, timeout=timeout)


@pytest.mark.parametrize("make", [fanin.Server, lambda: fanin.Proxy("tcp://127.0.0.1:1")], ids=["server", "proxy"])
def test_who_is_dropped_before_being_stopped_is_told(make: Callable[[], Any]) -> None:
    made = make()
    with pytest.warns(ResourceWarning, match=f"on {made.url} was not stopped"):
        del made
    stopped = make()
    alive = weakref.ref(stopped)
    stopped.stop()
    del stopped  # a warning is an error of the test by itself
    assert alive() is None


@pytest.mark.parametrize("kind", [fanin.Server, fanin.Proxy])
def test_who_was_never_made_goes_quietly(kind: Any) -> None:
    with pytest.raises(fanin.PlanError):
        kind("tcp://127.0.0.1:1", port=-1)
    gc.collect()  # what fails in a finaliser is an error of the test by itself


def test_what_does_not_come_in_time_is_told() -> None:
    with fanin.Server(framing="lines") as server:
        send(server, b"a\nb\n")
        server.wait_for(2)
        start = time.monotonic()
        with pytest.raises(TimeoutError, match=r"2 of 3 messages arrived: 1 too few in 0\.1 s") as caught:
            server.wait_for(3, timeout=0.1)
        assert time.monotonic() - start < 5
    assert isinstance(caught.value, (fanin.ArrivalTimeout, AssertionError))
    assert str(caught.value).endswith(
        "\nwhich are missing, assert_delivered(expected=…, timeout=0.1) says in place of wait_for"
    )
    assert pickle.loads(pickle.dumps(caught.value)).arrivals.arrived == 2


def test_waiting_ends_when_it_comes() -> None:
    with fanin.Server(framing="lines") as server:
        threading.Timer(0.1, send, (server, b"late\n")).start()
        server.wait_for(1, timeout=20)


def test_other_threads_run_while_one_waits() -> None:
    with fanin.Server(framing="lines") as server:
        waiting = threading.Thread(target=server.wait_for, args=(1, 20))
        waiting.start()
        assert server.count() == 0
        send(server, b"now\n")
        waiting.join(20)
        assert not waiting.is_alive()


# --- faults ----------------------------------------------------------------------------------------------------------


def test_a_reset_at_its_byte() -> None:
    with fanin.Server(reset_after=4096) as server, connect(server) as client:
        with pytest.raises(ConnectionError):
            flood(client, b"x" * 1000)
        report = settle(server, open=0)
        assert (report["bytes_received"], report["faults"]) == (4096, 1)


def test_only_the_first_are_faulty() -> None:
    with fanin.Server("echo", reset_after=0, faulty=1, refuse=1) as server:
        outcomes = []
        for _ in range(3):
            with connect(server) as client:
                try:
                    client.sendall(b"hi")
                    outcomes.append(client.recv(2))
                except ConnectionError:
                    outcomes.append(None)
        # The first is turned away, and so the second, which no fault concerns any more, is sound.
        assert outcomes == [None, b"hi", b"hi"]
        assert server.report()["turned_away"] == 1


def test_an_echo_that_is_wrong() -> None:
    for wrong, echo in (("flip", b"acc"), ("double", b"abbc"), ("drop", b"ac")):
        with fanin.Server("echo", echo_fault=wrong, echo_fault_after=1) as server, connect(server) as client:
            client.sendall(b"abc")
            client.shutdown(socket.SHUT_WR)
            assert client.makefile("rb").read() == echo


def test_places_come_from_the_seed() -> None:
    def places(seed: int) -> list[int]:
        with fanin.Server(reset_after=("1 KiB", 9000), seed=seed) as server:
            found, before = [], 0
            for number in range(1, 6):
                with connect(server) as client, pytest.raises(ConnectionError):
                    flood(client, b"x" * 10_000)
                now = settle(server, open=0, opened=number)["bytes_received"]
                found.append(now - before)
                before = now
            return found

    first = places(1)
    assert first == places(1) != places(2)
    assert all(1024 <= place <= 9000 for place in first)


@pytest.mark.unix
def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with fanin.Server("echo", f"unix://{path}", framing="lines") as server:
        assert (server.url, server.host, server.port) == (f"unix://{path}", str(path), 0)
        with connect(server) as client:
            client.sendall(b"hi\n")
            assert client.recv(3) == b"hi\n"
        with pytest.raises(fanin.AddressError) as caught:
            fanin.Server(host=server.url)
        assert caught.value.errno == errno.EADDRINUSE
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"reset_after": -1}, "reset_after=-1"),
        ({"reset_after": "4 KB"}, "words such as '64 KiB'"),
        ({"reset_after": b"12"}, "reset_after=b'12'"),
        ({"reset_after": ("1k", 2000)}, "did you mean '1 KiB'?"),
        ({"reset_after": (1, 2, 3)}, "the first and the last place"),
        ({"reset_after": (2, 1)}, "whose first is not beyond the last"),
        ({"read_rate": "1 parsec/s"}, "read_rate='1 parsec/s'"),
        ({"read_rate": 0}, "read_rate=0"),
        ({"delay": -1}, "delay=-1"),
        ({"stall_for": 1}, "without stall_after"),
        ({"echo_fault": "flip"}, "there is no echo"),
        ({"mode": "echo", "echo_fault": "flop"}, "flip, double, drop"),
        ({"faulty": True}, "faulty=True"),
        ({"seed": 1 << 64}, "seed="),
        ({"framing": "line"}, "did you mean lines"),
        ({"framing": 0}, "framing=0"),
        ({"framing": 1.5}, "framing=1.5"),
        *(({"max_connections": bad}, f"max_connections={bad!r}") for bad in (0.5, 0, False, "", [], "8")),
        ({"idle_timeout": 0}, "idle_timeout=0"),
        ({"record": None}, "record=None"),
        ({"host": "unix://"}, "host='unix://': allowed are a name or an address"),
        ({"host": "tcp://127.0.0.1"}, "with port= beside it, or 'unix:///path'"),
        ({"host": "unix:///" + "x" * 200}, "up to 107 bytes"),
    ],
)
def test_wrong_settings_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(fanin.PlanError) as caught:
        fanin.Server(**arguments)
    assert words in str(caught.value)


# --- the proxy -------------------------------------------------------------------------------------------------------


def test_a_proxy_cuts_and_says_so() -> None:
    with fanin.Server(framing="lines") as server, fanin.Proxy(server, reset_after=10) as proxy:
        assert proxy.target == server.url
        assert repr(proxy) == f"<Proxy on {proxy.url} before {server.url}>"
        with connect(proxy) as client, pytest.raises(ConnectionError):
            flood(client, b"hello\n" * 100)
        settle(proxy, open=0)
        report = proxy.report()
        assert report["faults"] == [(0, "up", 10, "reset")]
        assert report["faults"][0].what == "reset"
        settle(server, open=0)
        assert server.messages() == [b"hello"]
    assert proxy.report()["bytes_up"] == 10


def test_a_line_is_held_let_go_and_cut() -> None:
    with fanin.Server("echo", framing="lines") as server, fanin.Proxy(server.url) as proxy, connect(proxy) as client:
        client.sendall(b"a\n")
        assert client.recv(2) == b"a\n"
        proxy.hold()
        client.sendall(b"b\n")
        with pytest.raises(fanin.ArrivalTimeout):
            server.wait_for(2, timeout=0.1)
        proxy.resume()
        assert client.recv(2) == b"b\n"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        assert proxy.report()["faults"] == [(0, None, 0, "cut")]


def test_a_schedule_and_a_way() -> None:
    with (
        fanin.Server("echo") as server,
        fanin.Proxy(server, way="down", byte_fault="drop", byte_fault_after=0, schedule=[(0.3, "cut")]) as proxy,
        connect(proxy) as client,
    ):
        client.sendall(b"abc")
        assert client.recv(10) == b"bc"
        with pytest.raises(ConnectionResetError):
            client.recv(1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"target": 7}, "target=7"),
        ({"target": "http://x"}, "tcp://host:port and unix:///path"),
        ({"way": "sideways"}, "up, down, both"),
        ({"byte_fault": "flop"}, "byte_fault='flop'"),
        ({"schedule": "cut"}, "pairs of seconds and a word"),
        ({"schedule": [(1, "pause")]}, "hold, resume, cut"),
        ({"schedule": [(-1, "cut")]}, "schedule=-1"),
    ],
)
def test_wrong_lines_are_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(fanin.PlanError) as caught:
        fanin.Proxy(**({"target": "tcp://127.0.0.1:9"} | arguments))
    assert words in str(caught.value)
