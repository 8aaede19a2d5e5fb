"""Sweeps: a grid of cells, run in interleaved rounds, and the table that comes of it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from . import _check, _format, _native, plan, ratios, store
from ._extras import need
from .errors import SweepInterrupted
from .plan import Cell, Effort
from .progress import Progress
from .questions import Questions
from .runs import RATES, Run, execute
from .table import Table

if TYPE_CHECKING:
    pass

__all__ = ["Sweep", "sweep"]

MOST_ROUNDS = 10_000
PLACE = {"round": "int", "position": "int", "cell": "int", "seed": "int"}
STORED = PLACE | {f.name: str(f.type) for f in fields(Run)}
SHOWN_ROWS = 60


@dataclass(frozen=True, slots=True, repr=False)
class Sweep(Questions):
    """An immutable table, one row a run, in the order in which they ran. `sweep()` makes it, and `Sweep.load`.

    Columns: `round` and `position` (its place in the round) from 0, `cell` (its place in the plan), `seed`, the fields
    of `Run`, and its rates, which are None unless the run's `status` is `"ok"`. Iterating gives the runs as `Run`.

    It is no `Mapping` on purpose: pandas would misread one without a word.

    Attributes:
        meta: The host and the build, and when it began.
    """

    _stored: dict[str, tuple[Any, ...]]
    meta: dict[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns' names."""
        return (*self._stored, *RATES)

    def column(self, name: str) -> tuple[Any, ...]:
        """One column's values.

        Raises:
            PlanError: There is no such column; the message lists them.
        """
        _check.one_of("column", name, self.columns)
        return tuple(getattr(run, name) for run in self) if name in RATES else self._stored[name]

    def __len__(self) -> int:
        return len(self._stored["round"])

    def __iter__(self) -> Iterator[Run]:
        names = [name for name in self._stored if name not in PLACE]
        return (Run(*values) for values in zip(*(self._stored[name] for name in names), strict=True))

    @property
    def delivered(self) -> bool:
        """Whether every run delivered every message exactly once and in order."""
        return set(self._stored["status"]) <= {"ok"}

    def require_delivery(self) -> Sweep:
        """Returns this sweep, if all its runs delivered.

        Raises:
            NotDelivered: One did not; the first such run is in `.run`.
        """
        for run in self:
            run.require_delivery()
        return self

    def filter(self, **wanted: Any) -> Sweep:
        """The runs in which each named column has the value, or one of the values, given.

        Raises:
            PlanError: There is no such column.

        Example:
            >>> import fanin
            >>> sweep = fanin.sweep(["mpsc/batch", "swap/batch"], [1, 8], rounds=2, min_seconds=0)
            >>> len(sweep), len(sweep.filter(strategy="swap/batch", producers=[8]))
            (8, 2)
        """
        keep: Sequence[int] = range(len(self))
        for name, value in wanted.items():
            column = self.column(name)
            allowed = value if isinstance(value, (list, tuple, set, frozenset, range)) else (value,)
            keep = [row for row in keep if column[row] in allowed]
        return Sweep({name: tuple(column[row] for row in keep) for name, column in self._stored.items()}, self.meta)

    def summary(self, over: str | None = None) -> Table:
        """One row a cell: ns a message and the ratio against a baseline, each with its spread over the rounds.

        A ratio is how many times as fast the cell was as the baseline's cell in the same round: 2.0 is half its time.

        Args:
            over: The baseline's strategy; by default `mpsc/batch` where it ran, else the first.

        Returns:
            A `Table` with the axes that vary, `runs`, `status`, `ns`, `ns_lowest`, `ns_highest`, `ratio`,
            `ratio_lowest`, `ratio_highest`.
        """
        return ratios.summary(self, over)

    def ratio(self, strategy: str, over: str) -> Table:
        """How many times as fast one strategy was as another at each point, by round: median, lowest, highest."""
        return ratios.ratio(self, strategy, over)

    def plot(
        self,
        y: str = "nanoseconds_per_message",
        *,
        x: str = "producers",
        by: str = "strategy",
        facet: str | None = None,
        ax: Any = None,
    ) -> Any:
        """One line a value of `by`: the medians over the rounds, in a band from lowest to highest.

        Cells in which a run did not deliver have no value: a hollow cross marks each at the foot. Needs `fanin[plot]`.

        Args:
            y: A column with numbers.
            x: A column with numbers, along the axis.
            by: The column that tells the lines apart.
            facet: A column with a panel a value, side by side on one scale.
            ax: Axes to draw on, or with `facet` a sequence of them; by default those of a new figure.

        Returns:
            The axes; with `facet`, a tuple of them.

        Raises:
            PlanError: No such column, or the cells differ in more than these: filter first.
            MissingExtra: matplotlib is not installed.
        """
        from . import plot

        if facet is not None:
            from . import plot_facets

            return plot_facets.draw(self, y, x=x, by=by, facet=facet, axes=ax)
        return plot.lines(self, y, x=x, by=by, ax=ax)

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dict a run."""
        columns = self._all()
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame`; whole numbers that can be missing are `Int64`. Needs `fanin[frames]`."""
        pandas = need("pandas", "frames")
        types = {"str": "object", "str | None": "object", "int": "int64", "int | None": "Int64"}
        columns = {
            name: pandas.Series(values, dtype=types.get(STORED.get(name, ""), "float64"))
            for name, values in self._all().items()
        }
        return pandas.DataFrame(columns)

    def to_polars(self) -> Any:
        """A `polars.DataFrame`. Needs `fanin[frames]`."""
        polars = need("polars", "frames")
        types = {"str": polars.String, "int": polars.Int64}
        schema = {name: types.get(STORED.get(name, "").partition(" ")[0], polars.Float64) for name in self.columns}
        return polars.DataFrame(self._all(), schema=schema)

    def save(self, path: str | os.PathLike[str]) -> str:
        """Writes it as JSON, whole or not at all; returns the path."""
        return os.fspath(store.write(path, self.to_json()))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Sweep:
        """Reads what `save` wrote.

        Raises:
            PlanError: The file holds something else.
            OSError: There is no such file, or it cannot be read.
        """
        return cls(*store.read(path, STORED))

    def to_json(self) -> dict[str, Any]:
        """What `save` writes, as a dict for `json.dumps`."""
        return store.document(self._stored, self.meta)

    def _all(self) -> dict[str, tuple[Any, ...]]:
        runs = list(self)
        return self._stored | {name: tuple(getattr(run, name) for run in runs) for name in RATES}

    def _title(self) -> str:
        bad = sum(status != "ok" for status in self._stored["status"])
        verdict = f"{bad} NOT delivered" if bad else "all delivered"
        cells, rounds = (len(set(self._stored[name])) for name in ("cell", "round"))
        size = f"{_format.plural(cells, 'cell')}, {_format.plural(rounds, 'round')}"
        return f"{_format.plural(len(self), 'run')}: {size}; {verdict}"

    def __repr__(self) -> str:
        table = self.summary()
        lines = repr(table).splitlines()
        hidden = len(lines) - SHOWN_ROWS
        cut = [*lines[:SHOWN_ROWS], f"… and {_format.plural(hidden, 'row')} more: .summary()"] if hidden > 0 else lines
        return "\n".join([f"Sweep of {self._title()}", *cut])

    def _repr_html_(self) -> str:
        table = self.summary()
        return _format.html_table(table.columns, table.rows, f"{self._title()}. {table.title}")


def sweep(
    strategies: str | Sequence[str],
    producers: int | Sequence[int] = (1, 8, 64, 512),
    messages: int | Sequence[int] = 1000,
    payload: int | Sequence[int] = 1,
    *,
    rounds: int = 5,
    seed: int = 0,
    min_seconds: float = 0.05,
    bursts: int = 1,
    capacity: int | Sequence[int | None] | None = None,
    work: int | Sequence[int] = 0,
    delay: float | Sequence[float] = 0.0,
    server: str | Sequence[str] = "discard",
    producers_as: str | Sequence[str] = "tasks",
    actor: str | Sequence[str] = "thread",
    threads: int | Sequence[int | None] | None = None,
    timeout: float | None = None,
    progress: bool | None = None,
) -> Sweep:
    """Runs every combination of the arguments, in rounds that each visit all cells once, in an order from the seed.

    So what disturbs the machine for a while disturbs all alike. Each argument that `run` has too means the same here,
    and may be a list: an axis of the grid. Everything is checked before anything runs.

    Args:
        strategies: Names of `strategies()`.
        producers: How many send.
        messages: How many each of them sends in a burst.
        payload: A message's size in bytes.
        rounds: How often each cell is visited.
        seed: What the order of the rounds is drawn from.
        min_seconds: A cell's burst is repeated until so many seconds are timed: short cells do not resolve.
        bursts: And at least so often.
        capacity: The most bytes that the queue holds; None is no bound.
        work: CPU nanoseconds that a producer spends before each message.
        delay: Seconds that a producer sleeps before each message.
        server: `"discard"` or `"echo"`.
        producers_as: `"tasks"` or `"threads"`.
        actor: `"thread"` or `"task"`.
        threads: The runtime's threads; None is one a core.
        timeout: Seconds after which one run is given up, with the status `timeout`; None is never.
        progress: Whether to draw a bar on stderr; None does so on a terminal and in a notebook.

    Returns:
        A `Sweep`, one row a run. Runs that did not deliver are in it, with a status and no speed.

    Raises:
        PlanError: An argument is wrong, or the grid is empty; nothing has run.
        SweepInterrupted: Ctrl-C; the runs that had ended are in its `.sweep`.

    Example:
        >>> import fanin
        >>> sweep = fanin.sweep(["mpsc/batch", "swap/batch"], producers=[1, 8], rounds=3, min_seconds=0)
        >>> len(sweep), sweep.delivered
        (12, True)
        >>> [row["strategy"] for row in sweep.summary(over="mpsc/batch")]
        ['mpsc/batch', 'mpsc/batch', 'swap/batch', 'swap/batch']
    """
    cells = plan.grid(
        {
            "strategies": strategies,
            "producers": producers,
            "messages": messages,
            "payload": payload,
            "capacity": capacity,
            "work": work,
            "delay": delay,
            "server": server,
            "producers_as": producers_as,
            "actor": actor,
            "threads": threads,
        }
    )
    visits = _check.integer("rounds", rounds, 1, MOST_ROUNDS)
    order = schedule([visits] * len(cells), _check.integer("seed", seed, 0, 2**63 - 1))
    how_long = plan.effort(bursts, min_seconds, timeout)
    with Progress(sum(map(len, order)), show=progress) as bar:
        return visit(cells, order, how_long, seed, bar)


def schedule(visits: Sequence[int], seed: int) -> list[list[int]]:
    """The rounds, each a shuffled list of cells; `visits` says for each cell how many rounds it takes part in."""
    from random import Random

    rounds = []
    for number in range(max(visits)):
        cells = [cell for cell, times in enumerate(visits) if times > number]
        Random(f"{seed}:{number}").shuffle(cells)
        rounds.append(cells)
    return rounds


def visit(
    cells: Sequence[Cell],
    rounds: Sequence[Sequence[int]],
    effort: Effort,
    seed: int,
    bar: Progress,
) -> Sweep:
    """Runs the rounds. Ctrl-C keeps what has ended."""
    rows: list[tuple[int, int, int, Run]] = []
    meta = host()
    try:
        for number, order in enumerate(rounds):
            for position, cell in enumerate(order):
                bar.now(cells[cell].label())
                rows.append((number, position, cell, execute(cells[cell], effort)))
                bar.step()
    except KeyboardInterrupt as stop:
        done = f"interrupted after {len(rows)} of {_format.plural(sum(map(len, rounds)), 'run')}; they are in .sweep"
        raise SweepInterrupted(done, _tabulate(rows, seed, meta)) from stop
    return _tabulate(rows, seed, meta)


def host() -> dict[str, str]:
    """The machine and the build, for whoever reads the numbers later."""
    import platform

    return {
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "fanin": _native.__version__,
        **{f"build_{name}": value for name, value in _native.build_info().items()},
    }


def _tabulate(rows: Sequence[tuple[int, int, int, Run]], seed: int, meta: dict[str, str]) -> Sweep:
    columns: dict[str, tuple[Any, ...]] = {
        "round": tuple(row[0] for row in rows),
        "position": tuple(row[1] for row in rows),
        "cell": tuple(row[2] for row in rows),
        "seed": (seed,) * len(rows),
    }
    runs = [row[3] for row in rows]
    return Sweep(
        columns | {name: tuple(getattr(run, name) for run in runs) for name in STORED if name not in PLACE}, meta
    )
