"""A server that stops reading for a while: what then waits, where, and for how long."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import _check

__all__ = ["Pause", "named", "pause"]

_ALLOWED = "allowed are pause(0.1, after=0.7), words such as '100 ms after 700 ms' or '1 s after 65536 bytes', or None"
_WORDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s)\s+after\s+(\d{1,18}(?:\.\d{1,9})?)\s*(ms|s|bytes?)")
_SECONDS = {"ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Pause:
    """A time in which the server does not read, once in each burst. `pause()` makes it.

    Attributes:
        seconds: How long it is.
        after: It begins so many seconds after the first byte was read; None where bytes say when.
        after_bytes: It begins when so many bytes were read; None where time says when.

    Example:
        >>> import fanin
        >>> run = fanin.run("swap/batch", 2, messages=10, pause=fanin.pause(0.01, after_bytes=5))
        >>> run.status, run.pause_ns, run.pause_after_bytes
        ('ok', 10000000, 5)
    """

    seconds: float
    after: float | None = None
    after_bytes: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """As a plan's file has it."""
        when = {"after": self.after, "after_bytes": self.after_bytes}
        return {"seconds": self.seconds} | {name: value for name, value in when.items() if value is not None}

    def fields(self) -> tuple[tuple[str, int | None], ...]:
        """The fields of a cell that it is."""
        after = None if self.after is None else round(self.after * 1e9)
        return (
            ("pause_ns", round(self.seconds * 1e9)),
            ("pause_after_ns", after),
            ("pause_after_bytes", self.after_bytes),
        )


def pause(seconds: float, after: float | None = None, *, after_bytes: int | None = None) -> Pause:
    """A server that stops reading for `seconds`, once in each burst.

    Args:
        seconds: How long it does not read.
        after: It begins so many seconds after the first byte was read.
        after_bytes: Or when so many bytes were read.

    Raises:
        PlanError: An argument is wrong, or neither or both say when it begins.

    >>> import fanin
    >>> fanin.pause(0.1, after=0.7)
    Pause(seconds=0.1, after=0.7, after_bytes=None)
    """
    if (after is None) == (after_bytes is None):
        raise _check.refuse("pause", seconds, "it needs to know when it begins: after=… seconds, or after_bytes=…")
    length = _check.nanoseconds("pause", seconds, above_zero=True) / 1e9
    begin = None if after is None else _check.nanoseconds("after", after) / 1e9
    many = None if after_bytes is None else _check.integer("after_bytes", after_bytes, 0, 2**62, "bytes")
    return Pause(length, begin, many)


def named(value: object) -> Pause | None:
    """A pause, or what `to_dict` made of one, or words for one; None for none."""
    if value is None:
        return None
    if isinstance(value, Pause):
        return pause(value.seconds, value.after, after_bytes=value.after_bytes)
    if isinstance(value, Mapping) and "seconds" in value and set(value) <= {"seconds", "after", "after_bytes"}:
        return pause(**value)
    found = _WORDS.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or (found[4] not in _SECONDS and "." in found[3]):
        raise _check.refuse("pause", value, _ALLOWED)
    length = float(found[1]) * _SECONDS[found[2]]
    if found[4] in _SECONDS:
        return pause(length, float(found[3]) * _SECONDS[found[4]])
    return pause(length, after_bytes=int(found[3]))
