"""What is said beside the output, or not at all: a process may have no standard error, or lose it."""

from __future__ import annotations

import sys
from contextlib import suppress

__all__ = ["complain"]


def complain(line: str) -> None:
    """A line on standard error. Where there is none it is dropped, and never put into the output in its place."""
    if sys.stderr is None:
        return
    with suppress(OSError, ValueError, AttributeError):
        print(line, file=sys.stderr, flush=True)
