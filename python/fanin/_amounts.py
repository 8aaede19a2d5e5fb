"""Amounts of bytes, checked: sizes, rates, and places in a stream."""

from __future__ import annotations

from collections.abc import Sequence

from . import _check

__all__ = ["FARTHEST", "place", "rate", "size"]

FARTHEST = 1 << 62


def size(name: str, value: object, low: int, high: int, unit: str = "bytes") -> int:
    """So many bytes, as a number or in words such as `64 KiB`."""
    return _amount(name, value, value, (low, high), f"{unit}, or words such as '64 KiB'")


def rate(name: str, value: object) -> int:
    """So many bytes a second, as a number or in words such as `1 MiB/s`."""
    bare = value.strip().removesuffix("/s") if isinstance(value, str) else value
    return _amount(name, value, bare, (1, FARTHEST), "bytes a second, words such as '1 MiB/s', or None")


def _amount(name: str, shown: object, value: object, bounds: tuple[int, int], unit: str) -> int:
    if not isinstance(value, str):
        return _check.integer(name, value, *bounds, unit)
    number = _check.in_bytes(value)
    if number is None or not bounds[0] <= number <= bounds[1]:
        raise _check.refuse(name, shown, f"allowed are {bounds[0]} to {bounds[1]} {unit}")
    return number


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
