"""Before a plan runs: what it costs, how many rounds a budget holds, and all that will happen.

A calibration pass times one burst of each cell, the small ones first, and stops when it has taken long enough; what it
did not come to is reckoned from the same strategy's time a message. Its runs are thrown away.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from . import _check, _format, cells
from .cells import AXES, ONCE, Cell, Effort
from .plan import DEFAULT_BUDGET, MOST_ROUNDS, MOST_RUNS, LeftOut, Plan
from .running import execute
from .runs import Run
from .schedule import schedule, visits
from .table import Table

__all__ = ["DryRun", "calibrate", "dry_run", "lower_bounds", "rounds"]

LONGEST_CALIBRATION = 10.0
SHARE = 0.1  # of a budget, at most, for the calibration
LEAST_ROUNDS = 3  # with fewer there is no spread
ENOUGH_NS = 3_000_000  # timed in a calibration, for a burst that is shorter
OVERHEAD = 0.0003  # seconds to start and join a burst's threads, at the least


@dataclass(frozen=True, slots=True, repr=False)
class DryRun:
    """What a plan will do. Prints as a table of its cells.

    Attributes:
        plan: The plan.
        times: For each cell in how many rounds it takes part.
        costs: For each cell how many seconds one visit takes.
        calibrated: Whether `costs` were measured; otherwise they are lower bounds.

    Example:
        >>> import fanin
        >>> dry = fanin.Plan(["mpsc/batch", "swap/batch"], producers=[1, 8], rounds=3).dry_run()
        >>> dry.times, dry.calibrated
        ((3, 3, 3, 3), True)
    """

    plan: Plan
    times: tuple[int, ...]
    costs: tuple[float, ...]
    calibrated: bool

    @property
    def seconds(self) -> float:
        """How long all of it will take."""
        return sum(cost * times for cost, times in zip(self.costs, self.times, strict=True))

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What will not be run, and why."""
        return self.plan.left_out

    def cells(self) -> Table:
        """One row a cell: its number, its axes that vary, its rounds, the seconds they take together."""
        points = self.plan.cells
        shown = [name for name in AXES if name in _ALWAYS or len({getattr(cell, name) for cell in points}) > 1]
        rows = [
            {"cell": number} | {name: cell.column(name) for name in shown} | {"rounds": times, "seconds": cost * times}
            for number, (cell, times, cost) in enumerate(zip(points, self.times, self.costs, strict=True))
        ]
        return Table.of(rows, self._title())

    def order(self) -> Table:
        """One row a run, in the order in which they will be made."""
        points = self.plan.cells
        order = schedule(self.times, self.plan.seed, cells.points(points))
        rows = [visit._asdict() | {"label": points[visit.cell].label()} for visit in visits(order)]
        return Table.of(rows, "the order of the runs")

    def to_json(self) -> dict[str, Any]:
        """All of it but the order, as a dict for `json.dumps`."""
        left_out = [{"cell": label, "reason": reason} for label, reason in self._reasons()]
        known = {"plan": self.plan.to_dict(), "seconds": self.seconds, "calibrated": self.calibrated}
        return known | {"cells": self.cells().to_dicts(), "left_out": left_out}

    def _title(self) -> str:
        bound = "" if self.calibrated else "at least "
        runs = _format.plural(sum(self.times), "run")
        often = sorted({min(self.times), max(self.times)})
        how = f"{' to '.join(map(str, often))} round{'s' if often[-1] > 1 else ''}"
        return f"{_format.plural(len(self.costs), 'cell')}, {how}: {runs} in {bound}{_format.seconds(self.seconds)}"

    def _reasons(self) -> list[tuple[str, str]]:
        return [(left.cell.label(), left.reason) for left in self.left_out]

    def __repr__(self) -> str:
        lines = [f"<DryRun: {self._title()}>", *_format.text_table(*_table(self.cells())).splitlines()]
        if self.left_out:
            lines += ["left out:", *(f"  {label}: {reason}" for label, reason in self._reasons())]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        left = _format.html_table(("left out", "why"), self._reasons()) if self.left_out else ""
        return _format.html_table(*_table(self.cells()), self._title()) + left


_ALWAYS = ("strategy", "producers")


def dry_run(plan: Plan, measured: bool) -> DryRun:
    """What the plan will do."""
    costs = calibrate(plan.cells, plan.effort, limit(plan)) if measured else lower_bounds(plan.cells, plan.effort)
    return DryRun(plan, tuple(rounds(plan, costs)), tuple(costs), measured)


def needs_calibration(plan: Plan) -> bool:
    """Whether the rounds depend on how long a cell takes."""
    return plan.rounds == "auto" or plan.budget is not None


def limit(plan: Plan) -> float:
    """The most seconds to spend on a calibration."""
    return LONGEST_CALIBRATION if plan.budget is None else min(LONGEST_CALIBRATION, SHARE * plan.budget)


def calibrate(cells: Sequence[Cell], effort: Effort, limit: float) -> list[float]:
    """For each cell how many seconds a visit takes, found in `limit` seconds or little more."""
    deadline = time.monotonic() + limit
    found: dict[int, tuple[float, float]] = {}
    if effort.min_ns:
        execute(min(cells, key=_size), ONCE)  # the first run of a process is slow
    for number in sorted(range(len(cells)), key=lambda number: _size(cells[number])):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        found[number] = _timed(cells[number], left, effort)
    rates = _rates(cells, found)
    return [_cost(effort, *found.get(number, rates(cell))) for number, cell in enumerate(cells)]


def lower_bounds(cells: Sequence[Cell], effort: Effort) -> list[float]:
    """The same without running anything: no cell can take less."""
    return [_cost(effort, _least(cell), OVERHEAD) for cell in cells]


def rounds(plan: Plan, costs: Sequence[float]) -> list[int]:
    """For each cell in how many rounds it takes part: as asked, or as many as the budget holds.

    All cells take part in as many, unless the budget holds fewer than three rounds: then the points that take longest
    have fewer.

    Raises:
        PlanError: The budget does not hold one round.
    """
    asked = MOST_ROUNDS if plan.rounds == "auto" else plan.rounds
    if not needs_calibration(plan):
        return [asked] * len(costs)
    most = max(1, min(asked, MOST_RUNS // len(costs)))
    budget = DEFAULT_BUDGET if plan.budget is None else plan.budget
    one = sum(costs)
    if one > budget:
        least = f"allowed is at least what one round takes, some {_format.seconds(one)}; or a smaller grid"
        raise _check.refuse("budget", budget, least)
    fit = int(budget / one)
    return [min(fit, most)] * len(costs) if fit >= min(LEAST_ROUNDS, most) else _capped(plan, costs, budget, most)


def _capped(plan: Plan, costs: Sequence[float], budget: float, most: int) -> list[int]:
    """One round of all, then up to three of the points that are quickest."""
    points = cells.points(plan.cells)
    times, spent = [1] * len(costs), sum(costs)
    price = [0.0] * (max(points) + 1)
    for cell, point in enumerate(points):
        price[point] += costs[cell]
    for number in range(2, min(LEAST_ROUNDS, most) + 1):
        for point in sorted(range(len(price)), key=price.__getitem__):
            if spent + price[point] > budget:
                break
            spent += price[point]
            times = [number if where == point else t for where, t in zip(points, times, strict=True)]
    return times


def _timed(cell: Cell, left: float, effort: Effort) -> tuple[float, float]:
    """The seconds of one burst, and those around it."""
    most = max(1, math.ceil(left * 1e9))
    patience = most if effort.timeout_ns is None else min(most, effort.timeout_ns)
    start = time.monotonic()
    run = execute(cell, Effort(bursts=1, min_ns=min(ENOUGH_NS, effort.min_ns), timeout_ns=patience))
    # Where none ended in the time, one takes that long at the least.
    each = (time.monotonic() - start) / max(run.bursts, 1)
    burst = _burst(run, each)
    return max(burst, _least(cell)), max(each - burst, 0.0)


def _burst(run: Run, wall: float) -> float:
    return wall if run.burst_seconds is None else run.burst_seconds


def _rates(cells: Sequence[Cell], found: dict[int, tuple[float, float]]) -> Any:
    """What a burst that was not timed would take: by the time a message of those that were."""
    by_strategy: dict[str, list[float]] = {}
    for number, (burst, _) in found.items():
        by_strategy.setdefault(cells[number].strategy, []).append(burst / _messages(cells[number]))
    everything = [rate for rates in by_strategy.values() for rate in rates] or [1e-6]
    around = median(around for _, around in found.values()) if found else OVERHEAD

    def reckon(cell: Cell) -> tuple[float, float]:
        rate = median(by_strategy.get(cell.strategy, everything))
        return max(rate * _messages(cell), _least(cell)), around

    return reckon


def _cost(effort: Effort, burst: float, around: float) -> float:
    """The seconds of a visit: bursts are repeated until enough is timed, and each is started and joined anew."""
    repeats = max(effort.bursts, math.ceil(effort.min_ns / 1e9 / burst) if burst > 0 else 1)
    most = math.inf if effort.timeout_ns is None else effort.timeout_ns / 1e9
    return max(repeats * (min(burst, most) + around), effort.min_ns / 1e9)


def _messages(cell: Cell) -> int:
    return cell.producers * cell.messages


def _least(cell: Cell) -> float:
    """No burst takes less: a producer's own work and sleep; and an open load lasts as long as it is to."""
    if cell.rate is not None:
        return _messages(cell) / cell.rate
    return cell.messages * (cell.work_ns + cell.delay_ns) / 1e9


def _size(cell: Cell) -> tuple[float, int]:
    return _least(cell), _messages(cell) * (100 + cell.payload)


def _table(table: Table) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
    return table.columns, table.rows
