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

from . import _check, ratios
from ._extras import need
from .plot_axes import label_ends, plain_axes
from .ratios import Spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .stats.pairs import Rows
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
    numbers(sweep, "y", y)
    numbers(sweep, "x", x)
    axes = new_axes() if ax is None else ax
    label_ends(axes, trace(sweep, y, x, by, axes))
    return axes


def trace(sweep: Sweep, y: str, x: str, by: str, axes: Axes) -> list[tuple[str, float, float, str]]:
    """Draws the lines without their names; returns where those go."""
    points = _points(sweep, y, x, by)
    taken: Counter[Any] = Counter()
    drawn = list(zip(looks(by, list(points)), points.items(), strict=True))
    ends = [end for look, (name, spreads) in drawn for end in line(axes, str(name), spreads, look)]
    plain_axes(axes, sorted(set(sweep.column(x))), [s for spreads in points.values() for s in spreads.values()])
    for look, (_, spreads) in drawn:
        crosses(axes, [place for place, spread in spreads.items() if spread.median is None], look, taken)
    axes.set_xlabel(TITLES.get(x, x))
    axes.set_ylabel(TITLES.get(y, y))
    return ends


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
    return lines(sweep, "nanoseconds_per_message", ax=empty(figure))


def empty(figure: Any) -> Axes:
    """Axes that fill a figure, laid out already: names at lines' ends need to know how much room there is."""
    axes: Axes = figure.add_subplot()
    figure.canvas.draw()
    return axes


def new_axes() -> Axes:
    """Axes of a new figure, through pyplot: a notebook then shows it."""
    axes: Axes = need("matplotlib.pyplot", "plot").subplots(figsize=(8.0, 5.0), layout="constrained")[1]
    return axes


def numbers(sweep: Rows, name: str, column: str) -> None:
    """Refuses a column of words."""
    if any(isinstance(value, str) for value in sweep.column(column)):
        raise _check.refuse(name, column, "allowed are columns with numbers")


def _points(sweep: Sweep, y: str, x: str, by: str) -> dict[Any, dict[Any, Spread]]:
    """For each line, in the order of the plan: the spread of `y` at each `x`, over the runs that delivered."""
    groups: dict[Any, dict[Any, list[float]]] = {}
    rest = (sweep.column(name) for name in (x, y, "status"))
    rows = zip(sweep.column("cell"), ratios.lines(sweep, x, by), *rest, strict=True)
    for _, line, place, value, status in sorted(rows, key=lambda row: row[0]):
        values = groups.setdefault(line, {}).setdefault(place, [])
        if status == "ok" and value is not None:
            values.append(value)
    return {line: {place: Spread.of(at[place]) for place in sorted(at)} for line, at in groups.items()}


def looks(by: str, names: Sequence[Any]) -> list[Line]:
    """The looks of each line, so that none is like another."""
    spare, taken = cycle(SPARE_COLOURS), dict(QUEUE_COLOURS) if by == "strategy" else {}
    found = []
    for name, marker in zip(names, cycle(MARKERS), strict=False):
        queue, _, write = str(name).partition("/")
        if queue not in taken:
            taken[queue] = next(spare)
        found.append(Line(taken[queue], DASHES.get(write.partition(",")[0], "-"), marker))
    return found


def line(axes: Axes, name: str, spreads: dict[Any, Spread], look: Line) -> list[tuple[str, float, float, str]]:
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


def crosses(axes: Axes, missing: Sequence[float], look: Line, taken: Counter[Any]) -> None:
    """A hollow cross at the foot for each cell that has no number, above those of other lines at the same place."""
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
