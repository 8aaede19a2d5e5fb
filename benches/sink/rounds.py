"""Runs the cells of the blocks in shuffled rounds, with bursts that are long enough to be timed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from math import ceil
from random import Random
from typing import Any

import arms
import link
import messages
from plan import BLOCKS, Cell

SHORTEST = 0.05
TRIES = 4
MOST_MESSAGES = 20_000_000


class Rounds:
    """Knows how long each cell's burst has to be; asks again until it is timed for 50 ms."""

    def __init__(self, receiver: link.Receiver, seconds: float, samples: int) -> None:
        self._receiver, self._seconds, self._samples = receiver, seconds, samples
        self._rates: dict[Cell, float] = {}

    def run(self, cell: Cell) -> dict[str, Any]:
        """One run, long enough."""
        for _ in range(TRIES):
            known = cell in self._rates
            row = self._once(cell)
            if row["fault"] or cell.kind in ("latency", "idle", "room"):
                return row
            # The first burst was a guess: it says how long the next one is, and counts only if it was right.
            self._rates[cell] = row["messages"] / row["seconds"]
            if row["seconds"] >= (SHORTEST if known else self._seconds / 2):
                return row
        return row | {"fault": f"timed for {row['seconds']:.3f} s only"}

    def _once(self, cell: Cell) -> dict[str, Any]:
        spec, ring, expected = cell.spec(), messages.ring_of(cell.threads), self._samples
        if cell.kind == "latency":
            spec |= {"messages": expected}
        elif cell.kind == "idle":
            spec |= {"seconds": 1.0}
            expected = 1
        elif cell.kind == "room":
            spec |= {"turns": 10}
            expected = 10 * (40_000 // ring) * ring
        else:
            spec |= {"turns": self._turns(cell, ring)}
            expected = spec["turns"] * ring * cell.threads
        return link.run(self._receiver, spec, expected, ring)

    def _turns(self, cell: Cell, ring: int) -> int:
        rate = self._rates.get(cell) or arms.find(cell.arm).guess
        return ceil(min(rate * self._seconds, MOST_MESSAGES) / (ring * cell.threads))


def rows(
    chosen: Callable[[str, Cell], bool], rounds: int, seconds: float, samples: int, seed: int
) -> Iterator[dict[str, Any]]:
    """Every run of every block, as a flat row with its place."""
    with link.Receiver() as receiver:
        runs, random = Rounds(receiver, seconds, samples), Random(seed)
        for block, number in itertools.product(BLOCKS, range(rounds)):
            cells = [cell for cell in BLOCKS[block] if chosen(block, cell)]
            for cell in random.sample(cells, len(cells)):
                yield {"block": block, "round": number} | cell.spec() | runs.run(cell)
