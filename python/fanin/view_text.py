"""The live view as text: a panel of a few lines, drawn over itself in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from . import _format

if TYPE_CHECKING:
    from .view import Live, Moment

__all__ = ["Screen", "panel", "show", "spark"]

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 30
NAME = 12
SHOWN = 30


def spark(values: Sequence[float]) -> str:
    """The last values as a row of bars, from nothing up to the highest."""
    last = values[-WIDTH:]
    highest = max(last, default=0)
    return "".join(BARS[min(7, int(8 * value / highest))] if highest else BARS[0] for value in last)


def panel(view: Live[Any]) -> str:
    """All that there is to see now, as lines."""
    done, total = view.progress
    lines = ["   ".join([view.label, *([f"{done}/{total} runs"] if total else []), view.status])]
    if (now := view.latest) is not None:
        lines += [f"{name:<{NAME}}{said:<{SHOWN}}{bars}".rstrip() for name, said, bars in measures(now, view.moments)]
    if (last := view.last_run) is not None:
        lines.append(f"{'last run':<{NAME}}{verdict(last)}")
    return "\n".join(lines)


def measures(now: Moment, moments: Sequence[Moment]) -> Iterable[tuple[str, str, str]]:
    """Each measure's name, value and course."""
    rate = f"{_format.large(now.messages_per_second)}/s, {size(now.bytes_per_second)}/s"
    yield "throughput", rate, spark([moment.messages_per_second for moment in moments])
    yield "queue", fill(now), spark([moment.backlog_bytes for moment in moments])
    batch = "–" if now.batch_bytes is None else f"{size(now.batch_bytes)} a drain"
    yield "batch", batch, spark([moment.batch_bytes or 0 for moment in moments])
    yield "latency", _format.seconds(now.waiting_seconds), spark([moment.waiting_seconds or 0 for moment in moments])
    dropped = f"{now.dropped:,}, {_format.large(now.dropped_per_second)}/s"
    yield "dropped", dropped, spark([moment.dropped_per_second for moment in moments])


def fill(now: Moment) -> str:
    """How full the queue is."""
    if not now.capacity_bytes:
        return f"{size(now.backlog_bytes)}, no bound"
    share = now.backlog_bytes / now.capacity_bytes
    return f"{size(now.backlog_bytes)}, {share:.0%} of {size(now.capacity_bytes)}"


def size(count: float) -> str:
    """Bytes, in thousands.

    >>> size(17), size(65_536), size(787_000_000.0)
    ('17 B', '65.5 kB', '787 MB')
    """
    for unit, word in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= unit:
            return f"{_format.number(count / unit)} {word}"
    return f"{count:.0f} B"


def verdict(row: dict[str, object]) -> str:
    """What the run that ended last came to, as its ledger proved it."""
    time, messages = row["deliver_ns"], row["delivered"]
    speed = ""
    if isinstance(time, int) and isinstance(messages, int) and messages:
        speed = f", {_format.number(time / messages)} ns a message"
    tail = row.get("latency_p99_ns")
    latency = f", 99 % within {_format.seconds(tail / 1e9)}" if isinstance(tail, int) else ""
    return f"{row['strategy']}: {row['status']}{speed}{latency}, proof {row['proof']}"


class Screen:
    """Draws lines over those that it drew before; where that is no terminal, it prints a line now and then."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stdout if stream is None else stream
        self._drawn = 0
        self.is_terminal = self._stream.isatty()

    def draw(self, text: str) -> None:
        """Shows this in the place of what was shown."""
        lines = text.splitlines()
        up = f"\x1b[{self._drawn}A" if self._drawn else ""
        self._stream.write(up + "".join(f"\x1b[2K{line}\n" for line in lines) + "\x1b[J")
        self._stream.flush()
        self._drawn = len(lines)

    def line(self, text: str) -> None:
        """One line that stays."""
        self._stream.write(f"{text}\n")
        self._stream.flush()


def show(view: Live[Any], screen: Screen, period: float) -> None:
    """Draws every so many seconds, until it has ended."""
    while not view.rest(period):
        if screen.is_terminal:
            screen.draw(panel(view))
        elif view.latest is not None:
            screen.line(brief(view))
    if screen.is_terminal:
        screen.draw(panel(view))


def brief(view: Live[Any]) -> str:
    """One line, for a log."""
    now = view.latest
    done, total = view.progress
    if now is None:
        return f"{done}/{total} {view.label}"
    return f"{done}/{total} {view.label}: " + "; ".join(said for _, said, _ in measures(now, [now]))
