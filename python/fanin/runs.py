"""What one run found: as asked, as counted at the server, and what it cost."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from . import _format
from .errors import NotDelivered

if TYPE_CHECKING:
    from .histogram import Histogram

__all__ = ["DELIVERED", "RATES", "Run"]


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
        payload: A message's size in bytes; the mean where `contents` says more.
        contents: What messages held, where they differed in size: the mix, or the records; None where they did not.
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
        pause_ns: For how long the server stopped reading, once in each burst; None was never.
        pause_after_ns: How long after the first byte that began; None where bytes said when.
        pause_after_bytes: After how many bytes that began; None where time said when.
        receive_buffer: What was asked of the server's receive buffer; None was the system's choice.
        receive_buffer_granted: What the system gave.
        send_buffer: What was asked of the actor's send buffer; None was the system's choice.
        send_buffer_granted: What the system gave; None where there was no connection.
        bursts: How many bursts were run back to back; counts and times below are their totals. A burst that a timeout
            cut short counts with what it had come to when its producers stopped, or not at all: then all below are 0.
        status: `ok`, `saturated` (delivered, but at less than 99 % of an open load's rate), `invalid` (the ledger has a
            counter-example) or `timeout` (it was stopped; `counterexample` says what had arrived by then).
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
        server_reads: How often the server read from the socket, with something there or not.
        wakeups: How often the queue was empty and the actor had to wait.
        largest_batch_bytes: The most that one drain took.
        high_water_bytes: The most that stood in the queue at a drain.
        timeline: The first burst's backlog over time, which `backlog` reads; None unless asked for.
        cpu_user_ns: CPU time of the process in its own code.
        cpu_system_ns: CPU time of the process in the kernel.
        voluntary_switches: How often one of its threads went to sleep.
        involuntary_switches: How often one was put aside for another.
        page_faults: How many pages of memory were touched for the first time, or again after they were given back.
            Allocations are not counted: that would need an allocator that every message passes.
        cpu_producers_user_ns: The producers' part of `cpu_user_ns`, with an open load the pacing thread's; None where
            the actor is one of their tasks.
        cpu_producers_system_ns: The same of `cpu_system_ns`.
        cpu_actor_user_ns: The actor's part of `cpu_user_ns`; None where it is a task.
        cpu_actor_system_ns: The same of `cpu_system_ns`.
        cpu_server_user_ns: The server's part of `cpu_user_ns`.
        cpu_server_system_ns: The same of `cpu_system_ns`.

    Example:
        >>> import fanin
        >>> run = fanin.run("swap/batch", producers=4, messages=100)
        >>> run.status, run.sent, run.delivered, run.lost
        ('ok', 400, 400, 0)
        >>> run.require_delivery() is run
        True
    """

    strategy: str
    queue: str
    write: str
    producers: int
    messages: int
    payload: int
    contents: str | None
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
    pause_ns: int | None
    pause_after_ns: int | None
    pause_after_bytes: int | None
    receive_buffer: int | None
    receive_buffer_granted: int
    send_buffer: int | None
    send_buffer_granted: int | None
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
    server_reads: int
    wakeups: int
    largest_batch_bytes: int
    high_water_bytes: int
    timeline: str | None
    cpu_user_ns: int
    cpu_system_ns: int
    voluntary_switches: int
    involuntary_switches: int
    page_faults: int
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

    @property
    def backlog(self) -> tuple[tuple[float, int], ...]:
        """What stood in the queue over the first burst, as (seconds, bytes); empty unless `timeline` was asked for."""
        pairs = (pair.split(":") for pair in (self.timeline or "").split())
        return tuple((int(at) / 1e9, int(size)) for at, size in pairs)

    @property
    def latencies(self) -> Histogram | None:
        """The latencies as a histogram, for any percentile. None unless `open` and delivered."""
        from . import histogram

        return None if self.latency_histogram is None else histogram.decode(self.latency_histogram)

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
        if self.status == "timeout" and (late := LATE.fullmatch(self.counterexample or "")):
            return f"timeout: {self._late(late[1], int(late[2]))}"
        counts = ("lost", "duplicated", "reordered", "corrupted")
        wrong = ", ".join(f"{getattr(self, name):,} {name}" for name in counts if getattr(self, name))
        found = f"{self.status}: {self.delivered:,} of {self.sent:,} messages delivered"
        return "; ".join(part for part in (found, wrong, self.counterexample) if part)

    def _late(self, seconds: str, arrived: int) -> str:
        each = self.producers * self.messages
        whole = ("about " if self.contents else "") + _format.plural(each * self.payload, "byte")
        if ended := self.sent // each:
            found = f"after {seconds} s {_format.plural(ended, 'burst')} of {whole} had arrived, and not all of another"
        else:
            found = f"{arrived:,} of {whole} had arrived after {seconds} s"
        return f"{found}; what a timeout cuts short is not counted: give a longer timeout=, or less to send"

    def _load(self) -> str:
        size = self.contents or _format.plural(self.payload, "byte")
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


LATE = re.compile(r"after (\S+) s (\d+) bytes had arrived")  # as the core says it
DELIVERED = ("ok", "saturated")
SHOWN_LATENCIES = {"p50": "50 %", "p99": "99 %", "p999": "99.9 %", "max": "max"}
RATES = ("nanoseconds_per_message", "messages_per_second", "bytes_per_second", "cpu_nanoseconds_per_message")


def _ratio(above: float | None, below: float | None) -> float | None:
    return None if above is None or not below else above / below
