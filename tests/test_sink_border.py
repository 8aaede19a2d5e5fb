"""The sink's border: every call in every state, and what no caller should pass."""

import array
import asyncio
import math
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from receivers import Receiver, wait_for

import fanin

Call = Callable[[fanin.Sink], Any]

# --- every call in every state ---------------------------------------------------------------------------------------


def leave(sink: fanin.Sink) -> None:
    """As a `with` does, without its entry."""
    sink.__exit__(None, None, None)


async def leave_async(sink: fanin.Sink) -> None:
    await sink.__aexit__(None, None, None)


def enter_async(sink: fanin.Sink) -> object:
    return asyncio.run(sink.__aenter__())


SENDS: dict[str, Call] = {
    "send": lambda sink: sink.send(b"x"),
    "try_send": lambda sink: sink.try_send(b"x"),
    "write": lambda sink: sink.write(b"x"),
    "send_many": lambda sink: sink.send_many([b"x"]),
    "send_many, offsets": lambda sink: sink.send_many(b"x", offsets=[0, 1]),
    "send_async": lambda sink: asyncio.run(sink.send_async(b"x")),
}
OPENS: dict[str, Call] = {
    "open": lambda sink: sink.open(),
    "open_async": lambda sink: asyncio.run(sink.open_async()),
    "enter": lambda sink: sink.__enter__(),
    "aenter": enter_async,
}
FLUSHES: dict[str, Call] = {
    "flush": lambda sink: sink.flush(timeout=20),
    "flush_async": lambda sink: asyncio.run(sink.flush_async(timeout=20)),
}
CLOSES: dict[str, Call] = {
    "close": lambda sink: sink.close(),
    "close_async": lambda sink: asyncio.run(sink.close_async()),
    "aclose": lambda sink: asyncio.run(sink.aclose()),
    "exit": leave,
    "aexit": lambda sink: asyncio.run(leave_async(sink)),
}
LOOKS: dict[str, Call] = {
    "delivery": lambda sink: sink.delivery,
    "stats": lambda sink: sink.stats(),
    "len": len,
    "bool": bool,
    "repr": repr,
    "target": lambda sink: sink.target,
    "url": lambda sink: sink.url,
    "closed": lambda sink: isinstance(sink.closed, bool),
    "readable": lambda sink: sink.readable() is False,
    "writable": lambda sink: sink.writable(),
    "seekable": lambda sink: sink.seekable() is False,
}
FINE: type[BaseException] | None = None
Expected = tuple[type[BaseException] | None, type[BaseException] | None, type[BaseException] | None]

# What sends, opens and flushes come to; closing and looking is fine in every state but a failed one, which tells its
# failure to the first who closes it.
STATES: dict[str, Expected] = {
    "fresh": (fanin.Closed, FINE, fanin.Closed),
    "open": (FINE, FINE, FINE),
    "closed": (fanin.Closed, fanin.Closed, FINE),
    "closed before it was open": (fanin.Closed, fanin.Closed, fanin.Closed),
    "lost": (fanin.Disconnected, fanin.Disconnected, fanin.Disconnected),
    "lost and closed": (fanin.Disconnected, fanin.Closed, fanin.Disconnected),
    "never connected": (fanin.Disconnected, fanin.Closed, fanin.Disconnected),
}


def in_state(state: str, receiver: Receiver) -> fanin.Sink:
    if state == "never connected":
        sink = fanin.Sink("unix:///nowhere/at/all")
        with pytest.raises(fanin.AddressError):
            sink.open()
        return sink
    sink = fanin.Sink(receiver.url, framing="lines")
    if state not in ("fresh", "closed before it was open"):
        sink.open()
    if state.startswith("lost"):
        wait_for(lambda: receiver.connection)
        receiver.reset()
        wait_for(lambda: not sink._is_open)
    if state == "lost and closed":
        with pytest.raises(fanin.Disconnected):
            sink.close()
    elif "closed" in state:
        sink.close()
    return sink


@pytest.mark.parametrize("state", STATES)
def test_every_call_in_every_state(state: str) -> None:
    sends, opens, flushes = STATES[state]
    closes = fanin.Disconnected if state == "lost" else FINE
    for calls, expected in ((SENDS, sends), (OPENS, opens), (FLUSHES, flushes), (CLOSES, closes), (LOOKS, FINE)):
        for name, call in calls.items():
            with Receiver() as receiver:
                sink = in_state(state, receiver)
                if expected is None:
                    call(sink)
                else:
                    with pytest.raises(expected) as caught:
                        call(sink)
                    assert sink.target in str(caught.value), (name, str(caught.value))
                # Whatever it was: in the end it closes, and closes again, with one account.
                if state == "lost" and calls is not CLOSES and not sink.closed:
                    with pytest.raises(fanin.Disconnected):
                        sink.close()
                assert sink.close() == sink.close() == sink.delivery, name
                assert sink.closed, name


def test_a_flush_says_what_is_true_of_what_never_was_open() -> None:
    sink = fanin.Sink("tcp://127.0.0.1:9")
    with pytest.raises(fanin.Closed, match="is not open yet; there is nothing to flush"):
        sink.flush()
    sink.close()
    for flush in FLUSHES.values():
        with pytest.raises(fanin.Closed, match="is closed, and never was open; there is nothing to flush"):
            flush(sink)


# --- what no caller should pass --------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", [*SENDS.keys() & {"send", "send_many"}, "flush", "open", "close"])
@pytest.mark.parametrize(
    "timeout", [math.nan, -1, -1e-9, True, False, "1", 10**400, math.inf, -math.inf, 1e300, 86_401, 1j, [1], b"1"]
)
def test_a_timeout_is_a_number_of_seconds(receiver: Receiver, call: str, timeout: Any) -> None:
    arguments = {"send": [b"x"], "send_many": [[b"x"]]}.get(call, [])
    with fanin.Sink(receiver.url) as sink:
        with pytest.raises(fanin.PlanError) as caught:
            getattr(sink, call)(*arguments, timeout=timeout)
        assert sink.delivery.accepted == 0
        assert not sink.closed
    assert str(caught.value).startswith("timeout=")
    assert "allowed are 0 to 86400 seconds" in str(caught.value)


def test_numbers_of_other_kinds_are_timeouts(receiver: Receiver) -> None:
    with fanin.Sink(receiver.url) as sink:
        for timeout in (5, 5.0, Decimal("0.5"), Fraction(1, 2), 0, -0.0, 86_400, None):
            sink.send(b"x", timeout=timeout)  # type: ignore[arg-type]
            sink.send(b"x", timeout)  # type: ignore[arg-type]
            assert sink.send_many([b"x"], timeout=timeout) == 1  # type: ignore[arg-type]
        assert sink.delivery.accepted == 24


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"target": "unix:///a\udcff"}, "target='unix:///a\\udcff': allowed are tcp://HOST:PORT"),
        ({"target": "unix:///a\0b"}, "target=unix:///a\0b: a path has no zero byte"),
        ({"target": b"tcp://localhost:9"}, "target=b'tcp://localhost:9': allowed are"),
        ({"target": "tls://localhost:9", "server_name": "\udcff"}, "server_name='\\udcff': allowed are"),
        ({"target": "tls://localhost:9", "ca_file": "/a\0b"}, "ca_file='/a\\x00b': allowed are a path"),
        ({"target": "tls://localhost:9", "ca_file": b"/a"}, "ca_file=b'/a': allowed are a path"),
    ],
    ids=lambda part: ascii(part)[:30],
)
def test_text_that_no_system_takes_is_named(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(fanin.PlanError, match=re.escape(words)):
        fanin.Sink(**arguments)


def test_a_handlers_timeout_is_named_as_it_is_given() -> None:
    for timeout in (math.nan, -1, "1", True):
        with pytest.raises(fanin.PlanError, match=r"^timeout="):
            fanin.SinkHandler("tcp://localhost:9", timeout=timeout)  # type: ignore[arg-type]


def released() -> memoryview:
    view = memoryview(b"abc")
    view.release()
    return view


NO_DATA: list[tuple[Callable[[], Any], type[BaseException], str]] = [
    (released, ValueError, "released memoryview"),
    (lambda: memoryview(b"abcdef")[::2], BufferError, "data: this memoryview is not contiguous"),
    (lambda: memoryview(b"abcdef")[::-1], BufferError, "data: this memoryview is not contiguous"),
    (lambda: "text", TypeError, "not str; encode it: data.encode()"),
    (lambda: object(), TypeError, "not object"),
    (lambda: bytes, TypeError, "not type"),
]


@pytest.mark.parametrize("call", ["send", "try_send", "write", "send_async", "send_many"])
@pytest.mark.parametrize(("make", "kind", "words"), NO_DATA)
def test_what_is_no_message_says_why(
    receiver: Receiver, call: str, make: Callable[[], Any], kind: type[BaseException], words: str
) -> None:
    data = [b"before", make()] if call == "send_many" else make()
    with fanin.Sink(receiver.url) as sink:
        with pytest.raises(kind, match=re.escape(words)) as caught:
            getattr(sink, call)(data)
        assert sink.delivery.accepted == (1 if call == "send_many" else 0)
    assert not isinstance(caught.value, fanin.FaninError)


@pytest.mark.parametrize("messages", [b"abc", b"", bytearray(b"abc"), memoryview(b"abc")])
def test_one_buffer_is_no_iterable_of_messages(receiver: Receiver, messages: Any) -> None:
    kind = type(messages).__name__
    with fanin.Sink(receiver.url) as sink:
        said = f"^messages: allowed is an iterable of them, not {kind}; all in one need offsets$"
        with pytest.raises(TypeError, match=said):
            sink.send_many(messages)
        assert sink.delivery.accepted == 0


@pytest.mark.parametrize(("messages", "kind"), [(None, "NoneType"), (7, "int"), (len, "builtin_function_or_method")])
def test_what_has_no_messages_is_named(receiver: Receiver, messages: Any, kind: str) -> None:
    with fanin.Sink(receiver.url) as sink:
        with pytest.raises(TypeError, match=f"^messages: allowed is an iterable of them, not {kind}$"):
            sink.send_many(messages)
        assert sink.delivery.accepted == 0


@pytest.mark.parametrize(
    ("offsets", "kind", "words"),
    [
        ("abc", TypeError, "not str"),
        ([0.5, 1], TypeError, "not float"),
        ([False, True], TypeError, "not bool"),
        (array.array("d", [0, 3]), TypeError, "not float"),
        (5, TypeError, "not int"),
        ([0, 2**70], fanin.PlanError, f"offsets={2**70}: allowed are whole numbers from 0"),
        ([-(2**70)], fanin.PlanError, "allowed are whole numbers from 0"),
        ([0, 2**63], fanin.PlanError, "allowed are whole numbers from 0"),
        (array.array("q", [0, -1]), fanin.PlanError, "offsets=-1: allowed are whole numbers from 0"),
    ],
)
def test_offsets_that_are_none_are_named(
    receiver: Receiver, offsets: Any, kind: type[BaseException], words: str
) -> None:
    with fanin.Sink(receiver.url) as sink:
        with pytest.raises(kind, match=words) as caught:
            sink.send_many(b"abc", offsets=offsets)
        assert sink.delivery.accepted == 0
    assert "offsets" in str(caught.value)


@pytest.mark.parametrize("kind", "bBhHiIlLqQ")
def test_offsets_of_every_width(receiver: Receiver, kind: str) -> None:
    with fanin.Sink(receiver.url, framing="length") as sink:
        assert sink.send_many(b"abcdef", offsets=array.array(kind, [0, 3, 3, 6])) == 3
    receiver.ended.wait(10)
    assert receiver.frames("length") == [b"abc", b"", b"def"]


def test_offsets_in_another_order_of_bytes(receiver: Receiver) -> None:
    numpy = pytest.importorskip("numpy")
    with fanin.Sink(receiver.url, framing="length") as sink:
        for kind in (">i8", "<i8", ">i4", "<i4", ">u8"):
            assert sink.send_many(b"abcdef", offsets=numpy.array([0, 3, 6], dtype=kind)) == 2
        assert sink.send_many(b"abcdef", offsets=numpy.array([0, 9, 3, 9, 6], dtype="<i8")[::2]) == 2
        with pytest.raises(TypeError, match="offsets"):
            sink.send_many(b"abcdef", offsets=numpy.array([[0, 3], [3, 6]]))
    receiver.ended.wait(10)
    assert receiver.frames("length") == [b"abc", b"def"] * 6


def test_many_ask_nothing_of_an_iterable_but_to_iterate(receiver: Receiver) -> None:
    """What its length says runs code, and what that raises would have to be swallowed."""

    class Evil(list[bytes]):
        def __length_hint__(self) -> int:
            raise KeyboardInterrupt

    class Odd:
        def __len__(self) -> int:
            raise KeyboardInterrupt

        def __iter__(self) -> Iterator[bytes]:
            return iter([b"x"])

    with fanin.Sink(receiver.url) as sink:
        assert sink.send_many(Evil([b"x"])) == 1
        assert sink.send_many(Odd()) == 1


def test_many_take_what_a_buffer_held_when_it_came(receiver: Receiver) -> None:
    data = bytearray(b"0")

    def changing() -> Iterator[bytearray]:
        for number in range(10):
            data[:] = b"%d" % number
            yield data

    with fanin.Sink(receiver.url) as sink:
        assert sink.send_many(changing()) == 10
    receiver.ended.wait(10)
    assert receiver.received == b"0123456789"


@pytest.mark.parametrize("timeout", [0, 0.0, 5, 1.5, 86_400, None, Decimal("2.5"), Fraction(1, 2)])
def test_whatever_is_seconds_is_a_timeout(receiver: Receiver, timeout: Any) -> None:
    with fanin.Sink(receiver.url) as sink:
        sink.send(b"a", timeout=timeout)
        sink.send(b"b", timeout)
        assert sink.send_many([b"c"], timeout=timeout) == 1
        assert sink.flush().accepted == 3
