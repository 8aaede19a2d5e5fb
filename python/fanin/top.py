"""`fanin top`: a sweep while it goes on, in a terminal."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .view import PERIOD, Live
from .view_text import Screen, show
from .watch import Watch

if TYPE_CHECKING:
    from .plan import Plan
    from .sweeps import Sweep

__all__ = ["top"]

INTERRUPTED = 130
LINES_EVERY = 1.0  # seconds, where nothing can be drawn over


def top(plan: Plan, journal: Any = None) -> tuple[Sweep, int]:
    """Carries the plan out and draws it on stderr, so that stdout has the table alone. Ctrl-C keeps what has ended.

    Returns:
        The sweep, and 130 if it was stopped, else 0.
    """
    screen = Screen(sys.stderr)
    view: Live[Sweep] = Live(Watch(plan, journal))
    with _stopping(view):
        show(view, screen, PERIOD if screen.is_terminal else LINES_EVERY)
        return view.wait(), INTERRUPTED if view.status == "stopped" else 0


@contextmanager
def _stopping(view: Live[Any]) -> Iterator[None]:
    """Has Ctrl-C and SIGTERM stop the sweep; handlers are put back after."""
    numbers = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, lambda *_: view.stop()) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
