"""Amounts of bytes, checked: sizes, rates, and places in a stream."""

from __future__ import annotations

import re
from collections.abc import Sequence

from . import _check

__all__ = ["FARTHEST", "place", "rate", "size"]

FARTHEST = 1 << 62
_UNITS = {"": 1, "B": 1, "bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SIZE = re.compile(r"([0-9]{1,19})\s*(B|bytes|KiB|MiB|GiB|)")


def size(name: str, value: object, low: int, high: int, unit: str = "bytes") -> int:
    """So many bytes, as a number or in words such as `64 KiB`."""
    if not isinstance(value, str):
        return _check.integer(name, value, low, high, unit)
    found = _SIZE.fullmatch(value.strip())
    number = int(found[1]) * _UNITS[found[2]] if found else -1
    if not low <= number <= high:
        raise _check.refuse(name, value, f"allowed are {low} to {high} {unit}, or words such as '64 KiB'")
    return number


def rate(name: str, value: object) -> int:
    """So many bytes a second, as a number or in words such as `1 MiB/s`."""
    bare = value.strip().removesuffix("/s") if isinstance(value, str) else value
    return size(name, bare, 1, FARTHEST, "bytes a second")


def place(name: str, value: object) -> tuple[int, int]:
    """After how many bytes: a number, or a pair between whose ends each connection draws its own."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        exact = size(name, value, 0, FARTHEST)
        return exact, exact
    if len(value) != 2:
        raise _check.refuse(name, value, "allowed are bytes, or a pair of them: the first and the last place it may be")
    first, last = (size(name, one, 0, FARTHEST) for one in value)
    if first > last:
        raise _check.refuse(name, value, "allowed are pairs whose first is not beyond the last")
    return first, last
