"""A small immutable table: what summaries and comparisons come as."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import _format
from ._extras import need

__all__ = ["Table"]


@dataclass(frozen=True, slots=True, repr=False)
class Table:
    """Rows under named columns. Iterating gives dicts; a notebook shows it as HTML.

    It is no `Mapping` on purpose: pandas would misread one without a word.

    Attributes:
        columns: The columns' names.
        rows: The values, a tuple a row.
        title: One line above it.

    Example:
        >>> import fanin
        >>> table = fanin.sweep("swap/batch", [1, 8], rounds=2, min_seconds=0).summary()
        >>> table.columns[:4], table.column("producers")
        (('strategy', 'producers', 'runs', 'status'), (1, 8))
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    title: str = ""

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]], title: str = "") -> Table:
        """A table of dicts that share their keys."""
        columns = tuple(rows[0]) if rows else ()
        return cls(columns, tuple(tuple(row[name] for name in columns) for row in rows), title)

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)

    def column(self, name: str) -> tuple[Any, ...]:
        """One column's values."""
        place = self.columns.index(name)
        return tuple(row[place] for row in self.rows)

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dict a row."""
        return list(self)

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame`; needs `fanin[frames]`."""
        return need("pandas", "frames").DataFrame(self.rows, columns=self.columns)

    def to_polars(self) -> Any:
        """A `polars.DataFrame`; needs `fanin[frames]`."""
        return need("polars", "frames").DataFrame(
            self.rows, schema=self.columns, orient="row", infer_schema_length=None
        )

    def __repr__(self) -> str:
        table = _format.text_table(self.columns, self.rows)
        return f"{self.title}\n{table}" if self.title else table

    def _repr_html_(self) -> str:
        return _format.html_table(self.columns, self.rows, self.title)
