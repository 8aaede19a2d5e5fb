"""One run: many producers, one actor, one socket; proved at the server, then measured."""

from __future__ import annotations

import atexit
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any

from . import _format, _native
from .cells import Cell, Effort, cell, effort, native
from .errors import Forked, NotDelivered

__all__ = ["Run", "run", "run_async"]

SHUTDOWN_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, repr=False)
class Run:
    """What one run did, as counted at the server. Frozen; pickles.

    There is no number without delivery: unless `status` is `"ok"`, every time and every rate is None.

    Attributes:
        strategy: The queue and the write policy, `"swap/batch"`.
        queue: The strategy's first half.
        write: The strategy's second half.
        producers: How many sent.
        messages: How many messages each of them sent in a burst.
        payload: A message's size in bytes.
        capacity: The most bytes that the queue held; None was no bound.
        producers_as: `tasks` or `threads`.
        actor: Where the actor ran: a `thread` of its own, or a `task` among the producers.
        server: `discard` or `echo`.
        threads: How many threads the runtime had.
        work_ns: CPU nanoseconds that a producer spent before each message.
        delay_ns: Nanoseconds that a producer slept before each message.
        bursts: How many bursts were run back to back; counts and times below are their totals.
        status: `ok`, `invalid` (the ledger has a counter-example) or `timeout`.
        counterexample: The first thing that was wrong; None when nothing was.
        proof: How much the ledger could show: `exact`, `tagged` or `shuffle`.
        sent: Messages that producers sent.
        delivered: Messages that came to the server, once each.
        lost: Messages that did not.
        duplicated: Messages that came again.
        reordered: Messages that came before an earlier one of their producer.
        corrupted: Messages that no producer can have sent.
        bytes: Bytes that came to the server.
        produce_ns: From the first send until the last producer was done.
        deliver_ns: From the first send until the server had the last byte.
        batches: How often the actor drained the queue.
        writes: How often it wrote to the socket.
        high_water_bytes: The most that stood in the queue at a drain.
        cpu_user_ns: CPU time of the process in its own code.
        cpu_system_ns: CPU time of the process in the kernel.
        voluntary_switches: How often one of its threads went to sleep.
        involuntary_switches: How often one was put aside for another.
    """

    strategy: str
    queue: str
    write: str
    producers: int
    messages: int
    payload: int
    capacity: int | None
    producers_as: str
    actor: str
    server: str
    threads: int
    work_ns: int
    delay_ns: int
    bursts: int
    status: str
    counterexample: str | None
    proof: str
    sent: int
    delivered: int
    lost: int
    duplicated: int
    reordered: int
    corrupted: int
    bytes: int
    produce_ns: int | None
    deliver_ns: int | None
    batches: int
    writes: int
    high_water_bytes: int
    cpu_user_ns: int
    cpu_system_ns: int
    voluntary_switches: int
    involuntary_switches: int

    def __post_init__(self) -> None:
        if self.status != "ok":
            object.__setattr__(self, "produce_ns", None)
            object.__setattr__(self, "deliver_ns", None)

    @property
    def produce_seconds(self) -> float | None:
        """From the first send until the last producer was done; all bursts together. None unless delivered."""
        return None if self.produce_ns is None else self.produce_ns / 1e9

    @property
    def deliver_seconds(self) -> float | None:
        """From the first send until the server had the last byte; all bursts together. None unless delivered."""
        return None if self.deliver_ns is None else self.deliver_ns / 1e9

    @property
    def burst_seconds(self) -> float | None:
        """The mean time to deliver one burst. None unless delivered."""
        return None if self.deliver_ns is None else self.deliver_ns / self.bursts / 1e9

    @property
    def nanoseconds_per_message(self) -> float | None:
        """Time to deliver, a message. None unless delivered."""
        return _ratio(self.deliver_ns, self.delivered)

    @property
    def messages_per_second(self) -> float | None:
        """Messages delivered a second. None unless delivered."""
        return _ratio(self.delivered, self.deliver_seconds)

    @property
    def bytes_per_second(self) -> float | None:
        """Bytes delivered a second. None unless delivered."""
        return _ratio(self.bytes, self.deliver_seconds)

    @property
    def cpu_seconds(self) -> float:
        """CPU time of the whole process during the run: producers, actor and server."""
        return (self.cpu_user_ns + self.cpu_system_ns) / 1e9

    @property
    def context_switches(self) -> int:
        """How often threads of the process gave up their core or lost it."""
        return self.voluntary_switches + self.involuntary_switches

    def require_delivery(self) -> Run:
        """Returns this run, if it delivered.

        Raises:
            NotDelivered: It did not; the message has the counts and the first counter-example.
        """
        if self.status != "ok":
            raise NotDelivered(f"{self.strategy}: {self._failure()}", self)
        return self

    def to_dict(self) -> dict[str, Any]:
        """All fields by name, and the rates."""
        stored = {field.name: getattr(self, field.name) for field in fields(self)}
        return stored | {name: getattr(self, name) for name in RATES}

    def _failure(self) -> str:
        counts = ("lost", "duplicated", "reordered", "corrupted")
        wrong = ", ".join(f"{getattr(self, name):,} {name}" for name in counts if getattr(self, name))
        found = f"{self.status}: {self.delivered:,} of {self.sent:,} messages delivered"
        return "; ".join(part for part in (found, wrong, self.counterexample) if part)

    def _load(self) -> str:
        size = _format.plural(self.payload, "byte")
        return f"{_format.plural(self.producers, 'producer')} × {self.messages:,} × {size}"

    def _finding(self) -> str:
        if self.status != "ok":
            return self._failure()
        rate = f"{_format.large(self.messages_per_second)} messages a second"
        return f"{_format.number(self.nanoseconds_per_message)} ns a message, {rate}; proof {self.proof}"

    def __repr__(self) -> str:
        bursts = "" if self.bursts == 1 else f", {self.bursts:,} bursts"
        return f"<Run {self.strategy}, {self._load()}{bursts}: {self._finding()}>"

    def _repr_html_(self) -> str:
        rows: list[tuple[str, object]] = [
            ("load", self._load()),
            ("status", f"{self.status}, proof {self.proof}" if self.status == "ok" else self._failure()),
            ("ns a message", self.nanoseconds_per_message),
            ("messages a second", self.messages_per_second),
            ("a burst, produced", _format.seconds(_ratio(self.produce_seconds, self.bursts))),
            ("a burst, delivered", _format.seconds(self.burst_seconds)),
            ("bursts", self.bursts),
            ("batches, writes", f"{self.batches:,}, {self.writes:,}"),
            ("most bytes queued", self.high_water_bytes),
            ("CPU", _format.seconds(self.cpu_seconds)),
            ("context switches", self.context_switches),
        ]
        return _format.html_table(("run", self.strategy), [(name, _format.number(value)) for name, value in rows])


RATES = ("nanoseconds_per_message", "messages_per_second", "bytes_per_second")


def run(
    strategy: str,
    producers: int = 64,
    messages: int = 1000,
    payload: int = 1,
    *,
    capacity: int | None = None,
    work: int = 0,
    delay: float = 0.0,
    server: str = "discard",
    producers_as: str = "tasks",
    actor: str = "thread",
    threads: int | None = None,
    bursts: int = 1,
    min_seconds: float = 0.0,
    timeout: float | None = None,
) -> Run:
    """Runs one burst, or several, through a strategy to a server in this process, and proves what arrived.

    The clock runs from the first send until the server has the last expected byte; checking goes on to the end of the
    stream. All threads are joined before this returns, and Ctrl-C is answered within a tenth of a second.

    Args:
        strategy: A name of `strategies()`, such as `"swap/batch"`.
        producers: How many send, 1 to 65,536.
        messages: How many each of them sends in a burst.
        payload: A message's size in bytes. It decides the proof: 1 is the article's counter (`shuffle`), 2 to 15
            are `tagged`, 16 and more `exact`.
        capacity: The most bytes that the queue holds before producers wait; None is no bound.
        work: CPU nanoseconds that a producer spends before each message.
        delay: Seconds that a producer sleeps before each message.
        server: `"discard"`, or `"echo"`, whose answers the actor then reads.
        producers_as: `"tasks"` of a runtime, or operating-system `"threads"`.
        actor: On a `"thread"` of its own, or as a `"task"` among the producers, as in the article.
        threads: The runtime's threads; None is one a core.
        bursts: Repeat the burst at least so often, back to back.
        min_seconds: And until so many seconds have been timed. Bursts are repeated, never enlarged.
        timeout: Seconds after which the run is given up, with the status `timeout`; None is never.

    Returns:
        A `Run`, also when messages were lost: see its `status`, or call its `require_delivery()`.

    Raises:
        PlanError: An argument is wrong; nothing was started.
        Forked: This process is a fork of the one that imported fanin.
        KeyboardInterrupt: Ctrl-C.

    Example:
        >>> import fanin
        >>> run = fanin.run("swap/batch", producers=8, messages=1000)
        >>> run.status, run.delivered, run.lost
        ('ok', 8000, 0)
        >>> run.nanoseconds_per_message > 0
        True
    """
    point = _cell(locals())
    return execute(point, effort(bursts, min_seconds, timeout))


async def run_async(
    strategy: str,
    producers: int = 64,
    messages: int = 1000,
    payload: int = 1,
    *,
    capacity: int | None = None,
    work: int = 0,
    delay: float = 0.0,
    server: str = "discard",
    producers_as: str = "tasks",
    actor: str = "thread",
    threads: int | None = None,
    bursts: int = 1,
    min_seconds: float = 0.0,
    timeout: float | None = None,  # noqa: ASYNC109 - the native run's own limit, which it reports
) -> Run:
    """`run` for a coroutine: the event loop goes on while the run is under way. Arguments and result are the same.

    A cancelled call ends the run and joins its threads.

    Example:
        >>> import asyncio, fanin
        >>> asyncio.run(fanin.run_async("mpsc/batch", producers=4, messages=100)).status
        'ok'
    """
    point = _cell(locals())
    how_long = effort(bursts, min_seconds, timeout)
    return _run(await _native.run_async(**native(point, how_long)))


def execute(point: Cell, how_long: Effort) -> Run:
    """Runs a checked cell."""
    return _run(_native.run(**native(point, how_long)))


def _run(row: dict[str, Any]) -> Run:
    """The core may tell more than a `Run` keeps."""
    return Run(**{field.name: row[field.name] for field in fields(Run)})


def _cell(arguments: dict[str, Any]) -> Cell:
    return cell(
        **{name: value for name, value in arguments.items() if name not in ("bursts", "min_seconds", "timeout")}
    )


def _ratio(above: float | None, below: float | None) -> float | None:
    return None if above is None or not below else above / below


def _shutdown() -> None:
    """Ends the runtime of `run_async` while the interpreter is whole; a forked child has none."""
    with suppress(Forked):
        _native.shutdown(SHUTDOWN_NS)


atexit.register(_shutdown)
