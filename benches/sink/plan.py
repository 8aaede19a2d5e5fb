"""Which cells are run, in which blocks, and what is asked of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

HONEST = "simple-queue/1024"
LOOP = "simple-queue/1024/loop"
CAPACITY_MB = 4 * 1024 * 1024 / 1e6


@dataclass(frozen=True)
class Cell:
    """An arm under a load."""

    kind: str
    arm: str
    threads: int = 1
    size: int = 64
    fresh: bool = False
    many: bool = False
    awaited: bool = False
    loop: str = "asyncio"
    busy: bool = False

    def spec(self) -> dict[str, Any]:
        """As `cell.py` reads it."""
        return asdict(self)

    def __str__(self) -> str:
        more = [word for word in ("fresh", "busy") if getattr(self, word)]
        more += [f"{self.size} B"] * (self.size != 64) + [self.loop] * (self.kind in ("tasks", "room"))
        many = "tasks" if self.kind == "tasks" else "threads"
        return ", ".join([self.arm, f"{self.threads} {many}", *more])


def threads(arm: str, count: int = 8, **more: Any) -> Cell:
    """Threads that send."""
    return Cell("threads", arm, count, many=arm == "sink/many", **more)


def tasks(arm: str, count: int = 8, loop: str = "asyncio") -> Cell:
    """Tasks that send."""
    return Cell("tasks", arm, count, awaited=arm not in ("sink/tasks", "list/call_soon"), loop=loop)


COUNTS = (1, 8, 64, 512)
LOOPS = ("asyncio", "uvloop")
BOUNDED = "simple-queue/bounded"
SLOW = ("queue.Queue/10000", "janus/10000", "culsans/10000")
ZMQ = ("pyzmq/socket", "pyzmq/proxy")
REST = (
    "simple-queue/1024/sendmsg", "simple-queue/all", "deque/polled", "lists/condition", "buffered-writer",
    "lock/sendall", "aiologic", "call_soon_threadsafe",
)  # fmt: skip
WAITERS = ("list/call_soon", "asyncio.Queue/10000", "StreamWriter")
LATENT = ("sink", HONEST, "lock/sendall", "call_soon_threadsafe", "janus/10000", "culsans/10000", "aiologic")
LOGGERS = ("logging/sink", "logging/queue+socket")

BLOCKS: dict[str, list[Cell]] = {
    "threads": [threads(arm, count) for arm in ("sink", HONEST, LOOP) for count in COUNTS],
    "fresh": [threads(arm, 8, size=size, fresh=True) for arm in ("sink", HONEST) for size in (64, 1024)],
    "large": [threads(arm, 8, size=1024) for arm in ("sink", HONEST)],
    "many": [threads(arm, count) for arm in ("sink/many", HONEST) for count in (1, 8)],
    "rivals": [threads(arm) for arm in ("sink", BOUNDED, *ZMQ, *SLOW, *REST)],
    "tasks": [tasks(arm, 8, loop) for arm in ("sink/tasks", "sink/async", *WAITERS) for loop in LOOPS],
    "counts": [tasks(arm, count, "uvloop") for arm in ("sink/tasks", "list/call_soon") for count in (1, 64, 512)],
    "room": [Cell("room", "sink/async", loop=loop) for loop in LOOPS],
    "logging": [Cell("logging", arm, count) for arm in LOGGERS for count in (1, 8)],
    "latency": [Cell("latency", arm, busy=busy) for arm in LATENT for busy in (False, True)],
    "idle": [Cell("idle", "sink")],
}
"""What is interleaved: the cells of a block take turns, in an order that is drawn anew each round."""


# --- what is asked ----------------------------------------------------------------------------------------------------

Row = dict[str, Any]


def rate(row: Row) -> float:
    """Messages a second."""
    return row["messages"] / row["seconds"]


def cpu(row: Row) -> float:
    """The process's processor time a message, in nanoseconds."""
    return row["cpu_ns"] / row["messages"]


def receiver(row: Row) -> float:
    """The receiver's processor time a message, in nanoseconds: it shares the machine."""
    return row["receiver_ns"] / row["messages"]


def senders(row: Row) -> float:
    """The sending threads' own processor time a message, with their loops, in nanoseconds."""
    return row["senders_ns"] / row["messages"]


def peak(row: Row) -> float:
    """MB over what the interpreter had."""
    return row["peak_bytes"] / 1e6


def quantile(name: str, share: float) -> Callable[[Row], float]:
    """Of times that were kept one by one, in microseconds."""

    def of(row: Row) -> float:
        values = sorted(row[name])
        return values[min(int(share * len(values)), len(values) - 1)] / 1e3

    return of


@dataclass(frozen=True)
class Target:
    """A measure, of our cell alone or against a rival's in the same round, and what it shall reach."""

    about: str
    block: str
    ours: Cell
    metric: Callable[[Row], float]
    least: float | None = None
    most: float | None = None
    rival: Cell | None = None
    unit: str = ""
    stretch: float | None = None

    def reached(self, value: float) -> bool:
        """Whether this is enough."""
        return value >= self.least if self.least is not None else value <= (self.most or 0.0)


def _against(about: str, block: str, ours: Cell, rival: Cell, least: float, stretch: float | None = None) -> Target:
    return Target(about, block, ours, rate, least=least, rival=rival, unit="×", stretch=stretch)


def _threads() -> list[Target]:
    asked = zip(COUNTS, (1.25, 1.5, 1.5, 1.15), (1.7, 2.0, 1.7, 1.3), strict=True)
    made = [
        _against(
            f"SimpleQueue ≤ 1024, {count} threads", "threads", threads("sink", count), threads(HONEST, count), *ends
        )
        for count, *ends in asked
    ]
    for size, least in ((64, 1.5), (1024, 2.0)):
        pair = [threads(arm, 8, size=size, fresh=True) for arm in ("sink", HONEST)]
        made.append(_against(f"fresh objects of {size} B, 8 threads", "fresh", *pair, least))
    pair = [threads(arm, 8, size=1024) for arm in ("sink", HONEST)]
    made.append(_against("shared objects of 1 KiB, 8 threads", "large", *pair, 0.9, 1.2))
    asked_of = {BOUNDED: (2.5, 4.0)} | dict.fromkeys(ZMQ, (10.0, 15.0)) | dict.fromkeys(SLOW, (50.0, 60.0))
    for arm, ends in asked_of.items():
        made.append(_against(f"{arm}, 8 threads", "rivals", threads("sink"), threads(arm), *ends))
    for count in (1, 8):
        pair = [threads("sink/many", count), threads(HONEST, count)]
        made.append(_against(f"send_many of 100, {count} threads", "many", *pair, 3.0))
    return made


def _costs() -> list[Target]:
    pair = {"ours": threads("sink", 8), "rival": threads(HONEST, 8)}
    alone = {"ours": threads("sink", 1), "rival": threads(HONEST, 1)}
    limit = CAPACITY_MB + 8
    return [
        Target("send: thread CPU with its loop", "threads", **alone, metric=senders, most=2.2, unit="×", stretch=1.8),
        Target("process CPU a message, 8 threads", "threads", **pair, metric=cpu, most=0.9, unit="×", stretch=0.7),
        Target("peak over the interpreter", "threads", threads("sink", 8), peak, most=limit, unit="MB"),
        Target("idle CPU", "idle", Cell("idle", "sink"), lambda row: row["idle_ns"] / 1e6, most=0.01, unit="ms/s"),
    ]


def _latency() -> list[Target]:
    idle, busy = (Cell("latency", "sink", busy=busy) for busy in (False, True))
    took, call = "took_ns", "call_ns"
    return [
        Target("latency idle, p50", "latency", idle, quantile(took, 0.5), most=80, unit="µs", stretch=60),
        Target("latency idle, p99", "latency", idle, quantile(took, 0.99), most=200, unit="µs", stretch=150),
        Target(
            "latency beside busy Python, p99", "latency", busy, quantile(took, 0.99), most=500, unit="µs", stretch=300
        ),
        Target("send beside busy Python, p99", "latency", busy, quantile(call, 0.99), most=150, unit="µs", stretch=100),
    ]


def _tasks() -> list[Target]:
    made = []
    for count in COUNTS:
        block = "tasks" if count == 8 else "counts"
        pair = [tasks(arm, count, "uvloop") for arm in ("sink/tasks", "list/call_soon")]
        made.append(_against(f"list and call_soon, {count} tasks, uvloop", block, *pair, 1.8, 2.5))
    for arm, least in (("StreamWriter", 10.0), ("asyncio.Queue/10000", 3.0)):
        for loop in LOOPS:
            pair = [tasks(one, 8, loop) for one in ("sink/async", arm)]
            made.append(_against(f"send_async against {arm}, {loop}", "tasks", *pair, least))
    for loop in LOOPS:
        cell = Cell("room", "sink/async", loop=loop)
        about = f"awaited send_async with room, {loop}"
        made.append(Target(about, "room", cell, lambda row: row["await_ns"], most=400, unit="ns", stretch=250))
        made.append(Target(f"turns of {loop} meanwhile", "room", cell, lambda row: row["loop_turns"], most=0))
    return made


def _logging() -> list[Target]:
    return [
        _against(
            f"SinkHandler, {count} threads", "logging", *(Cell("logging", arm, count) for arm in LOGGERS), float(least)
        )
        for count, least in ((1, 2), (8, 3))
    ]


TARGETS = [*_threads(), *_costs(), *_latency(), *_tasks(), *_logging()]
