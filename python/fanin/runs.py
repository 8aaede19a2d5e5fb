"""One run: many producers, one actor, one socket; proved at the server, then measured."""

from __future__ import annotations

import atexit
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Any

from . import _check, _format, _native
from .cells import Cell, Effort, cell, effort, native
from .errors import Forked, NotDelivered
from .loads import CLOSED, Load

__all__ = ["Run", "run", "run_async"]

SHUTDOWN_NS = 1_000_000_000
NO_AXIS = ("seed", "bursts", "min_seconds", "timeout")


@dataclass(frozen=True, slots=True, repr=False)
class Run:
    """What one run did, as counted at the server. Frozen; pickles.

    There is no number without delivery: unless `status` is `"ok"` or `"saturated"`, every time and every rate is None.

    Attributes:
        strategy: The queue and the write policy, `"swap/batch"`.
        queue: The strategy's first half.
        write: The strategy's second half.
        producers: How many sent.
        messages: How many messages each of them sent in a burst.
        payload: A message's size in bytes.
        capacity: The most that the queue held; None was no bound.
        capacity_unit: What that counts: `bytes` or `messages`; None without a capacity.
        on_full: What became of a message that found no room: `wait`, `drop_newest` or `drop_oldest`.
        producers_as: `tasks` or `threads`.
        actor: Where the actor ran: a `thread` of its own, or a `task` among the producers.
        server: `discard` or `echo`.
        threads: How many threads the runtime had.
        work_ns: CPU nanoseconds that a producer spent before each message.
        delay_ns: Nanoseconds that a producer slept before each message.
        load: `closed`, or `open`: messages were due at given times.
        rate: Messages a second that were due, of all producers together; None unless `open`.
        arrivals: `constant` or `poisson`; None unless `open`.
        read_rate: The most bytes that the server read in a second; None was as many as came.
        bursts: How many bursts were run back to back; counts and times below are their totals.
        status: `ok`, `saturated` (delivered, but at less than 99 % of an open load's rate), `invalid` (the ledger has a
            counter-example) or `timeout`.
        counterexample: The first thing that was wrong; None when nothing was.
        proof: How much the ledger could show: `exact`, `tagged` or `shuffle`; `count` where drops left no more.
        sent: Messages that producers sent.
        delivered: Messages that came to the server, once each.
        dropped: Messages that a full queue dropped on purpose, with `on_full`.
        lost: Messages that did not, without being dropped: `sent` is `delivered`, `dropped` and `lost` together.
        duplicated: Messages that came again.
        reordered: Messages that came before an earlier one of their producer.
        corrupted: Messages that no producer can have sent.
        bytes: Bytes that came to the server.
        produce_ns: From the first send until the last producer was done.
        deliver_ns: From the first send until the server had the last byte.
        achieved_rate: Messages a second delivered or dropped on purpose; None unless `open` and delivered.
        late_starts: Sends that began more than 100 µs after they were due; None unless `open`.
        worst_lateness_ns: By how much the latest began too late; None unless `open`.
        latency_count: How many latencies there are: each from when a message was due to when the server had it. None,
            as all below, unless `open` and delivered.
        latency_min_ns: The shortest.
        latency_p50_ns: The median. A percentile is None where fewer than 10 latencies are above it.
        latency_p90_ns: Nine in ten are no longer.
        latency_p99_ns: 99 in 100 are no longer.
        latency_p999_ns: 999 in 1000 are no longer.
        latency_max_ns: The longest.
        latency_histogram: All of them in nanoseconds, as HdrHistogram encodes them (V2, compressed, base64).
        batches: How often the actor drained the queue.
        writes: How often it wrote to the socket.
        wakeups: How often the queue was empty and the actor had to wait.
        largest_batch_bytes: The most that one drain took.
        high_water_bytes: The most that stood in the queue at a drain.
        cpu_user_ns: CPU time of the process in its own code.
        cpu_system_ns: CPU time of the process in the kernel.
        voluntary_switches: How often one of its threads went to sleep.
        involuntary_switches: How often one was put aside for another.
        cpu_producers_user_ns: The producers' part of `cpu_user_ns`, with an open load the pacing thread's; None where
            the actor is one of their tasks.
        cpu_producers_system_ns: The same of `cpu_system_ns`.
        cpu_actor_user_ns: The actor's part of `cpu_user_ns`; None where it is a task.
        cpu_actor_system_ns: The same of `cpu_system_ns`.
        cpu_server_user_ns: The server's part of `cpu_user_ns`.
        cpu_server_system_ns: The same of `cpu_system_ns`.
    """

    strategy: str
    queue: str
    write: str
    producers: int
    messages: int
    payload: int
    capacity: int | None
    capacity_unit: str | None
    on_full: str
    producers_as: str
    actor: str
    server: str
    threads: int
    work_ns: int
    delay_ns: int
    load: str
    rate: float | None
    arrivals: str | None
    read_rate: int | None
    bursts: int
    status: str
    counterexample: str | None
    proof: str
    sent: int
    delivered: int
    dropped: int
    lost: int
    duplicated: int
    reordered: int
    corrupted: int
    bytes: int
    produce_ns: int | None
    deliver_ns: int | None
    achieved_rate: float | None
    late_starts: int | None
    worst_lateness_ns: int | None
    latency_count: int | None
    latency_min_ns: int | None
    latency_p50_ns: int | None
    latency_p90_ns: int | None
    latency_p99_ns: int | None
    latency_p999_ns: int | None
    latency_max_ns: int | None
    latency_histogram: str | None
    batches: int
    writes: int
    wakeups: int
    largest_batch_bytes: int
    high_water_bytes: int
    cpu_user_ns: int
    cpu_system_ns: int
    voluntary_switches: int
    involuntary_switches: int
    cpu_producers_user_ns: int | None
    cpu_producers_system_ns: int | None
    cpu_actor_user_ns: int | None
    cpu_actor_system_ns: int | None
    cpu_server_user_ns: int
    cpu_server_system_ns: int

    def __post_init__(self) -> None:
        if self.status not in DELIVERED:
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
    def cpu_nanoseconds_per_message(self) -> float | None:
        """CPU time of producers, actor and server together, a message. None unless delivered."""
        return None if self.deliver_ns is None else _ratio(self.cpu_user_ns + self.cpu_system_ns, self.delivered)

    @property
    def cpu_seconds(self) -> float:
        """CPU time of the whole process during the run: producers, actor and server."""
        return (self.cpu_user_ns + self.cpu_system_ns) / 1e9

    @property
    def context_switches(self) -> int:
        """How often threads of the process gave up their core or lost it."""
        return self.voluntary_switches + self.involuntary_switches

    def require_delivery(self) -> Run:
        """Returns this run, if it delivered; one that is `saturated` did.

        Raises:
            NotDelivered: It did not; the message has the counts and the first counter-example.
        """
        if self.status not in DELIVERED:
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
        if self.status not in DELIVERED:
            return self._failure()
        dropped = f"; {self.dropped:,} dropped" if self.dropped else ""
        if self.rate is not None:
            return f"{self._pace()}; latency {self._latency()}{dropped}; proof {self.proof}"
        rate = f"{_format.large(self.messages_per_second)} messages a second"
        return f"{_format.number(self.nanoseconds_per_message)} ns a message, {rate}{dropped}; proof {self.proof}"

    def _pace(self) -> str:
        """What an open load asked for, and what it got."""
        saturated = "saturated: " if self.status == "saturated" else ""
        return f"{saturated}{_format.large(self.achieved_rate)} of {_format.large(self.rate)} messages a second"

    def _latency(self) -> str:
        found = ((name, getattr(self, f"latency_{key}_ns")) for key, name in SHOWN_LATENCIES.items())
        return ", ".join(f"{name} {_format.seconds(time / 1e9)}" for name, time in found if time is not None)

    def __repr__(self) -> str:
        bursts = "" if self.bursts == 1 else f", {self.bursts:,} bursts"
        return f"<Run {self.strategy}, {self._load()}{bursts}: {self._finding()}>"

    def _repr_html_(self) -> str:
        rows: list[tuple[str, object]] = [
            ("load", self._load()),
            ("status", f"{self.status}, proof {self.proof}" if self.status in DELIVERED else self._failure()),
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
        if self.dropped:
            rows.insert(2, ("messages dropped", self.dropped))
        if self.rate is not None and self.status in DELIVERED:
            rows[2:2] = [("rate", self._pace()), ("latency", self._latency())]
        return _format.html_table(("run", self.strategy), [(name, _format.number(value)) for name, value in rows])


DELIVERED = ("ok", "saturated")
SHOWN_LATENCIES = {"p50": "50 %", "p99": "99 %", "p999": "99.9 %", "max": "max"}
RATES = ("nanoseconds_per_message", "messages_per_second", "bytes_per_second", "cpu_nanoseconds_per_message")


def run(
    strategy: str,
    producers: int = 64,
    messages: int = 1000,
    payload: int = 1,
    *,
    capacity: int | str | None = None,
    on_full: str = "wait",
    work: int = 0,
    delay: float = 0.0,
    server: str = "discard",
    read_rate: int | None = None,
    producers_as: str = "tasks",
    actor: str = "thread",
    threads: int | None = None,
    load: Load = CLOSED,
    seed: int = 0,
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
        capacity: The most that the queue holds: bytes, or words such as `"256 KiB"` or `"1000 messages"`; None is no
            bound.
        on_full: What becomes of a message that finds no room: producers `"wait"`, or `"drop_newest"` or `"drop_oldest"`
            where the queue can; `Strategy.policies` says what it can.
        work: CPU nanoseconds that a producer spends before each message.
        delay: Seconds that a producer sleeps before each message.
        server: `"discard"`, or `"echo"`, whose answers the actor then reads.
        read_rate: The most bytes that the server reads in a second; None is as many as come.
        producers_as: `"tasks"` of a runtime, or operating-system `"threads"`.
        actor: On a `"thread"` of its own, or as a `"task"` among the producers, as in the article.
        threads: The runtime's threads; None is one a core.
        load: `closed_loop()`: each producer sends when its last message was taken. `open_loop(rate=…)`: messages are
            due at given times, which shows latency; it needs a payload of 2 bytes or more, and no `work` or `delay`.
        seed: What `"poisson"` arrivals are drawn from.
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
        >>> run = fanin.run("swap/batch", 8, 250, payload=16, load=fanin.open_loop(rate=20_000))
        >>> 0 < run.latency_p50_ns <= run.latency_p99_ns <= run.latency_max_ns
        True
    """
    point = _cell(locals())
    return execute(point, effort(bursts, min_seconds, timeout), _seed(seed))


async def run_async(
    strategy: str,
    producers: int = 64,
    messages: int = 1000,
    payload: int = 1,
    *,
    capacity: int | str | None = None,
    on_full: str = "wait",
    work: int = 0,
    delay: float = 0.0,
    server: str = "discard",
    read_rate: int | None = None,
    producers_as: str = "tasks",
    actor: str = "thread",
    threads: int | None = None,
    load: Load = CLOSED,
    seed: int = 0,
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
    return _run(await _native.run_async(**native(point, how_long, _seed(seed))))


def execute(point: Cell, how_long: Effort, seed: int = 0) -> Run:
    """Runs a checked cell; `seed` is what random arrivals are drawn from."""
    return _run(_native.run(**native(point, how_long, seed)))


def _seed(seed: object) -> int:
    return _check.integer("seed", seed, 0, 2**63 - 1)


def _run(row: dict[str, Any]) -> Run:
    """The core may tell more than a `Run` keeps."""
    known = {field.name: row[field.name] for field in fields(Run)}
    return Run(**known | {"on_full": known["on_full"].replace("-", "_")})


def _cell(arguments: dict[str, Any]) -> Cell:
    return cell(**{name: value for name, value in arguments.items() if name not in NO_AXIS})


def _ratio(above: float | None, below: float | None) -> float | None:
    return None if above is None or not below else above / below


def _shutdown() -> None:
    """Ends the runtime of `run_async` while the interpreter is whole; a forked child has none."""
    with suppress(Forked):
        _native.shutdown(SHUTDOWN_NS)


atexit.register(_shutdown)
