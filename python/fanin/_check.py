"""Arguments, checked before anything starts. An error names the argument, its value and what is allowed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from operator import index
from typing import Any

from .errors import PlanError

__all__ = [
    "axis",
    "between",
    "callback",
    "distinct",
    "flag",
    "integer",
    "known",
    "nanoseconds",
    "one_of",
    "real",
    "refuse",
    "seconds",
    "strategy",
    "timeout",
    "word",
]

LONGEST_SECONDS = 86_400
LONGEST_SPAN = 7 * LONGEST_SECONDS
LONGEST_AXIS = 10_000
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(s|min|h)")
_UNITS = {"s": 1, "min": 60, "h": 3600}


def refuse(name: str, value: object, allowed: str) -> PlanError:
    """The error for an argument, ready to be raised."""
    return PlanError(f"{name}={_shown(value)}: {allowed}")


def integer(name: str, value: object, low: int, high: int, unit: str = "") -> int:
    """A whole number from `low` to `high`; numpy's integers are welcome, booleans and floats are not."""
    allowed = f"allowed are whole numbers from {low} to {high}{unit and ' ' + unit}"
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        raise refuse(name, value, allowed)
    try:
        number = index(value)  # type: ignore[arg-type]
    except TypeError:  # an array that is no single number
        raise refuse(name, value, allowed) from None
    if not low <= number <= high:
        raise refuse(name, value, allowed)
    return number


def between(name: str, value: object, low: float, high: float) -> float:
    """A number from `low` to `high`."""
    problem = refuse(name, value, f"allowed are numbers from {low:g} to {high:g}")
    if isinstance(value, (bool, str, bytes)) or not hasattr(type(value), "__float__"):
        raise problem
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise problem from None
    if not low <= number <= high:
        raise problem
    return number


def nanoseconds(name: str, value: object, *, above_zero: bool = False) -> int:
    """Seconds, as whole nanoseconds."""
    low = "more than 0" if above_zero else "0"
    problem = refuse(name, value, f"allowed are {low} to {LONGEST_SECONDS} seconds")
    if isinstance(value, bool) or not hasattr(type(value), "__float__"):
        raise problem
    try:
        seconds = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise problem from None
    if not 0 <= seconds <= LONGEST_SECONDS or (above_zero and seconds == 0):
        raise problem
    whole = round(seconds * 1e9)
    return max(whole, 1) if above_zero else whole


def real(name: str, value: object, high: float, unit: str) -> float:
    """A number above 0, up to `high`."""
    problem = refuse(name, value, f"allowed are numbers above 0, up to {high:g} {unit}")
    if isinstance(value, (bool, str)) or not hasattr(type(value), "__float__"):
        raise problem
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise problem from None
    if not 0 < number <= high:
        raise problem
    return number


def seconds(name: str, value: object) -> float:
    """A span of time: seconds as a number, or words such as `90s`, `2min`, `1.5h`."""
    if not isinstance(value, str):
        return real(name, value, LONGEST_SPAN, "seconds")
    found = _SPAN.fullmatch(value.strip())
    if not found:
        raise refuse(name, value, "allowed are seconds, or a number with s, min or h, such as '2min'")
    return real(name, float(found[1]) * _UNITS[found[2]], LONGEST_SPAN, "seconds")


def timeout(name: str, value: object, *, zero: bool = True) -> float:
    """Seconds that something may take: from 0, or above 0, up to a day."""
    return nanoseconds(name, value, above_zero=not zero) / 1e9


def callback(name: str, value: Any) -> Callable[[Any], object] | None:
    """Something to be called, or None."""
    if value is None or callable(value):
        found: Callable[[Any], object] | None = value
        return found
    raise refuse(name, value, "allowed are a function of one argument, or None")


def flag(name: str, value: object) -> bool:
    """True or false, and nothing that is only like it."""
    if not isinstance(value, bool):
        raise refuse(name, value, "allowed are True and False")
    return value


def one_of(name: str, value: object, allowed: Sequence[str]) -> str:
    """One of the words; a near miss gets a hint."""
    if isinstance(value, str) and value in allowed:
        return value
    raise refuse(name, value, f"allowed are {', '.join(allowed)}{_hint(value, allowed)}")


def strategy(name: str, value: object, allowed: Sequence[str]) -> str:
    """A strategy's name. There are many: its two halves are told apart, and a near miss gets a hint."""
    if isinstance(value, str) and value in allowed:
        return value
    queues, writes = (", ".join(dict.fromkeys(half)) for half in zip(*(one.split("/") for one in allowed), strict=True))
    form = f"allowed are a queue and a write, as in swap/batch; queues: {queues}; writes: {writes}"
    raise refuse(name, value, f"{form}{_strategy_hint(name, value, allowed)}")


def _strategy_hint(name: str, value: object, allowed: Sequence[str]) -> str:
    """What was nearest; several in one text should be a list, and a queue alone has its batches."""
    if isinstance(value, str) and "," in value:
        several = [part.strip() for part in value.split(",")]
        return (
            f"; give a list: {several}" if name == "strategies" else f"; one is allowed here, a sweep takes {several}"
        )
    if f"{value}/batch" in allowed:
        return f"; did you mean {value}/batch?"
    return _hint(value, allowed)


def known(function: str, names: Iterable[str], call: Callable[..., Any]) -> None:
    """Refuses names that are not those of a call's arguments, as the call does by itself; a near miss gets a hint."""
    import inspect

    allowed = list(inspect.signature(call).parameters)
    for name in names:
        if name not in allowed:
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}{_hint(name, allowed)}")


def word(name: str, value: object, allowed: str) -> str:
    """Some text, not empty, that can be encoded."""
    if not isinstance(value, str) or not value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise refuse(name, value, f"allowed are {allowed}")
    return value


def axis(name: str, value: object) -> tuple[Any, ...]:
    """The points of an axis: a scalar is one point; a list, tuple, range or array is several, all different."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        return (value,)
    if isinstance(value, (dict, set, frozenset)):
        raise refuse(name, value, "allowed are one value or a list of them; this has no order to keep")
    points = _bounded(name, value)
    if not points:
        raise refuse(name, value, "allowed is at least one value; a grid over none is empty")
    return points


def distinct(name: str, points: Sequence[Any]) -> None:
    """Refuses an axis that names a point twice: the two would be one cell."""
    for place, point in enumerate(points):
        if point in points[:place]:
            raise refuse(name, point, "allowed is each value once; this one is listed twice")


def _bounded(name: str, values: Iterable[Any]) -> tuple[Any, ...]:
    points: list[Any] = []
    for point in values:
        if len(points) == LONGEST_AXIS:
            raise PlanError(f"{name}: allowed are up to {LONGEST_AXIS} values; here are more")
        points.append(point)
    return tuple(points)


def _hint(value: object, allowed: Sequence[str]) -> str:
    if not isinstance(value, str):
        return ""
    from difflib import get_close_matches

    near = get_close_matches(value, allowed, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _shown(value: object) -> str:
    from reprlib import Repr

    shown = Repr()
    shown.maxstring = shown.maxother = 60
    try:
        return shown.repr(value).replace("\n", " ")
    except ValueError:  # an integer with more digits than Python prints
        size = math.log10(abs(index(value))) if isinstance(value, int) else math.nan
        return f"a number of some {size:.0f} digits"
