"""Cells, the grid they form, and how long each is repeated; checked before anything runs.

A new knob is a field of `Cell`, a line in `CHECKS`, and a column of `Run`. A knob that is more than a word or a number,
such as a mix of sizes for `payload`, is a frozen value with a `to_dict`, as loads are (`loads.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import product
from math import prod
from typing import Any

from . import _check, _native
from .catalogue import strategies
from .errors import PlanError

__all__ = ["AXES", "CHECKS", "Cell", "Effort", "axis", "cell", "effort", "grid", "native", "points", "refusal"]

MOST_PRODUCERS = 65_536
LARGEST_PAYLOAD = 16 << 20
MOST_MESSAGES = MOST_BURSTS = 2**32 - 1
MOST_CELLS = 100_000


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of a grid.

    Attributes:
        strategy: A name of `strategies()`.
        producers: How many send.
        messages: How many each of them sends.
        payload: A message's size in bytes.
        capacity: The most bytes that the queue holds; None is no bound.
        work_ns: CPU nanoseconds that a producer spends before each message.
        delay_ns: Nanoseconds that a producer sleeps before each message.
        server: `discard` or `echo`.
        producers_as: `tasks` of the runtime, or operating-system `threads`.
        actor: A `thread` of its own, or a `task` among the producers.
        threads: The runtime's threads; None is one a core.
    """

    strategy: str
    producers: int
    messages: int
    payload: int
    capacity: int | None
    work_ns: int
    delay_ns: int
    server: str
    producers_as: str
    actor: str
    threads: int | None

    def label(self) -> str:
        """A few words for a progress bar."""
        return f"{self.strategy} × {self.producers:,} × {self.payload:,} B"

    def point(self) -> tuple[Any, ...]:
        """Where it is in the grid, whatever the strategy: cells of one point are compared."""
        return tuple(getattr(self, name) for name in AXES if name != "strategy")


AXES = tuple(axis.name for axis in fields(Cell))


@dataclass(frozen=True, slots=True)
class Effort:
    """How long a cell is run: bursts are repeated back to back, never enlarged.

    Attributes:
        bursts: At least so many bursts.
        min_ns: And until so many nanoseconds have been timed.
        timeout_ns: When a burst is given up; None is never.
    """

    bursts: int
    min_ns: int
    timeout_ns: int | None


EFFORT = tuple(knob.name for knob in fields(Effort))
ONCE = Effort(bursts=1, min_ns=0, timeout_ns=None)


def cell(**arguments: Any) -> Cell:
    """One checked cell from arguments as `run` takes them."""
    return _possible(Cell(**{FIELDS.get(name, name): CHECKS[name](value) for name, value in arguments.items()}))


def effort(bursts: object, min_seconds: object, timeout: object) -> Effort:
    """How long to run, checked."""
    return Effort(
        bursts=_check.integer("bursts", bursts, 1, MOST_BURSTS),
        min_ns=_check.nanoseconds("min_seconds", min_seconds),
        timeout_ns=None if timeout is None else _check.nanoseconds("timeout", timeout, above_zero=True),
    )


def grid(axes: Mapping[str, Any]) -> tuple[Cell, ...]:
    """The cells of every combination, the last axis fastest; each axis a value or a list of values."""
    return tuple(_possible(cell) for cell in combine({name: axis(name, value) for name, value in axes.items()}))


def combine(axes: Mapping[str, tuple[Any, ...]]) -> Iterator[Cell]:
    """The cells of every combination of checked values, the last axis fastest; whether they can be run is not asked."""
    countable(list(axes.values()))
    names = [FIELDS.get(name, name) for name in axes]
    return (Cell(**dict(zip(names, values, strict=True))) for values in product(*axes.values()))


def refusal(cell: Cell) -> str | None:
    """Why the core would not run it; None when it would."""
    try:
        _possible(cell)
    except PlanError as error:
        return str(error)
    return None


def points(cells: Sequence[Cell]) -> list[int]:
    """For each cell the number of its point, from 0 in the order of first appearance."""
    numbers: dict[tuple[Any, ...], int] = {}
    return [numbers.setdefault(cell.point(), len(numbers)) for cell in cells]


def native(cell: Cell, effort: Effort) -> dict[str, Any]:
    """Both, as the native `run` takes them."""
    return {name: getattr(cell, name) for name in AXES} | {name: getattr(effort, name) for name in EFFORT}


def axis(name: str, value: object) -> tuple[Any, ...]:
    """The checked values of one axis, in the core's units."""
    values = tuple(CHECKS[name](point) for point in _check.axis(name, value))
    _check.distinct(name, values)
    if name == "threads" and len(values) > 1 and None in values:
        raise _check.refuse(
            name, value, "allowed beside other values are numbers; None is one of those by another name"
        )
    return values


def countable(axes: Sequence[tuple[Any, ...]]) -> None:
    """Refuses a grid of more cells than anyone can wait for."""
    cells = prod(map(len, axes))
    if cells > MOST_CELLS:
        raise PlanError(f"a grid of {cells:,} cells: allowed are up to {MOST_CELLS:,}")


def _possible(cell: Cell) -> Cell:
    """What the arguments must hold together, and what this machine can hold, the core knows."""
    _native.check(**native(cell, ONCE))
    return cell


def _strategy(name: str) -> Callable[[object], str]:
    return lambda value: _check.strategy(name, value, strategies().names)


def _integer(
    name: str, low: int, high: int, unit: str = "", *, optional: bool = False
) -> Callable[[object], int | None]:
    def check(value: object) -> int | None:
        return None if optional and value is None else _check.integer(name, value, low, high, unit)

    return check


def _word(name: str, *words: str) -> Callable[[object], str]:
    return lambda value: _check.one_of(name, value, words)


CHECKS: dict[str, Callable[[object], Any]] = {
    "strategy": _strategy("strategy"),
    "strategies": _strategy("strategies"),
    "producers": _integer("producers", 1, MOST_PRODUCERS),
    "messages": _integer("messages", 1, MOST_MESSAGES),
    "payload": _integer("payload", 1, LARGEST_PAYLOAD, "bytes"),
    "capacity": _integer("capacity", 1, 2**62, "bytes, or None", optional=True),
    "work": _integer("work", 0, 10**12, "CPU nanoseconds"),
    "delay": lambda value: _check.nanoseconds("delay", value),
    "server": _word("server", "discard", "echo"),
    "producers_as": _word("producers_as", "tasks", "threads"),
    "actor": _word("actor", "thread", "task"),
    "threads": _integer("threads", 1, 1024, "or None", optional=True),
}
FIELDS = {"strategies": "strategy", "work": "work_ns", "delay": "delay_ns"}
