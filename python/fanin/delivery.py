"""What became of a sink's messages, and what it took: plain numbers, frozen, that pickle."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from . import _format

__all__ = ["Delivery", "Stats"]

STATES = ("written", "acked", "in_doubt", "unsent", "dropped")


@dataclass(frozen=True, slots=True, repr=False)
class Delivery:
    """The account of a sink: where every message that it took stands now.

    `accepted = written + acked + in_doubt + unsent + dropped`, in messages and in bytes, at every moment. Bytes are the
    messages' own; what the framing adds is not counted. A message that was refused is nowhere in it.

    Attributes:
        accepted: Messages taken.
        written: Given to the kernel of a healthy connection. Only a confirmation proves more: a peer that fails later
            may not have read them.
        acked: Seen by the other end: their echo came back, equal. Only with `confirm="echo"`.
        in_doubt: Written, and then the connection was lost.
        unsent: Still ours.
        dropped: Left out by the policy that was chosen, `on_full` or `reconnect`.
        accepted_bytes: The same in bytes, as all below.
        written_bytes: Of those written.
        acked_bytes: Of those acked.
        in_doubt_bytes: Of those in doubt.
        unsent_bytes: Of those unsent.
        dropped_bytes: Of those dropped.

    Example:
        >>> account = Delivery(
        ...     accepted=10, written=7, unsent=3, accepted_bytes=640, written_bytes=448, unsent_bytes=192
        ... )
        >>> account
        <Delivery: 10 messages accepted (640 bytes): 7 written, 3 unsent>
        >>> account.complete
        False
    """

    accepted: int = 0
    written: int = 0
    acked: int = 0
    in_doubt: int = 0
    unsent: int = 0
    dropped: int = 0
    accepted_bytes: int = 0
    written_bytes: int = 0
    acked_bytes: int = 0
    in_doubt_bytes: int = 0
    unsent_bytes: int = 0
    dropped_bytes: int = 0

    @property
    def complete(self) -> bool:
        """Whether every message taken is written or acked: none is in doubt, unsent or dropped."""
        return self.accepted == self.written + self.acked

    def as_dict(self) -> dict[str, int]:
        """The numbers by name, for a log line or JSON."""
        return asdict(self)

    def __repr__(self) -> str:
        states = ", ".join(
            f"{getattr(self, name):,} {name.replace('_', ' ')}" for name in STATES if getattr(self, name)
        )
        taken = f"{_format.plural(self.accepted, 'message')} accepted ({_format.plural(self.accepted_bytes, 'byte')})"
        return f"<Delivery: {taken}{': ' if states else ''}{states}>"


@dataclass(frozen=True, slots=True)
class Stats:
    """What a sink has done so far; cheap enough to be polled.

    Attributes:
        delivery: Where the messages stand.
        pending: Messages that are not written yet.
        held_bytes: What is held now, not written or not yet confirmed, with its framing: what the capacity bounds.
        capacity_bytes: The most that is held.
        high_water_bytes: The most that ever was.
        memory_bytes: Memory for messages, in use or kept for the next ones.
        batches: How often the actor took what waited.
        writes: System calls that wrote.
        wire_bytes: Bytes given to the kernel, framing and repetitions included.
        received_bytes: Bytes that the other end sent.
        wakeups: How often the actor was found asleep, and woken.
        waits: Sends that found no room and waited.
        wait_seconds: How long they waited, all together.
        waiting: How many wait now.
        connections: Connections that were made.
        losses: Connections that were lost.
        failed_attempts: Attempts to connect that failed.

    Example:
        >>> import fanin
        >>> with fanin.Server() as server, fanin.Sink(server.url, framing="length") as sink:
        ...     sink.send(b"hello")
        ...     _ = sink.flush(timeout=5)
        ...     stats = sink.stats()
        >>> stats.delivery.written, stats.wire_bytes, stats.connections
        (1, 9, 1)
    """

    delivery: Delivery
    pending: int
    held_bytes: int
    capacity_bytes: int
    high_water_bytes: int
    memory_bytes: int
    batches: int
    writes: int
    wire_bytes: int
    received_bytes: int
    wakeups: int
    waits: int
    wait_seconds: float
    waiting: int
    connections: int
    losses: int
    failed_attempts: int

    @property
    def connected(self) -> bool:
        """Whether there is a connection that is not known to be lost."""
        return self.connections > self.losses

    @property
    def reconnects(self) -> int:
        """Connections that were made after the first."""
        return max(0, self.connections - 1)

    def as_dict(self) -> dict[str, Any]:
        """Flat numbers by name, with those of the account: what Prometheus, OpenTelemetry or statsd take as they are.

        Example:
            >>> import fanin
            >>> with fanin.Server() as server, fanin.Sink(server.url) as sink:
            ...     sink.send(b"hello")
            ...     _ = sink.flush()
            ...     numbers = sink.stats().as_dict()
            >>> numbers["accepted"], numbers["written_bytes"], numbers["waits"]
            (1, 5, 0)
        """
        own = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "delivery"}
        return self.delivery.as_dict() | own
