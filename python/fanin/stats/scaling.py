"""The Universal Scalability Law, fitted where it says something, and refused with a reason where it does not.

Gunther's law has N workers do `rate·N ÷ (1 + contention·(N−1) + coherence·N·(N−1))`. It is about workers that run at
the same time, so counts beyond the cores say nothing of it, and three unknowns need six counts at the least. Turned
around, `N ÷ throughput` is linear in three unknowns that cannot be negative: least squares of the relative errors has a
closed form, tried with each set of them at zero. Intervals come from fits to resampled rounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import exp, fsum, inf, sqrt
from random import Random
from typing import Any, NamedTuple

from .. import _check, _format
from ..table import Table
from . import host
from .compare import LEVEL, checked
from .intervals import mean, outermost
from .pairs import Cells, Point, Rows, Visit, independent, lower_is_better

__all__ = ["Law", "Scaling", "fit", "scaling"]

RATE = "messages_per_second"
FEWEST_COUNTS = 6
FEWEST_ROUNDS = 5
RESAMPLES = 500
KEYS = ("rate", "contention", "coherence", "peak")

Rounds = dict[int, dict[Visit, float]]


class Law(NamedTuple):
    """A fitted law.

    Attributes:
        rate: What one worker does.
        contention: The share that cannot run side by side.
        coherence: What each pair of workers costs.
    """

    rate: float
    contention: float
    coherence: float

    @property
    def peak(self) -> float:
        """The count beyond which more workers do less; infinite where they never do."""
        if self.coherence <= 0:
            return inf
        return sqrt(max(1 - self.contention, 0) / self.coherence)

    def at(self, count: float) -> float:
        """What so many workers do."""
        return self.rate * count / (1 + self.contention * (count - 1) + self.coherence * count * (count - 1))


@dataclass(frozen=True, slots=True, repr=False)
class Scaling(Table):
    """A law a strategy and point: a `Table` with the axes that vary but `producers`, and these columns.

    | column | what it holds |
    | --- | --- |
    | `strategy`, `counts` | what is fitted, and to how many counts within the cores |
    | `refused` | why there is no fit; None where there is one |
    | `rate`, `contention`, `coherence`, `peak` | the law, each with `_low` and `_high`; a `peak` of None is none |
    | `misfit` | the fit's relative error at the counts, root mean square |

    Attributes:
        cores: How many cores the law was asked about.
        level: How often such an interval covers the truth.

    Example:
        >>> import fanin
        >>> law = fanin.sweep("swap/batch", [1, 2], rounds=2, min_seconds=0).scaling(cores=2)
        >>> law.cores, law.column("strategy")
        (2, ('swap/batch',))
    """

    cores: int = 0
    level: float = LEVEL

    @property
    def refused(self) -> str | None:
        """Why nothing could be fitted; None where anything was."""
        reasons = [row["refused"] for row in self]
        return None if None in reasons else (reasons[0] if reasons else "the sweep has no runs that delivered")

    def __repr__(self) -> str:
        if self.refused:
            return f"no scaling law: {self.refused}"
        return f"{self.title}\n{_format.text_table(*self._shown())}"

    def _repr_html_(self) -> str:
        return _format.html_notes([f"{self!r}"]) if self.refused else _format.html_table(*self._shown(), self.title)

    def _shown(self) -> tuple[list[str], list[list[object]]]:
        at = self.columns.index("rate")
        head = [*self.columns[:at], *KEYS, "misfit"]
        rows: list[list[object]] = []
        for row in self:
            ends = [_format.interval(row[key], row[f"{key}_low"], row[f"{key}_high"]) for key in KEYS]
            rows.append([*(row[name] for name in self.columns[:at]), *ends, row["misfit"]])
        return head, rows


def scaling(
    sweep: Rows, *, metric: str = RATE, cores: int | None = None, level: float = LEVEL, seed: int = 0
) -> Scaling:
    """What `Sweep.scaling` says."""
    _, covered = checked(0.0, level)
    there = _cores(sweep) if cores is None else _check.integer("cores", cores, 1, 1 << 20)
    cells = Cells.of(sweep, metric)
    if lower_is_better(metric):
        raise _check.refuse("metric", metric, "allowed are rates, whose names end in _per_second")
    rows = [
        _row(cells, rest, strategy, there, covered, seed)
        for rest, strategy in dict.fromkeys((_rest(cells, key.point), key.strategy) for key in cells.logs)
    ]
    title = f"Universal Scalability Law, within {_format.plural(there, 'core')}"
    table = Table.of(rows, title)
    return Scaling(table.columns, table.rows, title, there, covered)


def fit(counts: Sequence[float], rates: Sequence[float]) -> Law:
    """The law with the least relative errors, none of whose parts is negative.

    >>> law = Law(1e6, 0.05, 0.001)
    >>> found = fit([1, 2, 4, 8, 16, 32], [law.at(n) for n in [1, 2, 4, 8, 16, 32]])
    >>> round(found.contention, 6), round(found.coherence, 6), round(found.peak, 3)
    (0.05, 0.001, 30.822)
    """
    times = [count / rate for count, rate in zip(counts, rates, strict=True)]
    rows = [(1 / t, (n - 1) / t, n * (n - 1) / t) for n, t in zip(counts, times, strict=True)]
    tried = [_solve(rows, (True, *kept)) for kept in product((True, False), repeat=2)]
    best = min((found for found in tried if found is not None), key=lambda found: _misfit(rows, found))
    return Law(1 / best[0], best[1] / best[0], best[2] / best[0])


def _row(cells: Cells, rest: Point, strategy: str, cores: int, level: float, seed: int) -> dict[str, Any]:
    rounds = _rounds(cells, rest, strategy, cores)
    reason = _refusal(rounds, cores)
    shown = {name: value for name, value in zip(_others(cells), rest, strict=True) if name in cells.varying}
    found: dict[str, Any] = shown | {"strategy": strategy, "counts": len(rounds), "refused": reason}
    empty = {f"{key}{end}": None for key in KEYS for end in ("", "_low", "_high")} | {"misfit": None}
    return found | (empty if reason else _fitted(rounds, level, seed))


def _fitted(rounds: Rounds, level: float, seed: int) -> dict[str, Any]:
    """The law through the means, and its interval from whole rounds drawn again: what slows a round slows its counts.

    Where fresh processes take turns, whole processes are drawn. The quantiles are moved out as those of a mean are, for
    few rounds spread less than they should.
    """
    counts, shared, random = list(rounds), _shared(rounds), Random(seed)
    logs = [independent({visit: found[visit] for visit in shared}) for found in rounds.values()]
    means = dict(zip(counts, map(mean, logs), strict=True))
    law = fit(counts, [exp(value) for value in means.values()])
    size = len(logs[0])
    draws = [random.choices(range(size), k=size) for _ in range(RESAMPLES)]
    again = [fit(counts, [exp(mean([found[v] for v in drawn])) for found in logs]) for drawn in draws]
    outer = outermost(level, size)
    found: dict[str, Any] = {}
    for key in KEYS:
        ordered = sorted(getattr(other, key) for other in again)
        low, high = (ordered[round(share * (RESAMPLES - 1))] for share in (1 - outer, outer))
        found |= {key: _finite(getattr(law, key)), f"{key}_low": _finite(low), f"{key}_high": _finite(high)}
    errors = [(law.at(count) / exp(value) - 1) ** 2 for count, value in means.items()]
    return found | {"misfit": sqrt(mean(errors))}


def _refusal(rounds: Rounds, cores: int) -> str | None:
    """Why there is no law to be had from these."""
    if cores < FEWEST_COUNTS:
        few = f"{_format.plural(cores, 'core')} cannot show contention"
        return f"{few}: the law needs {FEWEST_COUNTS} counts of producers that run at the same time"
    if len(rounds) < FEWEST_COUNTS:
        return f"{_format.plural(len(rounds), 'count')} of producers within {cores} cores; {FEWEST_COUNTS} are needed"
    shared = _shared(rounds)
    size = len(independent(dict.fromkeys(shared, 0.0)))
    if size < FEWEST_ROUNDS:
        fresh = shared and shared[0][0] is not None
        what = f"{size} fresh processes" if fresh else _format.plural(size, "round")
        return f"{what} with every count; {FEWEST_ROUNDS} are needed"
    return None


def _shared(rounds: Rounds) -> list[Visit]:
    """The rounds that every count ran in, in an order of their own."""
    first, *rest = rounds.values()
    return sorted((visit for visit in first if all(visit in logs for logs in rest)), key=repr)


def _rounds(cells: Cells, rest: Point, strategy: str, cores: int) -> Rounds:
    """For each count within the cores and the runtime's threads: the logarithms by round."""
    at = cells.axes.index("producers")
    load = dict(zip(_others(cells), rest, strict=True))
    threads = load.get("threads")
    most = min(cores, threads) if threads and load.get("producers_as") == "tasks" else cores
    found = {
        key.point[at]: logs
        for key, logs in cells.logs.items()
        if key.strategy == strategy and _rest(cells, key.point) == rest and logs and key.point[at] <= most
    }
    return dict(sorted(found.items()))


def _others(cells: Cells) -> tuple[str, ...]:
    return tuple(name for name in cells.axes if name != "producers")


def _rest(cells: Cells, point: Point) -> Point:
    return tuple(value for name, value in zip(cells.axes, point, strict=True) if name != "producers")


def _cores(sweep: Rows) -> int:
    """As many as the hosts had that ran the sweep; where that is not known, as this one has."""
    known = getattr(sweep, "metadata", None) or getattr(sweep, "meta", {})
    hosts = known.get("hosts")
    said = [found.get("cores") for found in hosts.values()] if isinstance(hosts, dict) else [known.get("cores")]
    counts = [int(text) for text in map(str, said) if text.isdecimal()]
    return min(counts, default=host.cores())


def _finite(value: float) -> float | None:
    return None if value == inf else value


def _solve(rows: Sequence[tuple[float, ...]], kept: Iterable[bool]) -> list[float] | None:
    """Least squares of `row · unknowns = 1`, those not kept being zero; None where one comes out negative."""
    places = [place for place, keep in enumerate(kept) if keep]
    scale = [sqrt(fsum(row[place] ** 2 for row in rows)) or 1.0 for place in places]
    columns = [[row[place] / size for row in rows] for place, size in zip(places, scale, strict=True)]
    matrix = [[*(_dot(a, b) for b in columns), fsum(a)] for a in columns]
    solved = _eliminate(matrix)
    if solved is None:
        return None
    found = [0.0] * 3
    for place, value, size in zip(places, solved, scale, strict=True):
        found[place] = value / size
    return found if found[0] > 0 and min(found) >= 0 else None


def _eliminate(matrix: list[list[float]]) -> list[float] | None:
    """Gauss and Jordan, with the largest pivot."""
    size = len(matrix)
    for step in range(size):
        pivot = max(range(step, size), key=lambda row: abs(matrix[row][step]))
        matrix[step], matrix[pivot] = matrix[pivot], matrix[step]
        if abs(matrix[step][step]) < 1e-14:
            return None
        for row in range(size):
            if row != step:
                share = matrix[row][step] / matrix[step][step]
                matrix[row] = [a - share * b for a, b in zip(matrix[row], matrix[step], strict=True)]
    return [matrix[row][size] / matrix[row][row] for row in range(size)]


def _misfit(rows: Sequence[tuple[float, ...]], unknowns: Sequence[float]) -> float:
    return fsum((_dot(row, unknowns) - 1) ** 2 for row in rows)


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return fsum(a * b for a, b in zip(one, other, strict=True))
