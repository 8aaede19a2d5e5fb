"""Ratios with their intervals, and the host's own noise around 1."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from . import plot, plot_panels
from ._check import refuse
from .plot_axes import label_ends, plain_scale, thinned
from .stats.verdicts import DECIDED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .stats.compare import Comparison

__all__ = ["along", "apart", "draw", "panels", "rest"]

GREY = "#7F7F7F"
DODGE = 0.35
# How far from the farthest ratio the scale goes for an interval's end: of two rounds it may be anywhere.
BEYOND = 10.0


def draw(found: Comparison, *, x: str = "producers", ax: Axes | None = None) -> Axes:
    """What `Comparison.plot` says, for one point of the axes that vary besides."""
    if not found.rows:
        raise refuse("over", found.over, "nothing else ran at the same point: there is no ratio to draw")
    along(found.columns[: found.columns.index("strategy")], found.to_dicts(), x)
    return _draw(found, x, plot.new_axes() if ax is None else ax, _reach(found))


def _draw(found: Comparison, x: str, axes: Axes, reach: Sequence[float]) -> Axes:
    """The picture, on a scale that holds what it has to reach."""
    lines: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        lines.setdefault(row["strategy"], []).append(row)
    places = sorted({row[x] for row in found})
    ends, taken = [], list(places)
    looks = plot.looks("strategy", list(lines))
    for number, (look, (name, rows)) in enumerate(zip(looks, lines.items(), strict=True)):
        shifted = apart(places, number, len(lines))
        taken += shifted.values()
        ends += _line(axes, name, rows, {place: shifted[place] for place in places}, look, x)
    plain_scale(axes, "x", taken, thinned(places))
    plain_scale(axes, "y", reach)
    _base(axes, found)
    axes.grid(True, which="major", alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(plot.TITLES.get(x, x))
    axes.set_ylabel(f"times as fast as {found.over}")
    label_ends(axes, ends)
    return axes


def panels(found: Comparison, *, x: str) -> tuple[Axes, ...]:
    """The same a panel for each point of the axes that vary besides, on one scale, so that heights can be compared."""
    axes = found.columns[: found.columns.index("strategy")]
    told = [part for part in plot_panels.parts(axes, found.to_dicts(), x) if any(row["ratio"] for row in part[1])]
    if not told:
        raise refuse("over", found.over, "nothing else ran at the same point: there is no ratio to draw")
    drawn = plot_panels.panels(len(told))
    reach = _reach(found)
    for panel, (title, rows) in zip(drawn, told, strict=True):
        along(axes, rows, x)
        kept = tuple(tuple(row[name] for name in found.columns) for row in rows)
        _draw(replace(found, rows=kept), x, panel, reach)
        panel.set_title(title, loc="left", fontsize=10)
    return drawn


def _reach(found: Comparison) -> list[float]:
    """What the scale has to hold: every ratio, and of the intervals as much as can be looked at."""
    ratios = [1.0, *_noise(found), *(row["ratio"] for row in found if row["ratio"])]
    least, most = min(ratios) / BEYOND, max(ratios) * BEYOND
    ends = [row[end] for row in found for end in ("low", "high") if row["ratio"] and row[end]]
    return [*ratios, *(min(max(end, least), most) for end in ends)]


def rest(axes: Sequence[str], rows: Sequence[dict[str, Any]], *shown: str) -> None:
    """Refuses rows that differ in more than what is shown: those would be mixed unseen."""
    for name in axes:
        values = sorted({row[name] for row in rows}, key=str)
        if name not in shown and len(values) > 1:
            said = ", ".join(map(str, values))
            raise refuse(name, values, f"it varies too ({said}): keep one, as in .filter({name}={values[0]!r})")


def along(axes: Sequence[str], rows: Sequence[dict[str, Any]], x: str) -> None:
    """Refuses an axis that has no numbers, and rows that differ in another too."""
    if x not in axes or any(not isinstance(row[x], (int, float)) for row in rows):
        raise refuse("x", x, f"allowed are axes with numbers: {', '.join(axes)}")
    rest(axes, rows, x)


def apart(places: list[float], number: int, lines: int) -> dict[float, float]:
    """Each place a little aside on a logarithmic axis, so that the lines' intervals do not hide each other."""
    steps = [after / before for before, after in pairwise(places) if before > 0]
    step = min([*steps, 2.0])
    share = DODGE * (number - (lines - 1) / 2) / max(lines, 4)
    return {place: place * step**share for place in places}


def _line(
    axes: Axes, name: str, rows: list[dict[str, Any]], places: dict[float, float], look: plot.Line, x: str
) -> list[tuple[str, float, float, str]]:
    """One strategy: its intervals as bars, filled where they decide; returns where its name goes."""
    known = [row for row in rows if row["ratio"] and row["verdict"] != "not delivered"]
    plot.crosses(axes, [places[row[x]] for row in rows if row["verdict"] == "not delivered"], look, Counter())
    if not known:
        return []
    at, ratios = [places[row[x]] for row in known], [row["ratio"] for row in known]
    axes.plot(at, ratios, look.dash, color=look.colour, linewidth=1.0, alpha=0.5)
    for place, row in zip(at, known, strict=True):
        decided = row["verdict"] in DECIDED
        fill: dict[str, Any] = {"markerfacecolor": look.colour if decided else "none", "alpha": 1.0 if decided else 0.6}
        axes.plot([place], [row["ratio"]], look.marker, color=look.colour, markersize=6, **fill)
        if row["low"]:
            axes.vlines(place, row["low"], row["high"], color=look.colour, linewidth=1.5, alpha=fill["alpha"])
    return [(name, at[-1], ratios[-1], look.colour)]


def _noise(found: Comparison) -> list[float]:
    return [1 / found.noise, found.noise] if found.noise else []


def _base(axes: Axes, found: Comparison) -> None:
    """The line at 1, and around it what the host does not resolve, else what counts as equivalent."""
    axes.axhline(1, color=GREY, linewidth=1.2)
    low, high = _noise(found) or [1 / (1 + found.equivalence), 1 + found.equivalence]
    what = "this host's own noise" if found.noise else "counts as equivalent"
    axes.axhspan(low, high, color=GREY, alpha=0.18, linewidth=0, zorder=0)
    below: dict[str, Any] = {"xytext": (2, -3), "textcoords": "offset points", "va": "top"}
    axes.annotate(what, (0, low), xycoords=axes.get_yaxis_transform(), color=GREY, fontsize=8, **below)
