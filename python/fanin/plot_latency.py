"""Latency by quantile: each nine as far from the last."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING, Any

from . import plot
from ._check import refuse
from .plot_axes import label_ends, plain_scale
from .plot_ratio import rest
from .ratios import Spread
from .runs import DELIVERED
from .stats.pairs import Cells

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .stats.pairs import Rows

__all__ = ["draw"]

QUANTILES = {
    "latency_p50_ns": (0.5, "50 %"),
    "latency_p90_ns": (0.9, "90 %"),
    "latency_p99_ns": (0.99, "99 %"),
    "latency_p999_ns": (0.999, "99.9 %"),
    "latency_max_ns": (0.9999, "max"),
}


def draw(sweep: Rows, *, by: str = "strategy", ax: Axes | None = None) -> Axes:
    """What `Sweep.plot_latency` says."""
    columns = [name for name in QUANTILES if name in sweep.columns]
    if not any(value is not None for name in columns for value in sweep.column(name)):
        raise refuse("latency", None, "the sweep has none: it is recorded under an open load")
    _alike(sweep, columns[0], by)
    axes = plot.new_axes() if ax is None else ax
    lines = _lines(sweep, columns, by)
    ends = []
    for look, (name, spreads) in zip(plot.looks(by, list(lines)), lines.items(), strict=True):
        ends += plot.line(axes, name, spreads, look)
    known = [spread for spreads in lines.values() for spread in spreads.values()]
    plain_scale(axes, "y", [value for spread in known for value in spread if value is not None])
    places = {_nines(share): word for share, word in (QUANTILES[name] for name in columns)}
    axes.xaxis.set_ticks(list(places), list(places.values()))
    axes.set_xlim(_nines(0.5) - 0.1, max(places) + 0.1)
    axes.grid(True, which="major", alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(xlabel="quantile of the messages", ylabel="latency, µs, from the intended send")
    label_ends(axes, ends)
    return axes


def _alike(sweep: Rows, column: str, by: str) -> None:
    """Refuses a sweep whose cells differ in more than `by`."""
    cells = Cells.of(sweep, column)
    rest(cells.varying, [cells.named(point) for point in cells.points], by)
    if by != "strategy":
        rest(("strategy",), [{"strategy": name} for name in cells.strategies])


def _lines(sweep: Rows, columns: list[str], by: str) -> dict[str, dict[Any, Spread]]:
    """For each line: the spread over the rounds at each quantile that the counts support."""
    lines: dict[str, dict[Any, Spread]] = {}
    for value in dict.fromkeys(sweep.column(by)):
        rows = [row for row, other in enumerate(sweep.column(by)) if other == value]
        status = {sweep.column("status")[row] for row in rows}
        name = f"{value} (saturated)" if "saturated" in status else str(value)
        kept = [row for row in rows if sweep.column("status")[row] in DELIVERED]
        spreads = {}
        for column in columns:
            times = [sweep.column(column)[row] for row in kept]
            spread = Spread.of(time / 1e3 for time in times if time is not None)
            spreads[_nines(QUANTILES[column][0])] = spread
        lines[name] = spreads
    return lines


def _nines(share: float) -> float:
    return -log10(1 - share)
