"""The article's picture: what was published and what arrives then, beside what is verified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._extras import need
from .plot import ARTICLE_INCHES, lines
from .plot_axes import label_ends, plain_scale, thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .answer import Article

__all__ = ["draw"]

DESIGNS = {
    "mutex": ("#0072B2", "s", "std mutex"),
    "mpsc": ("#D55E00", "o", "tokio mpsc"),
    "tokio_mutex": ("#B65A8E", "v", "tokio mutex"),
}
NARROW_TICKS = 5
RIGHT_COLOUR = "#009E73"
SHARES = (0, 0.01, 0.1, 1, 10, 100, 1000)


def draw(answer: Article, figure: Any = None) -> tuple[Axes, Axes, Axes]:
    """Draws on the figure, or on a new one; returns the axes: published, arrived, verified."""
    if figure is None:
        figure = need("matplotlib.pyplot", "plot").figure(figsize=ARTICLE_INCHES, layout="constrained")
    cells = figure.add_gridspec(2, 2, width_ratios=(1, 1.35), height_ratios=(1.15, 1))
    left, below, right = (figure.add_subplot(cell) for cell in (cells[0, 0], cells[1, 0], cells[:, 1]))
    figure.canvas.draw()
    _published(answer, left)
    _arrived(answer, below)
    widest = max(left.get_xlim()[1], below.get_xlim()[1])
    left.set_xlim(right=widest)
    below.set_xlim(right=widest)
    lines(answer.sweep, "nanoseconds_per_message", ax=right)
    right.set_title(_finding(answer), loc="left", fontsize=11, fontweight="bold")
    return left, below, right


def _published(answer: Article, axes: Axes) -> None:
    ends, rows = [], answer.published.to_dicts()
    workers = [row["workers"] for row in rows]
    for design, (colour, marker, name) in DESIGNS.items():
        times = [row[f"{design}_us"] for row in rows]
        axes.plot(workers, times, color=colour, marker=marker, markersize=4.5, linewidth=1.6)
        ends += [(name, workers[-1], times[-1], colour)] if rows else []
    plain_scale(axes, "x", workers, thinned(workers, NARROW_TICKS))
    plain_scale(axes, "y", [row[f"{design}_us"] for row in rows for design in DESIGNS])
    _dress(axes, "What was published", "time, µs")
    label_ends(axes, ends)


def _arrived(answer: Article, axes: Axes) -> None:
    """Every repetition as a faint mark, the medians as full ones: a line would hide how far they lie apart."""
    rows = answer.as_published.to_dicts()
    workers = sorted({row["workers"] for row in rows})
    plain_scale(axes, "x", workers, thinned(workers, NARROW_TICKS))
    _share_scale(axes, max(10.0, *(row["arrived_highest"] for row in rows)))
    ends = [_shares(answer, axes, design, aside) for design, aside in (("mutex", 0.92), ("mpsc", 1.09))]
    axes.hlines(1, axes.get_xlim()[0], workers[-1] * 1.09, color=RIGHT_COLOUR, linewidth=2, alpha=0.8)
    ends.append(("all, once each", workers[-1] * 1.09, 1.0, RIGHT_COLOUR))
    _dress(axes, "What arrives when that is repeated", "arrived ÷ sent")
    axes.set_xlabel(f"workers, {answer.replays.column('messages')[0]:,} messages each")
    label_ends(axes, ends)


def _shares(answer: Article, axes: Axes, design: str, aside: float) -> tuple[str, float, float, str]:
    colour, marker, name = DESIGNS[design]
    repeats = [row for row in answer.replays if row["design"] == design]
    shares = [row["delivered"] / row["expected"] for row in repeats]
    axes.scatter([row["workers"] * aside for row in repeats], shares, s=16, color=colour, alpha=0.35, linewidths=0)
    medians = [row for row in answer.as_published if row["design"] == design]
    places, middle = [row["workers"] * aside for row in medians], [row["arrived"] for row in medians]
    lows, highs = ([row[f"arrived_{end}"] for row in medians] for end in ("lowest", "highest"))
    axes.vlines(places, lows, highs, color=colour, alpha=0.35, linewidth=1)
    axes.scatter(places, middle, s=38, color=colour, marker=marker, zorder=4, clip_on=False)
    return name, places[-1], middle[-1], colour


def _share_scale(axes: Axes, top: float) -> None:
    axes.set_yscale("symlog", linthresh=0.01, linscale=0.6)
    axes.set_ylim(-0.003, top * 2)
    ticks = [share for share in SHARES if share <= top * 2]
    axes.yaxis.set_ticks(ticks, [f"{share:,g}" for share in ticks])
    axes.yaxis.set_ticks([], minor=True)


def _dress(axes: Axes, title: str, unit: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.set_ylabel(unit)
    axes.grid(True, which="major", alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _finding(answer: Article) -> str:
    """The title says what this sweep shows, or only what it is."""
    if not answer.sweep.delivered:
        return "Verified (a cross: did not deliver)"
    batching, queue = (_range(answer, name) for name in ("batching", "queue"))
    return f"Verified: batching {batching}, queue {queue}" if batching and queue else "Verified: all arrived, once each"


def _range(answer: Article, name: str) -> str | None:
    """How many times as fast, over all counts: `7 to 14×`."""
    table = answer.factors()
    values = [value for value in table.column(name) if value is not None] if name in table.columns else []
    return f"{_times(min(values))} to {_times(max(values))}×" if values else None


def _times(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}"
