"""When producers send: as fast as it goes, or at times that do not depend on how fast it goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import _check

__all__ = ["CLOSED", "ClosedLoop", "Load", "OpenLoop", "closed_loop", "load", "open_loop"]

ARRIVALS = ("constant", "poisson")
HIGHEST_RATE = 1e9


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    """Each producer sends its next message when the last one was taken: shows throughput, and carries no stamps.

    Example:
        >>> import fanin
        >>> fanin.run("swap/batch", 2, messages=10, load=fanin.closed_loop()).load
        'closed'
    """

    def to_dict(self) -> dict[str, Any] | str:
        """As a plan's file has it."""
        return "closed"


@dataclass(frozen=True, slots=True)
class OpenLoop:
    """Messages are due at given times, whether or not the last ones were taken: shows latency.

    Attributes:
        rate: Messages a second, of all producers together.
        arrivals: `constant` distances, or those of a `poisson` process.

    Example:
        >>> import fanin
        >>> run = fanin.run("swap/batch", 2, messages=10, payload=16, load=fanin.open_loop(rate=10_000))
        >>> run.load, run.rate, run.latency_count
        ('open', 10000.0, 20)
    """

    rate: float
    arrivals: str = "constant"

    def to_dict(self) -> dict[str, Any] | str:
        """As a plan's file has it."""
        return {"rate": self.rate, "arrivals": self.arrivals}


Load = ClosedLoop | OpenLoop
CLOSED = ClosedLoop()


def closed_loop() -> ClosedLoop:
    """As fast as it goes: each producer sends its next message when the last one was taken.

    >>> import fanin
    >>> fanin.closed_loop()
    ClosedLoop()
    """
    return ClosedLoop()


def open_loop(rate: float, arrivals: str = "constant") -> OpenLoop:
    """At a rate that does not wait: latency then counts from when a message was due.

    Args:
        rate: Messages a second, of all producers together.
        arrivals: `"constant"` distances, or those of a `"poisson"` process, as of many independent users.

    Raises:
        PlanError: An argument is wrong.

    >>> import fanin
    >>> fanin.open_loop(rate=1000, arrivals="poisson")
    OpenLoop(rate=1000.0, arrivals='poisson')
    """
    return OpenLoop(_check.real("rate", rate, HIGHEST_RATE, "messages a second"), _arrivals(arrivals))


def load(value: object) -> Load:
    """A load, or what `to_dict` made of one, checked."""
    if isinstance(value, ClosedLoop) or value == "closed":
        return ClosedLoop()
    if isinstance(value, OpenLoop):
        return open_loop(value.rate, value.arrivals)
    if isinstance(value, Mapping) and "rate" in value and set(value) <= {"rate", "arrivals"}:
        return open_loop(**value)
    raise _check.refuse("load", value, "allowed are closed_loop() and open_loop(rate=…, arrivals=…)")


def _arrivals(value: object) -> str:
    return _check.one_of("arrivals", value, ARRIVALS)
