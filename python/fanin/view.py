"""A sweep or a sink as it goes on: throughput, queue fill, batch size, waiting and drops, several times a second.

`live` returns at once, and a sweep goes on in a thread beside the caller. What it shows is read from a few counts that
the actor raises at each drain, and read by that very thread, which waits for the run meanwhile: a further one would
cost the run some of its core. `benches/live_cost.py` says what is left of that.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from . import _check
from .plan import Plan
from .watch import Counts, SinkWatch, Watch

if TYPE_CHECKING:
    import os

    from .delivery import Delivery
    from .sink import Sink
    from .sweeps import Sweep

__all__ = ["Live", "Moment", "live"]

PERIOD = 0.2
EARLY = 0.02  # who waits for a run looks up every 40 ms: a look is due in the slice that is nearest
KEPT = 150  # moments: half a minute
PATIENCE = 5.0
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Moment:
    """What a watched run did between two looks.

    Attributes:
        seconds: When, from the beginning.
        messages_per_second: Messages that the actor took from the queue.
        bytes_per_second: Bytes of these.
        backlog_bytes: The most that stood in the queue at a drain.
        capacity_bytes: The most that it holds; None for no bound.
        batch_bytes: What a drain took, on average; None if there was none.
        waiting_seconds: How long what stood in the queue when a message was taken takes at this rate, on average over
            messages: about what it has waited there, to which its write comes. None where nothing moved.
        dropped: Messages that were dropped so far.
        dropped_per_second: And a second.

    Example:
        >>> import fanin
        >>> view = fanin.live("swap/batch", producers=4, payload=64, rounds=1, min_seconds=0.3)
        >>> _ = view.wait(60)
        >>> moment = view.moments[0]
        >>> moment.messages_per_second > 0, moment.capacity_bytes is None
        (True, True)
    """

    seconds: float
    messages_per_second: float
    bytes_per_second: float
    backlog_bytes: int
    capacity_bytes: int | None
    batch_bytes: float | None
    waiting_seconds: float | None
    dropped: int
    dropped_per_second: float


class Live(Generic[Result]):
    """A sweep or a sink that can be looked at while it goes on, and stopped. `live` makes it.

    A notebook shows it as a widget, with `fanin[live]`; elsewhere it prints as a few lines.

    Example:
        >>> import fanin
        >>> view = fanin.live("swap/batch", producers=4, rounds=1, min_seconds=0.3)
        >>> view.wait(60).delivered
        True
        >>> view.status, view.latest.dropped
        ('done', 0)
    """

    def __init__(self, watch: Watch | SinkWatch, period: float = PERIOD) -> None:
        self._watch, self._period = watch, period
        self._ended = threading.Event()
        self._heard: list[Callable[[Live[Result]], None]] = []
        self._moments: deque[Moment] = deque(maxlen=KEPT)
        self._result: Any = None
        self._error: BaseException | None = None
        self._status = "running"
        self._begun = self._then = time.monotonic()
        self._before = watch.counts()
        self._work = threading.Thread(target=self._carry_out, name="fanin-live", daemon=True)
        self._work.start()

    @property
    def status(self) -> str:
        """`running`, `done`, `stopped`, or `failed`."""
        return self._status

    @property
    def label(self) -> str:
        """What is running."""
        return self._watch.label

    @property
    def progress(self) -> tuple[int, int]:
        """How many runs have ended, and how many there are."""
        return self._watch.done, self._watch.total

    @property
    def moments(self) -> tuple[Moment, ...]:
        """The last half minute, a `Moment` a look."""
        return tuple(self._moments)

    @property
    def latest(self) -> Moment | None:
        """The last of them; None before the first."""
        return self._moments[-1] if self._moments else None

    @property
    def last_run(self) -> dict[str, Any] | None:
        """The run that ended last, as a row of the sweep; None before the first has."""
        from .rows import STORED

        return None if self._watch.last is None else dict(zip(STORED, self._watch.last, strict=True))

    def stop(self) -> None:
        """Ends the run that is under way, and the sweep, of which what had ended is kept; or closes the sink.

        A second call does nothing.
        """
        self._watch.stop()

    def wait(self, timeout: float | None = None) -> Result:
        """Waits for the end.

        Args:
            timeout: Seconds to wait; None is as long as it takes.

        Returns:
            The `Sweep`, with the runs that had ended if it was stopped; or the sink's last account, a `Delivery`.

        Raises:
            TimeoutError: It goes on still.
            RuntimeError: A listener waits for the end that it holds up.
            FaninError: It failed, with that.
        """
        if threading.current_thread() is self._work and not self._ended.is_set():
            raise RuntimeError("a listener is called by the thread that it would wait for; call wait() elsewhere")
        # In slices, so that Ctrl-C is heard on every system.
        deadline = None if timeout is None else time.monotonic() + _check.real("timeout", timeout, 1e9, "seconds")
        while not self._ended.wait(0.05):
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeoutError(f"it goes on still after {timeout:g} seconds; .stop() ends it")
        if threading.current_thread() is not self._work:
            self._work.join(PATIENCE)  # what listeners do at the end belongs to what one has waited for
        if self._error is not None:
            raise self._error
        return cast("Result", self._result)

    def rest(self, seconds: float) -> bool:
        """Waits for so long, or until the end; whether that has come."""
        return self._ended.wait(seconds)

    def listen(self, heard: Callable[[Live[Result]], None]) -> None:
        """Has a function called with this view at each look, and once more at the end.

        It is called by the thread that carries a sweep out, whose next run waits for it. One that raises is told to
        `threading.excepthook`, and is not called again.
        """
        self._heard.append(heard)
        if self._ended.is_set():
            heard(self)

    def _carry_out(self) -> None:
        try:
            self._result, self._status = self._watch.carry_out(self._look)
            if not self._moments:
                self._note()
        except BaseException as error:
            self._error, self._status = error, "failed"
        finally:
            self._ended.set()
            self._tell()

    def _look(self) -> None:
        """Called now and then by who carries it out; looks when that is due."""
        if time.monotonic() - self._then >= self._period - EARLY:
            self._note()
            self._tell()

    def _note(self) -> None:
        counts, now = self._watch.counts(), time.monotonic()
        self._moments.append(self._moment(self._before, counts, now - self._then, now - self._begun))
        self._before, self._then = counts, now

    def _moment(self, before: Counts, counts: Counts, span: float, at: float) -> Moment:
        rates = {name: (counts[name] - before[name]) / span if span else 0.0 for name in counts}
        drains = counts["drains"] - before["drains"]
        return Moment(
            seconds=at,
            messages_per_second=rates["messages"],
            bytes_per_second=rates["bytes"],
            backlog_bytes=int(counts["peak"]),
            capacity_bytes=self._watch.capacity(),
            batch_bytes=(counts["bytes"] - before["bytes"]) / drains if drains else None,
            waiting_seconds=rates["stood"] / rates["bytes"] ** 2 if rates["bytes"] else None,
            dropped=int(counts["dropped"]),
            dropped_per_second=rates["dropped"],
        )

    def _tell(self) -> None:
        for heard in tuple(self._heard):
            try:
                heard(self)
            except BaseException as error:  # this thread is none that signals or exits are for
                self._heard.remove(heard)
                of_the_thread = (type(error), error, error.__traceback__, threading.current_thread())
                with suppress(BaseException):
                    threading.excepthook(threading.ExceptHookArgs(of_the_thread))

    def __repr__(self) -> str:
        from .view_text import panel

        return panel(self)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        from .errors import MissingExtra

        try:
            from .view_widget import widget
        except MissingExtra as missing:
            return {"text/plain": f"{self!r}\n({missing})"}
        return widget(self)._repr_mimebundle_(**options)


@overload
def live(what: Sink) -> Live[Delivery]: ...


@overload
def live(
    what: str | Sequence[str] | Plan, *, journal: str | os.PathLike[str] | None = None, **knobs: Any
) -> Live[Sweep]: ...


def live(
    what: str | Sequence[str] | Plan | Sink, *, journal: str | os.PathLike[str] | None = None, **knobs: Any
) -> Live[Any]:
    """Shows a sweep or a sink as it goes on: throughput, queue fill, batch size, latency, drops, and a Stop button.

    It returns at once. A sweep is begun, and goes on in a thread beside; `wait()` gives it when it is done. A sink is
    the program's own, and is looked at until it is closed. In a notebook the view is a widget, with `fanin[live]`; in a
    terminal see `fanin top`. Long cells show most: a burst of 0.05 seconds is over before one looks.

    Args:
        what: A `Plan`; or strategies, with what `Plan` takes; or a `Sink`, which Stop closes.
        journal: As for `sweep`.
        knobs: What `Plan` takes beside the strategies.

    Returns:
        A `Live`.

    Raises:
        PlanError: An argument is wrong; nothing was started.

    Example:
        >>> import fanin
        >>> view = fanin.live(["mpsc/batch", "swap/batch"], producers=8, rounds=2, min_seconds=0.1)
        >>> len(view.wait(60))
        4
        >>> with fanin.Server() as server, fanin.Sink(server.url, framing="lines") as sink:
        ...     view = fanin.live(sink)
        ...     sink.send(b"hello")
        ...     view.stop()
        ...     account = view.wait(60)
        >>> account
        <Delivery: 1 message accepted (5 bytes): 1 written>
    """
    if isinstance(what, (str, Plan)) or not isinstance(what, _sink_class()):
        _check.known("live", knobs, Plan)
        return Live(Watch(_plan(what, knobs), journal))
    for name, value in {"journal": journal, **knobs}.items():
        if value is not None:
            raise _check.refuse(name, value, "a sink is the program's own: nothing can be set here")
    return Live(SinkWatch(what))


def _sink_class() -> type[Sink]:
    from .sink import Sink

    return Sink


def _plan(what: Any, knobs: dict[str, Any]) -> Plan:
    if not isinstance(what, Plan):
        return Plan(what, **knobs)
    if knobs:
        raise _check.refuse(next(iter(knobs)), next(iter(knobs.values())), "a plan brings its own")
    return what
