"""One bar for a whole plan: how far, how long still, and what is running now.

tqdm draws it where that is installed, also in a notebook; otherwise it is one plain line that is written over. Both go
to stderr, and to nothing at all when that is no terminal.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

from . import _check

__all__ = ["Progress", "wanted"]


class Progress:
    """A bar over `total` steps, as a context manager; `start` says the total where it is not known before."""

    def __init__(self, total: int = 0, *, show: bool | None = None) -> None:
        self._bar = _bar(total) if wanted(show) else None

    def __enter__(self) -> Self:
        return self

    def start(self, total: int, done: int = 0) -> None:
        """Begins anew, with some steps done before: those say nothing of how long the others take."""
        if self._bar is not None:
            self._bar.reset(total)
            self._bar.initial = self._bar.n = self._bar.last_print_n = done
            self._bar.refresh()

    def now(self, label: str) -> None:
        """Says what is running."""
        if self._bar is not None:
            self._bar.set_postfix_str(label)

    def step(self, found: object = None) -> None:
        """One more is done; what it found is not shown here."""
        if self._bar is not None:
            self._bar.update(1)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()


def wanted(show: bool | None) -> bool:
    """Whether to draw: as asked, and if not asked on a terminal and in a notebook."""
    if show is not None and not _check.flag("progress", show):
        return False
    return sys.stderr is not None and (show or sys.stderr.isatty() or _in_notebook())


class Line:
    """The plain bar: the part of tqdm's interface that is used here."""

    def __init__(self, total: int) -> None:
        self._total, self._label, self._start, self._width = total, "", time.monotonic(), 0
        self.n = self.initial = self.last_print_n = 0

    def reset(self, total: int) -> None:
        """Begins anew."""
        self._total, self._start = total, time.monotonic()
        self.n = 0

    def set_postfix_str(self, label: str) -> None:
        """Says what is running."""
        self._label = label
        self.refresh()

    def update(self, steps: int) -> None:
        """So many more are done."""
        self.n += steps
        self.refresh()

    def close(self) -> None:
        """Wipes the line."""
        self._write("")

    def refresh(self) -> None:
        """Draws it."""
        left = f", {_clock(self._left())} left" if self.n > self.initial else ""
        done = f"{self.n}/{self._total} runs" if self._total else "no runs yet"
        self._write(f"{done}{left}: {self._label}")

    def _left(self) -> float:
        made = self.n - self.initial
        return (time.monotonic() - self._start) / made * (self._total - self.n)

    def _write(self, text: str) -> None:
        sys.stderr.write(f"\r{text.ljust(self._width)}" if text else f"\r{' ' * self._width}\r")
        sys.stderr.flush()
        self._width = len(text)


def _bar(total: int) -> Any:
    try:
        import tqdm.auto
    except ImportError:
        return Line(total)
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tqdm's advice on widgets is not the caller's concern
        return tqdm.auto.tqdm(total=total, unit="run", leave=False, dynamic_ncols=True)


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    kernel = shell.get_ipython() if shell is not None else None
    return type(kernel).__name__ == "ZMQInteractiveShell"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
