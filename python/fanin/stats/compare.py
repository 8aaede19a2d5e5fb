"""Strategies against one of them, cell by cell: how many times as fast, how sure, and what that allows to say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import _check, _format
from ..table import Table
from . import intervals
from .checks import remarks
from .noise import Checkup, known_noise
from .pairs import Cells, Key, Point, Rows, independent, lower_is_better
from .verdicts import DECIDED, EQUIVALENCE, verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Comparison", "compare", "compare_sweeps"]

STRONG_BASELINE = "mpsc/batch"
METRIC = "nanoseconds_per_message"
LEVEL = 0.95

Noise = Callable[[int], float]


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Table):
    """Every strategy against one, at every point: a `Table` with the axes that vary and these columns.

    | column | what it holds |
    | --- | --- |
    | `strategy` | what is compared |
    | `pairs` | how many rounds both ran in, on the same host; or how many fresh processes, where those take turns |
    | `ratio`, `low`, `high` | how many times as fast: the geometric mean and its interval; None where unknown |
    | `verdict` | `faster`, `slower`, `equivalent`, `not worse`, `undecided`; `not delivered` where there is no speed |

    Attributes:
        over: What all are compared with.
        metric: The column that is compared.
        level: How often such an interval covers the truth.
        equivalence: How far from 1 counts as equivalent.
        noise: The ratio below which this host resolves nothing, as `doctor()` measured it or as given; None if unknown.
        notes: What the numbers do not say: cells that did not deliver, and warnings.

    Example:
        >>> import fanin
        >>> found = fanin.sweep(["mpsc/batch", "swap/batch"], 8, rounds=3, min_seconds=0).compare(over="mpsc/batch")
        >>> [(row["strategy"], row["pairs"]) for row in found]
        [('swap/batch', 3)]
        >>> found.over, found.level
        ('mpsc/batch', 0.95)
    """

    over: str = ""
    metric: str = METRIC
    level: float = LEVEL
    equivalence: float = EQUIVALENCE
    noise: float | None = None
    notes: tuple[str, ...] = ()

    def plot(self, *, x: str = "producers", ax: Axes | None = None) -> Axes | tuple[Axes, ...]:
        """The ratios over `x`, with their intervals; what is not decided is hollow. Needs `fanin[plot]`.

        Where more varies than `x`, there is a panel for each point of the rest, and what is returned is a tuple.
        """
        from .. import plot_panels, plot_ratio

        axes = self.columns[: self.columns.index("strategy")] if self.rows else ()
        if ax is None and x in axes and plot_panels.several(axes, self.to_dicts(), x):
            return plot_ratio.panels(self, x=x)
        return plot_ratio.draw(self, x=x, ax=ax)

    def to_json(self) -> dict[str, Any]:
        """All of it, for `json.dumps`."""
        about = ("over", "metric", "level", "equivalence", "noise")
        return {name: getattr(self, name) for name in about} | {"rows": self.to_dicts(), "notes": list(self.notes)}

    def _shown(self) -> tuple[list[str], list[list[object]]]:
        if not self.rows:
            return ["strategy"], []
        ends = self.columns.index("ratio")
        head = [*self.columns[:ends], "ratio", "verdict"]
        rows = [[*row[:ends], _format.interval(*row[ends : ends + 3]), row[-1]] for row in self.rows]
        return head, rows

    def __repr__(self) -> str:
        return "\n".join([self.title, _format.text_table(*self._shown()), *(f"! {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        return _format.html_table(*self._shown(), self.title) + _format.html_notes(self.notes)


def compare(
    sweep: Rows,
    over: str | None = None,
    *,
    metric: str = METRIC,
    equivalence: float = EQUIVALENCE,
    level: float = LEVEL,
    noise: float | Checkup | None = None,
    seed: int = 0,
) -> Comparison:
    """What `Sweep.compare` says."""
    share, covered = checked(equivalence, level)
    cells = Cells.of(sweep, metric)
    over = baseline(cells, over)
    floor = known_noise(noise)

    def row(point: Point, strategy: str) -> dict[str, Any]:
        pairs = cells.pairs(point, strategy, over)
        ratio = intervals.of_mean(pairs, covered, seed).exp()
        bad = {Key(point, strategy), Key(point, over)} & cells.failed.keys()
        word = "not delivered" if bad else verdict(ratio, share, floor(len(pairs)) if floor else 1.0)
        found = {"pairs": len(pairs), "ratio": ratio.middle, "low": ratio.low, "high": ratio.high, "verdict": word}
        return cells.named(point) | {"strategy": strategy} | found

    there = {*cells.logs, *cells.failed}
    others = [name for name in cells.strategies if name != over]
    lacking = [point for point in cells.points if Key(point, over) not in there]
    points = [point for point in cells.points if Key(point, over) in there]
    rows = [row(point, name) for point in points for name in others if Key(point, name) in there]
    alone = [] if others else [f"{over} is the only strategy: there is nothing to compare"]
    notes = (
        *alone,
        *_fresh(cells),
        *_failures(cells),
        *([f"{cells.places(lacking)}: not compared, {over} did not run there"] if lacking else []),
        *_unpaired(rows, over),
        *_chance(rows, covered),
        *remarks(sweep, metric, grouped=True),
    )
    limit = floor(max((row["pairs"] for row in rows), default=2) or 2) if floor else None
    return _table(rows, over, metric, covered, share, limit, notes)


def compare_sweeps(
    sweep: Rows,
    earlier: Rows,
    *,
    metric: str = METRIC,
    equivalence: float = EQUIVALENCE,
    level: float = LEVEL,
    noise: float | Checkup | None = None,
) -> Comparison:
    """Each cell of a sweep against the same cell of an earlier one, by Welch: no rounds are shared."""
    share, covered = checked(equivalence, level)
    now, then = Cells.of(sweep, metric), Cells.of(earlier, metric)
    _one_host(sweep, earlier)
    if now.axes != then.axes:
        raise _check.refuse("over", "the other sweep", f"allowed is one with the same axes: {', '.join(now.axes)}")
    floor = known_noise(noise)
    sign = 1 if lower_is_better(metric) else -1
    rows = []
    for key in now.logs.keys() | now.failed.keys():
        mine, theirs = (independent(cells.logs.get(key, {})) for cells in (now, then))
        if key not in then.logs and key not in then.failed:
            continue
        change = intervals.of_difference([-sign * v for v in mine], [-sign * v for v in theirs], covered).exp()
        bad = key in now.failed or key in then.failed
        word = "not delivered" if bad else verdict(change, share, floor(change.size) if floor else 1.0)
        found = {"pairs": change.size, "ratio": change.middle, "low": change.low, "high": change.high}
        rows.append((key, now.named(key.point) | {"strategy": key.strategy} | found | {"verdict": word}))
    places = {point: place for place, point in enumerate(now.points)}
    names = {name: place for place, name in enumerate(now.strategies)}
    rows.sort(key=lambda row: (places[row[0].point], names[row[0].strategy]))
    apart = "not paired: a change of the machine between the two sweeps looks like a change of the strategy"
    notes = (apart, *_failures(now), *_failures(then), *_chance([row for _, row in rows], covered))
    limit = floor(max((row["pairs"] for _, row in rows), default=2) or 2) if floor else None
    return _table([row for _, row in rows], "the other sweep", metric, covered, share, limit, notes)


def baseline(cells: Cells, over: str | None) -> str:
    """What to compare with: as asked, else the strong baseline where it ran, else what ran first."""
    names = cells.strategies
    if over is not None:
        return _check.one_of("over", over, names)
    if not names:
        raise _check.refuse("over", over, "the sweep has no runs")
    return STRONG_BASELINE if STRONG_BASELINE in names else names[0]


def checked(equivalence: float, level: float) -> tuple[float, float]:
    """Both, if they make sense."""
    return _check.between("equivalence", equivalence, 0, 10), _check.between("level", level, 0.5, 0.9999)


def _table(
    rows: Sequence[dict[str, Any]],
    over: str,
    metric: str,
    level: float,
    equivalence: float,
    noise: float | None,
    notes: tuple[str, ...],
) -> Comparison:
    what = "" if metric == METRIC else f" by {metric}"
    floor = f"; this host resolves {noise:.3g} times" if noise else ""
    bounds = f"[{100 * level:.4g} % interval]; equivalent: ±{100 * equivalence:.4g} %"
    title = f"how many times as fast as {over}{what} {bounds}{floor}"
    table = Table.of(rows, title)
    return Comparison(table.columns, table.rows, table.title, over, metric, level, equivalence, noise, notes)


def _failures(cells: Cells) -> list[str]:
    return [f"{cells.label(key)}: {why}; not compared" for key, why in cells.failed.items()]


def _fresh(cells: Cells) -> list[str]:
    processes = {visit[0] for logs in cells.logs.values() for visit in logs} - {None}
    return [f"intervals rest on fresh processes, {len(processes)} of them, and not on rounds"] if processes else []


def _unpaired(rows: Sequence[dict[str, Any]], over: str) -> list[str]:
    lone = sum(row["pairs"] == 0 and row["verdict"] != "not delivered" for row in rows)
    return [f"{_format.plural(lone, 'cell')} shared no round with {over}; undecided"] if lone else []


def _chance(rows: Sequence[dict[str, Any]], level: float) -> list[str]:
    """With many comparisons some of what is said is chance."""
    expected = (1 - level) * len(rows)
    said = sum(row["verdict"] in DECIDED for row in rows)
    if said and expected >= 1:
        return [f"{len(rows)} comparisons: if nothing differed at all, some {expected:.0f} would still look decided"]
    return []


def _one_host(sweep: Rows, earlier: Rows) -> None:
    hosts = [set(part.column("host")) if "host" in part.columns else _host(part) for part in (sweep, earlier)]
    if hosts[0] != hosts[1]:
        raise _check.refuse("over", "the other sweep", "a ratio never crosses hosts, and this one ran on another")


def _host(sweep: Rows) -> set[object]:
    meta = getattr(sweep, "meta", {})
    return {tuple(meta.get(name) for name in ("host", "system", "cores"))}
