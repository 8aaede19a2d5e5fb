"""Latency by quantile: each nine as far from the last."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from typing import TYPE_CHECKING, Any, NamedTuple

from . import plot
from .errors import PlanError
from .histogram import Histogram, decode
from .plot_axes import label_ends, plain_scale
from .plot_ratio import rest
from .runs import DELIVERED
from .stats.pairs import Cells

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .stats.pairs import Rows

__all__ = ["draw"]

ABOVE = 10  # latencies that must lie above a quantile for it to mean anything
MEDIAN = log10(2)  # nines
STEP = 0.05  # of a nine, between two points of a line
UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"))


class Curve(NamedTuple):
    """A line: all rounds together, and each by itself."""

    whole: Histogram
    rounds: list[Histogram]
    saturated: bool


def draw(sweep: Rows, *, by: str = "strategy", ax: Axes | None = None) -> Axes:
    """What `Sweep.plot_latency` says."""
    curves = _curves(sweep, by)
    _alike(sweep, by)
    axes = plot.new_axes() if ax is None else ax
    size, unit = _unit([curve.whole.percentile(50) for curve in curves.values()])
    looks = plot.looks(by, list(curves))
    ends, seen = [], []
    for look, (value, curve) in zip(looks, curves.items(), strict=True):
        name = f"{value} (saturated)" if curve.saturated else str(value)
        places, heights = _line(axes, curve, look, size)
        ends.append((name, places[-1], heights[-1], look.colour))
        seen += heights
    plain_scale(axes, "y", [value for value in seen if value > 0])
    most = max(place for _, place, *_ in ends)
    nines = range(1, int(most) + 1)
    axes.xaxis.set_ticks([MEDIAN, *nines], ["50 %", *(_percent(nine) for nine in nines)])
    air = 0.04 * (most - MEDIAN)
    axes.set_xlim(MEDIAN - air, most + air)
    axes.grid(True, which="major", alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(xlabel="of all messages, the longest last", ylabel=f"latency, {unit}, from when a message was due")
    label_ends(axes, ends)
    return axes


def _curves(sweep: Rows, by: str) -> dict[Any, Curve]:
    """For each line its histograms; a value without any has no line."""
    known = "latency_histogram" in sweep.columns and any(sweep.column("latency_histogram"))
    if not known:
        raise PlanError("this sweep has no latencies: they are taken under an open load, load=fanin.open_loop(rate=…)")
    rows = zip(*(sweep.column(name) for name in (by, "latency_histogram", "status")), strict=True)
    found: dict[Any, tuple[list[Histogram], set[str]]] = {}
    for value, text, status in rows:
        if text and status in DELIVERED:
            rounds, words = found.setdefault(value, ([], set()))
            rounds.append(decode(text))
            words.add(status)
    order = [value for value in dict.fromkeys(sweep.column(by)) if value in found]
    return {
        value: Curve(Histogram.of(found[value][0]), found[value][0], "saturated" in found[value][1]) for value in order
    }


def _alike(sweep: Rows, by: str) -> None:
    """Refuses a sweep whose cells differ in more than `by`."""
    cells = Cells.of(sweep, "latency_max_ns")
    rest(cells.varying, [cells.named(point) for point in cells.points], by)
    if by != "strategy":
        rest(("strategy",), [{"strategy": name} for name in cells.strategies])


def _line(axes: Axes, curve: Curve, look: plot.Line, size: float) -> tuple[list[float], list[float]]:
    """Draws a line in its band, and a mark at each nine; returns where it goes."""
    places = _places(curve.whole.count)
    heights = [value / size for value in curve.whole.percentiles(map(_share, places))]
    _band(axes, curve, look, size)
    last = log10(max(curve.whole.count, 1))
    axes.plot(places, heights, look.dash, color=look.colour, linewidth=1.6)
    nines = [number for number, place in enumerate(places) if place == MEDIAN or abs(place - round(place)) < STEP / 4]
    marked = [places[number] for number in nines], [heights[number] for number in nines]
    axes.plot(*marked, look.marker, color=look.colour, markersize=5)
    # The longest is one message: it ends the line, and is no quantile.
    axes.plot([places[-1], last], [heights[-1], curve.whole.max / size], ":", color=look.colour, linewidth=1.0)
    axes.plot([last], [curve.whole.max / size], look.marker, color=look.colour, markersize=5, markerfacecolor="none")
    return [*places, last], [*heights, curve.whole.max / size]


def _band(axes: Axes, curve: Curve, look: plot.Line, size: float) -> None:
    """From the lowest round to the highest, as far as each of them supports a quantile."""
    places = _places(min(part.count for part in curve.rounds))
    if len(curve.rounds) > 1:
        each = [part.percentiles(map(_share, places)) for part in curve.rounds]
        lows, highs = ([end(values) / size for values in zip(*each, strict=True)] for end in (min, max))
        axes.fill_between(places, lows, highs, color=look.colour, alpha=0.15, linewidth=0)


def _places(count: int) -> list[float]:
    """How many nines each point of a line is, up to where ten latencies are left."""
    most = log10(max(count / ABOVE, 1))
    return [MEDIAN, *(STEP * number for number in range(int(MEDIAN / STEP) + 1, int(most / STEP) + 1))]


def _share(nines: float) -> float:
    """The percentile that is so many nines."""
    return float(100 * (1 - 10**-nines))


def _percent(nines: int) -> str:
    """A number of nines, in words.

    >>> [_percent(nines) for nines in range(1, 5)]
    ['90 %', '99 %', '99.9 %', '99.99 %']
    """
    return f"{100 * (1 - 10**-nines):.{max(nines - 2, 0)}f} %"


def _unit(medians: Sequence[float]) -> tuple[float, str]:
    """The unit in which most of what is shown has few digits."""
    typical = sorted(medians)[len(medians) // 2]
    return next(((size, word) for size, word in UNITS if typical >= size), UNITS[-1])
