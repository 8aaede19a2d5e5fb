"""What the live view looks at: a sweep's progress, and the gauge of the run that is under way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self

from . import _native
from .errors import FaninError, SweepInterrupted
from .progress import Progress

if TYPE_CHECKING:
    from .cells import Cell
    from .delivery import Delivery
    from .plan import Plan
    from .rows import Row
    from .sink import Sink
    from .sweeps import Sweep

__all__ = ["WATCHING", "SinkWatch", "Watch"]

POLL = 0.05
Counts = dict[str, float]

# The watch of the sweep that this thread carries out; None where nobody looks.
WATCHING: ContextVar[Watch | None] = ContextVar("fanin.watching", default=None)


class Watch(Progress):
    """A progress bar without a bar: it remembers what it was told, and hands each run a gauge.

    Attributes:
        total: How many runs there are; 0 while that is not known.
        done: How many have ended.
        label: What is running.
        cell: The cell that is running.
        last: The row of the run that ended last.
    """

    def __init__(self, plan: Plan, journal: Any = None) -> None:
        super().__init__(show=False)
        self._plan, self._journal = plan, journal
        self._gauge = _native.Gauge()
        self._look: Callable[[], None] = lambda: None
        self.total = self.done = 0
        self.label = "starting"
        self.cell: Cell | None = None
        self.last: Row | None = None

    def __enter__(self) -> Self:
        return self

    def start(self, total: int, done: int = 0) -> None:
        """Begins, with some runs done before."""
        self.total, self.done = total, done

    def now(self, label: str) -> None:
        """Says what is running; a watch that was told to stop ends the sweep here too."""
        self.label = label
        self._look()
        if self._gauge.stopped:
            raise KeyboardInterrupt

    def step(self, found: Any = None) -> None:
        """One more has ended, with this row."""
        self.done += 1
        self.last = found
        self._look()

    def run(self, cell: Cell, knobs: dict[str, Any]) -> dict[str, Any]:
        """Makes one run, under the gauge. One that is stopped ends as Ctrl-C ends it."""
        self.cell = cell
        try:
            return _native.run(gauge=self._gauge, look=self._look, **knobs)
        except FaninError:
            if self._gauge.stopped:
                raise KeyboardInterrupt from None
            raise

    def carry_out(self, look: Callable[[], None]) -> tuple[Sweep, str]:
        """Makes the sweep, looks now and then as it waits for a run, and says how it ended."""
        from .measure import measure

        self._look = look
        WATCHING.set(self)
        try:
            return measure(self._plan, journal=self._journal, progress=self), "done"
        except SweepInterrupted as stop:
            return stop.sweep, "stopped"

    def counts(self) -> Counts:
        """Messages, bytes, drains and drops so far, over all runs; the bytes that stood in the queue times those that a
        drain took, summed over drains; and the peak of what stood since this was asked before."""
        return self._gauge.read()

    def capacity(self) -> int | None:
        """The most bytes that the queue of the running cell holds; None for no bound."""
        cell = self.cell
        if cell is None or cell.capacity is None:
            return None
        return cell.capacity * (cell.payload if cell.capacity_unit == "messages" else 1)

    def stop(self) -> None:
        """Ends the run that is under way, and the sweep."""
        self._gauge.stop()


class SinkWatch:
    """The same of a sink that a program uses: it is carried out by others, and ends when it is closed."""

    total = done = 0
    last = None

    def __init__(self, sink: Sink) -> None:
        self._sink, self._stop = sink, threading.Event()
        self._bytes, self._stood, self._held = 0, 0.0, [0]
        self.label = sink.target

    def carry_out(self, look: Callable[[], None]) -> tuple[Delivery, str]:
        """Waits until the sink is closed, looks meanwhile, and closes it when told to stop."""
        while not self._sink.closed:
            if self._stop.wait(POLL):
                return self._sink.close(), "stopped"
            self._held.append(self._sink.stats().held_bytes)
            look()
        return self._sink.delivery, "done"

    def counts(self) -> Counts:
        """As `Watch.counts`: what was written or dropped so far, and what was held, on average over the time since."""
        stats = self._sink.stats()
        account, held = stats.delivery, [*self._held, stats.held_bytes]
        went = account.accepted_bytes - account.unsent_bytes - account.dropped_bytes
        self._stood += sum(held) / len(held) * (went - self._bytes)
        self._bytes, self._held = went, [stats.held_bytes]
        return {
            "messages": account.accepted - account.unsent - account.dropped,
            "bytes": went,
            "drains": stats.batches,
            "dropped": account.dropped,
            "stood": self._stood,
            "peak": max(held),
        }

    def capacity(self) -> int | None:
        """The most that it holds."""
        return self._sink.stats().capacity_bytes

    def stop(self) -> None:
        """Has it closed: what it has taken is still written."""
        self._stop.set()
