"""A sweep's table: one row a run, immutable, in columns; every other form of it is one method away."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from . import _check, _format, journal, ratios, store
from ._extras import need
from ._signature import Shown
from .cells import AXES
from .errors import PlanError
from .questions import Questions
from .rows import KINDS, PLACE, RATES, STORED, Columns, Row, in_order, rates, tabulate
from .runs import DELIVERED, Run
from .table import Table

if TYPE_CHECKING:
    pass

__all__ = ["Sweep", "concat"]

SHOWN_ROWS = 60


def _made(columns: Mapping[str, Sequence[Any]], metadata: Mapping[str, Any] = {}, /) -> None:
    """How `Sweep` is called."""


@dataclass(frozen=True, slots=True, repr=False)
class Sweep(Questions):
    """An immutable table, one row a run, in the order in which they ran. `sweep()` makes it, and `Sweep.load`.

    Columns: `round` and `position` (its place in the round) from 0, `cell` (its place in the plan), `seed`, `host`,
    `load_average` and `cpu_pressure` right before the run, the fields of `Run`, and its rates, which are None unless
    the run delivered. Iterating gives the runs as `Run`.

    It has `__arrow_c_stream__`: polars, pyarrow, duckdb and nanoarrow take it as it is.

    It is no `Mapping` on purpose: pandas would misread one without a word.

    Example:
        >>> import fanin
        >>> sweep = fanin.sweep(["mpsc/batch", "swap/batch"], [1, 8], rounds=2, min_seconds=0)
        >>> len(sweep), sweep.delivered, sweep.columns[:3]
        (8, True, ('round', 'position', 'cell'))
        >>> [run.delivered for run in sweep.filter(strategy="swap/batch", producers=8)]
        [8000, 8000]
    """

    __signature__: ClassVar[Any] = Shown(_made)

    _stored: Columns
    _metadata: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Sequence[Row], metadata: Mapping[str, Any]) -> Sweep:
        """A sweep of rows in the order of the stored columns."""
        return cls(tabulate(rows), dict(metadata))

    @property
    def metadata(self) -> dict[str, Any]:
        """When it began, the plan and what that left out, and under `hosts` what is known of each machine; a copy."""
        return deepcopy(self._metadata)

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
        return rates(self._stored)[name] if name in RATES else self._stored[name]

    def __len__(self) -> int:
        return len(self._stored["round"])

    def __iter__(self) -> Iterator[Run]:
        return (Run(*values) for values in zip(*(self._stored[name] for name in _RUN), strict=True))

    @property
    def delivered(self) -> bool:
        """Whether every run delivered every message, but those dropped on purpose, exactly once and in order.

        Where there is no run, as after a `filter` that nothing matches, nothing is shown: False.
        """
        return len(self) > 0 and set(self._stored["status"]) <= set(DELIVERED)

    def require_delivery(self) -> Sweep:
        """Returns this sweep, if all its runs delivered.

        Raises:
            NotDelivered: One did not; the first such run is in `.run`.
            PlanError: There is no run.
        """
        if not len(self):
            raise PlanError("require_delivery: allowed is a sweep with at least one run; this one has none")
        for run in self:
            run.require_delivery()
        return self

    def filter(self, **wanted: Any) -> Sweep:
        """The runs in which each named column has the value, or one of the values, given; there may be none.

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
        kept = {name: tuple([column[row] for row in keep]) for name, column in self._stored.items()}
        return Sweep(kept, self._metadata)

    def __add__(self, other: object) -> Sweep:
        return concat([self, other]) if isinstance(other, Sweep) else NotImplemented

    def summary(self, over: str | None = None) -> Table:
        """One row a cell: ns a message and the ratio against a baseline, each with its spread over the rounds.

        A ratio is how many times as fast the cell was as the baseline's cell in the same round: 2.0 is half its time.

        Args:
            over: The baseline's strategy; by default `mpsc/batch` where it ran, else the first.

        Returns:
            A `Table` with the axes that vary, `runs`, `status`, `ns`, `ns_lowest`, `ns_highest`, `ratio`,
            `ratio_lowest`, `ratio_highest`.

        Example:
            >>> import fanin
            >>> sweep = fanin.sweep(["mpsc/batch", "swap/batch"], 8, rounds=2, min_seconds=0)
            >>> [(row["strategy"], row["status"]) for row in sweep.summary(over="mpsc/batch")]
            [('mpsc/batch', 'ok'), ('swap/batch', 'ok')]
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

        Example:
            >>> import fanin
            >>> sweep = fanin.sweep(["mpsc/batch", "swap/batch"], [1, 8], rounds=2, min_seconds=0)
            >>> axes = sweep.plot(y="nanoseconds_per_message", by="strategy")
            >>> len(axes.get_lines()) >= 2
            True
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
        from numpy import array

        def column(kind: str, values: tuple[Any, ...]) -> Any:
            if kind == "int | None":
                return pandas.array(values, dtype="Int64")
            return array(values, dtype=PANDAS[kind.partition(" ")[0]])

        return pandas.DataFrame({name: column(KINDS[name], values) for name, values in self._all().items()}, copy=False)

    def to_polars(self) -> Any:
        """A `polars.DataFrame`. Needs `fanin[frames]`."""
        return need("polars", "frames").DataFrame(self)

    def to_arrow(self) -> Any:
        """A `pyarrow.Table`. Needs `fanin[arrow]`."""
        return need("pyarrow", "arrow").table(self)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The table as an Arrow C stream; another schema than its own cannot be had."""
        from .arrow import stream

        return stream(self._all(), KINDS)

    def save(self, path: str | os.PathLike[str]) -> str:
        """Writes it as JSON, whole or not at all; returns the path.

        Example:
            >>> import fanin, os, tempfile
            >>> sweep = fanin.sweep("swap/batch", [1, 8], rounds=2, min_seconds=0)
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     path = sweep.save(os.path.join(folder, "sweep.json"))
            ...     fanin.Sweep.load(path).column("producers") == sweep.column("producers")
            True
        """
        return os.fspath(store.write(path, store.packed(self._stored, self._metadata)))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Sweep:
        """Reads what `save` wrote, or as much of a journal as there is.

        Raises:
            PlanError: The file holds something else.
            JournalError: It is a journal, and spoilt.
            OSError: There is no such file, or it cannot be read.

        Example:
            >>> import fanin, os, tempfile
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     path = os.path.join(folder, "runs.ndjson")
            ...     _ = fanin.sweep("swap/batch", [1, 8], rounds=2, min_seconds=0, journal=path)
            ...     len(fanin.Sweep.load(path))
            4
        """
        content = Path(path).read_bytes()
        if journal.is_journal(content):
            kept = journal.read(path, content)
            return cls(in_order(kept.columns), kept.metadata())
        return cls(*store.read(path, content))

    def to_json(self) -> dict[str, Any]:
        """All of it as a dict for `json.dumps`, every column a list."""
        return store.document(self._stored, self._metadata)

    def _all(self) -> Columns:
        return self._stored | rates(self._stored)

    def _title(self) -> str:
        if not len(self):
            return "no runs"
        bad = sum(status not in DELIVERED for status in self._stored["status"])
        verdict = f"{bad} NOT delivered" if bad else "all delivered"
        slow = self._stored["status"].count("saturated")
        verdict += f", {slow} saturated" if slow else ""
        cells, rounds = (len(set(self._stored[name])) for name in ("cell", "round"))
        size = f"{_format.plural(cells, 'cell')}, {_format.plural(rounds, 'round')}"
        left = len(self._metadata.get("left_out") or ())
        without = f"; {_format.plural(left, 'cell')} left out" if left else ""
        return f"{_format.plural(len(self), 'run')}: {size}; {verdict}{without}"

    def __repr__(self) -> str:
        if not len(self):
            return f"Sweep of {self._title()}"
        table = self.summary()
        lines = repr(table).splitlines()
        hidden = len(lines) - SHOWN_ROWS
        cut = [*lines[:SHOWN_ROWS], f"… and {_format.plural(hidden, 'row')} more: .summary()"] if hidden > 0 else lines
        return "\n".join([f"Sweep of {self._title()}", *cut])

    def _repr_html_(self) -> str:
        table = self.summary()
        hidden = len(table) - SHOWN_ROWS
        more = f" ({_format.plural(hidden, 'row')} more: .summary())" if hidden > 0 else ""
        return _format.html_table(table.columns, table.rows[:SHOWN_ROWS], f"{self._title()}. {table.title}{more}")


PANDAS = {"str": "object", "int": "int64", "float": "float64", "bool": "bool"}
_RUN = tuple(name for name in STORED if name not in PLACE)


def concat(sweeps: Iterable[Sweep]) -> Sweep:
    """Several sweeps as one: rows one after the other, rounds numbered on, equal cells under one number.

    Runs of different sweeps are never of one round, so that no ratio is taken across.

    Args:
        sweeps: At least one.

    Raises:
        PlanError: There is none, or something else among them.

    Example:
        >>> import fanin
        >>> first = fanin.sweep("mpsc/batch", [1, 8], rounds=2, min_seconds=0)
        >>> both = fanin.concat([first, fanin.sweep("swap/batch", [1, 8], rounds=2, min_seconds=0, seed=1)])
        >>> len(both), both.column("round")
        (8, (0, 0, 1, 1, 2, 2, 3, 3))
        >>> (first + both).column("round")[-1]
        5
    """
    parts = list(sweeps)
    if not parts or not all(isinstance(part, Sweep) for part in parts):
        raise _check.refuse("sweeps", parts, "allowed is a list of at least one Sweep")
    if len(parts) == 1:
        return parts[0]
    columns = {name: tuple(v for part in parts for v in part.column(name)) for name in STORED}
    places = {name: _numbered_on(parts, name) for name in ("round", "process")}
    return Sweep(columns | places | {"cell": _cells(columns)}, _joined(parts))


def _numbered_on(parts: Sequence[Sweep], name: str) -> tuple[int | None, ...]:
    """A column's numbers, those of each sweep beginning after the last one's; where there is none there stays none."""
    numbers: list[int | None] = []
    for part in parts:
        own = part.column(name)
        known = [number for number in numbers if number is not None]
        offset = max(known, default=-1) + 1 - min((number for number in own if number is not None), default=0)
        numbers += [None if number is None else number + offset for number in own]
    return tuple(numbers)


def _cells(columns: Columns) -> tuple[int, ...]:
    """A number for each cell, in the order of first appearance in a plan."""
    known: dict[tuple[Any, ...], int] = {}
    keys = list(zip(*(columns[name] for name in AXES), strict=True))
    for _, key in sorted(zip(columns["cell"], keys, strict=True), key=lambda pair: pair[0]):
        known.setdefault(key, len(known))
    return tuple(known[key] for key in keys)


def _joined(parts: Sequence[Sweep]) -> dict[str, Any]:
    hosts: dict[str, Any] = {}
    for part in parts:
        hosts |= part.metadata.get("hosts") or {}
    return {"parts": [{k: v for k, v in part.metadata.items() if k != "hosts"} for part in parts], "hosts": hosts}
