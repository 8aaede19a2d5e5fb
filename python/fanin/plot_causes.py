"""An explanation as a picture: steps from one strategy to the other, or each cause over an axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _format, plot
from ._check import refuse
from .plot_axes import label_ends, plain_scale, thinned
from .plot_ratio import GREY, along, apart
from .stats.verdicts import DECIDED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .stats.explain import Explanation

__all__ = ["draw"]

COLOURS = {"taking": "#C98500", "writing": "#D55E00", "queue": "#0072B2", "waiting": "#009E73", "whole": GREY}
MARKERS = {"taking": "s", "writing": "o", "queue": "D", "waiting": "^", "whole": "*"}


def draw(found: Explanation, *, x: str = "producers", ax: Axes | None = None) -> Axes:
    """What `Explanation.plot` says."""
    rows = found.to_dicts()
    if not rows:
        raise refuse("sweep", found.strategy, f"no point has all it takes: {'; '.join(found.notes)}")
    along(found.columns[: found.columns.index("cause")], rows, x)
    axes = plot.new_axes() if ax is None else ax
    if len({row[x] for row in rows}) > 1:
        _over(axes, found, rows, x)
    else:
        _steps(axes, found, rows)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, which="major", alpha=0.25, linewidth=0.6)
    return axes


def _over(axes: Axes, found: Explanation, rows: list[dict[str, Any]], x: str) -> None:
    """A line a cause, with intervals; what is not decided is hollow."""
    places, names = sorted({row[x] for row in rows}), dict(found.names) | {"whole": "the whole"}
    ends, taken = [], list(places)
    for number, cause in enumerate(names):
        shifted = apart(places, number, len(names))
        mine = [row for row in rows if row["cause"] == cause]
        for row in mine:
            _mark(axes, shifted[row[x]], row)
        at, ratios = [shifted[row[x]] for row in mine], [row["ratio"] for row in mine]
        taken += at
        axes.plot(at, ratios, ":" if cause == "whole" else "-", color=COLOURS[cause], linewidth=1.1, alpha=0.6)
        ends.append((names[cause], at[-1], ratios[-1], COLOURS[cause]))
    plain_scale(axes, "x", taken, thinned(places))
    plain_scale(axes, "y", [row[end] for row in rows for end in ("ratio", "low", "high") if row[end]] + [1.0])
    axes.axhline(1, color=GREY, linewidth=1.2)
    axes.set(xlabel=plot.TITLES.get(x, x), ylabel="times as fast")
    axes.set_title(f"from {found.over} to {found.strategy}", loc="left", fontsize=10)
    label_ends(axes, ends)


def _mark(axes: Axes, place: float, row: dict[str, Any]) -> None:
    colour, decided = COLOURS[row["cause"]], row["verdict"] in DECIDED
    fill: dict[str, Any] = {"markerfacecolor": colour if decided else "none", "alpha": 1.0 if decided else 0.6}
    axes.plot([place], [row["ratio"]], MARKERS[row["cause"]], color=colour, markersize=6, **fill)
    if row["low"]:
        axes.vlines(place, row["low"], row["high"], color=colour, linewidth=1.5, alpha=fill["alpha"])


def _steps(axes: Axes, found: Explanation, rows: list[dict[str, Any]]) -> None:
    """Bars that each begin where the last ended: on a logarithmic axis their lengths add to the whole."""
    names, start = dict(found.names) | {"whole": f"{found.strategy} over {found.over}"}, 1.0
    reached, ink = [1.0], axes.xaxis.label.get_color()
    for place, row in enumerate(rows):
        begin = 1.0 if row["cause"] == "whole" else start
        end, colour = begin * row["ratio"], COLOURS[row["cause"]]
        low, high = begin * (row["low"] or row["ratio"]), begin * (row["high"] or row["ratio"])
        decided = row["verdict"] in DECIDED
        axes.barh(
            place, abs(end - begin), left=min(begin, end), height=0.6, color=colour, alpha=0.85 if decided else 0.25
        )
        axes.plot([low, high], [place, place], color=ink, linewidth=1.4, solid_capstyle="butt")
        axes.vlines([low, high], place - 0.12, place + 0.12, color=ink, linewidth=1.4)
        text = _format.interval(row["ratio"], row["low"], row["high"])
        said = text if decided else f"{text}, {row['verdict']}"
        axes.annotate(
            said, (max(high, end, begin), place), (6, 0), textcoords="offset points", va="center", fontsize=8.5
        )
        reached += [low, high, end]
        start = end
    plain_scale(axes, "x", reached)
    axes.set_xlim(right=axes.get_xlim()[1] * (max(reached) / min(reached)) ** 0.45)
    axes.axvline(1, color=GREY, linewidth=1.2)
    axes.yaxis.set_ticks(range(len(rows)), [names[row["cause"]] for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel("times as fast")
