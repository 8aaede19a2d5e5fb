"""Which strategy wins where: at each point the one that is faster than every other, if there is one."""

from __future__ import annotations

from typing import Any

from ..table import Table
from . import intervals
from .compare import METRIC, checked
from .noise import Checkup, known_noise
from .pairs import Cells, Point, Rows
from .verdicts import EQUIVALENCE, verdict

__all__ = ["regimes"]


def regimes(
    sweep: Rows,
    metric: str = METRIC,
    *,
    equivalence: float = EQUIVALENCE,
    level: float = 0.95,
    noise: float | Checkup | None = None,
) -> Table:
    """A row a point: the `winner`, or None where that is undecided, and its `ratio` over the `next` with its interval.

    A winner is faster than each of the others by the verdict of its own interval. Strategies that did not deliver at a
    point do not take part there.
    """
    share, covered = checked(equivalence, level)
    cells = Cells.of(sweep, metric)
    floor = known_noise(noise)
    rows = []
    for point in cells.points:
        there = [key.strategy for key, logs in cells.logs.items() if key.point == point and logs]
        best = _best(cells, point, there)
        against = {name: intervals.of_mean(cells.pairs(point, best, name), covered) for name in there if name != best}
        words = [verdict(found.exp(), share, floor(found.size) if floor else 1.0) for found in against.values()]
        won = bool(words) and set(words) == {"faster"}
        second = min(against, key=lambda name: against[name].middle or 0.0) if won else None
        ratio = against[second].exp() if second else intervals.Interval(None, None, None, 0, "none")
        found: dict[str, Any] = {"winner": best if won else None, "next": second}
        rows.append(cells.named(point) | found | {"ratio": ratio.middle, "low": ratio.low, "high": ratio.high})
    return Table.of(rows, "the strategy that is faster than every other; none where that is undecided")


def _best(cells: Cells, point: Point, there: list[str]) -> str:
    """The strategy with the best mean, whether or not that says anything."""

    def lead(name: str) -> float:
        gains = [cells.pairs(point, name, other) for other in there if other != name]
        return sum(intervals.mean(pairs) for pairs in gains if pairs)

    return max(there, key=lead, default="")
