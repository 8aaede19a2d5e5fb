"""The order of the runs: rounds that each visit every cell once, the cells of one point side by side.

A round goes through the points of the grid in a shuffled order, and at each point through its strategies, shuffled too:
what is compared runs within moments, and what disturbs the machine for a while disturbs all alike. The same seed gives
the same order, and more rounds begin with the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

__all__ = ["Visit", "schedule", "visits"]


class Visit(NamedTuple):
    """One run in its place.

    Attributes:
        round: The round, from 0.
        position: Its place in the round, from 0.
        cell: The cell's number in the plan.
    """

    round: int
    position: int
    cell: int


def schedule(times: Sequence[int], seed: int, points: Sequence[int] | None = None) -> list[list[int]]:
    """The rounds, each a shuffled list of cells.

    Args:
        times: For each cell in how many rounds, the first ones, it takes part.
        seed: What the order is drawn from.
        points: For each cell its point; without, each cell is a point of its own.

    >>> schedule([2, 2, 2, 2], seed=1, points=[0, 1, 0, 1])
    [[0, 2, 1, 3], [0, 2, 3, 1]]
    """
    where = range(len(times)) if points is None else points
    return [_round(number, times, seed, where) for number in range(max(times, default=0))]


def visits(rounds: Sequence[Sequence[int]]) -> Iterator[Visit]:
    """The rounds, run by run."""
    for number, order in enumerate(rounds):
        for position, cell in enumerate(order):
            yield Visit(number, position, cell)


def _round(number: int, times: Sequence[int], seed: int, points: Sequence[int]) -> list[int]:
    members: dict[int, list[int]] = {}
    for cell, point in enumerate(points):
        if times[cell] > number:
            members.setdefault(point, []).append(cell)
    order = list(members)
    random = Random(f"{seed}:{number}")
    random.shuffle(order)
    for point in order:
        random.shuffle(members[point])
    return [cell for point in order for cell in members[point]]
