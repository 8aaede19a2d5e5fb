"""Warnings about a sweep's own numbers, in pyperf's wording and by its thresholds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import ceil, exp
from statistics import fmean, stdev

from .. import _format
from .intervals import t_quantile
from .pairs import Cells, Key, Rows

__all__ = ["remarks"]

UNSTEADY_SHARE = 0.10
OUTLIER_SHARE = 0.50
SHORTEST_NS = 1_000_000
SHORT_NS = 50_000_000
FEWEST_ROUNDS = 5
WANTED_ERROR = 0.05

Doubt = tuple[str, str]  # its kind, and what is said of one cell


def remarks(sweep: Rows, metric: str, *, grouped: bool = False) -> list[str]:
    """What is doubtful about a sweep's numbers, a line each.

    Args:
        sweep: The runs.
        metric: Whose values are looked at.
        grouped: One line a kind of doubt, with how many cells, in place of one a cell.
    """
    cells = Cells.of(sweep, metric)
    short = _short(sweep, cells)
    found: dict[Key, list[Doubt]] = {}
    for key, logs in cells.logs.items():
        found[key] = _doubts([exp(value) for value in logs.values()]) + short.get(key, [])
    if grouped:
        return _grouped(found)
    return [f"{cells.label(key)}: {text}" for key, doubts in found.items() for _, text in doubts]


def _doubts(values: Sequence[float]) -> list[Doubt]:
    """What one cell's values give reason to doubt."""
    if len(values) < 2:
        return [("have one sample only", "not enough samples: 1 value has no spread")] if values else []
    middle, spread = fmean(values), stdev(values)
    shown = _format.number(middle)
    found = []
    if spread >= UNSTEADY_SHARE * middle:
        text = f"the standard deviation ({_format.number(spread)}) is {spread / middle:.0%} of the mean ({shown})"
        found.append(("have a standard deviation of 10 % of the mean or more", text))
    for name, value in (("minimum", min(values)), ("maximum", max(values))):
        off = (value - middle) / middle
        if abs(off) >= OUTLIER_SHARE:
            text = f"the {name} ({_format.number(value)}) is {abs(off):.0%} {'greater' if off > 0 else 'smaller'}"
            found.append(("have a value that is 50 % or more off the mean", f"{text} than the mean ({shown})"))
    needed = _needed(spread / middle)
    if needed > len(values):
        text = f"not enough samples to get a stable result: {len(values)} rounds, some {needed} for ±5 % of the mean"
        found.append(("have not enough samples to get a stable result (±5 % of the mean)", text))
    return found


def _needed(share: float) -> int:
    """How many values bring the mean's 95 % interval to ±5 %, if they spread by this share."""
    count = 2
    while count < 10_000 and t_quantile(0.975, count - 1) * share > WANTED_ERROR * count**0.5:
        count += 1 if count < 30 else ceil(count / 10)
    return count


def _short(sweep: Rows, cells: Cells) -> dict[Key, list[Doubt]]:
    """Cells whose shortest run is too short for this clock, or for this machine."""
    shortest: dict[Key, int] = {}
    for key, timed in zip(_keys(sweep, cells), sweep.column("deliver_ns"), strict=True):
        if timed is not None and key in cells.logs:
            shortest[key] = min(timed, shortest.get(key, timed))
    found: dict[Key, list[Doubt]] = {}
    for key, timed in shortest.items():
        if timed < SHORT_NS:
            kind = "1 ms" if timed < SHORTEST_NS else "50 ms, too short to resolve much"
            text = f"the shortest run is only {_format.seconds(timed / 1e9)}"
            found[key] = [(f"have a run shorter than {kind}", text)]
    return found


def _keys(sweep: Rows, cells: Cells) -> list[Key]:
    points = zip(*(sweep.column(name) for name in cells.axes), strict=True)
    return [Key(point, name) for point, name in zip(points, sweep.column("strategy"), strict=True)]


def _grouped(found: dict[Key, list[Doubt]]) -> list[str]:
    """A line a kind of doubt, with how many cells have it."""
    counts = Counter(kind for doubts in found.values() for kind in {kind: None for kind, _ in doubts})
    cells = _format.plural(len(found), "cell")
    return [f"the result may be unstable: {count} of {cells} {kind}" for kind, count in counts.items()]
