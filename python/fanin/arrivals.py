"""What arrived, held against what was sent: lost, doubled, reordered, and the first of each.

A count proves a count. To show that each message came once, it takes the messages that were sent, or a function that
reads from each message who sent it and as which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import _format

__all__ = ["Arrivals", "counted"]

MOST_PRODUCERS_SHOWN = 20
OF_ONE = "a list is what one producer sent, in its order: for several take {producer: [messages]}, or parse="


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What arrived, held against what was sent.

    Attributes:
        arrived: How many messages came.
        expected: How many were to come; None if nobody said.
        order: What order was asked for: `"per-producer"`, `"total"` or None.
        proof: What this shows: `"count"`, or `"once"`: each message by itself.
        lost: Messages that did not come.
        doubled: Messages that came again.
        reordered: Messages that came after a later one of their producer, or of all where `order` is `"total"`.
        unexpected: Messages that nobody sent, as far as is known: cut, changed, or of another test.
        examples: The first few of what went wrong, in words.
        last_good: For each producer the sequence of its last message up to which all came, once and in order; None
            where there is none. Producers with a fault stand first.
        cut: Connections that ended in the middle of a message. Where a callable tells messages apart, and others are
            open, there may be more.
        malformed: Connections whose stream was not framed as it should be.
        faulty: How many producers have a fault: a message that is lost or came again, or out of the order asked for.

    Example:
        >>> import fanin
        >>> with fanin.Server(framing="lines") as server, fanin.Sink(server.url, framing="lines") as sink:
        ...     _ = sink.send_many([b"one", b"three"])
        ...     try:
        ...         server.assert_delivered(expected=[b"one", b"two"], timeout=1)
        ...     except fanin.NotArrived as failed:
        ...         arrivals = failed.arrivals
        >>> arrivals.lost, arrivals.unexpected, arrivals.delivered
        (1, 1, False)
    """

    arrived: int
    expected: int | None
    order: str | None
    proof: str
    lost: int = 0
    doubled: int = 0
    reordered: int = 0
    unexpected: int = 0
    examples: tuple[str, ...] = ()
    last_good: Mapping[Any, int | None] = field(default_factory=dict)
    cut: int = 0
    malformed: int = 0
    faulty: int = 0

    @property
    def delivered(self) -> bool:
        """Whether all that was asked for holds."""
        disorder = self.reordered if self.order else 0
        short = self.proof == "count" and self.expected is not None and self.arrived != self.expected
        return not (short or self.lost or self.doubled or self.unexpected or disorder)

    def __str__(self) -> str:
        lines = [self._counted() if self.proof == "count" else self._judged()]
        if self.cut or self.malformed:
            told = {"ended in the middle of a message": self.cut, "sent what is no message": self.malformed}
            some = [f"{_format.plural(count, 'connection')} {what}" for what, count in told.items() if count]
            lines.append(", ".join(some))
        if self.examples:
            lines.append("the first that went wrong, all counted from 0:")
            lines += [f"  {number}. {example}" for number, example in enumerate(self.examples, 1)]
        if not self.delivered and self.last_good:
            lines += self._last_good()
        return "\n".join(lines)

    def _last_good(self) -> list[str]:
        """Up to where all is well; a list of messages without names has one producer, which has none either."""
        told = {producer: "none" if last is None else f"{last}" for producer, last in self.last_good.items()}
        if set(told) == {None}:
            last = self.last_good[None]
            lines = ["what was to come first did not" if last is None else f"all is well up to message {last}"]
            return [*lines, OF_ONE] if self.reordered and self.order == "per-producer" else lines
        shown = [f"  {producer!r}: {last}" for producer, last in told.items()][:MOST_PRODUCERS_SHOWN]
        more = [f"  … and {len(told) - len(shown):,} more{self._hidden(len(shown))}"] if len(told) > len(shown) else []
        return ["the last good sequence of each producer:", *shown, *more]

    def _hidden(self, shown: int) -> str:
        """What is said of producers with a fault that there was no room for."""
        return f", {self.faulty - shown:,} of them with a fault too" if self.faulty > shown else ""

    def _counted(self) -> str:
        if self.expected is not None and self.arrived != self.expected:
            off = self.arrived - self.expected
            kind = f"{off:,} too many" if off > 0 else f"{-off:,} too few"
            return f"{self._of()}: {kind}"
        return (
            f"{_format.plural(self.arrived, 'message')} arrived. A count proves a count: not that each came once, nor "
            "in which order. expected= or parse= show more"
        )

    def _judged(self) -> str:
        kept = {"per-producer": ", each producer's in order", "total": ", in order", None: ""}[self.order]
        if self.delivered:
            return f"{_format.plural(self.arrived, 'message')} arrived, each once{kept}"
        counts = {
            "lost": self.lost,
            "doubled": self.doubled,
            "reordered": self.reordered,
            "unexpected": self.unexpected,
        }
        told = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        return f"{self._of()}: {told}"

    def _of(self) -> str:
        """How many, of how many; more than all is no share of it."""
        if self.expected is None:
            return f"{_format.plural(self.arrived, 'message')} arrived"
        if self.arrived > self.expected:
            return f"{_format.plural(self.arrived, 'message')} arrived, and {self.expected:,} were to"
        return f"{self.arrived:,} of {_format.plural(self.expected, 'message')} arrived"


def counted(arrived: int, expected: int, broken: tuple[int, int]) -> Arrivals:
    """Only how many came."""
    cut, malformed = broken
    return Arrivals(arrived, expected, None, "count", cut=cut, malformed=malformed)
