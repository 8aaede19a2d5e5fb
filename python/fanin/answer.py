"""The article's question, answered twice: as its benchmark was published, and with delivery verified.

The article is JuxhinDB's "How to avoid over reliance on `mpsc` channels in Rust" (2024-04-19). Its figures stand here
as published. `replay` repeats what its benchmark does, mistakes included, beside a count of what arrived. `article`
puts both beside runs whose delivery was proved.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import _check, _format, _native, store
from .cells import MOST_MESSAGES, MOST_PRODUCERS, Cell, effort, grid, points
from .errors import MissingExtra
from .measure import visit
from .progress import Progress
from .ratios import Spread
from .schedule import schedule
from .sweeps import Sweep
from .table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Article", "article", "published", "replay"]

WORKERS = tuple(2**power for power in range(14))
QUICK_WORKERS = (1, 8, 64, 512)
STRATEGIES = (
    "mpsc-one/each",
    "mpsc-one/batch",
    "mpsc/each",
    "mpsc/batch",
    "swap/each",
    "swap/batch",
    "swap-yield/batch",
    "async-swap/batch",
)
# What is worth what: each is how many times as fast the first is as the second.
FACTORS = {
    "batching": ("mpsc/batch", "mpsc-one/each"),
    "queue": ("swap/batch", "mpsc/batch"),
    "whole": ("swap/batch", "mpsc-one/each"),
}
DESIGNS = ("mutex", "mpsc")
# Workers, then microseconds: std mutex, tokio mpsc, tokio mutex.
PUBLISHED = (
    (1, 67.795, 57.78, 3159.9),
    (2, 69.998, 101.67, 3500.4),
    (4, 103.49, 394.86, 4477.4),
    (8, 115.75, 815.68, 5988.5),
    (16, 117.54, 1293.1, 7336.6),
    (32, 124.65, 2511.6, 10169.0),
    (64, 114.49, 4892.7, 13300.0),
    (128, 205.31, 9850.9, 20195.0),
    (256, 367.57, 19192.0, 35342.0),
    (512, 672.27, 38542.0, 68178.0),
    (1024, 849.53, 77073.0, 132050.0),
    (2048, 1279.4, 148280.0, 251470.0),
    (4096, 2651.9, 326080.0, 513510.0),
    (8192, 5778.9, 618660.0, 1075400.0),
)
QUICK_ASYNC = 64
MIN_SECONDS = 0.05
TIMEOUT = 120.0
DEADLINE_NS = 500_000_000


@dataclass(frozen=True, slots=True, repr=False)
class Article:
    """The published claim, the published benchmark repeated, and the verified answer. Prints as its table.

    Attributes:
        replays: The published benchmark, one row a repetition, as `replay` returns them.
        sweep: The verified runs.
        notes: What was measured less often, or left out, and why.

    Example:
        >>> import fanin
        >>> answer = fanin.article(workers=[1, 8], rounds=1)
        >>> len(answer.replays), len(answer.sweep), answer.sweep.delivered
        (4, 16, True)
    """

    replays: Table
    sweep: Sweep
    notes: tuple[str, ...]

    @property
    def published(self) -> Table:
        """The published figures at the worker counts of this answer, where there are any."""
        workers = set(self.sweep.column("producers"))
        figures = published()
        return Table(figures.columns, tuple(row for row in figures.rows if row[0] in workers), figures.title)

    @property
    def as_published(self) -> Table:
        """The replay at each worker count: its clock, and what had arrived of what was to, over its repetitions."""
        groups: dict[tuple[str, int], list[dict[str, Any]]] = {}
        for row in self.replays:
            groups.setdefault((row["design"], row["workers"]), []).append(row)
        rows = [_replayed(*group, members) for group, members in groups.items()]
        return Table.of(rows, "the published benchmark, repeated: its own clock, and the share that had arrived")

    def factors(self) -> Table:
        """What each cause is worth at each count, paired by round: median, lowest, highest.

        `batching` is taking and writing all that waits, on the same channel: `mpsc/batch` over `mpsc-one/each`.
        `queue` is the swapped vectors instead of the channel, both in batches: `swap/batch` over `mpsc/batch`.
        `whole` is both: `swap/batch` over `mpsc-one/each`. A cause whose strategies did not run is left out.
        """
        ran = set(self.sweep.column("strategy"))
        rows: dict[int, dict[str, Any]] = {n: {"producers": n} for n in sorted(set(self.sweep.column("producers")))}
        for name, (strategy, over) in FACTORS.items():
            if {strategy, over} <= ran:
                for row in self.sweep.ratio(strategy, over):
                    found = {
                        name: row["ratio"],
                        f"{name}_lowest": row["ratio_lowest"],
                        f"{name}_highest": row["ratio_highest"],
                    }
                    rows[row["producers"]].update(found)
        return Table.of(list(rows.values()), "how many times as fast, in the same round")

    def table(self) -> str:
        """The whole answer as text."""
        from .answer_text import text

        return text(self)

    def plot(self, figure: Figure | None = None) -> tuple[Axes, Axes, Axes]:
        """One picture: on the left what was published and what arrives then, on the right what is verified.

        Needs `fanin[plot]`.

        Args:
            figure: What to draw on; by default a new figure.

        Returns:
            The axes: published, arrived, verified.
        """
        from . import plot_answer

        return plot_answer.draw(self, figure)

    def to_dicts(self) -> dict[str, list[dict[str, Any]]]:
        """Its tables, each as a list of dicts: `published`, `as_published`, `factors`, `runs`."""
        return {
            "published": self.published.to_dicts(),
            "as_published": self.as_published.to_dicts(),
            "factors": self.factors().to_dicts(),
            "runs": self.sweep.to_dicts(),
        }

    def to_json(self) -> dict[str, Any]:
        """What `save` writes to `article.json`."""
        content = {"format": "fanin article", "version": 1, "meta": self.sweep.metadata, "notes": list(self.notes)}
        return content | self.to_dicts() | {"replays": self.replays.to_dicts()}

    def save(self, directory: str | os.PathLike[str]) -> tuple[str, ...]:
        """Writes `article.json`, and `article.png` where matplotlib is installed; warns where it is not.

        Returns:
            The paths written.
        """
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        paths = [store.write(folder / "article.json", self.to_json())]
        try:
            from . import plot

            paths.append(plot.save(self.plot, folder / "article.png"))
        except MissingExtra as missing:
            import warnings

            warnings.warn(f"article.png is left out: {missing}", stacklevel=2)
        return tuple(map(os.fspath, paths))

    def __repr__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        from .answer_text import html

        return html(self)


def published() -> Table:
    """The article's figures: mean microseconds for 1000 one-byte samples a worker, as published.

    Example:
        >>> import fanin
        >>> fanin.published().to_dicts()[0]
        {'workers': 1, 'mutex_us': 67.795, 'mpsc_us': 57.78, 'tokio_mutex_us': 3159.9}
    """
    title = "as published: µs, mean, AMD Ryzen 9 5900HS"
    return Table(("workers", "mutex_us", "mpsc_us", "tokio_mutex_us"), PUBLISHED, title)


def replay(
    workers: int | Sequence[int] = QUICK_WORKERS,
    *,
    messages: int = 1000,
    repeats: int = 5,
    progress: bool | None = None,
) -> Table:
    """Repeats the published benchmark, which is wrong on purpose here, beside a count of what arrives.

    The `mutex` design stops its clock when the first worker ends, and never clears what it has written; the `mpsc`
    design stops it when all is queued, and aborts the rest. Neither reads the echo. Since the published actor cannot
    be ended, this one has a flag and a deadline.

    Args:
        workers: How many workers; a list for several.
        messages: One-byte samples a worker.
        repeats: How often each is repeated.
        progress: Whether to draw a bar; None does so on a terminal and in a notebook.

    Returns:
        A `Table` with `design`, `workers`, `messages`, `repeat`, `expected` and `delivered` bytes, `deadline_hit`, the
        ledger's first `counterexample`, and `seconds` on its own clock.

    Raises:
        PlanError: An argument is wrong; nothing has run.
        KeyboardInterrupt: Ctrl-C.

    Example:
        >>> import fanin
        >>> [row["expected"] for row in fanin.replay(8, repeats=2)]
        [8000, 8000, 8000, 8000]
    """
    counts = _counts(workers)
    times = _check.integer("repeats", repeats, 1, 1000)
    each = _check.integer("messages", messages, 1, MOST_MESSAGES)
    with Progress(len(DESIGNS) * len(counts) * times, show=progress) as bar:
        return _replay(counts, each, times, bar)


def article(
    quick: bool = False,
    *,
    workers: int | Sequence[int] | None = None,
    messages: int = 1000,
    rounds: int | None = None,
    strategies: str | Sequence[str] = STRATEGIES,
    seed: int = 0,
    server: str = "discard",
    progress: bool | None = None,
) -> Article:
    """Answers the article: its figures, its benchmark repeated with a count of what arrives, and verified figures.

    Args:
        quick: 1, 8, 64 and 512 workers, in less than a minute; otherwise all 14 counts, 1 to 8192, in some minutes.
        workers: Other counts.
        messages: One-byte messages a worker.
        rounds: How often each cell is visited; by default 5 times, 3 where a burst has more than a million messages (a
            quick answer: more than 100,000), and 2 where it has more than four million.
        strategies: Names of `strategies()`.
        seed: What the order of the rounds is drawn from.
        server: `"discard"`, or `"echo"` as in the article.
        progress: Whether to draw a bar on stderr; None does so on a terminal and in a notebook.

    Returns:
        An `Article`, which prints as its table.

    Raises:
        PlanError: An argument is wrong; nothing has run.
        SweepInterrupted: Ctrl-C; the verified runs that had ended are in its `.sweep`.

    Example:
        >>> import fanin
        >>> answer = fanin.article(workers=[1, 8], rounds=1)
        >>> answer.sweep.delivered
        True
        >>> list(answer.factors().to_dicts()[0])[:4]
        ['producers', 'batching', 'batching_lowest', 'batching_highest']
    """
    counts = _counts((QUICK_WORKERS if quick else WORKERS) if workers is None else workers)
    cells = grid({"strategies": strategies, "producers": counts, "messages": messages, "server": server} | _PLAIN)
    kept = [
        cell
        for cell in cells
        if not (quick and cell.strategy.startswith("async-swap/") and cell.producers > QUICK_ASYNC)
    ]
    visits = [_rounds(cell, rounds, quick) for cell in kept]
    order = schedule(visits, _check.integer("seed", seed, 0, 2**63 - 1), points(kept))
    repeats = max(visits)
    with Progress(len(DESIGNS) * len(counts) * repeats + sum(visits), show=progress) as bar:
        replays = _replay(counts, kept[0].messages, repeats, bar)
        sweep = visit(kept, order, effort(1, MIN_SECONDS, TIMEOUT), seed, bar)
    return Article(replays, sweep, tuple(_notes(cells, kept, visits)))


_PLAIN = {
    "payload": 1,
    "capacity": None,
    "work": 0,
    "delay": 0.0,
    "producers_as": "tasks",
    "actor": "thread",
    "threads": None,
}


def _counts(workers: int | Sequence[int]) -> tuple[int, ...]:
    counts = tuple(_check.integer("workers", count, 1, MOST_PRODUCERS) for count in _check.axis("workers", workers))
    _check.distinct("workers", counts)
    return counts


def _rounds(cell: Cell, asked: int | None, quick: bool) -> int:
    if asked is not None:
        return _check.integer("rounds", asked, 1, 1000)
    burst = cell.producers * cell.messages
    return 5 if burst <= (100_000 if quick else 1_000_000) else 3 if burst <= 4_000_000 else 2


def _notes(cells: Sequence[Cell], kept: Sequence[Cell], visits: Sequence[int]) -> Iterable[str]:
    most = max(visits)
    fewer: dict[int, set[int]] = {}
    for cell, times in zip(kept, visits, strict=True):
        fewer.setdefault(times, set()).add(cell.producers)
    for times, counts in sorted(fewer.items(), reverse=True):
        span = f"{min(counts):,} to {max(counts):,}" if len(counts) > 1 else f"{min(counts):,}"
        which = "all counts" if len(fewer) == 1 else f"{span} producers"
        yield f"{_format.plural(times, 'round')} at {which}" + (", to keep the time short" if times < most else "")
    left = [cell for cell in cells if cell not in kept]
    if left:
        names, least = " and ".join(sorted({cell.strategy for cell in left})), min(cell.producers for cell in left)
        yield f"{names} left out from {least:,} producers on: the slowest; the full run has it"


def _replay(counts: Sequence[int], messages: int, repeats: int, bar: Progress) -> Table:
    rows = []
    for repeat in range(repeats):
        for workers in counts:
            for design in DESIGNS:
                bar.now(f"as published: {design} × {workers:,}")
                seen = _native.published(design, workers=workers, messages=messages, deadline_ns=DEADLINE_NS)
                rows.append(_seen(seen, repeat))
                bar.step()
    return Table.of(rows, "the published benchmark, repeated")


def _seen(seen: dict[str, Any], repeat: int) -> dict[str, Any]:
    asked = {name: seen[name] for name in ("design", "workers", "messages")} | {"repeat": repeat}
    found = {name: seen[name] for name in ("expected", "delivered", "deadline_hit", "counterexample")}
    return asked | found | {"seconds": seen["ns"] / 1e9}


def _replayed(design: str, workers: int, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    clock = Spread.of(row["seconds"] * 1e6 for row in rows)
    share = Spread.of(row["delivered"] / row["expected"] for row in rows)
    found: dict[str, Any] = {"design": design, "workers": workers, "repeats": len(rows)}
    for name, spread in (("us", clock), ("arrived", share)):
        found |= {name: spread.median, f"{name}_lowest": spread.lowest, f"{name}_highest": spread.highest}
    return found | {"deadline_hits": sum(row["deadline_hit"] for row in rows)}
