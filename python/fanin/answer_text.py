"""The article's answer in words and columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _format
from .ratios import Spread

if TYPE_CHECKING:
    from .answer import Article

__all__ = ["html", "text"]

PUBLISHED = "1. As published, and what arrives at the server when that benchmark is repeated here"
VERIFIED = "2. Verified: every message arrived exactly once and in order; ns a message, median over the rounds"
FACTORS = "3. How many times as fast, paired by round: median (lowest … highest)"
READ = (
    "arrived: bytes that came ÷ bytes that should, median (lowest … highest) over the repetitions; 1 would be right",
    "batching: mpsc/batch over mpsc-one/each; queue: swap/batch over mpsc/batch; whole: swap/batch over mpsc-one/each",
)


def text(answer: Article) -> str:
    """All three tables, and how to read them."""
    parts = [f"{title}\n\n{_format.text_table(*table)}" for title, table in _parts(answer)]
    return "\n\n".join([*parts, "\n".join([*READ, *answer.notes])])


def html(answer: Article) -> str:
    """The same for a notebook."""
    parts = [_format.html_table(*table, title) for title, table in _parts(answer)]
    return "\n".join([*parts, f"<p>{'<br>'.join([*READ, *answer.notes])}</p>"])


def _parts(answer: Article) -> list[tuple[str, tuple[list[str], list[list[Any]]]]]:
    return [(PUBLISHED, _published(answer)), (VERIFIED, _verified(answer)), (FACTORS, _factors(answer))]


def _published(answer: Article) -> tuple[list[str], list[list[Any]]]:
    head = ["workers"]
    for design in ("mutex", "mpsc"):
        head += [f"{design}, µs", "here, µs", "arrived"]
    figures = {row["workers"]: row for row in answer.published}
    here = {(row["design"], row["workers"]): row for row in answer.as_published}
    rows = []
    for workers in dict.fromkeys(row["workers"] for row in answer.as_published):
        line: list[Any] = [workers]
        for design in ("mutex", "mpsc"):
            was, now = figures.get(workers, {}).get(f"{design}_us"), here[design, workers]
            share = _format.spread(*(_share(now[f"arrived{part}"]) for part in ("", "_lowest", "_highest")))
            line += [was, now["us"], share]
        rows.append(line)
    return head, rows


def _verified(answer: Article) -> tuple[list[str], list[list[Any]]]:
    strategies = list(dict.fromkeys(row["strategy"] for row in answer.sweep.summary()))
    cells = {(row["strategy"], row["producers"]): _time(row) for row in answer.sweep.summary()}
    counts = sorted({producers for _, producers in cells})
    return ["producers", *strategies], [[n, *(cells.get((name, n)) for name in strategies)] for n in counts]


def _factors(answer: Article) -> tuple[list[str], list[list[Any]]]:
    table = answer.factors()
    names = [name for name in table.columns[1:] if not name.endswith(("_lowest", "_highest"))]
    rows = [[row["producers"], *(_format.spread(*_spread(row, name)) for name in names)] for row in table]
    return ["producers", *names], rows


def _spread(row: dict[str, Any], name: str) -> Spread:
    return Spread(row[name], row[f"{name}_lowest"], row[f"{name}_highest"])


def _time(row: dict[str, Any]) -> object:
    return row["ns"] if row["status"] == "ok" else f"({row['status']})"


def _share(value: float) -> float:
    return round(value, 3 if value < 1 else 2)
