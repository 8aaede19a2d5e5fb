"""Pictures of sweeps, by matplotlib: plain numbers on logarithmic axes, each line labelled at its end.

Colour says the queue and the dash says the write policy, so that strategies that share one are seen to; a marker tells
each apart without colour. The colours are Okabe and Ito's, which colour-blind people tell apart. Nothing here touches
rcParams.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import cycle
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _check
from ._extras import need
from .plot_axes import label_ends, plain_axes
from .ratios import Spread, only

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .sweeps import Sweep

__all__ = ["lines", "save"]

QUEUE_COLOURS = {
    "mpsc-one": "#D55E00",
    "mpsc": "#C98500",
    "swap": "#0072B2",
    "swap-yield": "#3D9AD1",
    "async-swap": "#B65A8E",
    "locked": "#009E73",
}
SPARE_COLOURS = ("#009E73", "#7F7F7F", "#8C564B", "#B65A8E", "#0072B2", "#D55E00")
DASHES = {"each": "--", "vectored": ":"}
ARTICLE_INCHES = (12.0, 6.6)
MARKERS = "osD^vP*X<>hp"
TITLES = {
    "nanoseconds_per_message": "ns a message (lower is better)",
    "messages_per_second": "messages a second",
    "bytes_per_second": "bytes a second",
    "work_ns": "CPU work a message, ns",
    "delay_ns": "delay a message, ns",
    "payload": "payload, bytes",
    "producers": "producers",
}


class Line(NamedTuple):
    """One line's looks."""

    colour: str
    dash: str
    marker: str


def lines(sweep: Sweep, y: str, *, x: str = "producers", by: str = "strategy", ax: Axes | None = None) -> Axes:
    """What `Sweep.plot` says."""
    _numbers(sweep, "y", y)
    _numbers(sweep, "x", x)
    only(sweep, x, by)
    axes = new_axes() if ax is None else ax
    points = _points(sweep, y, x, by)
    ends = []
    for look, (name, spreads) in zip(_looks(by, list(points)), points.items(), strict=True):
        ends += _line(axes, str(name), spreads, look)
    taken: Counter[Any] = Counter()
    plain_axes(axes, sorted(set(sweep.column(x))), [s for line in points.values() for s in line.values()])
    for look, spreads in zip(_looks(by, list(points)), points.values(), strict=True):
        _crosses(axes, spreads, look, taken)
    axes.set_xlabel(TITLES.get(x, x))
    axes.set_ylabel(TITLES.get(y, y))
    label_ends(axes, ends)
    return axes


def save(draw: Callable[..., Any], path: Path) -> Path:
    """Draws on a figure of its own and writes it; no window system is asked."""
    figure = figure_class()(figsize=ARTICLE_INCHES, dpi=130, layout="constrained")
    draw(figure)
    figure.savefig(path, facecolor="white")
    return path


def figure_class() -> Any:
    """matplotlib's `Figure`, which no window system shows."""
    return need("matplotlib.figure", "plot").Figure


def on(figure: Any, sweep: Sweep) -> Axes:
    """The sweep's default plot on a figure."""
    axes = figure.add_subplot()
    figure.canvas.draw()
    return lines(sweep, "nanoseconds_per_message", ax=axes)


def new_axes() -> Axes:
    """Axes of a new figure, through pyplot: a notebook then shows it."""
    axes: Axes = need("matplotlib.pyplot", "plot").subplots(figsize=(8.0, 5.0), layout="constrained")[1]
    return axes


def _numbers(sweep: Sweep, name: str, column: str) -> None:
    if any(isinstance(value, str) for value in sweep.column(column)):
        raise _check.refuse(name, column, "allowed are columns with numbers")


def _points(sweep: Sweep, y: str, x: str, by: str) -> dict[Any, dict[Any, Spread]]:
    """For each line, in the order of the plan: the spread of `y` at each `x`, over the runs that delivered."""
    groups: dict[Any, dict[Any, list[float]]] = {}
    rows = zip(sweep.column("cell"), *(sweep.column(name) for name in (by, x, y, "status")), strict=True)
    for _, line, place, value, status in sorted(rows, key=lambda row: row[0]):
        values = groups.setdefault(line, {}).setdefault(place, [])
        if status == "ok" and value is not None:
            values.append(value)
    return {line: {place: Spread.of(at[place]) for place in sorted(at)} for line, at in groups.items()}


def _looks(by: str, names: Sequence[Any]) -> list[Line]:
    spare, taken = cycle(SPARE_COLOURS), dict(QUEUE_COLOURS) if by == "strategy" else {}
    looks = []
    for name, marker in zip(names, cycle(MARKERS), strict=False):
        queue, _, write = str(name).partition("/")
        if queue not in taken:
            taken[queue] = next(spare)
        looks.append(Line(taken[queue], DASHES.get(write, "-"), marker))
    return looks


def _line(axes: Axes, name: str, spreads: dict[Any, Spread], look: Line) -> list[tuple[str, float, float, str]]:
    """Draws one line in its band; returns where its label goes."""
    known = [place for place, spread in spreads.items() if spread.median is not None]
    if not known:
        return []
    # A place without a number breaks the line: nothing is said of what lies between.
    medians, lows, highs = zip(
        *([nan if value is None else value for value in s] for s in spreads.values()), strict=True
    )
    places = list(spreads)
    axes.fill_between(places, lows, highs, color=look.colour, alpha=0.15, linewidth=0)
    axes.vlines(places, lows, highs, color=look.colour, alpha=0.4, linewidth=1)
    axes.plot(
        places, medians, look.dash, color=look.colour, marker=look.marker, markersize=5, linewidth=1.6, label=name
    )
    return [(name, known[-1], medians[places.index(known[-1])], look.colour)]


def _crosses(axes: Axes, spreads: dict[Any, Spread], look: Line, taken: Counter[Any]) -> None:
    """A hollow cross at the foot for each cell that has no number, above those of other lines at the same place."""
    missing = [place for place, spread in spreads.items() if spread.median is None]
    if missing:
        heights = [0.03 + 0.045 * taken[place] for place in missing]
        taken.update(missing)
        foot = axes.get_xaxis_transform()
        hollow: dict[str, Any] = {
            "facecolors": "none",
            "edgecolors": look.colour,
            "linewidths": 1.2,
            "linestyles": look.dash,
        }
        axes.scatter(missing, heights, s=70, marker="X", transform=foot, clip_on=False, zorder=5, **hollow)
