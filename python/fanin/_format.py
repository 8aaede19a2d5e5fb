"""Numbers and tables as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = [
    "axis",
    "html_notes",
    "html_table",
    "interval",
    "large",
    "number",
    "plural",
    "seconds",
    "spread",
    "text_table",
]

NOTHING = "–"


def number(value: object) -> str:
    """Three significant digits, thousands apart; a dash for None.

    >>> number(1866.4), number(95.23), number(0.0123), number(None), number(8192)
    ('1,866', '95.2', '0.0123', '–', '8,192')
    """
    if value is None:
        return NOTHING
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    size = abs(value)
    places = 0 if size >= 100 or size == 0 else 1 if size >= 10 else 2
    return f"{value:,.{places}f}" if size >= 1 or size == 0 else f"{value:.3g}"


def axis(name: str, value: object) -> str:
    """An axis with its value, for a title or a line's name.

    >>> axis("payload", 1024), axis("capacity", None), axis("contents", None)
    ('payload 1,024', 'no bound', 'contents –')
    """
    return "no bound" if (name, value) == ("capacity", None) else f"{name} {number(value)}"


def seconds(value: float | None) -> str:
    """A time in the unit that suits it.

    >>> seconds(0.618), seconds(57.78e-6), seconds(12.0)
    ('618 ms', '57.8 µs', '12.0 s')
    """
    if value is None:
        return NOTHING
    for size, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if value >= size:
            return f"{number(value / size)} {unit}"
    return f"{number(value * 1e9)} ns"


def large(value: float | None) -> str:
    """A rate, in thousands or millions.

    >>> large(12_255_991.0), large(48_000.0), large(7.5)
    ('12.3 million', '48.0 thousand', '7.50')
    """
    if value is None:
        return NOTHING
    for size, word in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if value >= size:
            return f"{number(value / size)} {word}"
    return number(value)


def spread(median: float | None, lowest: float | None, highest: float | None) -> str:
    """A median with its range.

    >>> spread(2.0, 1.5, 4.0)
    '2.00 (1.50 … 4.00)'
    """
    if median is None:
        return NOTHING
    return f"{number(median)} ({number(lowest)} … {number(highest)})"


def interval(middle: float | None, low: float | None, high: float | None) -> str:
    """A ratio with its interval; without one, where too little is known for it.

    >>> interval(1.6, 1.41, 1.82), interval(1.6, None, None), interval(None, None, None)
    ('1.60 [1.41, 1.82]', '1.60', '–')
    """
    return number(middle) if low is None or high is None else f"{number(middle)} [{number(low)}, {number(high)}]"


def plural(count: int, noun: str) -> str:
    """The count with its noun.

    >>> plural(1, "run"), plural(1000, "run")
    ('1 run', '1,000 runs')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def text_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns side by side; numbers to the right, words to the left."""
    body = [list(row) for row in rows]
    cells = [[number(cell) for cell in row] for row in body]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    right = [_numeric(column) for column in zip(*body, strict=True)] if body else [False] * len(head)

    def line(row: Sequence[str]) -> str:
        padded = (c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True))
        return "  ".join(padded).rstrip()

    return "\n".join([line(head), "  ".join("─" * width for width in widths), *map(line, cells)])


def html_table(head: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """The same for a notebook: plain HTML, no style sheet, so that GitHub shows it too."""
    from html import escape

    body = [list(row) for row in rows]
    right = [_numeric(column) for column in zip(*body, strict=True)] if body else [False] * len(head)

    def line(tag: str, row: Iterable[object]) -> str:
        cells = (
            f'<{tag} style="text-align: {"right" if r else "left"}">{escape(number(cell))}</{tag}>'
            for cell, r in zip(row, right, strict=True)
        )
        return f"<tr>{''.join(cells)}</tr>"

    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    lines = "\n".join(line("td", row) for row in body)
    return f"<table>{title}\n<thead>{line('th', head)}</thead>\n<tbody>\n{lines}\n</tbody>\n</table>"


def html_notes(notes: Iterable[str]) -> str:
    """Lines under a table."""
    from html import escape

    lines = "<br>".join(escape(note) for note in notes)
    return f"<p>{lines}</p>" if lines else ""


def _numeric(column: Sequence[object]) -> bool:
    return any(isinstance(cell, (int, float)) for cell in column) and not any(isinstance(cell, str) for cell in column)
