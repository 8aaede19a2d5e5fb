"""What stands in the queue over time: the backlog, its peak, and what was dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from . import _format, plot
from ._check import refuse
from .plot_axes import even_ticks, label_ends
from .plot_ratio import GREY, rest
from .stats.pairs import Cells

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .runs import Run
    from .stats.pairs import Rows

__all__ = ["draw"]

TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
SIZES = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "bytes"))


class Scale(NamedTuple):
    """A unit that suits what is shown."""

    size: float
    word: str


def draw(sweep: Rows, *, by: str = "strategy", number: int = 0, ax: Axes | None = None) -> Axes:
    """What `Sweep.plot_backlog` says."""
    runs = _runs(sweep, by, number)
    _alike(sweep, by)
    axes = plot.new_axes() if ax is None else ax
    time = _scale(max(run.backlog[-1][0] for run in runs.values()), TIMES)
    size = _scale(max(peak for run in runs.values() for _, peak in run.backlog), SIZES)
    ends = [
        _line(axes, "no bound" if (by, value) == ("capacity", None) else _format.number(value), run, look, time, size)
        for look, (value, run) in zip(plot.looks(by, list(runs)), runs.items(), strict=True)
    ]
    _pause(axes, next(iter(runs.values())), time)
    _plain(axes)
    axes.grid(True, which="major", alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(xlabel=f"time since the first send, {time.word}", ylabel=f"in the queue, {size.word}")
    label_ends(axes, ends)
    return axes


def _runs(sweep: Rows, by: str, number: int) -> dict[Any, Run]:
    """The run of each line in the round; those that saw no backlog at all have none."""
    found: dict[Any, Run] = {}
    for value, where, run in zip(sweep.column(by), sweep.column("round"), sweep, strict=True):  # type: ignore[call-overload]
        if where == number and run.backlog:
            found.setdefault(value, run)
    if not found:
        raise refuse("round", number, "it has no backlog: allowed is a round of a sweep with timeline=True")
    return found


def _alike(sweep: Rows, by: str) -> None:
    """Refuses a sweep whose cells differ in more than `by`; a limit may come as a number and its unit."""
    cells = Cells.of(sweep, "high_water_bytes")
    tied = {"capacity_unit"} if by == "capacity" else set()
    rest([name for name in cells.varying if name not in tied], [cells.named(point) for point in cells.points], by)
    if by != "strategy":
        rest(("strategy",), [{"strategy": name} for name in cells.strategies])


def _line(axes: Axes, name: str, run: Run, look: plot.Line, time: Scale, size: Scale) -> tuple[str, float, float, str]:
    """One run: its backlog, its peak as a mark; returns where its name goes."""
    times, sizes = [at / time.size for at, _ in run.backlog], [bytes_ / size.size for _, bytes_ in run.backlog]
    peak = max(range(len(sizes)), key=sizes.__getitem__)
    axes.fill_between(times, sizes, color=look.colour, alpha=0.08, linewidth=0)
    axes.plot(times, sizes, look.dash, color=look.colour, linewidth=1.4)
    axes.plot([times[peak]], [sizes[peak]], look.marker, color=look.colour, markersize=6)
    said = [name]
    if run.dropped:
        said.append(f"{run.dropped / run.sent:.0%} dropped")
    if run.status not in ("ok", "saturated"):
        said.append(run.status)
    return ", ".join(said), times[-1], sizes[-1], look.colour


def _pause(axes: Axes, run: Run, time: Scale) -> None:
    """Where the server did not read, if time said when."""
    if run.pause_ns is not None and run.pause_after_ns is not None:
        begin, length = run.pause_after_ns / 1e9 / time.size, run.pause_ns / 1e9 / time.size
        axes.axvspan(begin, begin + length, color=GREY, alpha=0.18, linewidth=0, zorder=0)
        above = axes.get_xaxis_transform()
        axes.text(begin, 1.01, "the server does not read", color=GREY, fontsize=8, va="bottom", transform=above)


def _plain(axes: Axes) -> None:
    """From zero, with ticks that are plain numbers."""
    for which in (axes.xaxis, axes.yaxis):
        high = which.get_view_interval()[1]
        ticks = [tick for tick in even_ticks(0, high) if tick <= high]
        which.set_ticks(ticks, [f"{tick:,.10g}" for tick in ticks])
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)


def _scale(most: float, units: tuple[tuple[float, str], ...]) -> Scale:
    return next((Scale(*unit) for unit in units if most >= unit[0]), Scale(*units[-1]))
