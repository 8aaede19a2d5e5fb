"""Every strategy beside the ceiling at a few sizes: what `fanin bench` prints.

A round visits all arms of a size side by side, in shuffled order. CPU time is that of the whole process, producers and
server included: it holds up under noise better than the time on the wall. That stands beside it, since waking late
saves CPU time too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from . import _check, _format, cells
from .catalogue import Strategy, strategies
from .cells import Cell
from .measure import visit
from .progress import Progress
from .ratios import Spread
from .schedule import schedule
from .sweeps import Sweep
from .table import Table

__all__ = ["CAPPED", "Arm", "Bench", "arms", "bench", "measured", "paired", "usual"]

PAYLOADS = (1, 64, 256, 4096)
CEILING = "direct/batch"
CPU, WALL = "cpu_nanoseconds_per_message", "nanoseconds_per_message"
# What a queue without a bound is given in a second arm, to compare at equal capacity: what a second-level cache holds.
CAPPED = "256 KiB"
BURST_BYTES = 32 << 20
OVERHEAD = 48
MIN_SECONDS = 0.05
TIMEOUT = 60.0


@dataclass(frozen=True, slots=True, order=True)
class Arm:
    """A strategy at a capacity; None is what it has when it is given none."""

    strategy: str
    capacity: str | None = None

    def __str__(self) -> str:
        return f"{self.strategy}, {self.capacity}" if self.capacity else self.strategy

    def cell(self, **load: Any) -> Cell:
        """The arm under a load, checked."""
        return cells.cell(strategy=self.strategy, capacity=self.capacity, **(_LOAD | load))

    @classmethod
    def of(cls, strategy: str, capacity: int | None) -> Arm:
        """The arm that a row of a sweep is of."""
        return cls(strategy, None if capacity is None else CAPPED)


_LOAD: dict[str, Any] = {"work": 0, "delay": 0.0, "server": "discard", "producers_as": "threads", "actor": "thread"} | {
    "threads": None
}


@dataclass(frozen=True, slots=True, repr=False)
class Bench:
    """What `bench` found; prints as a table a payload, cheapest first.

    Attributes:
        sweep: The runs.
    """

    sweep: Sweep

    def table(self, payload: int) -> Table:
        """The arms at a payload, by CPU time: each with its lowest and highest round, and its ratio to the ceiling."""
        part = self.sweep.filter(payload=payload)
        found = measured(part)
        rows = [_row(part, arm, found) for arm in found]
        rows.sort(key=lambda row: (row["cpu_ns"] is None, row["cpu_ns"]))
        return Table.of(rows, f"{_format.plural(payload, 'byte')}: ns a message, median, lowest, highest of the rounds")

    @property
    def payloads(self) -> tuple[int, ...]:
        """The sizes, in order."""
        return tuple(sorted(set(self.sweep.column("payload"))))

    def to_json(self) -> dict[str, Any]:
        """Its tables, the runs, and what is known of the host."""
        tables = {str(payload): self.table(payload).to_dicts() for payload in self.payloads}
        return {"tables": tables, "runs": self.sweep.to_dicts(), "meta": self.sweep.metadata}

    def __repr__(self) -> str:
        return "\n\n".join(self._text(payload) for payload in self.payloads)

    def _text(self, payload: int) -> str:
        head = ["strategy", "CPU ns a message", "÷ ceiling", "wall ns a message", "million/s"]
        table = self.table(payload)
        producers = self.sweep.column("producers")[0]
        load = f"{_format.plural(producers, 'producer')} × {_format.plural(payload, 'byte')}"
        title = f"{load}, verified: median (lowest … highest)"
        return f"{title}\n{_format.text_table(head, [_shown(row) for row in table])}"


def bench(
    names: Sequence[str] = (),
    *,
    producers: int = 4,
    payloads: Sequence[int] = PAYLOADS,
    rounds: int = 5,
    seed: int = 0,
    progress: bool | None = None,
) -> Bench:
    """Runs every strategy, or those named, at each payload: producers are threads, each burst some 30 MB.

    Queues that have no bound unless they are given one run twice, without and with 256 KiB.

    Raises:
        PlanError: An argument is wrong; nothing has run.
        SweepInterrupted: Ctrl-C; the runs that had ended are in its `.sweep`.
    """
    sizes = _check.axis("payload", payloads)
    chosen = arms([strategies().named(name) for name in names] or usual())
    points = [arm.cell(**_burst(producers, size)) for size in sizes for arm in chosen]
    return Bench(run_arms(points, rounds, seed, progress))


def run_arms(points: Sequence[Cell], rounds: int, seed: int, progress: bool | None) -> Sweep:
    """Visits the cells in rounds: those of one load side by side, whatever their capacity."""
    times = [_check.integer("rounds", rounds, 1, 1000)] * len(points)
    loads = [replace(cell, strategy="", capacity=None, capacity_unit=None) for cell in points]
    order = schedule(times, _check.integer("seed", seed, 0, 2**63 - 1), [loads.index(load) for load in loads])
    with Progress(sum(times), show=progress) as bar:
        return visit(points, order, cells.effort(1, MIN_SECONDS, TIMEOUT), seed, bar)


def usual() -> list[Strategy]:
    """Every queue with the write policy that suits it: what takes one message at a time writes each."""
    suits = {"one": "each", "all": "batch"}
    return [strategy for strategy in strategies() if strategy.write == suits[strategy.drain]]


def arms(chosen: Iterable[Strategy]) -> list[Arm]:
    """Each strategy as it is, and capped where it has no bound of its own."""
    found = []
    for strategy in chosen:
        found.append(Arm(strategy.name))
        if strategy.bounded and strategy.default_capacity is None:
            found.append(Arm(strategy.name, CAPPED))
    return found


def measured(sweep: Sweep, metric: str = CPU) -> dict[Arm, dict[tuple[Any, ...], float]]:
    """For each arm its figure by round and host; of runs that did not deliver there is none."""
    names = ("strategy", "capacity", "round", "host", "status", metric)
    found: dict[Arm, dict[tuple[Any, ...], float]] = {}
    for strategy, capacity, number, host, status, value in zip(*map(sweep.column, names), strict=True):
        rounds = found.setdefault(Arm.of(strategy, capacity), {})
        if status == "ok" and value:
            rounds[number, host] = value
    return found


def paired(found: dict[Arm, dict[tuple[Any, ...], float]], arm: Arm, over: Arm) -> list[float]:
    """What the arm took, in parts of what the other took in the same round."""
    mine, theirs = found.get(arm, {}), found.get(over, {})
    return [value / theirs[where] for where, value in mine.items() if where in theirs]


def _burst(producers: int, payload: int) -> dict[str, int]:
    """About as much to send at every size, and never so little that starting shows."""
    total = BURST_BYTES // (_check.integer("payload", payload, 1, cells.LARGEST_PAYLOAD) + OVERHEAD)
    senders = _check.integer("producers", producers, 1, 8192)
    return {"producers": senders, "payload": payload, "messages": max(1, total // senders)}


def _row(part: Sweep, arm: Arm, found: dict[Arm, dict[tuple[Any, ...], float]]) -> dict[str, Any]:
    wall = measured(part, WALL)[arm]
    row: dict[str, Any] = {"strategy": arm.strategy, "capacity": arm.capacity, "status": _status(part, arm)}
    ceiling = Spread.of(paired(found, arm, Arm(CEILING)))
    for name, values in (("cpu_ns", Spread.of(found[arm].values())), ("wall_ns", Spread.of(wall.values()))):
        row |= {name: values.median, f"{name}_lowest": values.lowest, f"{name}_highest": values.highest}
    return row | {"ceilings": ceiling.median, "pairs": len(found[arm])}


def _status(part: Sweep, arm: Arm) -> str:
    """`ok`, or what was wrong with the first run that was not."""
    for run in part:
        if Arm.of(run.strategy, run.capacity) == arm and run.status != "ok":
            return f"{run.status}: {run.counterexample or ''}"
    return "ok"


def _shown(row: dict[str, Any]) -> list[object]:
    arm = Arm(row["strategy"], row["capacity"])
    if row["status"] != "ok":
        return [str(arm), row["status"], None, None, None]
    cpu, wall = (
        _format.spread(row[name], row[f"{name}_lowest"], row[f"{name}_highest"]) for name in ("cpu_ns", "wall_ns")
    )
    return [str(arm), cpu, row["ceilings"], wall, 1000 / row["wall_ns"]]
