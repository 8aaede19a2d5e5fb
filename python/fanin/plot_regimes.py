"""Which strategy wins where, as tiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _format, plot, plot_panels
from ._check import refuse
from .plot_ratio import rest
from .stats.regimes import regimes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .stats.pairs import Rows

__all__ = ["draw"]

SHORTEST_TILE = 55  # points
BRIGHT = 0.6


def draw(
    sweep: Rows, metric: str, *, x: str = "producers", y: str = "payload", ax: Axes | None = None
) -> Axes | tuple[Axes, ...]:
    """What `Sweep.plot_regimes` says."""
    plot.numbers(sweep, "x", x)
    plot.numbers(sweep, "y", y)
    found = regimes(sweep, metric)
    if not found.rows:
        raise refuse("sweep", None, "it has no runs")
    only = sweep.column(y)[0]
    rows = [{y: only} | row for row in found]
    axes = tuple(name for name in (*found.columns, y) if name not in ("winner", "next", "ratio", "low", "high"))
    names = list(dict.fromkeys(sweep.column("strategy")))
    if ax is None and plot_panels.several(axes, rows, x, y):
        parts = plot_panels.parts(axes, rows, x, y)
        drawn = plot_panels.panels(len(parts))
        for panel, (title, mine) in zip(drawn, parts, strict=True):
            _tiles(panel, mine, names, x, y)
            panel.set_title(title, loc="left", fontsize=10)
        return drawn
    rest(axes, rows, x, y)
    given = plot.new_axes() if ax is None else ax
    _tiles(given, rows, names, x, y)
    return given


def _tiles(axes: Axes, rows: list[dict[str, Any]], names: list[str], x: str, y: str) -> None:
    across, up = (sorted({row[name] for row in rows}, key=lambda v: v or 0) for name in (x, y))
    colours = {name: look.colour for name, look in zip(names, plot.looks("strategy", names), strict=True)}
    for row in rows:
        _tile(axes, across.index(row[x]), up.index(row[y]), row, colours)
    for places, values in ((axes.xaxis, across), (axes.yaxis, up)):
        places.set_ticks(range(len(values)), [_format.number(value) for value in values])
    axes.set(xlim=(-0.5, len(across) - 0.5), ylim=(-0.5, len(up) - 0.5))
    axes.set(xlabel=plot.TITLES.get(x, x), ylabel=plot.TITLES.get(y, y))
    said = "faster than every other, and than the next by; blank: undecided"
    axes.set_title(said if len(names) > 1 else f"only {names[0]} ran: there is nothing to win", loc="left", fontsize=10)
    axes.tick_params(length=0)
    axes.spines[:].set_alpha(0.3)


def _tile(axes: Axes, across: int, up: int, row: dict[str, Any], colours: dict[str, str]) -> None:
    from matplotlib.patches import Rectangle

    winner = row["winner"]
    look: dict[str, Any] = {"facecolor": colours[winner]} if winner else {"fill": False, "alpha": 0.25}
    axes.add_patch(Rectangle((across - 0.48, up - 0.48), 0.96, 0.96, linewidth=0.5, **look))
    if winner:
        text = f"{winner.replace('/', '/​')}\n{_format.number(row['ratio'])}×"
        axes.text(across, up, text, ha="center", va="center", fontsize=7.5, color=_ink(colours[winner]), clip_on=True)


def _ink(colour: str) -> str:
    """Black or white, whichever reads better on a colour."""
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > BRIGHT else "white"
