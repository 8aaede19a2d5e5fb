"""A panel for each point of the axes that a picture has no other place for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import _format
from ._check import refuse
from ._extras import need
from .stats.pairs import order

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["panels", "parts", "several"]

MOST = 12
ACROSS = 3
INCHES = (5.2, 4.0)


def several(axes: Sequence[str], rows: Sequence[dict[str, Any]], *shown: str) -> bool:
    """Whether rows differ in more than what is shown."""
    return any(len({row[name] for row in rows}) > 1 for name in axes if name not in shown)


def parts(axes: Sequence[str], rows: Sequence[dict[str, Any]], *shown: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """Rows that differ in no more than what is shown, each such part with a title that says where it is.

    Raises:
        PlanError: There would be more than can be looked at.
    """
    extra = _besides(axes, rows, shown)
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in extra), []).append(row)
    if len(found) > MOST:
        raise refuse(extra[0], len(found), f"it varies too, with {', '.join(extra[1:]) or 'nothing else'}: keep one")
    return [(_title(extra, point), found[point]) for point in sorted(found, key=order)]


def panels(count: int) -> tuple[Axes, ...]:
    """So many panels of a new figure, three in a row, on one scale."""
    across = min(count, ACROSS)
    up = -(-count // across)
    size = (INCHES[0] * across, INCHES[1] * up)
    pyplot = need("matplotlib.pyplot", "plot")
    figure, grid = pyplot.subplots(up, across, figsize=size, squeeze=False, layout="constrained")
    every = list(grid.flat)
    for empty in every[count:]:
        empty.set_visible(False)
    figure.canvas.draw()
    return tuple(every[:count])


def _title(names: Sequence[str], point: Sequence[Any]) -> str:
    return ", ".join(map(_format.axis, names, point))


def _besides(axes: Sequence[str], rows: Sequence[dict[str, Any]], shown: Sequence[str]) -> list[str]:
    """The axes that vary, but for those that follow from the ones before, as a limit's unit does."""
    kept: list[str] = []
    for name in axes:
        points = {tuple(row[other] for other in kept) for row in rows}
        if name not in shown and len({(*(row[other] for other in kept), row[name]) for row in rows}) > len(points):
            kept.append(name)
    return kept
