"""What is refused, and how clearly: every message names the argument, the value and what is allowed."""

import errno
import math
import pickle
import socket
from collections.abc import Callable
from fractions import Fraction
from itertools import count
from typing import Any

import pytest

import fanin

WRONG: list[tuple[dict[str, Any], str, str, str]] = [
    ({"strategy": "swap/bach"}, "strategy", "'swap/bach'", "swap/batch"),
    ({"strategy": "swap"}, "strategy", "'swap'", "swap/batch"),
    ({"strategy": 7}, "strategy", "7", "swap/batch"),
    ({"strategy": ["swap/batch"]}, "strategy", "['swap/batch']", "swap/batch"),
    ({"strategy": None}, "strategy", "None", "swap/batch"),
    ({"producers": 0}, "producers", "0", "1 to 65536"),
    ({"producers": -1}, "producers", "-1", "1 to 65536"),
    ({"producers": 65_537}, "producers", "65537", "1 to 65536"),
    ({"producers": "8"}, "producers", "'8'", "1 to 65536"),
    ({"producers": True}, "producers", "True", "1 to 65536"),
    ({"producers": 1.5}, "producers", "1.5", "1 to 65536"),
    ({"producers": 2.0}, "producers", "2.0", "1 to 65536"),
    ({"producers": math.nan}, "producers", "nan", "1 to 65536"),
    ({"producers": None}, "producers", "None", "1 to 65536"),
    ({"producers": 10**30}, "producers", "1000", "1 to 65536"),
    ({"producers": 10**5000}, "producers", "5000 digits", "1 to 65536"),
    ({"producers": -(10**5000)}, "producers", "5000 digits", "1 to 65536"),
    ({"producers": [8]}, "producers", "[8]", "1 to 65536"),
    ({"producers": 20_000, "payload": 2}, "producers", "20000", "1 to 16384"),
    ({"messages": 0}, "messages", "0", "from 1"),
    ({"messages": 10**13}, "messages", "10000000000000", "from 1"),
    ({"messages": 10**9, "payload": 4096}, "producers*messages*payload", "MiB", "a quarter of the memory"),
    ({"payload": -1}, "payload", "-1", "1 to 16777216"),
    ({"payload": 0}, "payload", "0", "1 to 16777216"),
    ({"payload": b"x"}, "payload", "b'x'", "1 to 16777216"),
    ({"capacity": 0}, "capacity", "0", "None"),
    ({"capacity": "64k"}, "capacity", "'64k'", "None"),
    ({"capacity": "0 messages"}, "capacity", "'0 messages'", "'1000 messages'"),
    ({"capacity": "-1 bytes"}, "capacity", "'-1 bytes'", "'1000 messages'"),
    ({"capacity": "9999999999 GiB"}, "capacity", "'9999999999 GiB'", "None"),
    ({"capacity": f"{'9' * 5000} bytes"}, "capacity", "999", "None"),
    ({"capacity": 1.5}, "capacity", "1.5", "256 KiB"),
    ({"capacity": True}, "capacity", "True", "256 KiB"),
    ({"on_full": "drop-newest", "capacity": 9}, "on_full", "'drop-newest'", "did you mean drop_newest"),
    ({"on_full": "drop_newest"}, "on_full", "drop_newest", "nothing is ever full"),
    ({"on_full": "drop_oldest", "strategy": "mpsc/batch"}, "on_full", "drop_oldest", "mpsc can wait"),
    ({"on_full": None}, "on_full", "None", "wait, drop_newest, drop_oldest"),
    ({"read_rate": 0}, "read_rate", "0", "bytes a second, words such as '1 MiB/s', or None"),
    ({"read_rate": "1 MiX/s"}, "read_rate", "'1 MiX/s'", "bytes a second, words such as '1 MiB/s', or None"),
    ({"load": "open"}, "load", "'open'", "open_loop(rate="),
    ({"load": None}, "load", "None", "closed_loop()"),
    ({"load": {"rate": math.inf}}, "rate", "inf", "above 0"),
    ({"load": {"rate": 9, "arrivals": "uniform"}}, "arrivals", "'uniform'", "constant, poisson"),
    ({"load": fanin.open_loop(9)}, "payload", "1", "an open load"),
    ({"load": fanin.open_loop(9), "payload": 16, "work": 5}, "work", "5", "the pacing thread"),
    ({"load": fanin.open_loop(1e-6), "payload": 16}, "rate", "0.000001", ""),
    ({"seed": -1}, "seed", "-1", "from 0"),
    ({"work": -1}, "work", "-1", "CPU nanoseconds"),
    ({"work": 0.5}, "work", "0.5", "CPU nanoseconds"),
    ({"delay": -1}, "delay", "-1", "0 to 86400 seconds"),
    ({"delay": math.nan}, "delay", "nan", "0 to 86400 seconds"),
    ({"delay": math.inf}, "delay", "inf", "0 to 86400 seconds"),
    ({"delay": "1s"}, "delay", "'1s'", "0 to 86400 seconds"),
    ({"delay": True}, "delay", "True", "0 to 86400 seconds"),
    ({"delay": 1j}, "delay", "1j", "0 to 86400 seconds"),
    ({"delay": 10**400}, "delay", "1000", "0 to 86400 seconds"),
    ({"delay": 1e300}, "delay", "1e+300", "0 to 86400 seconds"),
    ({"server": "http"}, "server", "'http'", "discard, echo"),
    ({"server": None}, "server", "None", "discard, echo"),
    ({"producers_as": "processes"}, "producers_as", "'processes'", "tasks, threads"),
    ({"actor": "fiber"}, "actor", "'fiber'", "thread, task"),
    ({"threads": 0}, "threads", "0", "or None"),
    ({"threads": 2.0}, "threads", "2.0", "or None"),
    ({"bursts": 0}, "bursts", "0", "from 1"),
    ({"min_seconds": -0.1}, "min_seconds", "-0.1", "0 to 86400 seconds"),
    ({"timeout": 0}, "timeout", "0", "more than 0 to 86400 seconds"),
    ({"timeout": -5}, "timeout", "-5", "more than 0 to 86400 seconds"),
    ({"timeout": math.nan}, "timeout", "nan", "more than 0 to 86400 seconds"),
]


def shown(part: object) -> str:
    """A part of a test's name; numbers of 5000 digits have none."""
    return part[:30] if isinstance(part, str) else ""


def told(error: BaseException, *parts: str) -> None:
    missing = [part for part in parts if part not in str(error)]
    assert not missing, str(error)
    assert len(str(error)) < 600, "nobody reads that"


@pytest.mark.parametrize(("arguments", "name", "value", "allowed"), WRONG, ids=shown)
def test_a_run_refuses(arguments: dict[str, Any], name: str, value: str, allowed: str) -> None:
    with pytest.raises(fanin.PlanError) as caught:
        fanin.run(**({"strategy": "swap/batch"} | arguments))
    told(caught.value, f"{name}=", value, allowed)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(("arguments", "name", "value", "allowed"), WRONG[:20], ids=shown)
def test_run_async_refuses_the_same(arguments: dict[str, Any], name: str, value: str, allowed: str) -> None:
    with pytest.raises(fanin.PlanError) as caught:
        fanin.run_async(**({"strategy": "swap/batch"} | arguments)).send(None)
    told(caught.value, f"{name}=", value, allowed)


def test_numbers_of_other_kinds_are_welcome() -> None:
    numpy = pytest.importorskip("numpy")
    run = fanin.run(
        "swap/batch", numpy.int64(2), numpy.uint8(10), delay=Fraction(1, 1000_000), min_seconds=numpy.float32(0)
    )
    assert (run.producers, run.messages, run.delay_ns) == (2, 10, 1000)
    assert type(run.producers) is int


def test_an_array_is_no_number() -> None:
    numpy = pytest.importorskip("numpy")
    grid = numpy.array([[1, 2], [3, 4]])
    for call in (lambda: fanin.Plan("swap/batch", grid), lambda: fanin.run("swap/batch", grid)):
        with pytest.raises(fanin.PlanError) as caught:
            call()
        told(caught.value, "producers=array(", "1 to 65536")
        assert "\n" not in str(caught.value)
    assert len(fanin.Plan("swap/batch", grid[0]).cells) == 2


def test_a_bar_is_drawn_or_not() -> None:
    for call in (fanin.sweep, fanin.article):
        with pytest.raises(fanin.PlanError, match="progress='x': allowed are True and False"):
            call(**({} if call is fanin.article else {"strategies": "swap/batch"}), progress="x")  # type: ignore[operator]


def test_sizes_have_one_dialect() -> None:
    for words, size in {"64": 64, "64 B": 64, "1 byte": 1, "64 bytes": 64, "2KiB": 2048, " 1 MiB ": 1 << 20}.items():
        assert fanin.Plan("swap/batch", capacity=words).capacity == (size,)
        fanin.Sink("tcp://127.0.0.1:1", capacity=words)
        fanin.Server(record=words).stop()
    for wrong in ("64 KB", "64k", "٦٤", "6 4", "1e3", "-1", "64 kib"):
        for call in (
            lambda words: fanin.Plan("swap/batch", capacity=words),
            lambda words: fanin.Sink("tcp://127.0.0.1:1", capacity=words),
            lambda words: fanin.Server(record=words),
        ):
            with pytest.raises(fanin.PlanError) as caught:
                call(wrong)
            told(caught.value, f"={wrong!r}", "KiB", *(["did you mean '64 KiB'?"] if wrong.startswith("64") else []))


def test_what_has_no_bound_takes_no_capacity() -> None:
    unbounded = next(s.name for s in fanin.strategies() if not s.bounded)
    with pytest.raises(fanin.PlanError) as caught:
        fanin.run(unbounded, capacity=4096)
    told(caught.value, "capacity=4096", unbounded.partition("/")[0], "has no bound", "swap")


# --- sweeps ----------------------------------------------------------------------------------------------------------

NO_GRID: list[tuple[dict[str, Any], str, str, str]] = [
    ({"strategies": []}, "strategies", "[]", "at least one"),
    ({"producers": ()}, "producers", "()", "at least one"),
    ({"payload": iter([])}, "payload", "iterator", "at least one"),
    ({"strategies": "swap/bach"}, "strategies", "'swap/bach'", "did you mean swap/batch"),
    ({"producers": [1, 0]}, "producers", "0", "1 to 65536"),
    ({"producers": [1, "8"]}, "producers", "'8'", "1 to 65536"),
    ({"producers": [1, 8, 1]}, "producers", "1", "listed twice"),
    ({"producers": {1, 8}}, "producers", "{1, 8}", "a list"),
    ({"producers": count(1)}, "producers", "", "up to 10000"),
    ({"payload": [1, -1]}, "payload", "-1", "bytes"),
    ({"delay": [0, math.nan]}, "delay", "nan", "seconds"),
    ({"threads": [None, 2]}, "threads", "[None, 2]", "numbers"),
    ({"rounds": 0}, "rounds", "0", "from 1"),
    ({"rounds": 2.5}, "rounds", "2.5", "from 1"),
    ({"seed": -1}, "seed", "-1", "from 0"),
    ({"seed": "lucky"}, "seed", "'lucky'", "from 0"),
    ({"min_seconds": [0, 1]}, "min_seconds", "[0, 1]", "seconds"),
    ({"timeout": 0}, "timeout", "0", "seconds"),
]


@pytest.mark.parametrize(("arguments", "name", "value", "allowed"), NO_GRID, ids=shown)
def test_a_sweep_refuses_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], name: str, value: str, allowed: str
) -> None:
    monkeypatch.setattr("fanin._native.run", lambda *_, **__: pytest.fail("something ran"))
    with pytest.raises(fanin.PlanError) as caught:
        fanin.sweep(**({"strategies": ["swap/batch"], "producers": [1, 8]} | arguments))
    told(caught.value, name, value, allowed)


def test_a_grid_has_an_end() -> None:
    with pytest.raises(fanin.PlanError, match="cells"):
        fanin.sweep("swap/batch", range(1, 2001), range(1, 2001))


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({"workers": 0}, ("workers=0", "1 to 65536")),
        ({"workers": []}, ("workers=[]", "at least one")),
        ({"rounds": 0}, ("rounds=0", "from 1")),
        ({"strategies": ["x"]}, ("strategies='x'", "swap/batch")),
        ({"server": "ftp"}, ("server='ftp'", "discard, echo")),
    ],
)
def test_the_article_refuses(
    monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], parts: tuple[str, ...]
) -> None:
    monkeypatch.setattr("fanin._native.published", lambda *_, **__: pytest.fail("something ran"))
    with pytest.raises(fanin.PlanError) as caught:
        fanin.article(quick=True, **arguments)
    told(caught.value, *parts)


# --- servers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({"mode": "chat"}, ("mode='chat'", "discard, echo")),
        ({"port": -1}, ("port=-1", "0 to 65535")),
        ({"port": 65_536}, ("port=65536", "0 to 65535")),
        ({"port": "80"}, ("port='80'", "0 to 65535")),
        ({"host": ""}, ("host=''", "127.0.0.1")),
        ({"host": None}, ("host=None", "127.0.0.1")),
    ],
)
def test_a_server_refuses(arguments: dict[str, Any], parts: tuple[str, ...]) -> None:
    with pytest.raises(fanin.PlanError) as caught:
        fanin.Server(**arguments)
    told(caught.value, *parts)


def test_a_port_in_use_is_named() -> None:
    with fanin.Server() as server, pytest.raises(fanin.AddressError) as caught:
        fanin.Server(port=server.port)
    told(caught.value, str(server.port), "127.0.0.1")
    assert caught.value.errno == errno.EADDRINUSE
    assert isinstance(caught.value, OSError)


def test_a_host_that_does_not_resolve_is_named() -> None:
    with pytest.raises(fanin.AddressError) as caught:
        fanin.Server(host="no-such-host.invalid")
    told(caught.value, "no-such-host.invalid")


def test_a_server_counts_what_comes() -> None:
    with fanin.Server("echo") as server:
        assert server.url == f"tcp://127.0.0.1:{server.port}"
        assert repr(server) == f"<Server echo on {server.url}>"
        with socket.create_connection((server.host, server.port)) as client:
            client.sendall(b"x" * 1000)
            assert client.recv(1000, socket.MSG_WAITALL) == b"x" * 1000
    report = server.report()
    assert (report["opened"], report["bytes_received"], report["bytes_echoed"]) == (1, 1000, 1000)
    server.stop()
    assert server.mode == "echo"


# --- the exceptions --------------------------------------------------------------------------------------------------


def test_exceptions_have_parents_that_callers_expect() -> None:
    for child, parent in {
        fanin.PlanError: ValueError,
        fanin.Forked: RuntimeError,
        fanin.AddressError: OSError,
        fanin.MissingExtra: ImportError,
        fanin.SweepInterrupted: KeyboardInterrupt,
        fanin.NotDelivered: Exception,
    }.items():
        assert issubclass(child, parent)
        assert issubclass(child, fanin.FaninError)


def test_exceptions_travel(make_run: Callable[..., fanin.Run], make_sweep: Callable[..., fanin.Sweep]) -> None:
    run, sweep = make_run(status="invalid"), make_sweep()
    lost = pickle.loads(pickle.dumps(fanin.NotDelivered("lost one", run)))
    assert (str(lost), lost.run) == ("lost one", run)
    stopped = pickle.loads(pickle.dumps(fanin.SweepInterrupted("after 9", sweep)))
    assert (str(stopped), stopped.sweep) == ("after 9", sweep)
    in_use = pickle.loads(pickle.dumps(fanin.AddressError(errno.EADDRINUSE, "in use")))
    assert (in_use.errno, in_use.strerror) == (errno.EADDRINUSE, "in use")
    for kind in (fanin.PlanError, fanin.Forked, fanin.MissingExtra, fanin.FaninError):
        again = pickle.loads(pickle.dumps(kind("why")))
        assert (type(again), str(again)) == (kind, "why")


SIZES = {
    "64": 64,
    "64 B": 64,
    "64 bytes": 64,
    "64 KiB": 65_536,
    "1MiB": 1 << 20,
}


@pytest.mark.parametrize(("words", "size"), SIZES.items())
def test_sizes_and_rates_take_the_same_words_everywhere(words: str, size: int) -> None:
    plan = fanin.Plan(
        "swap/batch", payload=words, capacity=words, read_rate=f"{words}/s", receive_buffer=words, send_buffer=words
    )
    assert (plan.payload, plan.capacity, plan.read_rate) == ((size,), (size,), (size,))
    assert plan.receive_buffer == plan.send_buffer == (size,)
    with fanin.Server(read_rate=f"{words}/s", receive_buffer=words, max_frame=words, framing="lines") as server:
        assert fanin.Sink(server.url, capacity=words, max_frame="64").open().close().complete
    with fanin.Server(reset_after=words) as server, fanin.Proxy(server, read_rate=words):
        pass


def test_a_size_in_words_is_no_mix_of_sizes() -> None:
    run = fanin.run("swap/batch", 2, messages=10, payload="64", read_rate="20 MiB/s", capacity="1 KiB")
    assert (run.payload, run.contents, run.read_rate, run.capacity) == (64, None, 20 << 20, 1024)
    assert fanin.run("swap/batch", 2, messages=10, payload="64*9+128*1").contents
    for wrong in ("64 apples", "-1", "1.5 MiB", ""):
        with pytest.raises(fanin.PlanError, match="payload="):
            fanin.run("swap/batch", payload=wrong)
    with pytest.raises(fanin.PlanError, match="read_rate='20 XB/s': allowed are"):
        fanin.run("swap/batch", read_rate="20 XB/s")
    with pytest.raises(fanin.PlanError, match="producers='4'"):
        fanin.run("swap/batch", producers="4")  # type: ignore[arg-type]
