"""Intervals for the mean of a few independent numbers: Student's below 20 of them, the bootstrap from 20 on.

Five numbers do not show their own distribution: a percentile bootstrap of five errs three times as often as it says,
so few numbers are trusted to be near enough to normal, and pay for it with Student's wide quantiles. From 20 on the
percentile bootstrap lets a skew speak, its quantiles moved out as Hesterberg (2015) does, since a resample spreads less
than a fresh sample would. The bias-corrected and accelerated bootstrap is not taken: logarithms of ratios have heavy
tails on both sides and little skew, and there it covers 85 to 92 % where this one covers 94 to 96 %. Beyond 500 numbers
both say what Student's says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import atan, cos, exp, fsum, pi, sin, sqrt, tan
from operator import itemgetter
from random import Random
from statistics import NormalDist
from typing import Any, NamedTuple

__all__ = ["BOOTSTRAP_FROM", "Interval", "mean", "of_difference", "of_mean", "outermost", "t_cdf", "t_quantile"]

BOOTSTRAP_FROM = 20
BOOTSTRAP_UP_TO = 500
RESAMPLES = 2000
LARGEST_LOG = 700.0
NORMAL = NormalDist()


class Interval(NamedTuple):
    """A mean with the interval that covers the true one in `level` of all cases; on the scale of what was given.

    Attributes:
        middle: The mean; None where there was nothing.
        low: The lower end; None where fewer than two numbers were given.
        high: The upper end.
        size: How many numbers it rests on.
        method: `"t"`, `"bootstrap"`, or `"none"`.
    """

    middle: float | None
    low: float | None
    high: float | None
    size: int
    method: str

    def exp(self) -> Interval:
        """The same on the scale of ratios, for an interval of logarithms."""
        return self._replace(middle=_exp(self.middle), low=_exp(self.low), high=_exp(self.high))


def of_mean(values: Iterable[float], level: float = 0.95, seed: int = 0) -> Interval:
    """The interval for the mean of independent values. Their order does not matter.

    >>> of_mean([1.0, 2.0, 3.0])
    Interval(middle=2.0, low=-0.484..., high=4.484..., size=3, method='t')
    """
    ordered = sorted(values)
    if len(ordered) < 2:
        return Interval(ordered[0] if ordered else None, None, None, len(ordered), "none")
    if BOOTSTRAP_FROM <= len(ordered) <= BOOTSTRAP_UP_TO and ordered[0] < ordered[-1]:
        return _bootstrap(ordered, level, seed)
    middle, wide = mean(ordered), t_quantile((1 + level) / 2, len(ordered) - 1) * _error(ordered)
    return Interval(middle, middle - wide, middle + wide, len(ordered), "t")


def of_difference(values: Sequence[float], over: Sequence[float], level: float = 0.95) -> Interval:
    """Welch's interval for the difference of two means, for values that are not paired.

    >>> of_difference([3.0, 4.0, 5.0], [1.0, 2.0, 3.0]).middle
    2.0
    """
    count = min(len(values), len(over))
    if not count:
        return Interval(None, None, None, 0, "none")
    middle = mean(values) - mean(over)
    if count < 2:
        return Interval(middle, None, None, count, "none")
    wide = _welch(values, over, (1 + level) / 2)
    return Interval(middle, middle - wide, middle + wide, count, "t")


def mean(values: Sequence[float]) -> float:
    """The mean, summed without loss."""
    return fsum(values) / len(values)


@lru_cache(maxsize=256)
def t_quantile(share: float, freedom: int) -> float:
    """Below which value a share of Student's distribution lies.

    >>> round(t_quantile(0.975, 4), 4), round(t_quantile(0.975, 19), 4)
    (2.7764, 2.093)
    """
    low, high = -pi / 2, pi / 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_share(middle, freedom) < share else (low, middle)
    return tan((low + high) / 2) * sqrt(freedom)


def t_cdf(value: float, freedom: int) -> float:
    """The share of Student's distribution below a value.

    >>> round(t_cdf(2.7764, 4), 4)
    0.975
    """
    return _t_share(atan(value / sqrt(freedom)), freedom)


def outermost(level: float, count: int) -> float:
    """Which quantile of so many numbers' resampled means ends their interval: Hesterberg's, farther out than its name.

    >>> round(outermost(0.95, 20), 4), round(outermost(0.95, 10_000), 4)
    (0.9841, 0.975)
    """
    return NORMAL.cdf(t_quantile((1 + level) / 2, count - 1) * sqrt(count / (count - 1)))


def _t_share(angle: float, freedom: int) -> float:
    """The distribution as a finite sum over whole degrees of freedom (Abramowitz and Stegun, 26.7.3 and 26.7.4)."""
    odd, square = freedom % 2, cos(angle) ** 2
    term, terms = (cos(angle) if odd else 1.0), []
    for step in range(2 + odd, freedom + 1, 2):
        terms.append(term)
        term *= square * (step - 1) / step
    inside = sin(angle) * fsum(terms)
    return (1 + (2 / pi * (angle + inside) if odd else inside)) / 2


def _error(values: Sequence[float]) -> float:
    """The standard error of the mean."""
    return sqrt(_squares(values) / (len(values) - 1) / len(values))


def _squares(values: Sequence[float]) -> float:
    middle = mean(values)
    return fsum((value - middle) ** 2 for value in values)


def _welch(values: Sequence[float], over: Sequence[float], share: float) -> float:
    first, second = _error(values) ** 2, _error(over) ** 2
    if first + second == 0:
        return 0.0
    freedom = (first + second) ** 2 / (first**2 / (len(values) - 1) + second**2 / (len(over) - 1))
    return t_quantile(share, max(1, int(freedom + 1e-9))) * sqrt(first + second)


def _bootstrap(ordered: Sequence[float], level: float, seed: int) -> Interval:
    """The percentile bootstrap with Hesterberg's wider quantiles."""
    count = len(ordered)
    means = sorted(sum(pick(ordered)) / count for pick in _resamples(count, seed))
    outer = outermost(level, count)
    return Interval(mean(ordered), _quantile(means, 1 - outer), _quantile(means, outer), count, "bootstrap")


@lru_cache(maxsize=4)
def _resamples(count: int, seed: int) -> tuple[itemgetter[Any], ...]:
    """Each draws one resample: the same draws for all comparisons of as many numbers."""
    random = Random(f"{seed}:{count}")
    return tuple(itemgetter(*random.choices(range(count), k=count)) for _ in range(RESAMPLES))


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _exp(value: float | None) -> float | None:
    return None if value is None else exp(min(value, LARGEST_LOG))
