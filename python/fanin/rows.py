"""The columns of a sweep: a run in its place, as a row; what types they have; and which numbers follow from others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from math import isfinite
from operator import attrgetter, itemgetter
from typing import Any

from .runs import DELIVERED, RATES, Run
from .schedule import Visit

__all__ = [
    "KINDS",
    "PLACE",
    "RATES",
    "STORED",
    "Columns",
    "Row",
    "in_order",
    "problem",
    "rates",
    "row",
    "tabulate",
    "timeless",
]

Row = tuple[Any, ...]
Columns = dict[str, tuple[Any, ...]]

# Where and when a run was made, before what it found: `host` is a key of the metadata's hosts; the machine's load
# average and the share of time in which something waited for a processor are those right before the run; `process` is
# which of several fresh processes made it, None where the caller's own or an executor's did.
PLACE = {
    "round": "int", "position": "int", "cell": "int", "seed": "int", "process": "int | None",
    "host": "str", "load_average": "float | None", "cpu_pressure": "float | None",
}  # fmt: skip
STORED = PLACE | {field.name: str(field.type) for field in fields(Run)}
KINDS = STORED | dict.fromkeys(RATES, "float | None")
TYPES = {"int": int, "float": float, "str": str, "bool": bool, "None": type(None)}
LARGEST = 2**63 - 1

_run_values = attrgetter(*(field.name for field in fields(Run)))


def row(
    visit: Visit, seed: int, host: str, weather: tuple[float | None, float | None], run: Run, process: int | None = None
) -> Row:
    """A run in its place, in the order of `STORED`."""
    return (*visit, seed, process, host, *weather, *_run_values(run))


def tabulate(rows: Sequence[Row]) -> Columns:
    """Rows as columns."""
    columns = zip(*rows, strict=True) if rows else [()] * len(STORED)
    return dict(zip(STORED, columns, strict=True))


def in_order(columns: Columns) -> Columns:
    """The same by round and position."""
    places = list(zip(columns["round"], columns["position"], strict=True))
    order = sorted(range(len(places)), key=places.__getitem__)
    if order == list(range(len(places))):
        return columns
    pick = itemgetter(*order)  # more than one, or they would be in order
    return {name: pick(values) for name, values in columns.items()}


def rates(columns: Mapping[str, Sequence[Any]]) -> Columns:
    """The columns that follow from others; None for a run that did not deliver."""
    messages, size, time = columns["delivered"], columns["bytes"], columns["deliver_ns"]
    pairs = list(zip(messages, time, strict=True))
    cpu = zip(columns["cpu_user_ns"], columns["cpu_system_ns"], pairs, strict=True)
    return {
        "nanoseconds_per_message": tuple([t / n if t is not None and n else None for n, t in pairs]),
        "messages_per_second": tuple([n / (t / 1e9) if t else None for n, t in pairs]),
        "bytes_per_second": tuple([n / (t / 1e9) if t else None for n, t in zip(size, time, strict=True)]),
        "cpu_nanoseconds_per_message": tuple(
            [(user + system) / n if t is not None and n else None for user, system, (n, t) in cpu]
        ),
    }


def problem(name: str, values: Sequence[Any]) -> str | None:
    """What is wrong with a stored column's values; None when nothing is."""
    kind = STORED[name]
    types, found = {TYPES[word] for word in kind.split(" | ")}, set(map(type, values))
    if not found <= types:
        return f"its column {name} is not made of {kind}"
    numbers = [value for value in values if value is not None] if len(found) > 1 else values
    if float in found:
        return None if all(map(isfinite, numbers)) else f"its column {name} has a number without end"
    if int not in found:
        return None
    if min(numbers) < (name == "bursts"):
        return f"its column {name} has a number that is too small"
    return f"its column {name} has a number that is too large" if max(numbers) > LARGEST else None


def timeless(status: Iterable[str], produce: Iterable[Any], deliver: Iterable[Any]) -> int | None:
    """The first row that has a time without delivery, or none with it."""
    for number, (word, *times) in enumerate(zip(status, produce, deliver, strict=True)):
        if times.count(None) != (0 if word in DELIVERED else 2):
            return number
    return None
