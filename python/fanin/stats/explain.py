"""What each cause between two strategies is worth, so that the parts multiply to the whole.

A cause's worth depends on what was changed before it. So it is the mean of its log-ratios over all orders in which the
causes can be changed (Shapley's value, over the orders that are possible: Faigle and Kern 1992). Each order telescopes
from one strategy to the other, so their means do too: the parts multiply to the whole exactly, round by round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import fsum
from typing import TYPE_CHECKING, Any

from .. import _check, _format
from ..errors import PlanError
from ..table import Table
from . import intervals
from .causes import Order, Step, needed, orders, stand_in
from .compare import LEVEL, METRIC, Noise, checked
from .noise import Checkup, known_noise
from .pairs import Cells, Key, Point, Rows, Visit, independent, lower_is_better
from .verdicts import EQUIVALENCE, verdict
from .words import sentences

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Explanation", "explain"]

WHOLE = "whole"
OVER = "mpsc-one/each"
ENDS = ("swap-yield/batch", "swap/batch", "mpsc/batch")
POSSIBLE, EVERY = "possible", "all"

EMPTY = Table((), ())

Worths = dict[str, dict[Visit, float]]


@dataclass(frozen=True, slots=True, repr=False)
class Explanation(Table):
    """What each cause is worth at every point: a `Table` with the axes that vary and these columns.

    | column | what it holds |
    | --- | --- |
    | `cause` | `taking`, `writing`, `queue`, `waiting`, and last the `whole`, which is their product |
    | `rounds` | how many rounds it rests on |
    | `ratio`, `low`, `high` | how many times as fast it makes: the geometric mean and its interval |
    | `verdict` | as in a `Comparison` |

    Attributes:
        strategy: Where the way ends.
        over: Where it begins.
        metric: The column whose values are compared.
        level: How often an interval covers the truth.
        orders: The strategies on each order's way.
        names: Each cause in words.
        overall: The same over all points together, where there are several.
        conditions: What each cause is worth depending on the rest, and whether that `interacts`: whether it differs.
        notes: What is left out, and where causes interact.

    Example:
        >>> import fanin
        >>> ran = ["mpsc-one/each", "mpsc/each", "mpsc/batch", "swap/batch"]
        >>> why = fanin.sweep(ran, 8, rounds=3, min_seconds=0).explain()
        >>> why.over, why.strategy, why.column("rounds")
        ('mpsc-one/each', 'swap/batch', (3, 3, 3, 3))
    """

    strategy: str = ""
    over: str = ""
    metric: str = METRIC
    level: float = LEVEL
    orders: tuple[tuple[str, ...], ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    overall: Table = EMPTY
    conditions: Table = EMPTY
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What it says, in plain words; what is not decided is said to be so."""
        return "\n".join(sentences(self))

    def plot(self, *, x: str = "producers", ax: Axes | None = None) -> Axes:
        """The causes over `x`; at one point, as steps from one strategy to the other. Needs `fanin[plot]`."""
        from .. import plot_causes

        return plot_causes.draw(self, x=x, ax=ax)

    def to_json(self) -> dict[str, Any]:
        """All of it, for `json.dumps`."""
        about: dict[str, Any] = {
            name: getattr(self, name) for name in ("strategy", "over", "metric", "level", "orders")
        }
        tables = {"rows": self, "overall": self.overall, "conditions": self.conditions}
        said = {"notes": list(self.notes), "sentence": self.sentence}
        return about | {name: table.to_dicts() for name, table in tables.items()} | said

    def __repr__(self) -> str:
        if not self.rows:
            return "\n".join([f"no point has all it takes to explain {self.strategy}", *self.notes])
        parts = [self.sentence, "", self.title, _format.text_table(*_brief(self))]
        parts += ["", self.conditions.title, _format.text_table(*_brief(self.conditions))]
        return "\n".join([*parts, *(f"! {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        tables = [_format.html_table(*_brief(table), table.title) for table in (self, self.conditions)]
        return "\n".join([_format.html_notes(sentences(self)), *tables, _format.html_notes(self.notes)])


def explain(
    sweep: Rows,
    strategy: str | None = None,
    over: str | None = None,
    *,
    metric: str = METRIC,
    orders: str = POSSIBLE,
    equivalence: float = EQUIVALENCE,
    level: float = LEVEL,
    noise: float | Checkup | None = None,
    seed: int = 0,
) -> Explanation:
    """What `Sweep.explain` says."""
    share, covered = checked(equivalence, level)
    every = _check.one_of("orders", orders, (POSSIBLE, EVERY)) == EVERY
    cells = Cells.of(sweep, metric)
    ways, wanted = _ways(cells, strategy, over, every)
    say = _Say(share, covered, known_noise(noise), seed)
    found: list[tuple[Point, Worths, list[Order]]] = []
    unknown: dict[str, list[Point]] = {}
    for point in cells.points:
        whole = [way for way in ways if all(Key(point, name) in cells.logs for name in _names(way, cells))]
        worths = _worths(cells, point, whole) if whole else {}
        if worths and worths[WHOLE]:
            found.append((point, worths, whole))
        else:
            unknown.setdefault(_why_not(cells, point, ways), []).append(point)
    rows = [cells.named(point) | say.row(cause, of) for point, worths, _ in found for cause, of in worths.items()]
    names = {step.cause: step.name for step in ways[0]}
    begin, *_, end = needed(ways[0])
    title = f"what makes {end} how many times as fast as {begin}; the parts multiply to the whole"
    conditions = [row for point, _, whole in found for row in _conditions(cells, point, whole, say)]
    table = Table.of(rows, title)
    notes = [] if len(ways) == wanted else [f"{wanted - len(ways)} of {wanted} orders left out: a strategy did not run"]
    notes += [f"{cells.places(points)}: left out, {why}" for why, points in unknown.items()]
    return Explanation(
        table.columns, table.rows, title,
        strategy=end, over=begin, metric=metric, level=covered,
        orders=tuple(map(needed, ways)), names=tuple(names.items()),
        overall=Table.of(_overall(found, say), "over all points together"),
        conditions=Table.of(conditions, "each cause, depending on the rest"),
        notes=tuple(notes),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Say:
    """How log-ratios become words."""

    equivalence: float
    level: float
    noise: Noise | None
    seed: int

    def row(self, cause: str, logs: dict[Visit, float]) -> dict[str, Any]:
        found = intervals.of_mean(independent(logs), self.level, self.seed).exp()
        word = verdict(found, self.equivalence, self.noise(found.size) if self.noise else 1.0)
        ratio = {"ratio": found.middle, "low": found.low, "high": found.high}
        return {"cause": cause, "rounds": found.size} | ratio | {"verdict": word}


def _ways(cells: Cells, strategy: str | None, over: str | None, every: bool) -> tuple[list[Order], int]:
    """The orders all of whose strategies ran, and how many orders there are."""
    ends = [strategy] if strategy is not None else list(ENDS)
    begin = OVER if over is None else over
    for end in ends:
        if end != begin or strategy is not None:
            ways = orders(end, begin, every=every)
            whole = [way for way in ways if not _missing(way, cells)]
            if whole:
                return whole, len(ways)
    end = strategy or next(end for end in ENDS[1:] if end != begin)
    lacks = min((_missing(way, cells) for way in orders(end, begin, every=every)), key=len)
    raise PlanError(f"strategies: to explain {end} over {begin}, the sweep needs {', '.join(lacks)} too")


def _missing(way: Order, cells: Cells) -> list[str]:
    return [name for name in needed(way) if stand_in(name, cells.strategies) is None]


def _names(way: Order, cells: Cells) -> list[str]:
    """An order's strategies as they ran."""
    return [stand_in(name, cells.strategies) or name for name in needed(way)]


def _logs(cells: Cells, point: Point, strategy: str) -> dict[Visit, float]:
    return cells.logs[Key(point, stand_in(strategy, cells.strategies) or strategy)]


def _visits(cells: Cells, point: Point, names: Sequence[str]) -> list[Visit]:
    """The rounds that all of these ran in."""
    first, *rest = (_logs(cells, point, name) for name in names)
    return [visit for visit in first if all(visit in logs for logs in rest)]


def _gain(cells: Cells, point: Point, step: Step, visit: Visit) -> float:
    sign = 1 if lower_is_better(cells.metric) else -1
    return sign * (_logs(cells, point, step.before)[visit] - _logs(cells, point, step.after)[visit])


def _worths(cells: Cells, point: Point, ways: Sequence[Order]) -> Worths:
    """Each cause's log-ratio in each round, as the mean over the orders; and the whole."""
    visits = _visits(cells, point, list(dict.fromkeys(name for way in ways for name in needed(way))))
    worths: Worths = {}
    for cause in (step.cause for step in ways[0]):
        steps = [step for way in ways for step in way if step.cause == cause]
        worths[cause] = {
            visit: fsum(_gain(cells, point, step, visit) for step in steps) / len(ways) for visit in visits
        }
    whole = Step(WHOLE, ways[0][0].before, ways[0][-1].after)
    return worths | {WHOLE: {visit: _gain(cells, point, whole, visit) for visit in visits}}


def _overall(found: Sequence[tuple[Point, Worths, list[Order]]], say: _Say) -> list[dict[str, Any]]:
    """The mean over the points, in the rounds that all of them have."""
    if len(found) < 2:
        return []
    tables = [worths for _, worths, _ in found]
    shared = [visit for visit in tables[0][WHOLE] if all(visit in worths[WHOLE] for worths in tables)]
    return [
        say.row(cause, {visit: intervals.mean([worths[cause][visit] for worths in tables]) for visit in shared})
        for cause in tables[0]
    ]


def _conditions(cells: Cells, point: Point, ways: Sequence[Order], say: _Say) -> list[dict[str, Any]]:
    """What a cause is worth with the rest as it is before, and as it is after; and whether those differ."""
    rows = []
    for cause in (step.cause for step in ways[0]):
        steps = list(dict.fromkeys(step for way in ways for step in way if step.cause == cause))
        interacts = _interacts(cells, point, steps, say)
        for step in steps:
            visits = _visits(cells, point, (step.before, step.after))
            row = say.row(cause, {visit: _gain(cells, point, step, visit) for visit in visits})
            where = {"cause": cause, "where": step.where, "step": f"{step.before} → {step.after}"}
            rows.append(cells.named(point) | where | row | {"interacts": interacts})
    return rows


def _interacts(cells: Cells, point: Point, steps: Sequence[Step], say: _Say) -> bool | None:
    """Whether a cause is worth something else depending on the rest: any two of its steps apart, by Bonferroni."""
    pairs = list(combinations(steps, 2))
    if not pairs:
        return None
    level = 1 - (1 - say.level) / len(pairs)
    for one, other in pairs:
        visits = _visits(cells, point, (one.before, one.after, other.before, other.after))
        apart = {visit: _gain(cells, point, one, visit) - _gain(cells, point, other, visit) for visit in visits}
        if verdict(intervals.of_mean(independent(apart), level, say.seed).exp(), say.equivalence) in (
            "faster",
            "slower",
        ):
            return True
    return False


def _why_not(cells: Cells, point: Point, ways: Sequence[Order]) -> str:
    """Why there is nothing to say at a point."""
    keys = [Key(point, name) for name in dict.fromkeys(name for way in ways for name in _names(way, cells))]
    failed = [key.strategy for key in keys if key in cells.failed]
    absent = [key.strategy for key in keys if key not in cells.failed and not cells.logs.get(key)]
    if failed:
        return f"{', '.join(failed)} did not deliver"
    return f"{', '.join(absent)} did not run" if absent else "no round has all of the strategies"


def _brief(table: Table) -> tuple[list[str], list[list[object]]]:
    """A ratio and its ends as one column."""
    if not table.rows:
        return list(table.columns), []
    at = table.columns.index("ratio")
    head = [*table.columns[: at + 1], *table.columns[at + 3 :]]
    rows = [[*row[:at], _format.interval(*row[at : at + 3]), *map(_plain, row[at + 3 :])] for row in table.rows]
    return head, rows


def _plain(value: object) -> object:
    return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
