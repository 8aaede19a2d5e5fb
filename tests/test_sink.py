"""The sink from threads: arguments, every sending call, framing and policy, with a real socket at the other end."""

import array
import ctypes
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from receivers import Receiver, fill, frames, stalled, url_of, wait_for

import fanin

MESSAGES = [b"", b"a", b"some more", bytes(range(11, 256)), b"x" * 70_000]


# --- arguments -------------------------------------------------------------------------------------------------------

WRONG: list[tuple[dict[str, Any], str, str, str]] = [
    ({"target": ""}, "target", "''", "tcp://HOST:PORT"),
    ({"target": 7}, "target", "7", "tcp://HOST:PORT"),
    ({"target": "localhost:9"}, "target", "localhost:9", "tcp://HOST:PORT"),
    ({"target": "http://localhost:9"}, "target", "http://localhost:9", "tls://HOST:PORT"),
    ({"target": "tcp://localhost"}, "target", "tcp://localhost", "HOST:PORT"),
    ({"target": "tcp://localhost:0"}, "target", "tcp://localhost:0", "1 to 65535"),
    ({"target": "tcp://::1:9"}, "target", "tcp://::1:9", "brackets"),
    ({"target": "unix://"}, "target", "unix://", "unix:///PATH"),
    ({"target": "unix://relative.sock"}, "target", "unix://relative.sock", "unix:///PATH, which is absolute"),
    ({"target": "unix:///" + 200 * "x"}, "target", "xxx", "at most 107 bytes"),
    ({"framing": "line"}, "framing", "'line'", "did you mean lines"),
    ({"framing": None}, "framing", "None", "none, lines, length, rfc6587"),
    ({"capacity": 0}, "capacity", "0", "1 to 1099511627776 bytes"),
    ({"capacity": "4 MB"}, "capacity", "'4 MB'", "units are B, KiB, MiB and GiB: did you mean '4 MiB'?"),
    ({"capacity": "٣ KiB"}, "capacity", "'٣ KiB'", "'64 KiB'"),
    ({"capacity": None}, "capacity", "None", "'64 KiB'"),
    ({"capacity": 1.5}, "capacity", "1.5", "'64 KiB'"),
    ({"capacity": True}, "capacity", "True", "'64 KiB'"),
    ({"max_frame": 0}, "max_frame", "0", "or None"),
    ({"max_frame": "9 GiB", "framing": "length"}, "max_frame", "9663676416", "4294967295"),
    ({"on_full": "drop"}, "on_full", "'drop'", "wait, raise, drop_newest, drop_oldest"),
    ({"confirm": True}, "confirm", "True", "None and 'echo'"),
    ({"reconnect": True}, "reconnect", "True", "off, at_most_once, at_least_once"),
    ({"reconnect": "at_least_once"}, "confirm", "None", "'echo'"),
    ({"backoff": 1}, "backoff", "1", "(first, longest)"),
    ({"backoff": (0, 1)}, "backoff", "(0, 1)", "above 0"),
    ({"backoff": (2, 1)}, "backoff", "(2, 1)", "(first, longest)"),
    ({"connect_timeout": 0}, "connect_timeout", "0", "more than 0"),
    ({"connect_timeout": None}, "connect_timeout", "None", "seconds"),
    ({"write_timeout": -1}, "write_timeout", "-1", "more than 0"),
    ({"idle_timeout": "1s"}, "idle_timeout", "'1s'", "seconds"),
    ({"keepalive": math.nan}, "keepalive", "nan", "seconds"),
    ({"close_timeout": math.inf}, "close_timeout", "inf", "seconds"),
    ({"nodelay": 1}, "nodelay", "1", "True and False"),
    ({"send_buffer": -5}, "send_buffer", "-5", "or None"),
    ({"receive_buffer": "x"}, "receive_buffer", "'x'", "or None"),
    ({"ca_file": 5}, "ca_file", "5", "PEM"),
    ({"client_cert": "a.pem"}, "client_cert", "'a.pem'", "(certificate, key)"),
    ({"server_name": ""}, "server_name", "''", "None"),
    ({"on_drop": 5}, "on_drop", "5", "a function of one argument"),
    ({"on_error": "print"}, "on_error", "'print'", "a function of one argument"),
    ({"on_reconnect": []}, "on_reconnect", "[]", "a function of one argument"),
]


@pytest.mark.parametrize(("arguments", "name", "value", "allowed"), WRONG, ids=lambda part: str(part)[:40])
def test_the_constructor_refuses(arguments: dict[str, Any], name: str, value: str, allowed: str) -> None:
    with pytest.raises(fanin.PlanError) as caught:
        fanin.Sink(**({"target": "tcp://localhost:9"} | arguments))
    text = str(caught.value)
    assert text.startswith(f"{name}="), text
    assert value in text, text
    assert allowed in text, text


def test_the_constructor_does_nothing_else(receiver: Receiver) -> None:
    sink = fanin.Sink(receiver.url)
    assert repr(sink) == f"<Sink {receiver.url}, not open>"
    assert (sink.target, sink.url, len(sink), bool(sink), sink.closed) == (receiver.url, receiver.url, 0, True, False)
    assert receiver.streams == []


def test_it_looks_like_a_binary_file() -> None:
    sink = fanin.Sink("tcp://localhost:9")
    assert (sink.writable(), sink.readable(), sink.seekable(), sink.closed) == (True, False, False, False)


# --- sending ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("framing", ["none", "lines", "length", "rfc6587"])
def test_every_framing_arrives_by_every_call(receiver: Receiver, framing: Any) -> None:
    messages = [m for m in MESSAGES if framing != "lines" or b"\n" not in m]
    with fanin.Sink(receiver.url, framing=framing) as sink:
        for message in messages:
            sink.send(message)
            sink.try_send(message)
            assert sink.write(message) == len(message)
            assert sink.send_many([message, message]) == 2
        account = sink.flush(timeout=20)
        assert len(sink) == 0
    expected = [message for message in messages for _ in range(5)]
    receiver.ended.wait(10)
    if framing == "none":
        assert receiver.received == b"".join(expected)
    else:
        assert frames(framing, receiver.received) == expected
    assert (account.accepted, account.written) == (len(expected), len(expected))
    assert account.accepted_bytes == account.written_bytes == sum(map(len, expected))
    assert account.complete


BUFFERS: list[Callable[[bytes], Any]] = [
    bytes,
    bytearray,
    memoryview,
    lambda data: memoryview(bytearray(data)),
    lambda data: memoryview(b"__" + data)[2:],
    lambda data: memoryview(data).cast("B", (2, len(data) // 2)),
    lambda data: array.array("B", data),
    lambda data: array.array("I", data),
    type("Bytes", (bytes,), {}),
]


@pytest.mark.parametrize("make", BUFFERS)
def test_what_looks_like_bytes_is_sent(receiver: Receiver, make: Callable[[bytes], Any]) -> None:
    data = b"as bytes" * 100
    with fanin.Sink(receiver.url) as sink:
        sink.send(make(data))
        sink.try_send(make(data))
        sink.send_many([make(data)] * 3)
        assert sink.write(make(data)) == len(data)
    receiver.ended.wait(10)
    assert receiver.received == data * 6


def test_numpy_arrays_are_sent_as_their_bytes(receiver: Receiver) -> None:
    numpy = pytest.importorskip("numpy")
    numbers = numpy.arange(10, dtype="<i8")
    with fanin.Sink(receiver.url) as sink:
        sink.send(numbers)
        with pytest.raises(BufferError, match="not contiguous"):
            sink.send(numbers[::2])
    receiver.ended.wait(10)
    assert receiver.received == numbers.tobytes()


class Head(ctypes.Structure):
    """A message as C lays it out."""

    _fields_ = (("kind", ctypes.c_uint16), ("length", ctypes.c_uint32))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Head(7, 9),
        lambda: ctypes.c_int(5),
        lambda: (ctypes.c_char * 3)(*b"abc"),
        lambda: memoryview(b"a").cast("B", []),
    ],
)
def test_scalars_and_structures_of_c_are_sent_as_their_bytes(receiver: Receiver, make: Callable[[], Any]) -> None:
    data = make()
    with fanin.Sink(receiver.url) as sink:
        sink.send(data)
        assert sink.send_many([data, data]) == 2
    receiver.ended.wait(10)
    assert receiver.received == bytes(memoryview(data)) * 3


@pytest.mark.parametrize("call", ["send", "try_send", "write", "send_async"])
@pytest.mark.parametrize(
    ("data", "hint"), [("text", "data.encode()"), (7, "not int"), (None, "not NoneType"), ([b"x"], "not list")]
)
def test_what_is_no_bytes_is_refused(receiver: Receiver, call: str, data: Any, hint: str) -> None:
    with fanin.Sink(receiver.url) as sink:
        with pytest.raises(TypeError) as caught:
            getattr(sink, call)(data)
        assert sink.delivery.accepted == 0
    assert "bytes, bytearray" in str(caught.value)
    assert hint in str(caught.value)


def test_a_buffer_that_changes_after_the_call_was_copied(receiver: Receiver) -> None:
    data = bytearray(b"before")
    with fanin.Sink(receiver.url) as sink:
        sink.send(data)
        data[:] = b"after "
        sink.send_many([data])
        data.extend(b"and may grow")
    receiver.ended.wait(10)
    assert receiver.received == b"beforeafter "


def test_keywords_and_wrong_timeouts(receiver: Receiver) -> None:
    with fanin.Sink(receiver.url) as sink:
        sink.send(b"x", timeout=1)
        sink.send(b"x", 1.5)
        sink.send_many([b"x"], timeout=None)
        with pytest.raises(TypeError):
            sink.send(data=b"x")  # type: ignore[call-arg]
        for call in (sink.flush, sink.open, sink.close):
            with pytest.raises(fanin.PlanError, match="timeout=-1"):
                call(timeout=-1)
        with pytest.raises(fanin.PlanError, match="timeout=nan"):
            sink.send_many([b"x"], timeout=math.nan)
        with pytest.raises(fanin.PlanError, match="timeout=-1"):
            sink.send(b"x", timeout=-1)  # with room, too


# --- many ------------------------------------------------------------------------------------------------------------


def test_many_from_every_iterable(receiver: Receiver) -> None:
    with fanin.Sink(receiver.url, framing="lines") as sink:
        assert sink.send_many([]) == 0
        assert sink.send_many([b"list"] * 3) == 3
        assert sink.send_many((b"tuple", bytearray(b"too"))) == 2
        assert sink.send_many(b"%d" % n for n in range(5000)) == 5000
        assert sink.send_many({b"key": 1}) == 1
    receiver.ended.wait(10)
    assert frames("lines", receiver.received) == [
        *[b"list"] * 3, b"tuple", b"too", *(b"%d" % n for n in range(5000)), b"key",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "offsets",
    [
        [0, 3, 3, 9],
        (0, 3, 3, 9),
        array.array("q", [0, 3, 3, 9]),
        array.array("i", [0, 3, 3, 9]),
        iter([0, 3, 3, 9]),
    ],
    ids=["list", "tuple", "int64", "int32", "iterator"],
)
def test_many_from_one_buffer(receiver: Receiver, offsets: Any) -> None:
    with fanin.Sink(receiver.url, framing="length") as sink:
        assert sink.send_many(b"one three", offsets=offsets) == 3
    receiver.ended.wait(10)
    assert frames("length", receiver.received) == [b"one", b"", b" three"]


@pytest.mark.parametrize(
    ("offsets", "allowed"),
    [([0, 10], "the length of the buffer"), ([3, 1], "at least the one before"), ([-1, 2], "whole numbers from 0")],
)
def test_offsets_that_are_none(receiver: Receiver, offsets: list[int], allowed: str) -> None:
    with fanin.Sink(receiver.url) as sink:
        with pytest.raises(fanin.PlanError, match="offsets=") as caught:
            sink.send_many(b"123456789", offsets=offsets)
        assert sink.delivery.accepted == 0
    assert allowed in str(caught.value)


def test_what_an_iterable_yields_is_not_held_back_for_what_comes_next() -> None:
    with fanin.Server(framing="lines") as server, fanin.Sink(server.url, framing="lines") as sink:

        def messages() -> Iterator[bytes]:
            for number in range(3):
                yield b"%d" % number
                server.wait_for(number + 1, timeout=60)

        assert sink.send_many(messages()) == 3


def test_many_says_how_many_were_taken(receiver: Receiver) -> None:
    def broken() -> Iterator[bytes]:
        yield from [b"a"] * 700
        raise KeyError("mine")

    with fanin.Sink(receiver.url, framing="lines", max_frame=5) as sink:
        with pytest.raises(fanin.MessageError, match="max_frame") as long:
            sink.send_many([b"a"] * 600 + [b"too long"] + [b"b"])
        with pytest.raises(TypeError) as text:
            sink.send_many([b"a", "b", b"c"])  # type: ignore[list-item]
        with pytest.raises(KeyError) as mine:
            sink.send_many(broken())
        assert sink.delivery.accepted == 600 + 1 + 700
    taken = [caught.value.taken for caught in (long, text, mine)]  # type: ignore[attr-defined]
    assert taken == [600, 1, 700]


def test_many_waits_for_room(receiver: Receiver) -> None:
    receiver.reading.clear()
    threading.Timer(0.3, receiver.reading.set).start()
    messages = [b"%07d" % n for n in range(200_000)]
    with fanin.Sink(receiver.url, framing="lines", capacity="16 KiB", send_buffer=4096) as sink:
        assert sink.send_many(messages, timeout=60) == len(messages)
        assert sink.stats().waits > 0
    receiver.ended.wait(10)
    assert frames("lines", receiver.received) == messages


def test_many_that_time_out(full: fanin.Sink) -> None:
    with pytest.raises(fanin.Full) as caught:
        full.send_many([b"x" * 1024] * 100, timeout=0.05)
    assert caught.value.taken == 0  # type: ignore[attr-defined]


def test_what_an_iterable_takes_is_none_of_the_time_to_wait(full: fanin.Sink) -> None:
    def late() -> Iterator[bytes]:
        time.sleep(0.3)
        yield b"x" * 1024

    begun = time.monotonic()
    with pytest.raises(fanin.Full):
        full.send_many(late(), timeout=0.2)
    assert time.monotonic() - begun >= 0.5


# --- refusals --------------------------------------------------------------------------------------------------------


def test_what_never_fits_is_refused_at_once(receiver: Receiver) -> None:
    with fanin.Sink(receiver.url, framing="lines", capacity=100, max_frame=50) as sink:
        for call in (sink.send, sink.try_send, sink.write):
            with pytest.raises(fanin.MessageError, match="max_frame"):
                call(bytes(51))
            with pytest.raises(fanin.MessageError, match="newline inside"):
                call(b"two\nlines")
        assert sink.delivery.accepted == 0
        sink.send(bytes(50))
    with fanin.Sink(receiver.url, framing="length", capacity=100) as sink:
        with pytest.raises(fanin.MessageError, match="capacity of 100 bytes"):
            sink.send(bytes(97))
        # With its length, 99 and 100 bytes: one less than the capacity, and all of it.
        sink.send(bytes(95))
        sink.send(bytes(96))
        assert sink.flush(timeout=20).written == 2
    with fanin.Sink(receiver.url, framing="length", capacity=100, max_frame=96) as sink:
        sink.send(bytes(95))
        sink.send(bytes(96))
        with pytest.raises(fanin.MessageError, match="max_frame"):
            sink.send(bytes(97))
    assert issubclass(fanin.MessageError, ValueError)


def test_full_raises_by_policy(full: fanin.Sink) -> None:
    before = full.delivery
    with pytest.raises(fanin.Full, match="no room") as caught:
        full.try_send(bytes(1024))
    assert isinstance(caught.value, queue.Full)
    for timeout in (0, 0.05):
        began = time.monotonic()
        with pytest.raises(queue.Full):
            full.send(bytes(1024), timeout=timeout)
        assert timeout <= time.monotonic() - began < 10
    assert full.delivery == before
    with stalled() as listener:
        sink = fanin.Sink(
            url_of(listener), capacity="16 KiB", on_full="raise", send_buffer=4096, close_timeout=0
        ).open()
        fill(sink)
        with pytest.raises(fanin.Full):
            sink.send(bytes(1024))
        with pytest.raises(fanin.TimedOut):
            sink.close()


@pytest.mark.parametrize("policy", ["drop_newest", "drop_oldest"])
def test_drops_are_counted_and_told(policy: Any) -> None:
    told: list[fanin.Dropped] = []
    with Receiver(reading=False) as receiver:
        sink = fanin.Sink(
            receiver.url, framing="lines", capacity="16 KiB", on_full=policy, send_buffer=4096, on_drop=told.append
        )
        with sink:
            for n in range(20_000):
                sink.send(b"%06d" % n)
            wait_for(lambda: told)
            receiver.reading.set()
            account = sink.flush(timeout=20)
        receiver.ended.wait(10)
        arrived = [int(line) for line in frames("lines", receiver.received)]
    assert account.accepted == 20_000
    assert account.dropped > 0
    assert account.written == len(arrived) == 20_000 - account.dropped
    assert arrived == sorted(set(arrived))
    assert (arrived[-1] == 19_999) == (policy == "drop_oldest")
    assert sum(drop.messages for drop in told) == account.dropped
    assert sum(drop.bytes for drop in told) == account.dropped_bytes == 6 * account.dropped
