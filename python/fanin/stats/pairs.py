"""What belongs together in a sweep: cells of one point, and runs of one round on one host.

Two runs are compared only where they ran in the same round on the same host: what slowed the machine then slowed both.
A cell with a run that did not deliver has no speed at all, and is named instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, isfinite, log
from typing import Any, NamedTuple, Protocol

from .. import cells
from .._check import refuse
from .._format import plural

__all__ = ["Cells", "Key", "Point", "Rows", "Visit", "common", "independent", "lower_is_better", "order"]

Point = tuple[Any, ...]
Visit = tuple[Hashable, ...]
UNTIED = {"strategy", "queue", "write"}


class Rows(Protocol):
    """As much of a sweep as statistics need: named columns, a row a run."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns' names."""

    def column(self, name: str) -> tuple[Any, ...]:
        """One column's values."""

    def __len__(self) -> int:
        """How many runs."""


class Key(NamedTuple):
    """A cell: a strategy at a point of the other axes."""

    point: Point
    strategy: str


@dataclass(frozen=True, slots=True)
class Cells:
    """A sweep's cells, each with the logarithm of one metric by visit.

    Attributes:
        metric: The column it is about.
        axes: The names of a point's parts: every axis but the strategy, and the host where rows say it.
        logs: For each cell that delivered, in the order of the plan: the metric's logarithm by (process, seed, …).
        failed: The cells that did not, each with what was wrong.
        strategies: Every strategy that ran, in the order of the plan.
        points: Every point, numbers by size.
        varying: The axes with more than one value, and always `producers`.
    """

    metric: str
    axes: tuple[str, ...]
    logs: dict[Key, dict[Visit, float]]
    failed: dict[Key, str]
    strategies: tuple[str, ...]
    points: tuple[Point, ...]
    varying: tuple[str, ...]

    @classmethod
    def of(cls, sweep: Rows, metric: str) -> Cells:
        """Sorts a sweep's rows.

        Raises:
            PlanError: There is no such column, or it does not hold numbers.
        """
        values = sweep.column(metric)
        if any(isinstance(value, (str, bytes)) for value in values):
            raise refuse("metric", metric, "allowed are columns with numbers")
        axes = _axes(sweep)
        keys = [Key(point, name) for point, name in zip(_points(sweep, axes), sweep.column("strategy"), strict=True)]
        failed = _failed(keys, sweep.column("status"))
        planned = [key for _, key in sorted(zip(sweep.column("cell"), keys, strict=True), key=lambda row: row[0])]
        logs: dict[Key, dict[Visit, float]] = {key: {} for key in planned if key not in failed}
        for key, visit, value in zip(keys, _visits(sweep, keys), values, strict=True):
            if key in logs and value is not None and value > 0 and isfinite(value):
                logs[key][visit] = log(value)
        points = tuple(sorted(dict.fromkeys(key.point for key in keys), key=order))
        strategies = tuple(dict.fromkeys(key.strategy for key in planned))
        return cls(metric, axes, logs, failed, strategies, points, _varying(axes, points))

    def named(self, point: Point) -> dict[str, Any]:
        """A point's parts by name: those that vary."""
        return {name: value for name, value in zip(self.axes, point, strict=True) if name in self.varying}

    def pairs(self, point: Point, strategy: str, over: str) -> list[float]:
        """By how much the strategy was better in each visit that both made: logarithms of ratios, above 0 is better.

        Where rounds are spread over fresh processes, one a process: the mean of its visits.
        """
        mine, theirs = self.logs.get(Key(point, strategy), {}), self.logs.get(Key(point, over), {})
        sign = 1 if lower_is_better(self.metric) else -1
        return independent({visit: sign * (theirs[visit] - value) for visit, value in mine.items() if visit in theirs})

    def label(self, key: Key) -> str:
        """A cell in words.

        >>> Cells("x", ("producers",), {}, {}, (), ((8,),), ("producers",)).label(Key((8,), "swap/batch"))
        'swap/batch at producers=8'
        """
        where = self.where(key.point)
        return f"{key.strategy} at {where}" if where else key.strategy

    def where(self, point: Point) -> str:
        """A point in words; none where nothing varies."""
        return ", ".join(f"{name}={value}" for name, value in self.named(point).items())

    def places(self, points: Sequence[Point]) -> str:
        """Some points in words: the one; or how many, with what they and only they have in common.

        >>> found = Cells(
        ...     "x", ("producers", "capacity"), {}, {}, (), ((1, None), (1, 64), (2, 64)), ("producers", "capacity")
        ... )
        >>> found.places([(1, 64), (2, 64)]), found.places([(1, 64)]), found.places([(1, None), (2, 64)])
        ('2 points with capacity=64', 'producers=1, capacity=64', '2 points of 3')
        """
        if len(points) == 1:
            return self.where(points[0]) or "the only point"
        same = common([self.named(point) for point in points])
        others = [self.named(point) for point in self.points if point not in set(points)]
        own = {name: value for name, value in same.items() if all(other[name] != value for other in others)}
        what = ", ".join(f"{name}={value}" for name, value in own.items())
        return (
            f"{plural(len(points), 'point')} with {what}"
            if what and others
            else f"{len(points)} points of {len(self.points)}"
        )


def common(mappings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What all of these say alike.

    >>> common([{"producers": 1, "capacity": 64}, {"producers": 2, "capacity": 64}])
    {'capacity': 64}
    """
    first, *rest = mappings
    return {name: value for name, value in first.items() if all(other[name] == value for other in rest)}


def independent(by_visit: Mapping[Visit, float]) -> list[float]:
    """What an interval may rest on: a value a visit, or where there are fresh processes a mean a process.

    Rounds of one process share what was drawn when it started, so only the processes are independent.

    >>> independent({(0, 7, 0): 1.0, (0, 7, 1): 3.0, (1, 7, 2): 5.0}), independent({(None, 7, 0): 1.0})
    ([2.0, 5.0], [1.0])
    """
    processes: dict[Hashable, list[float]] = {}
    for visit, value in by_visit.items():
        processes.setdefault(visit if visit[0] is None else visit[0], []).append(value)
    return [fsum(values) / len(values) for values in processes.values()]


def lower_is_better(metric: str) -> bool:
    """Times and costs are better when lower, rates when higher."""
    return not metric.endswith("_per_second")


def order(point: Iterable[Any]) -> tuple[tuple[bool, str, float], ...]:
    """A key to sort points by: numbers by size, words by letter, None first."""
    return tuple(
        (value is not None, "", float(value or 0))
        if value is None or isinstance(value, (int, float))
        else (True, str(value), 0.0)
        for value in point
    )


def _axes(sweep: Rows) -> tuple[str, ...]:
    known = set(sweep.columns)
    return tuple(name for name in (*cells.AXES, "host") if name in known and name not in UNTIED)


def _varying(axes: Sequence[str], points: Sequence[Point]) -> tuple[str, ...]:
    several = {name for place, name in enumerate(axes) if len({point[place] for point in points}) > 1}
    return tuple(name for name in axes if name in several or name == "producers")


def _points(sweep: Rows, axes: Sequence[str]) -> Iterable[Point]:
    return zip(*(sweep.column(name) for name in axes), strict=True)


def _failed(keys: Sequence[Key], status: Sequence[str]) -> dict[Key, str]:
    """Cells with a run that did not deliver, each with how many of its runs, and what they were."""
    runs = Counter(keys)
    wrong: Counter[Key] = Counter()
    words: dict[Key, str] = {}
    for key, word in zip(keys, status, strict=True):
        if word != "ok":
            wrong[key] += 1
            words.setdefault(key, word)
    return {key: f"{count} of {runs[key]} {words[key]}" for key, count in wrong.items()}


def _visits(sweep: Rows, keys: Sequence[Key]) -> list[Visit]:
    """What names a visit: its process, its seed and round, and which one it is where sweeps with the same were put
    together."""
    process = sweep.column("process") if "process" in sweep.columns else (None,) * len(sweep)
    parts = [process, *(sweep.column(name) for name in ("seed", "round") if name in sweep.columns)]
    seen: Counter[Hashable] = Counter()
    visits: list[Visit] = []
    for key, visit in zip(keys, zip(*parts, strict=True), strict=True):
        visits.append((*visit, seen[key, visit]))
        seen[key, visit] += 1
    return visits
