"""The same plot once a value of a column, side by side on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import _format, plot
from ._check import refuse
from ._extras import need
from .plot_axes import label_ends, plain_scale
from .ratios import lines
from .stats.pairs import order

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .sweeps import Sweep

__all__ = ["draw"]

PANEL_INCHES = (3.6, 4.2)
LETTER_INCHES = 0.07


def draw(sweep: Sweep, y: str, *, x: str, by: str, facet: str, axes: Sequence[Axes] | None = None) -> tuple[Axes, ...]:
    """What `Sweep.plot` says of `facet`."""
    values = sorted(set(sweep.column(facet)), key=lambda value: order((value,)))
    parts = [sweep.filter(**{facet: value}) for value in values]
    for part in parts:
        plot.numbers(part, "y", y)
        plot.numbers(part, "x", x)
    names = {str(name) for part in parts for name in lines(part, x, by)}
    panels = _panels(len(values), max(map(len, names))) if axes is None else tuple(axes)
    if len(panels) != len(values):
        raise refuse("ax", len(panels), f"allowed is one for each of the {len(values)} values of {facet}")
    ends = [plot.trace(part, y, x, by, panel) for part, panel in zip(parts, panels, strict=True)]
    _one_scale(panels, sweep, y)
    for panel, value in zip(panels, values, strict=True):
        panel.set_title(_format.axis(facet, value), loc="left", fontsize=10)
        panel.set_ylabel(panel.get_ylabel() if panel is panels[0] else "")
    label_ends(panels[-1], ends[-1])
    return panels


def _one_scale(panels: Sequence[Axes], sweep: Sweep, y: str) -> None:
    """The same values up the side of all, so that heights can be compared."""
    told = zip(sweep.column(y), sweep.column("status"), strict=True)
    values = [value for value, status in told if value is not None and status == "ok"]
    for panel in panels:
        plain_scale(panel, "y", values)


def _panels(count: int, longest: int) -> tuple[Axes, ...]:
    """Panels side by side; the last is wider by the lines' names."""
    pyplot = need("matplotlib.pyplot", "plot")
    widths = [PANEL_INCHES[0]] * (count - 1) + [PANEL_INCHES[0] + LETTER_INCHES * longest + 0.5]
    how = {"figsize": (sum(widths), PANEL_INCHES[1]), "layout": "constrained", "squeeze": False}
    return tuple(pyplot.subplots(1, count, sharey=True, width_ratios=widths, **how)[1][0])
