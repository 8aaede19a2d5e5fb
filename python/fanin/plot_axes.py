"""Axes that read well: plain numbers on logarithmic scales, and labels that do not overlap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .ratios import Spread

__all__ = ["label_ends", "plain_axes", "plain_scale", "spread_out"]

LABEL_POINTS = 9.0
LINE_HEIGHT = 1.35
MOST_TICKS = 8


def plain_axes(axes: Axes, places: Sequence[float], spreads: Iterable[Spread]) -> None:
    """Scales and ticks for lines at these places with these values."""
    values = [value for spread in spreads for value in spread if value is not None]
    plain_scale(axes, "x", places, ticks=thinned(places))
    plain_scale(axes, "y", values)
    axes.grid(True, which="major", alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def plain_scale(axes: Axes, which: str, values: Sequence[float], ticks: Sequence[float] | None = None) -> None:
    """A logarithmic scale (linear around a zero) over the values, with ticks that are plain numbers."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    above = [value for value in values if value > 0]
    if not above:
        return
    set_scale = axes.set_xscale if which == "x" else axes.set_yscale
    low, high = min(above), max(above)
    if min(values) > 0:
        set_scale("log")
        set_limits(axes, which, low, high)
    else:
        set_scale("symlog", linthresh=low)
    marks = list(ticks if ticks is not None else round_ticks(low, high))
    axis.set_ticks(marks, [f"{mark:,.10g}" for mark in marks])
    axis.set_ticks([], minor=True)


def set_limits(axes: Axes, which: str, low: float, high: float) -> None:
    """A little air on both sides, in proportion to the span; more above and below than beside."""
    air = max(high / low, 1.5) ** (0.04 if which == "x" else 0.08)
    (axes.set_xlim if which == "x" else axes.set_ylim)(low / air, high * air)


def round_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, … inside of the span; decades alone where those are enough, even steps where it is narrow.

    >>> round_ticks(50, 60)
    [50.0, 52.0, 54.0, 56.0, 58.0, 60.0]
    """
    if high < 3 * low:
        return even_ticks(low, max(high, low * 1.2))
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [step * 10.0**decade for decade in decades for step in steps]
        inside = [tick for tick in ticks if low * 0.9 <= tick <= high * 1.1]
        if len(inside) <= MOST_TICKS:
            return inside
    return inside


def even_ticks(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten, six at most."""
    rough = (high - low) / 5
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    return [round(step * number, 12) for number in range(ceil(low * 0.999 / step), floor(high * 1.001 / step) + 1)]


def thinned(places: Sequence[float], most: int = MOST_TICKS) -> list[float]:
    """So many of the places that their labels fit, the first among them."""
    step = -(-len(places) // most)
    return list(places[::step])


def label_ends(axes: Axes, ends: Sequence[tuple[str, float, float, str]]) -> None:
    """Writes each line's name right of its end, in its colour, and makes room for it inside of the axes.

    Names that would overlap are moved apart, and joined to their line's end by a thin stroke.
    """
    if not ends:
        return
    figure = axes.get_figure(root=True)
    assert figure is not None
    box = axes.get_window_extent()
    pixels = figure.dpi / 72
    width = max(len(name) for name, *_ in ends) * LABEL_POINTS * 0.55 * pixels + 20 * pixels
    _widen(axes, min(width / box.width, 0.6))
    to_axes = axes.transData + axes.transAxes.inverted()
    heights = [to_axes.transform((x, y))[1] for _, x, y, _ in ends]
    right = max(to_axes.transform((x, y))[0] for _, x, y, _ in ends) + 16 * pixels / box.width
    gap = LABEL_POINTS * LINE_HEIGHT * pixels / box.height
    for (name, x, y, colour), height in zip(ends, kept_inside(spread_out(heights, gap), gap), strict=True):
        stroke: dict[str, Any] = {
            "arrowstyle": "-",
            "color": colour,
            "linewidth": 0.7,
            "alpha": 0.7,
            "shrinkA": 0,
            "shrinkB": 4,
        }
        axes.annotate(
            name,
            xy=(x, y),
            xytext=(right, height),
            textcoords="axes fraction",
            color=colour,
            fontsize=LABEL_POINTS,
            va="center",
            arrowprops=stroke | {"relpos": (0, 0.5)},
            annotation_clip=False,
        )


def spread_out(heights: Sequence[float], gap: float) -> list[float]:
    """The heights nearest to these, in the same order, that keep the gap between neighbours.

    Neighbours that are too near form a block around their mean; blocks that then touch merge.

    >>> spread_out([0.5, 0.5, 0.9], 0.1)
    [0.45, 0.55, 0.9]
    """
    order = sorted(range(len(heights)), key=lambda place: heights[place])
    blocks: list[tuple[float, list[int]]] = []
    for place in order:
        middle, members = heights[place], [place]
        while blocks and middle - blocks[-1][0] < gap * (len(members) + len(blocks[-1][1])) / 2:
            members = blocks.pop()[1] + members
            middle = sum(heights[member] for member in members) / len(members)
        blocks.append((middle, members))
    placed = [0.0] * len(heights)
    for middle, members in blocks:
        for rank, member in enumerate(members):
            placed[member] = round(middle + (rank - (len(members) - 1) / 2) * gap, 6)
    return placed


def kept_inside(heights: Sequence[float], gap: float) -> list[float]:
    """Pushes up what stands below the foot of the axes, and down what stands above their head; the gaps stay.

    >>> kept_inside([0.0, 0.1, 0.9], 0.1)
    [0.05, 0.15, 0.9]
    """
    placed = list(heights)
    order = sorted(range(len(placed)), key=lambda place: placed[place])
    for sign, edge, row in ((1, gap / 2, order), (-1, gap / 2 - 1, order[::-1])):
        floor = edge
        for place in row:
            placed[place] = sign * max(sign * placed[place], floor)
            floor = sign * placed[place] + gap
    return [round(height, 6) for height in placed]


def _widen(axes: Axes, share: float) -> None:
    """Moves the right limit so that this share of the width is free."""
    scale = axes.transScale
    (left, right), bottom = axes.get_xlim(), axes.get_ylim()[0]
    x0, x1 = (scale.transform((edge, bottom))[0] for edge in (left, right))
    edge = scale.inverted().transform((x0 + (x1 - x0) / (1 - share), scale.transform((left, bottom))[1]))[0]
    axes.set_xlim(left, edge)
