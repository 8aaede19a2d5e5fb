"""Amounts of bytes, checked: sizes, rates, and places in a stream. What words say them is said here, once."""

from __future__ import annotations

import re
from collections.abc import Sequence

from . import _check
from .errors import PlanError

__all__ = ["FARTHEST", "hint", "place", "rate", "read", "size"]

FARTHEST = 1 << 62
_UNITS = {"": 1, "B": 1, "byte": 1, "bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SIZE = re.compile(r"([0-9]{1,19})[ \t]*(B|bytes?|KiB|MiB|GiB|)")
_NEARLY = re.compile(r"([0-9]{1,19})[ \t]*([kmg])i?b?(?:ytes?)?", re.IGNORECASE)


def read(words: str) -> int | None:
    """The bytes that words such as `64 KiB`, `64 B` or `64` say; None where they say something else."""
    found = _SIZE.fullmatch(words.strip())
    return int(found[1]) * _UNITS[found[2]] if found else None


def hint(value: object) -> str:
    """What was meant where a unit is one of another house: `4 MB` is 4,000,000 to some, and 4 MiB to others."""
    found = _NEARLY.fullmatch(value.strip()) if isinstance(value, str) and read(value) is None else None
    return f"; units are B, KiB, MiB and GiB: did you mean '{found[1]} {found[2].upper()}iB'?" if found else ""


def size(name: str, value: object, low: int, high: int, unit: str = "bytes", *, none: bool = False) -> int:
    """So many bytes, as a number or in words such as `64 KiB`."""
    number = read(value) if isinstance(value, str) else value
    try:
        return _check.integer(name, number, low, high)
    except PlanError:
        allowed = f"allowed are {low} to {high} {unit}, as a whole number or in words such as '64 KiB'"
        raise _check.refuse(name, value, f"{allowed}{', or None' if none else ''}{hint(value)}") from None


def rate(name: str, value: object) -> int:
    """So many bytes a second, as a number or in words such as `1 MiB/s`."""
    bare = value.strip().removesuffix("/s") if isinstance(value, str) else value
    try:
        return size(name, bare, 1, FARTHEST)
    except PlanError:
        allowed = f"allowed are 1 to {FARTHEST} bytes a second, words such as '1 MiB/s', or None"
        raise _check.refuse(name, value, allowed + hint(bare)) from None


def place(name: str, value: object) -> tuple[int, int]:
    """After how many bytes: a number, or a pair between whose ends each connection draws its own."""
    if isinstance(value, (str, bytes, bytearray, memoryview)) or not isinstance(value, Sequence):
        exact = size(name, value, 0, FARTHEST)
        return exact, exact
    if len(value) != 2:
        raise _check.refuse(name, value, "allowed are bytes, or a pair of them: the first and the last place it may be")
    first, last = (size(name, one, 0, FARTHEST) for one in value)
    if first > last:
        raise _check.refuse(name, value, "allowed are pairs whose first is not beyond the last")
    return first, last
