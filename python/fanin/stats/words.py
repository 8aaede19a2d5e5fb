"""What an explanation says, as a sentence: never more certain than its intervals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .. import _format

if TYPE_CHECKING:
    from .explain import Explanation

__all__ = ["sentences"]

AXES = ("cause", "rounds", "ratio", "low", "high", "verdict")
MOST_POINTS = 6


def sentences(found: Explanation) -> Iterator[str]:
    """One about all points together where there are several, and one a point where those are few."""
    names = dict(found.names)
    for row in found.conditions:
        if row["interacts"]:
            names[row["cause"]] = names[row["cause"]].removesuffix("*") + "*"
    about = f"{found.strategy} over {found.over}"
    points = _by_point(found)
    if found.overall.rows:
        yield f"{about}, over {len(points)} points: {_sentence(found.overall.to_dicts(), names)}"
    if len(points) <= MOST_POINTS:
        for point, rows in points.items():
            where = ", ".join(f"{name}={_format.number(value)}" for name, value in point)
            yield f"{about} at {where}: {_sentence(rows, names)}"
    if any(name.endswith("*") for name in names.values()):
        yield "* depends on the rest: see the conditions"


def _by_point(found: Explanation) -> dict[tuple[tuple[str, Any], ...], list[dict[str, Any]]]:
    points: dict[tuple[tuple[str, Any], ...], list[dict[str, Any]]] = {}
    for row in found:
        point = tuple((name, value) for name, value in row.items() if name not in AXES)
        points.setdefault(point, []).append(row)
    return points


def _sentence(rows: list[dict[str, Any]], names: dict[str, str]) -> str:
    *parts, whole = rows
    return f"{'; '.join(_part(names[row['cause']], row) for row in parts)}; together {_times(whole)}."


def _times(row: dict[str, Any]) -> str:
    """The whole: how many times as fast, or what is not known."""
    ratio = _format.interval(row["ratio"], row["low"], row["high"])
    said = {"faster": "{} times as fast", "slower": "{} times as fast, which is slower", "equivalent": "the same ({})"}
    return said.get(row["verdict"], "undecided ({})").format(ratio)


def _part(name: str, row: dict[str, Any]) -> str:
    """A cause and what it is worth.

    >>> _part("the queue", {"ratio": 1.6, "low": 1.4, "high": 1.8, "verdict": "faster"})
    'the queue is worth 1.60 times [1.40, 1.80]'
    >>> _part("the queue", {"ratio": 0.5, "low": 0.4, "high": 0.8, "verdict": "slower"})
    'the queue costs 2.00 times [1.25, 2.50]'
    """
    ratio, low, high, verdict = (row[part] for part in ("ratio", "low", "high", "verdict"))
    if verdict == "slower":
        return f"{name} costs {_ratio(1 / ratio, 1 / high, 1 / low)}"
    shown = _format.interval(ratio, low, high)
    if verdict == "faster":
        return f"{name} is worth {_ratio(ratio, low, high)}"
    said = {"equivalent": "makes no difference", "not worse": "costs nothing, and may be worth something"}
    return f"{name} {said.get(verdict, 'is undecided')} ({shown})"


def _ratio(ratio: float, low: float, high: float) -> str:
    return f"{_format.number(ratio)} times [{_format.number(low)}, {_format.number(high)}]"
