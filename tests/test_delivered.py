"""What a server says of what arrived: lost, doubled, reordered, and of whom."""

import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from clients import connect, netlines, netstrings, send, settle

import fanin

RECORDS = {producer: [b"%s %d" % (producer.encode(), n) for n in range(5)] for producer in "ab"}


def parse(message: bytes) -> tuple[str, int]:
    producer, number = message.decode().split()
    return producer, int(number)


@pytest.fixture
def server() -> Iterator[fanin.Server]:
    with fanin.Server(framing="lines") as one:
        yield one


def deliver(server: fanin.Server, *messages: str) -> None:
    data = "".join(f"{message}\n" for message in messages)
    send(server, data.encode())
    server.wait_for(len(messages))


def raised(server: fanin.Server, *arguments: Any, **options: Any) -> fanin.NotArrived:
    with pytest.raises(fanin.NotArrived) as caught:
        server.assert_delivered(*arguments, **options)
    return caught.value


SOUND = [f"{producer} {n}" for n in range(5) for producer in "ab"]


def test_what_was_delivered_is_shown(server: fanin.Server) -> None:
    deliver(server, *SOUND)
    everything = [message.encode() for message in SOUND]
    for options in (
        {"expected": everything},
        {"expected": everything[::-1]},
        {"expected": everything, "order": "total"},
        {"expected": everything, "order": "per-producer", "parse": parse},
        {"expected": everything, "order": "per-producer"},
        {"expected": RECORDS, "order": "per-producer"},
        {"n": 10, "parse": parse, "order": "per-producer"},
        {"parse": parse},
    ):
        shown = server.assert_delivered(**options)  # type: ignore[arg-type]
        assert (shown.arrived, shown.proof, shown.delivered) == (10, "once", True)
        assert str(shown).startswith("10 messages arrived, each once")
    assert server.assert_delivered(10).proof == "count"
    assert dict(server.assert_delivered(parse=parse).last_good) == {"a": 4, "b": 4}


@pytest.mark.parametrize(
    "asked",
    [
        {"n": 10},
        {"expected": RECORDS, "order": "per-producer"},
        {"n": 10, "parse": parse, "order": "per-producer"},
    ],
    ids=["count", "expected", "parse"],
)
@pytest.mark.parametrize("framing", ["lines", netlines], ids=["lines", "callable"])
def test_what_is_on_its_way_is_waited_for(framing: Any, asked: dict[str, Any]) -> None:
    with fanin.Server(framing=framing) as server, connect(server) as client:
        early, late = ("".join(f"{m}\n" for m in some).encode() for some in (SOUND[:-2], SOUND[-2:]))
        client.sendall(early)
        threading.Timer(0.1, client.sendall, (late,)).start()
        assert server.assert_delivered(**asked, timeout=60).delivered


def test_messages_that_came_again_do_not_end_the_waiting(server: fanin.Server) -> None:
    deliver(server, "a", "b", "b")
    threading.Timer(0.1, send, (server, b"c\n")).start()
    error = raised(server, expected=[b"a", b"b", b"c"], timeout=60)
    assert (error.arrivals.arrived, error.arrivals.lost, error.arrivals.doubled) == (4, 0, 1)


def test_a_loss_is_told_after_the_time_with_what_the_server_saw(server: fanin.Server) -> None:
    deliver(server, *[m for m in SOUND if m != "a 2"])
    start = time.monotonic()
    error = raised(server, expected=RECORDS, timeout=0.1)
    assert 0.1 <= time.monotonic() - start < 30
    assert "lost 1" in str(error)
    assert "producer 'a': message 2 did not come" in str(error)
    assert re.search(r"waited for up to 0\.1 s; 1 connection, \d open, 36 bytes received$", str(error))
    assert raised(server, 10, timeout=0.01).arrivals.proof == "count"


# --- connections that ended within a message -------------------------------------------------------------------------


def test_a_callable_s_rest_is_no_end_of_a_connection_that_is_open() -> None:
    with fanin.Server(framing=netstrings) as server:
        with connect(server) as client:
            client.sendall(b"1:a,2:b")
            server.wait_for(1, timeout=20)
            settle(server, bytes_received=7)
            assert server.assert_delivered(1).cut == 0
            send(server, b"1:b,9:c")
            settle(server, open=1, opened=2, bytes_received=14)
            assert server.assert_delivered(2).cut == 1
        settle(server, open=0)
        shown = server.assert_delivered(2)
        assert (shown.cut, "2 connections ended in the middle of a message" in str(shown)) == (2, True)


@pytest.mark.parametrize("framing", ["lines", netlines], ids=["lines", "callable"])
def test_half_a_message_is_no_fault_when_all_that_was_expected_came(framing: Any) -> None:
    with fanin.Server(framing=framing) as server:
        send(server, b"a\nb")  # as a client does whose line breaks, and that sends it again
        settle(server, open=0, opened=1)
        send(server, b"b\n")
        server.assert_delivered(2, timeout=20)
        settle(server, open=0, opened=2)
        shown = server.assert_delivered(expected=[b"a", b"b"], order="per-producer")
        assert (shown.delivered, shown.cut) == (True, 1)
        assert "each once, each producer's in order\n1 connection ended in the middle of a message" in str(shown)
        assert "1 connection ended in the middle" in str(raised(server, expected=[b"a", b"b", b"c"]))
        with pytest.raises(
            fanin.ArrivalTimeout, match=r"1 too few in 0\.01 s; 2 connections.*\n1 connection ended .*\n"
        ):
            server.wait_for(3, timeout=0.01)


# --- what went wrong -------------------------------------------------------------------------------------------------

#: What is sent, what is asked, the four counts, and some words of what is told.
WRONG: dict[str, tuple[list[str], dict[str, Any], tuple[int, int, int, int], list[str]]] = {
    "lost": (
        [m for m in SOUND if m != "a 2"],
        {"expected": RECORDS},
        (1, 0, 0, 0),
        ["9 of 10 messages arrived: lost 1, doubled 0", "producer 'a': message 2 did not come", "'a': 1", "'b': 4"],
    ),
    "lost, by sequence": (
        [m for m in SOUND if m != "a 2"],
        {"parse": parse, "n": 10},
        (1, 0, 0, 0),
        ["producer 'a': message 2 did not come"],
    ),
    "lost from the end": (
        SOUND[:-2],
        {"parse": parse, "n": 10},
        (2, 0, 0, 0),
        ["2 messages more did not come"],
    ),
    "doubled": (
        [*SOUND, "b 3"],
        {"parse": parse},
        (0, 1, 0, 0),
        ["producer 'b': message 3 came again: as arrival 7, and as arrival 10"],
    ),
    "reordered": (
        ["a 0", "a 2", "a 1", "a 3"],
        {"parse": parse, "order": "per-producer"},
        (0, 0, 1, 0),
        ["producer 'a': message 1 came after message 2, as arrival 2", "'a': 0"],
    ),
    "reordered among all": (
        ["x", "z", "y"],
        {"expected": [b"x", b"y", b"z"], "order": "total"},
        (0, 0, 1, 0),
        ["message 1 came after message 2, as arrival 2"],
    ),
    "reordered, of a list": (
        ["x", "z", "y"],
        {"expected": [b"x", b"y", b"z"], "order": "per-producer"},
        (0, 0, 1, 0),
        ["message 1 came after message 2, as arrival 2", "all is well up to message 0", "a list is what one producer"],
    ),
    "changed": (
        ["a 0", "a 1x"],
        {"expected": {"a": [b"a 0", b"a 1"]}},
        (1, 0, 0, 1),
        ["arrival 1 is none that was sent: b'a 1x'"],
    ),
    "changed, by key": (
        ["a 0", "a 01"],
        {"expected": {"a": [b"a 0", b"a 1"]}, "parse": parse},
        (1, 0, 0, 1),
        ["producer 'a': message 1 came changed, as arrival 1: from byte 2 on it is b'01' instead of b'1'"],
    ),
    "of nobody": (["a 0", "c 0"], {"expected": [b"a 0"], "parse": parse}, (0, 0, 0, 1), ["which nobody sent"]),
    "no message at all": (["a 0", "what?"], {"parse": parse}, (0, 0, 0, 1), ["cannot be parsed (ValueError"]),
}


@pytest.mark.parametrize(("sent", "asked", "counts", "told"), WRONG.values(), ids=WRONG)
def test_what_went_wrong_is_told(
    server: fanin.Server, sent: list[str], asked: dict[str, Any], counts: tuple[int, ...], told: list[str]
) -> None:
    deliver(server, *sent)
    error = raised(server, **asked)
    found = error.arrivals
    assert (found.lost, found.doubled, found.reordered, found.unexpected) == counts, str(error)
    missing = [words for words in told if words not in str(error)]
    assert not missing, str(error)
    assert isinstance(error, AssertionError)


def test_nothing_shows_nothing(server: fanin.Server) -> None:
    assert "nothing arrived" in str(raised(server, parse=parse, order="per-producer"))
    assert server.assert_delivered(0, parse=parse).delivered


def test_the_first_five_are_shown(server: fanin.Server) -> None:
    deliver(server, *[f"a {n}" for n in range(0, 40, 2)], "a 0", "a 0")
    error = raised(server, parse=parse, order="per-producer")
    assert (error.arrivals.lost, len(error.arrivals.examples)) == (19, 5)
    assert "came again" in str(error), "losses leave some room for the rest"


def lines_of(last: dict[int, int]) -> list[str]:
    """What producers send, side by side, up to the last of each."""
    return [f"p{producer} {n}" for n in range(5) for producer in last if n <= last[producer]]


def test_producers_with_a_fault_stand_first_among_many(server: fanin.Server) -> None:
    sent = lines_of(dict.fromkeys(range(64), 4))
    sent.remove("p60 3")
    earlier, later = sent.index("p7 1"), sent.index("p7 2")
    sent[earlier], sent[later] = "p7 2", "p7 1"  # no fault: its order is not asked for
    deliver(server, *sent, "p33 2")
    expected = {f"p{n}": [f"p{n} {k}".encode() for k in range(5)] for n in range(64)}
    error = raised(server, expected=expected)
    lines = str(error).splitlines()
    shown = lines[lines.index("the last good sequence of each producer:") + 1 :]
    assert [line.strip() for line in shown[:4]] == ["'p60': 2", "'p33': 4", "'p7': 0", "'p0': 4"]
    assert (len(shown), shown[-1]) == (21, "  … and 44 more")
    assert error.arrivals.faulty == 2
    assert "'p7'" in str(raised(server, expected=expected, order="per-producer")).partition("last good")[2]


def test_who_is_short_of_the_last_stands_first_too(server: fanin.Server) -> None:
    deliver(server, *lines_of(dict.fromkeys(range(64), 4) | {41: 1}))
    error = raised(server, 64 * 5, parse=parse, order="per-producer")
    assert "the last good sequence of each producer:\n  'p41': 1\n  'p0': 4\n" in str(error)


def test_what_there_is_no_room_for_is_counted(server: fanin.Server) -> None:
    deliver(server, *lines_of(dict.fromkeys(range(30), 3) | {7: 4}))
    expected = {f"p{n}": [f"p{n} {k}".encode() for k in range(5)] for n in range(30)}
    error = raised(server, expected=expected)
    assert str(error).endswith("  … and 10 more, 9 of them with a fault too")
    assert error.arrivals.faulty == 29


def test_disorder_is_no_fault_unless_order_is_asked_for(server: fanin.Server) -> None:
    deliver(server, "a 1", "a 0")
    assert server.assert_delivered(parse=parse).reordered == 1


def test_equal_messages_are_counted_each(server: fanin.Server) -> None:
    deliver(server, "x", "x", "x")
    server.assert_delivered(expected=[b"x"] * 3, order="total")
    assert raised(server, expected=[b"x"] * 2).arrivals.doubled == 1
    assert raised(server, expected=[b"x"] * 4).arrivals.lost == 1


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "at least one of n, expected and parse"),
        ({"n": -1}, "n=-1"),
        ({"n": 1, "order": "total"}, "a count shows no order"),
        ({"n": 2, "expected": [b"a 0"]}, "n=2: expected= has 1 message"),
        ({"parse": parse, "timeout": 1}, "timeout=1: allowed is None: how many to wait for"),
        ({"n": 1, "timeout": -1}, "timeout=-1"),
        ({"n": 1, "order": "totl"}, "order='totl': allowed are per-producer, total; did you mean total?"),
        ({"expected": {"a": [b"x"], "b": [b"x"]}, "order": "per-producer"}, "'a' and 'b' both send b'x'"),
        ({"expected": [b"a"], "order": "any"}, "order='any': allowed are per-producer, total"),
        ({"parse": parse, "order": "total"}, "a total order needs expected="),
        ({"expected": ["a"]}, "lists of bytes"),
        ({"expected": b"a"}, "lists of bytes"),
        ({"expected": [b"a 1", b"a 01"], "parse": parse}, "is in it twice"),
        ({"parse": lambda message: 7}, "parse=7"),
    ],
)
def test_questions_without_an_answer_are_refused(server: fanin.Server, asked: dict[str, Any], words: str) -> None:
    deliver(server, "a 0")
    with pytest.raises(fanin.PlanError) as caught:
        server.assert_delivered(**asked)
    assert words in str(caught.value)
