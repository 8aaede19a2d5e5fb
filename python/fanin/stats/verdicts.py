"""What an interval of ratios allows to say, and no more.

In this order: an interval inside the band around 1 is `equivalent`, whichever side of 1 it lies on; above 1 it is
`faster`, below it is `slower`; one that only excludes being slower than the band is `not worse`; all else is
`undecided`. What the host cannot resolve (`noise`) takes `faster` and `slower` away and gives nothing.
"""

from __future__ import annotations

from math import log

from .intervals import Interval

__all__ = ["DECIDED", "EQUIVALENCE", "VERDICTS", "verdict"]

EQUIVALENCE = 0.05
DECIDED = ("faster", "slower")
VERDICTS = (*DECIDED, "equivalent", "not worse", "undecided")


def verdict(ratio: Interval, equivalence: float = EQUIVALENCE, noise: float = 1.0) -> str:
    """One of `VERDICTS` for an interval of ratios.

    Args:
        ratio: How many times as fast, with its ends.
        equivalence: How far from 1 is still as good: 0.05 is from 1 ÷ 1.05 to 1.05.
        noise: Ratios nearer to 1 than this the host does not resolve.

    >>> verdict(Interval(1.6, 1.4, 1.8, 5, "t"))
    'faster'
    >>> verdict(Interval(1.6, 1.4, 1.8, 5, "t"), noise=2.0)
    'undecided'
    >>> verdict(Interval(1.02, 1.01, 1.03, 5, "t"))
    'equivalent'
    """
    if ratio.middle is None or ratio.low is None or ratio.high is None:
        return "undecided"
    if 1 / (1 + equivalence) <= ratio.low and ratio.high <= 1 + equivalence:
        return "equivalent"
    resolved = abs(log(ratio.middle)) >= log(noise)
    if ratio.low > 1:
        return "faster" if resolved else "undecided"
    if ratio.high < 1:
        return "slower" if resolved else "undecided"
    return "not worse" if ratio.low >= 1 / (1 + equivalence) else "undecided"
