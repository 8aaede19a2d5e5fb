"""Latencies as a histogram: what a run stores in HdrHistogram's V2 form, read with the standard library alone.

Values are counted in classes a thousandth wide. Whole numbers of nanoseconds up to 2048 have a class each; from there
on each doubling of the value has 1024 classes, twice as wide as those before.
"""

from __future__ import annotations

import struct
import zlib
from base64 import b64decode
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from ._check import between, refuse

__all__ = ["Histogram", "decode"]

COMPRESSED, PLAIN = 0x1C849304, 0x1C849303
WORDS = 0x10  # the sizes of a cookie's words, which say nothing in this form
HEAD = 40
DIGITS = 3
HALF_BITS = 10  # a doubling has 2 ** 10 classes
LARGEST = 1 << 24  # bytes of a histogram, when it is not compressed


@dataclass(frozen=True, slots=True)
class Histogram:
    """How many latencies fell into which class. Frozen; `+` merges two.

    Attributes:
        classes: The classes' numbers, from the shortest latency on, each with its count.
    """

    classes: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, parts: Iterable[Histogram]) -> Histogram:
        """Several as one."""
        counts: Counter[int] = Counter()
        for part in parts:
            counts.update(dict(part.classes))
        return cls(tuple(sorted(counts.items())))

    @property
    def count(self) -> int:
        """How many latencies there are."""
        return sum(count for _, count in self.classes)

    @property
    def min(self) -> int:
        """The lowest value of the shortest one's class, in nanoseconds; 0 where there is none."""
        return _bounds(self.classes[0][0])[0] if self.classes else 0

    @property
    def max(self) -> int:
        """The highest value of the longest one's class, in nanoseconds; 0 where there is none."""
        return _bounds(self.classes[-1][0])[1] if self.classes else 0

    def percentile(self, percent: float) -> int:
        """The nanoseconds that so many in a hundred do not exceed; of none the shortest.

        It is what the core says, and the PyPI package `hdrhistogram`.
        """
        return self.percentiles([percent])[0]

    def percentiles(self, percents: Iterable[float]) -> list[int]:
        """The same for several."""
        ends = list(accumulate(count for _, count in self.classes))
        if not ends:
            return [0 for _ in percents]
        return [self._at(ends, between("percent", percent, 0, 100)) for percent in percents]

    def _at(self, ends: list[int], percent: float) -> int:
        from bisect import bisect_left

        rank = max(1, int(percent / 100 * ends[-1] + 0.5))
        return _bounds(self.classes[bisect_left(ends, rank)][0])[1] if percent else self.min

    def __add__(self, other: object) -> Histogram:
        return Histogram.of([self, other]) if isinstance(other, Histogram) else NotImplemented


def decode(text: str) -> Histogram:
    """The histogram in a run's `latency_histogram`.

    Raises:
        PlanError: The text is something else.
    """
    try:
        return Histogram(tuple(_classes(_inflated(b64decode(text, validate=True)))))
    except (ValueError, struct.error, zlib.error) as error:
        raise refuse("latency_histogram", text, f"this is no histogram of fanin's: {error}") from None


def _inflated(raw: bytes) -> bytes:
    cookie, length = struct.unpack_from(">ii", raw)
    if cookie & ~WORDS != COMPRESSED & ~WORDS or length != len(raw) - 8:
        raise ValueError("its first bytes are others")
    found = zlib.decompressobj().decompress(raw[8:], LARGEST)
    cookie, length, offset, digits, lowest = struct.unpack_from(">iiiiq", found)
    if cookie & ~WORDS != PLAIN & ~WORDS or (offset, digits, lowest) != (0, DIGITS, 1) or length != len(found) - HEAD:
        raise ValueError("its head is another")
    return found[HEAD:]


def _classes(body: bytes) -> Iterator[tuple[int, int]]:
    """Counts by class; a negative number says how many classes in a row are empty."""
    index = 0
    for number in _numbers(body):
        if number < 0:
            index -= number
            continue
        if number:
            yield index, number
        index += 1


def _numbers(body: bytes) -> Iterator[int]:
    """ZigZag numbers in groups of 7 bits, the lowest first; the ninth group has 8."""
    at = 0
    while at < len(body):
        value = shift = 0
        for group in range(9):
            if at == len(body):
                raise ValueError("it is cut off")
            byte = body[at]
            at += 1
            if group == 8:
                value |= byte << shift
                break
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        yield (value >> 1) ^ -(value & 1)


def _bounds(index: int) -> tuple[int, int]:
    """The lowest and the highest value of a class."""
    doubling = max((index >> HALF_BITS) - 1, 0)
    step = index - (doubling << HALF_BITS)
    return step << doubling, ((step + 1) << doubling) - 1
