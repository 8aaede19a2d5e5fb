"""Cells, the grid they form, and how long each is repeated; checked before anything runs.

A new knob is a field of `Cell`, a line in `CHECKS`, and a column of `Run`. A knob that is more than a word or a number,
such as a load, a pause, or a mix of sizes, is a frozen value with a `to_dict` (`loads.py`, `pauses.py`, `contents.py`),
and several fields and columns: `spread` says which.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import chain, product
from math import prod
from typing import Any

from . import _amounts, _check, _native, contents, loads, pauses
from .catalogue import strategies
from .contents import Mix, Records
from .errors import PlanError

__all__ = [
    "AXES",
    "CHECKS",
    "Cell",
    "Effort",
    "axis",
    "cell",
    "effort",
    "grid",
    "native",
    "points",
    "refusal",
    "spread",
]

MOST_PRODUCERS = 65_536
LARGEST_PAYLOAD = 16 << 20
MOST_MESSAGES = MOST_BURSTS = 2**32 - 1
MOST_CELLS = 100_000
LARGEST_CAPACITY = 2**62
MOST_BUFFER = 1 << 30


@dataclass(frozen=True, slots=True)
class Cell:
    """One point of a grid.

    Attributes:
        strategy: A name of `strategies()`.
        producers: How many send.
        messages: How many each of them sends.
        payload: A message's size in bytes; the mean where `contents` says more.
        capacity: The most that the queue holds; None is no bound.
        work_ns: CPU nanoseconds that a producer spends before each message.
        delay_ns: Nanoseconds that a producer sleeps before each message.
        server: `discard` or `echo`.
        producers_as: `tasks` of the runtime, or operating-system `threads`.
        actor: A `thread` of its own, or a `task` among the producers.
        threads: The runtime's threads; None is one a core.
        capacity_unit: What a capacity counts: `bytes` or `messages`; None without one.
        on_full: `wait`, `drop_newest` or `drop_oldest`.
        load: `closed` or `open`.
        rate: Messages a second of an open load, all producers together.
        arrivals: `constant` or `poisson`, of an open load.
        read_rate: The most bytes that the server reads in a second; None is as many as come.
        contents: What messages hold, where they differ in size.
        pause_ns: For how long the server stops reading, once in each burst; None is never.
        pause_after_ns: How long after the first byte that begins.
        pause_after_bytes: Or after how many bytes.
        receive_buffer: The size to ask for the server's receive buffer; None is the system's choice.
        send_buffer: The size to ask for the send buffer of the actor's socket; None is the system's choice.
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
    capacity_unit: str | None = None
    on_full: str = "wait"
    load: str = "closed"
    rate: float | None = None
    arrivals: str | None = None
    read_rate: int | None = None
    contents: Mix | Records | None = None
    pause_ns: int | None = None
    pause_after_ns: int | None = None
    pause_after_bytes: int | None = None
    receive_buffer: int | None = None
    send_buffer: int | None = None

    def label(self) -> str:
        """A few words for a progress bar."""
        size = f"{self.payload:,} B" if self.contents is None else str(self.contents)
        return f"{self.strategy} × {self.producers:,} × {size}"

    def column(self, name: str) -> Any:
        """A field as a row has it: a word or a number."""
        value = getattr(self, name)
        return str(value) if isinstance(value, (Mix, Records)) else value

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
        timeline: Whether the backlog is noted over time.
    """

    bursts: int
    min_ns: int
    timeout_ns: int | None
    timeline: bool = False


EFFORT = tuple(knob.name for knob in fields(Effort))
ONCE = Effort(bursts=1, min_ns=0, timeout_ns=None)


def cell(**arguments: Any) -> Cell:
    """One checked cell from arguments as `run` takes them."""
    return _possible(next(combine({name: (CHECKS[name](value),) for name, value in arguments.items()})))


def effort(bursts: object, min_seconds: object, timeout: object, timeline: object = False) -> Effort:
    """How long to run, checked."""
    return Effort(
        bursts=_check.integer("bursts", bursts, 1, MOST_BURSTS),
        min_ns=_check.nanoseconds("min_seconds", min_seconds),
        timeout_ns=None if timeout is None else _check.nanoseconds("timeout", timeout, above_zero=True),
        timeline=_check.flag("timeline", timeline),
    )


def grid(axes: Mapping[str, Any]) -> tuple[Cell, ...]:
    """The cells of every combination, the last axis fastest; each axis a value or a list of values."""
    return tuple(_possible(cell) for cell in combine({name: axis(name, value) for name, value in axes.items()}))


def combine(axes: Mapping[str, tuple[Any, ...]]) -> Iterator[Cell]:
    """The cells of every combination of checked values, the last axis fastest; whether they can be run is not asked."""
    countable(list(axes.values()))
    spreads = [[spread(name, value) for value in values] for name, values in axes.items()]
    return (Cell(**dict(chain.from_iterable(parts))) for parts in product(*spreads))


def spread(name: str, value: Any) -> tuple[tuple[str, Any], ...]:
    """The fields of a cell that a checked argument is."""
    if isinstance(value, loads.OpenLoop):
        return ("load", "open"), ("rate", value.rate), ("arrivals", value.arrivals)
    if isinstance(value, loads.ClosedLoop):
        return ("load", "closed"), ("rate", None), ("arrivals", None)
    if isinstance(value, (Mix, Records)):
        return ("payload", value.mean), ("contents", value)
    if name == "pause":
        return () if value is None else value.fields()
    if name == "capacity" and value is not None:
        number, _, unit = str(value).partition(" ")
        return ("capacity", int(number)), ("capacity_unit", "messages" if unit else "bytes")
    return ((FIELDS.get(name, name), value),)


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


def native(cell: Cell, effort: Effort, seed: int = 0) -> dict[str, Any]:
    """Both, as the native `run` takes them; `seed` is what random arrivals are drawn from."""
    knobs = {name: getattr(cell, name) for name in AXES} | {name: getattr(effort, name) for name in EFFORT}
    made = None if cell.contents is None else contents.native(cell.contents)
    return knobs | {"on_full": cell.on_full.replace("_", "-"), "seed": seed, "contents": made}


def axis(name: str, value: object) -> tuple[Any, ...]:
    """The checked values of one axis, in the core's units."""
    points = (
        (value,) if name in ("load", "pause", "payload") and isinstance(value, Mapping) else _check.axis(name, value)
    )
    values = tuple(CHECKS[name](point) for point in points)
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
    try:
        _native.check(**native(cell, ONCE))
    except PlanError as error:
        if cell.on_full == "wait":
            raise
        raise PlanError(str(error).replace("drop-", "drop_")) from None
    return cell


def _strategy(name: str) -> Callable[[object], str]:
    return lambda value: _check.strategy(name, value, strategies().names)


def _integer(
    name: str, low: int, high: int, unit: str = "", *, optional: bool = False
) -> Callable[[object], int | None]:
    def check(value: object) -> int | None:
        return None if optional and value is None else _check.integer(name, value, low, high, unit)

    return check


def _bytes(name: str) -> Callable[[object], int | None]:
    return lambda value: None if value is None else _amounts.size(name, value, 1, MOST_BUFFER, none=True)


def _capacity(value: object) -> int | str | None:
    """Bytes as a number, messages as words: `1000 messages`."""
    if value is None:
        return None
    found = _MESSAGES.fullmatch(value.strip()) if isinstance(value, str) else None
    number = int(found[1]) if found else _amounts.read(value) if isinstance(value, str) else value
    try:
        count = _check.integer("capacity", number, 1, LARGEST_CAPACITY)
    except PlanError:
        raise _check.refuse("capacity", value, f"allowed are {_CAPACITIES}{_amounts.hint(value)}") from None
    return f"{count} message{'s' * (count != 1)}" if found else count


_MESSAGES = re.compile(r"([0-9]{1,19})[ \t]*messages?")
_CAPACITIES = "bytes from 1, words such as '256 KiB' or '1000 messages', or None"


def _payload(value: object) -> int | Mix | Records:
    """A size, or what messages hold."""
    size = _amounts.read(value) if isinstance(value, str) else value
    found = contents.contents(value) if size is None or size is value else None
    if found is not None:
        return found
    if size is None or isinstance(value, Mapping):
        raise _check.refuse("payload", value, _PAYLOADS)
    return _check.integer("payload", size, 1, LARGEST_PAYLOAD, "bytes, a mix({64: 9, 4096: 1}), or records(…)")


_PAYLOADS = "allowed are bytes, a mix such as '64*9+4096*1', or the lines of a file such as '@access.log'"


def _word(name: str, *words: str) -> Callable[[object], str]:
    return lambda value: _check.one_of(name, value, words)


CHECKS: dict[str, Callable[[object], Any]] = {
    "strategy": _strategy("strategy"),
    "strategies": _strategy("strategies"),
    "producers": _integer("producers", 1, MOST_PRODUCERS),
    "messages": _integer("messages", 1, MOST_MESSAGES),
    "payload": _payload,
    "capacity": _capacity,
    "on_full": _word("on_full", "wait", "drop_newest", "drop_oldest"),
    "work": _integer("work", 0, 10**12, "CPU nanoseconds"),
    "delay": lambda value: _check.nanoseconds("delay", value),
    "server": _word("server", "discard", "echo"),
    "pause": pauses.named,
    "receive_buffer": _bytes("receive_buffer"),
    "send_buffer": _bytes("send_buffer"),
    "read_rate": lambda value: None if value is None else _amounts.rate("read_rate", value),
    "producers_as": _word("producers_as", "tasks", "threads"),
    "actor": _word("actor", "thread", "task"),
    "threads": _integer("threads", 1, 1024, "or None", optional=True),
    "load": loads.load,
}
FIELDS = {"strategies": "strategy", "work": "work_ns", "delay": "delay_ns"}
