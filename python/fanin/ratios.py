"""What a sweep's rounds say together: medians with their spread, and ratios paired by round.

Two runs are compared only within one round and on one host, where they ran within moments: what slowed the machine then
slowed both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _format
from ._check import one_of
from .cells import AXES
from .errors import PlanError
from .table import Table

if TYPE_CHECKING:
    from .sweeps import Sweep

__all__ = ["Spread", "besides", "lines", "paired", "ratio", "summary"]

STRONG_BASELINE = "mpsc/batch"
MOST_LINES = 12


class Spread(NamedTuple):
    """A median with the lowest and the highest; all None when there was nothing."""

    median: float | None
    lowest: float | None
    highest: float | None

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """The spread of some values."""
        ordered = sorted(values)
        if not ordered:
            return cls(None, None, None)
        middle = len(ordered) // 2
        median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
        return cls(median, ordered[0], ordered[-1])


def paired(sweep: Sweep, strategy: str, over: str) -> dict[tuple[Any, ...], list[float]]:
    """How many times as fast `strategy` was as `over`, for each point of the other axes: one ratio a round.

    Rounds in which either did not deliver have none.
    """
    points = _points(sweep)
    places = zip(sweep.column("round"), sweep.column("host"), strict=True)
    times = dict(zip(zip(sweep.column("strategy"), points, places, strict=True), _speeds(sweep), strict=True))
    ratios: dict[tuple[Any, ...], list[float]] = {}
    for (name, point, place), mine in times.items():
        theirs = times.get((over, point, place))
        if name == strategy:
            ratios.setdefault(point, []).extend([theirs / mine] if mine and theirs else [])
    return ratios


def ratio(sweep: Sweep, strategy: str, over: str) -> Table:
    """How many times as fast `strategy` was as `over` at each point: the median over the rounds, lowest and highest."""
    names = list(dict.fromkeys(sweep.column("strategy")))
    one_of("strategy", strategy, names)
    one_of("over", over, names)
    shown = varying(sweep, "strategy")
    rows = []
    for point, values in sorted(paired(sweep, strategy, over).items(), key=lambda item: _order(item[0])):
        axes = {name: value for name, value in zip(_others(), point, strict=True) if name in shown}
        rows.append(axes | {"pairs": len(values)} | _named("ratio", Spread.of(values)))
    return Table.of(rows, f"how many times as fast {strategy} is as {over}, in the same round")


def summary(sweep: Sweep, over: str | None) -> Table:
    """One row a cell, in the order of the plan."""
    if not len(sweep):
        return Table((), (), "no runs")
    over = baseline(sweep, over)
    shown = ("strategy", *varying(sweep, "strategy"))
    against = {name: paired(sweep, name, over) for name in dict.fromkeys(sweep.column("strategy"))}
    by_cell: dict[int, list[int]] = {}
    for row, cell in enumerate(sweep.column("cell")):
        by_cell.setdefault(cell, []).append(row)
    points, times, status = _points(sweep), _speeds(sweep), sweep.column("status")
    rows = []
    for _, members in sorted(by_cell.items()):
        first = members[0]
        strategy = sweep.column("strategy")[first]
        axes = {name: sweep.column(name)[first] for name in shown}
        spread = Spread.of(times[row] for row in members if times[row] is not None)
        against_over = Spread.of(against[strategy][points[first]])
        rows.append(
            axes
            | {"runs": len(members), "status": _verdict([status[row] for row in members])}
            | _named("ns", spread)
            | _named("ratio", against_over)
        )
    title = f"ns a message: median over the rounds, lowest, highest; ratio: how many times as fast as {over}, by round"
    return Table.of(rows, title)


def baseline(sweep: Sweep, over: str | None) -> str:
    """What to compare with: as asked, else the strong baseline where it ran, else what ran first."""
    names = list(dict.fromkeys(sweep.column("strategy")))
    if over is not None:
        return one_of("over", over, names)
    return STRONG_BASELINE if STRONG_BASELINE in names else names[0]


def varying(sweep: Sweep, *but: str) -> tuple[str, ...]:
    """The axes with more than one value, and always `producers`."""
    return tuple(n for n in AXES if n not in but and (n == "producers" or len(set(sweep.column(n))) > 1))


def besides(sweep: Sweep, *shown: str) -> tuple[str, ...]:
    """The axes that vary in a sweep beside those shown, but for those that follow from the ones before."""
    columns = {name: sweep.column(name) for name in (*varying(sweep, *shown), *shown)}
    kept = list(shown)
    for name in varying(sweep, *shown):
        known = list(zip(*(columns[other] for other in kept), strict=True))
        if len(set(known)) < len(set(zip(known, columns[name], strict=True))):
            kept.append(name)
    return tuple(kept[len(shown) :])


def lines(sweep: Sweep, x: str, by: str) -> tuple[Any, ...]:
    """For each run the line that it belongs to: the value of `by`, and with it those of the axes that vary besides.

    Raises:
        PlanError: That would be more lines than can be told apart.
    """
    extra = besides(sweep, x, by)
    if not extra:
        return sweep.column(by)
    found = [
        ", ".join([_format.number(value), *map(_format.axis, extra, rest)])
        for value, *rest in zip(*(sweep.column(name) for name in (by, *extra)), strict=True)
    ]
    if len(set(found)) > MOST_LINES:
        values = sorted(set(sweep.column(extra[0])), key=str)
        raise PlanError(
            f"{extra[0]} varies too ({', '.join(map(str, values))}): keep one, as in .filter({extra[0]}={values[0]!r})"
        )
    return tuple(found)


def _named(name: str, spread: Spread) -> dict[str, float | None]:
    return {name: spread.median, f"{name}_lowest": spread.lowest, f"{name}_highest": spread.highest}


def _verdict(status: Sequence[str]) -> str:
    bad = [word for word in status if word != "ok"]
    return f"{len(bad)} {bad[0]}" if bad else "ok"


def _speeds(sweep: Sweep) -> tuple[Any, ...]:
    """Only of runs that kept up: a saturated one has a speed, but not under the load that it is named for."""
    told = zip(sweep.column("status"), sweep.column("nanoseconds_per_message"), strict=True)
    return tuple(speed if status == "ok" else None for status, speed in told)


def _others() -> tuple[str, ...]:
    return tuple(name for name in AXES if name != "strategy")


def _points(sweep: Sweep) -> list[tuple[Any, ...]]:
    return list(zip(*(sweep.column(name) for name in _others()), strict=True))


def _order(point: tuple[Any, ...]) -> tuple[tuple[bool, str, float], ...]:
    """Numbers by size, words by letter, None first."""
    return tuple(
        (value is not None, value, 0.0) if isinstance(value, str) else (value is not None, "", value or 0.0)
        for value in point
    )
