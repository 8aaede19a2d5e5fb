"""A plan: which cells are run, how often, in which order, and what is left out and why.

A plan is only data: frozen, hashable, and equal to what comes back from its file or from a pickle. Nothing runs before
the whole of it has been checked.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from . import _check, _format, cells, loads
from .cells import AXES, Cell, Effort
from .contents import Mix, Records
from .errors import PlanError
from .loads import Load
from .pauses import Pause

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from .dry_run import DryRun
    from .sweeps import Sweep

__all__ = ["AXES", "GRID", "Expansion", "LeftOut", "Payload", "Plan", "expand"]

# The axes of a plan, in the order in which they number the cells: the last one fastest. An axis is a field of `Plan`.
GRID = (
    "strategies", "producers", "messages", "payload", "capacity", "on_full", "work", "delay", "server", "read_rate",
    "pause", "receive_buffer", "send_buffer", "producers_as", "actor", "threads", "load",
)  # fmt: skip
MOST_ROUNDS = 10_000
MOST_RUNS = 1_000_000
MOST_CASES = 1000
MOST_PROCESSES = 1000
DEFAULT_BUDGET = 60.0

Payload = int | str | Mix | Records
Case = tuple[tuple[str, tuple[Any, ...]], ...]


class LeftOut(NamedTuple):
    """A cell that is not run.

    Attributes:
        cell: The cell.
        reason: Why.
    """

    cell: Cell
    reason: str


class Expansion(NamedTuple):
    """A plan's cells.

    Attributes:
        cells: What is run; a cell's number is its place here.
        left_out: What is not, and why.
    """

    cells: tuple[Cell, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Plan:
    """What is to be measured: a grid, extra cases, and how often and how long each cell is run.

    Each axis is one value or a list of them, and is kept as a tuple. Cells that cannot be, such as a capacity for a
    queue that has no bound, are left out and listed with the reason.

    Args:
        strategies: Names of `strategies()`.
        producers: How many send.
        messages: How many each of them sends in a burst.
        payload: A message's size in bytes; a `mix(…)` of sizes; or `records(…)` of your own.
        capacity: The most that the queue holds: bytes, or words such as `"256 KiB"` or `"1000 messages"`; None is no
            bound.
        on_full: What becomes of a message that finds no room: `"wait"`, `"drop_newest"` or `"drop_oldest"`.
        work: CPU nanoseconds that a producer spends before each message.
        delay: Seconds that a producer sleeps before each message.
        server: `"discard"` or `"echo"`.
        read_rate: The most bytes that the server reads in a second, such as `"20 MiB/s"`; None is as many as come.
        pause: A `pause(…)` in which the server does not read; None is none.
        receive_buffer: The size to ask for the server's receive buffer, in bytes; None is the system's choice.
        send_buffer: The size to ask for the send buffer of the actor's socket, in bytes; None is the system's choice.
        producers_as: `"tasks"` or `"threads"`.
        actor: `"thread"` or `"task"`.
        threads: The runtime's threads; None is one a core.
        load: `closed_loop()`, or `open_loop(rate=…)`, which shows latency; it needs a payload of 2 bytes or more.
        cases: Extra cells: each a mapping from axes to values or lists. What it does not name is every strategy of the
            plan, and of the other axes the first value.
        rounds: How often each cell is visited; `"auto"` is as often as the budget holds.
        budget: The time to spend: seconds, or words such as `"2min"`. With a number of rounds it caps them; with
            `"auto"` and no budget it is a minute. A calibration pass then decides.
        min_seconds: A cell's burst is repeated until so many seconds are timed; it is never enlarged.
        bursts: And at least so often.
        timeout: Seconds after which one run is given up, with the status `timeout`; None is never.
        timeline: Whether each run keeps its first burst's backlog over time.
        confirm: Over how many fresh processes the rounds are spread, which then are what intervals rest on; 0 is none.
        seed: What the order of the rounds is drawn from, and `"poisson"` arrivals: in a round the same for all cells
            of a point.

    Raises:
        PlanError: An argument is wrong, or nothing is left to run.

    Example:
        >>> import fanin
        >>> plan = fanin.Plan(["mpsc/batch", "swap/batch"], producers=[1, 8], capacity=[None, 4096], rounds=3)
        >>> plan
        <Plan: 6 cells, 3 rounds: 18 runs; 2 cells left out>
        >>> fanin.Plan.from_toml(plan.to_toml()) == plan
        True
    """

    strategies: tuple[str, ...]
    producers: tuple[int, ...]
    messages: tuple[int, ...]
    payload: tuple[int | Mix | Records, ...]
    capacity: tuple[int | str | None, ...]
    on_full: tuple[str, ...]
    work: tuple[int, ...]
    delay: tuple[float, ...]
    server: tuple[str, ...]
    read_rate: tuple[int | None, ...]
    pause: tuple[Pause | None, ...]
    receive_buffer: tuple[int | None, ...]
    send_buffer: tuple[int | None, ...]
    producers_as: tuple[str, ...]
    actor: tuple[str, ...]
    threads: tuple[int | None, ...]
    load: tuple[Load, ...]
    cases: tuple[Case, ...]
    rounds: int | Literal["auto"]
    budget: float | None
    min_seconds: float
    bursts: int
    timeout: float | None
    timeline: bool
    confirm: int
    seed: int

    def __init__(
        self,
        strategies: str | Sequence[str],
        producers: int | Sequence[int] = (1, 8, 64, 512),
        messages: int | Sequence[int] = 1000,
        payload: Payload | Sequence[Payload] = 1,
        *,
        capacity: int | str | Sequence[int | str | None] | None = None,
        on_full: str | Sequence[str] = "wait",
        work: int | Sequence[int] = 0,
        delay: float | Sequence[float] = 0.0,
        server: str | Sequence[str] = "discard",
        read_rate: int | str | Sequence[int | str | None] | None = None,
        pause: Pause | str | Sequence[Pause | str | None] | None = None,
        receive_buffer: int | str | Sequence[int | str | None] | None = None,
        send_buffer: int | str | Sequence[int | str | None] | None = None,
        producers_as: str | Sequence[str] = "tasks",
        actor: str | Sequence[str] = "thread",
        threads: int | Sequence[int | None] | None = None,
        load: Load | Sequence[Load] = loads.CLOSED,
        cases: Iterable[Any] = (),
        rounds: int | Literal["auto"] = 5,
        budget: float | str | None = None,
        min_seconds: float = 0.05,
        bursts: int = 1,
        timeout: float | None = None,
        timeline: bool = False,
        confirm: int = 0,
        seed: int = 0,
    ) -> None:
        given: dict[str, Any] = {name: value for name, value in locals().items() if name != "self"}
        for name, value in given.items():
            object.__setattr__(self, name, _axis(name, value) if name in GRID else value)
        object.__setattr__(self, "cases", _cases(cases, self))
        for name in ("rounds", "budget", "confirm", "seed"):
            object.__setattr__(self, name, _how_often(name, given[name]))
        _keep_effort(self, cells.effort(bursts, min_seconds, timeout, timeline))
        _enough_rounds(self)
        _countable(self)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """What is run; a cell's number is its place here."""
        return expand(self).cells

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What is not, each with the reason."""
        return expand(self).left_out

    @property
    def effort(self) -> Effort:
        """How long a cell is run, in the core's units."""
        return cells.effort(self.bursts, self.min_seconds, self.timeout, self.timeline)

    @property
    def digest(self) -> str:
        """A fingerprint of what is asked for: equal plans have equal ones, on every machine."""
        from . import plan_file

        return plan_file.digest(self)

    def dry_run(self, calibrate: bool = True) -> DryRun:
        """What would be run, in which order, what is left out and why, and how long it will take.

        Args:
            calibrate: Time some bursts first, for some seconds at most. Without, nothing runs, and the time is a lower
                bound.

        Raises:
            PlanError: The budget does not hold one round.

        Example:
            >>> import fanin
            >>> dry = fanin.Plan("swap/batch", producers=[1, 8], rounds=2).dry_run()
            >>> len(dry.order()), dry.left_out
            (4, ())
        """
        from . import dry_run

        return dry_run.dry_run(self, calibrate)

    def run(
        self,
        *,
        journal: str | os.PathLike[str] | None = None,
        resume: bool = False,
        progress: bool | None = None,
        executor: Executor | None = None,
        wait: float = 3600.0,
    ) -> Sweep:
        """Runs it; `sweep` documents the arguments.

        Example:
            >>> import fanin
            >>> len(fanin.Plan("swap/batch", producers=[1, 8], rounds=2, min_seconds=0).run())
            4
        """
        from .measure import measure

        return measure(self, journal=journal, resume=resume, progress=progress, executor=executor, wait=wait)

    def to_dict(self) -> dict[str, Any]:
        """As plain lists, words and numbers: what `from_dict`, a plan's file and a journal hold."""
        from . import plan_file

        return plan_file.to_dict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Plan:
        """The plan that `to_dict` wrote.

        Raises:
            PlanError: The content is something else.
        """
        from . import plan_file

        return plan_file.from_dict(content)

    def to_toml(self) -> str:
        """As TOML."""
        from . import plan_file

        return plan_file.to_toml(self)

    @classmethod
    def from_toml(cls, text: str) -> Plan:
        """The plan that a TOML text describes; a key that is not there has its default.

        Raises:
            PlanError: The text is no TOML, or no plan.
        """
        from . import plan_file

        return plan_file.from_toml(text)

    def save(self, path: str | os.PathLike[str]) -> str:
        """Writes it as TOML, whole or not at all; returns the path."""
        from . import store

        return os.fspath(store.replace(path, self.to_toml()))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Plan:
        """The plan in a TOML file.

        Raises:
            PlanError: The file holds something else.
            OSError: There is no such file, or it cannot be read.
        """
        from . import plan_file

        return plan_file.load(path)

    def __repr__(self) -> str:
        kept, left_out = expand(self)
        size = _format.plural(len(kept), "cell")
        often = "rounds as the budget holds"
        if self.rounds != "auto":
            often = f"{_format.plural(self.rounds, 'round')}: {_format.plural(self.rounds * len(kept), 'run')}"
        limit = f", at most {_format.seconds(self.budget)}" if self.budget else ""
        left = f"; {_format.plural(len(left_out), 'cell')} left out" if left_out else ""
        return f"<Plan: {size}, {often}{limit}{left}>"


FIELDS = tuple(field.name for field in fields(Plan))


@lru_cache(maxsize=4)
def expand(plan: Plan) -> Expansion:
    """The plan's cells, each once; what the core refuses is left out with its reason.

    Raises:
        PlanError: Nothing is left.
    """
    kept: dict[Cell, None] = {}
    left: dict[Cell, str] = {}
    for cell in _all_cells(plan):
        if cell in kept or cell in left:
            continue
        reason = cells.refusal(cell)
        if reason is None:
            kept[cell] = None
        else:
            left[cell] = reason
    if not kept:
        raise PlanError(next(iter(left.values())))
    return Expansion(tuple(kept), tuple(LeftOut(cell, reason) for cell, reason in left.items()))


def _all_cells(plan: Plan) -> Iterable[Cell]:
    yield from cells.combine({name: _core(name, getattr(plan, name)) for name in GRID})
    for case in plan.cases:
        named = dict(case)
        values = {
            name: named.get(name) or (getattr(plan, name) if name == "strategies" else getattr(plan, name)[:1])
            for name in GRID
        }
        yield from cells.combine({name: _core(name, points) for name, points in values.items()})


def _core(name: str, points: tuple[Any, ...]) -> tuple[Any, ...]:
    """An axis in the core's units."""
    return cells.axis(name, points) if name == "delay" else points


def _axis(name: str, value: object) -> tuple[Any, ...]:
    """An axis as a plan keeps it: checked, in the caller's units."""
    points = cells.axis(name, value)
    return tuple(point / 1e9 for point in points) if name == "delay" else points


def _cases(value: object, plan: Plan) -> tuple[Case, ...]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise _check.refuse("cases", value, "allowed is a list of mappings from axes to values")
    cases = tuple(_case(case) for case in value)
    if len(cases) > MOST_CASES:
        raise PlanError(f"cases: allowed are up to {MOST_CASES:,}; here are {len(cases):,}")
    return cases


def _case(value: object) -> Case:
    if isinstance(value, tuple):
        value = dict(value)
    if not isinstance(value, Mapping) or not value:
        raise _check.refuse("cases", value, "allowed is a list of mappings from axes to values")
    named = {("strategies" if name == "strategy" else name): points for name, points in value.items()}
    return tuple((_check.one_of("cases", name, GRID), _axis(name, points)) for name, points in sorted(named.items()))


def _how_often(name: str, value: object) -> object:
    if name == "budget":
        return None if value is None else _check.seconds(name, value)
    if name == "confirm":
        return _check.integer(name, value, 0, MOST_PROCESSES, "processes")
    if name == "seed":
        return _check.integer(name, value, 0, 2**63 - 1)
    return (
        value
        if isinstance(value, str) and value == "auto"
        else _check.integer(name, value, 1, MOST_ROUNDS, "and 'auto'")
    )


def _keep_effort(plan: Plan, effort: Effort) -> None:
    object.__setattr__(plan, "bursts", effort.bursts)
    object.__setattr__(plan, "min_seconds", effort.min_ns / 1e9)
    object.__setattr__(plan, "timeout", None if effort.timeout_ns is None else effort.timeout_ns / 1e9)


def _enough_rounds(plan: Plan) -> None:
    if plan.rounds != "auto" and plan.rounds < plan.confirm:
        raise _check.refuse("confirm", plan.confirm, f"allowed is no more than there are rounds, {plan.rounds}")


def _countable(plan: Plan) -> None:
    runs = len(expand(plan).cells) * (1 if plan.rounds == "auto" else plan.rounds)
    if runs > MOST_RUNS:
        raise PlanError(f"a plan of {runs:,} runs: allowed are up to {MOST_RUNS:,}")
