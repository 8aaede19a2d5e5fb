"""The same plot once a value of a column, side by side on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import _format, plot
from ._check import refuse
from ._extras import need
from .plot_axes import label_ends, plain_scale
from .stats.pairs import order

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .sweeps import Sweep

__all__ = ["draw"]

PANEL_INCHES = (3.6, 4.2)
LABELS_INCHES = 1.6


def draw(sweep: Sweep, y: str, *, x: str, by: str, facet: str, axes: Sequence[Axes] | None = None) -> tuple[Axes, ...]:
    """What `Sweep.plot` says of `facet`."""
    values = sorted(set(sweep.column(facet)), key=lambda value: order((value,)))
    parts = [sweep.filter(**{facet: value}) for value in values]
    for part in parts:
        plot.numbers(part, "y", y)
        plot.numbers(part, "x", x)
    panels = _panels(len(values)) if axes is None else tuple(axes)
    if len(panels) != len(values):
        raise refuse("ax", len(panels), f"allowed is one for each of the {len(values)} values of {facet}")
    ends = [plot.trace(part, y, x, by, panel) for part, panel in zip(parts, panels, strict=True)]
    _one_scale(panels, sweep, y)
    for panel, value in zip(panels, values, strict=True):
        panel.set_title(f"{facet} {_format.number(value)}", loc="left", fontsize=10)
        panel.set_ylabel(panel.get_ylabel() if panel is panels[0] else "")
    label_ends(panels[-1], ends[-1])
    return panels


def _one_scale(panels: Sequence[Axes], sweep: Sweep, y: str) -> None:
    """The same values up the side of all, so that heights can be compared."""
    limits = [limit for panel in panels for limit in panel.get_ylim()]
    values = [value for value in sweep.column(y) if value is not None]
    for panel in panels:
        plain_scale(panel, "y", values)
        panel.set_ylim(min(limits), max(limits))


def _panels(count: int) -> tuple[Axes, ...]:
    """Panels side by side; the last is wider by the lines' names."""
    pyplot = need("matplotlib.pyplot", "plot")
    widths = [PANEL_INCHES[0]] * (count - 1) + [PANEL_INCHES[0] + LABELS_INCHES]
    how = {"figsize": (sum(widths), PANEL_INCHES[1]), "layout": "constrained", "squeeze": False}
    return tuple(pyplot.subplots(1, count, sharey=True, width_ratios=widths, **how)[1][0])
