"""What the Python tests share: made-up runs and sweeps, for what depends on numbers and not on a machine."""

import contextlib
import dataclasses
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from math import exp
from pathlib import Path
from random import Random
from typing import Any

import pytest
from receivers import Receiver, fill, stalled, url_of

import fanin

# What runs in the background of a shell may have been told to ignore Ctrl-C; what the tests start is to hear it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

NS = {"mpsc-one/each": 1000, "mpsc/batch": 100, "swap/batch": 50}


def made_up_run(strategy: str = "swap/batch", producers: int = 8, ns: int = 100, **changes: Any) -> fanin.Run:
    """A run that delivered, at so many nanoseconds a message."""
    queue, _, write = strategy.partition("/")
    sent = producers * 1000
    fields: dict[str, Any] = {
        "strategy": strategy, "queue": queue, "write": write, "producers": producers, "messages": 1000, "payload": 1,
        "capacity": None, "capacity_unit": None, "on_full": "wait", "load": "closed", "rate": None, "arrivals": None,
        "read_rate": None, "producers_as": "tasks", "actor": "thread", "server": "discard", "threads": 2, "work_ns": 0,
        "delay_ns": 0, "bursts": 1, "status": "ok", "counterexample": None, "proof": "shuffle", "sent": sent,
        "delivered": sent, "dropped": 0, "lost": 0, "duplicated": 0, "reordered": 0, "corrupted": 0, "bytes": sent,
        "produce_ns": sent * ns // 2, "deliver_ns": sent * ns, "batches": 10, "writes": 10, "high_water_bytes": 4096,
        "cpu_user_ns": 3000, "cpu_system_ns": 2000, "voluntary_switches": 3, "involuntary_switches": 4,
        "receive_buffer_granted": 131072, "server_reads": 12, "page_faults": 3,
        "wakeups": 5, "largest_batch_bytes": 4096, "cpu_server_user_ns": 1000, "cpu_server_system_ns": 500,
    }  # fmt: skip
    unknown = dict.fromkeys(field.name for field in dataclasses.fields(fanin.Run))
    return fanin.Run(**(unknown | fields | changes))


def made_up_sweep(
    strategies: Sequence[str] = tuple(NS), producers: Sequence[int] = (1, 8, 64), rounds: int = 3, bad: Any = ()
) -> fanin.Sweep:
    """A sweep whose rounds are each a little slower than the last; `bad` names cells that did not deliver."""
    from fanin.rows import row
    from fanin.schedule import Visit

    rows = []
    for number in range(rounds):
        cells = [(strategy, count) for strategy in strategies for count in producers]
        for cell, (strategy, count) in enumerate(cells):
            lost = {"status": "invalid", "lost": 1, "counterexample": "producer 0: message 3 is missing"}
            wrong = lost if (strategy, count) in bad else {}
            run = made_up_run(strategy, count, NS.get(strategy, 70) * (10 + number) // 10, **wrong)
            rows.append(row(Visit(number, cell, cell), 0, "here", (0.5, None), run))
    return fanin.Sweep.of(rows, {"began": "now", "hosts": {"here": {"cores": 2}}})


SYSTEMS = {
    "unix": (sys.platform != "win32", "this system is no Unix"),
    "proc": (Path("/proc/self/task").exists(), "this system has no /proc"),
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what this system cannot do, by the marks `unix` and `proc`."""
    for mark, (here, reason) in SYSTEMS.items():
        if item.get_closest_marker(mark) and not here:
            pytest.skip(reason)


@pytest.fixture
def make_run() -> Callable[..., fanin.Run]:
    return made_up_run


@pytest.fixture
def make_sweep() -> Callable[..., fanin.Sweep]:
    return made_up_sweep


@pytest.fixture(scope="session")
def answer() -> fanin.Article:
    """A small answer to the article; its bursts are not repeated, so its figures mean little."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fanin.answer.MIN_SECONDS", 0.0)
        return fanin.article(workers=[1, 4], messages=200, rounds=2, progress=False)


@pytest.fixture
def shell() -> list[str]:
    """How to start `fanin` in a process of its own."""
    return [sys.executable, "-m", "fanin"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """The other end of a sink: a plain socket that reads."""
    with Receiver() as one:
        yield one


@pytest.fixture
def full() -> Iterator[fanin.Sink]:
    """A sink with no room left, whose peer does not read."""
    with stalled() as listener:
        sink = fanin.Sink(url_of(listener), capacity="64 KiB", send_buffer=4096, close_timeout=0.1).open()
        fill(sink)
        yield sink
        with contextlib.suppress(fanin.TimedOut):
            sink.close()


class Simulated:
    """A sweep as statistics see it, with a known truth: ns a message by strategy, noise by run, drift by round."""

    def __init__(self, rows: Sequence[Mapping[str, Any]], meta: Mapping[str, Any]) -> None:
        self._rows, self.meta = list(rows), meta

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self._rows[0])

    def column(self, name: str) -> tuple[Any, ...]:
        return tuple(row[name] for row in self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self._rows)

    def changed(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> "Simulated":
        """The same with each row changed."""
        return Simulated([change(dict(row)) for row in self._rows], self.meta)


def simulated(
    truth: Mapping[str, float],
    *,
    rounds: int = 5,
    noise: float = 0.1,
    drift: float = 0.5,
    seed: int = 0,
    producers: Sequence[int] = (8,),
    payload: Sequence[int] = (1,),
    cores: int = 2,
    ns: Callable[[str, int, int], float] = lambda strategy, producers, payload: 1.0,
    **more: Any,
) -> Simulated:
    """Rounds of a sweep whose host drifts between them by far more than the runs within one differ."""
    random, rows = Random(seed), []
    cells = list(product(truth, producers, payload))
    for number in range(rounds):
        slow = random.gauss(0, drift)
        for cell in random.sample(range(len(cells)), len(cells)):
            strategy, count, size = cells[cell]
            time = truth[strategy] * ns(strategy, count, size) * exp(slow + random.gauss(0, noise))
            place = {"round": number, "cell": cell, "seed": seed, "strategy": strategy, "status": "ok"}
            load = {"producers": count, "payload": size, "deliver_ns": 100_000_000}
            rates = {"nanoseconds_per_message": time, "messages_per_second": 1e9 / time}
            rows.append(place | load | rates | more)
    return Simulated(rows, {"cores": str(cores)})


@pytest.fixture
def simulate() -> Callable[..., Simulated]:
    return simulated


@pytest.fixture(autouse=True)
def forget_the_doctor() -> Iterator[None]:
    """What `doctor` found in one test is not known in the next."""
    from fanin.stats import noise

    noise._latest.clear()
    yield
    noise._latest.clear()
