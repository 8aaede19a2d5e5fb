"""A plan is carried out: here or on an executor, kept in a journal, and what was found becomes a sweep."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

from . import _check, _format, _native, cells, dry_run, host, lock
from .cells import MOST_BURSTS, Cell, Effort
from .errors import SweepInterrupted
from .journal import Journal, read
from .loads import CLOSED, Load
from .pauses import Pause
from .plan import FIELDS, GRID, Payload, Plan
from .progress import Progress
from .rows import Row, row
from .running import execute
from .schedule import Visit, schedule, visits
from .sweeps import Sweep

if TYPE_CHECKING:
    from .fresh import Sender

__all__ = ["Block", "Keeper", "measure", "resume", "run_block", "side_by_side", "sweep", "visit"]

# Sweeps that were interrupted in this process: a pool may still hand it blocks of theirs.
STOPPED: set[str] = set()
WAIT = 3600.0
LONGEST_WAIT = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Block:
    """Runs that belong together: all strategies of one point, side by side over its rounds; or a whole plan's.

    Attributes:
        key: Unlike any other block's, so that no scheduler takes two for the same work.
        cells: The cells, by number.
        visits: The runs, in order.
        effort: How long each is.
        seed: The plan's.
        wait: How many seconds to wait for the host.
        process: Which of several fresh processes makes them; None where that is not asked.
    """

    key: str
    cells: dict[int, Cell]
    visits: tuple[Visit, ...]
    effort: Effort
    seed: int
    wait: float
    process: int | None = None

    @property
    def sweep(self) -> str:
        """What the blocks of one sweep share."""
        return self.key.partition("-")[0]


@dataclass(slots=True)
class Keeper:
    """Takes what was found: into memory, a journal, and the progress bar."""

    bar: Progress
    journal: Journal | None = None
    rows: list[Row] = field(default_factory=list)
    hosts: dict[str, Any] = field(default_factory=dict)

    def host(self, name: str, metadata: Mapping[str, Any]) -> None:
        """A machine that measures."""
        if name not in self.hosts:
            self.hosts[name] = dict(metadata)
            if self.journal is not None:
                self.journal.keep_host(name, metadata)

    def row(self, found: Row) -> None:
        """A run that has ended."""
        self.rows.append(found)
        if self.journal is not None:
            self.journal.keep(found)
        self.bar.step(found)


def measure(
    plan: Plan,
    *,
    journal: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool | Progress | None = None,
    executor: Executor | None = None,
    wait: float = WAIT,
) -> Sweep:
    """Carries a plan out; `sweep` documents the arguments."""
    from . import executors

    longest = _check.real("wait", wait, LONGEST_WAIT, "seconds")
    if executor is not None:
        executors.refuse_forks(executor)
        if plan.confirm:
            raise _check.refuse("confirm", plan.confirm, "an executor has processes of its own; allowed is 0 with one")
    if journal is None:
        return _measure(plan, None, progress, executor, longest)
    with Journal.open(journal, plan, bool(resume)) as log:
        return _measure(plan, log, progress, executor, longest)


def _measure(
    plan: Plan, log: Journal | None, progress: bool | Progress | None, executor: Executor | None, wait: float
) -> Sweep:
    metadata = _metadata(plan, log)
    kept = log.kept if log else None
    keeper = Keeper(progress if isinstance(progress, Progress) else Progress(show=progress), log)
    total = 0
    try:
        with keeper.bar as bar:
            times = kept.times if kept else _times(plan, executor, wait, bar)
            order = schedule(times, plan.seed, cells.points(plan.cells))
            total = sum(map(len, order))
            if log is not None:
                log.check(order)
                log.begin(plan, times)
            if kept is not None:
                keeper.rows, keeper.hosts = list(kept.rows), dict(kept.hosts)
            bar.start(total, len(keeper.rows))
            _run(plan, order, keeper, executor, wait)
    except KeyboardInterrupt as stop:
        raise _interrupted(keeper, metadata, total) from stop
    return _sweep(keeper, metadata)


def _run(plan: Plan, order: Sequence[Sequence[int]], keeper: Keeper, executor: Executor | None, wait: float) -> None:
    done = {found[:2] for found in keeper.rows}
    todo = [place for place in visits(order) if place[:2] not in done]
    whole = Block("", dict(enumerate(plan.cells)), tuple(todo), plan.effort, plan.seed, wait)
    if plan.confirm:
        from . import fresh

        fresh.run_fresh(whole, keeper, len(order), min(plan.confirm, len(order)))
        return
    if executor is None:
        side_by_side(whole, keeper)
        return
    from . import executors

    executors.run_blocks(executors.split(whole), executor, keeper)


def side_by_side(block: Block, keeper: Keeper | Sender) -> None:
    """Runs here; the host is held from one point to the next, so that sweeps of several processes take turns."""
    where = host.name()
    if block.visits:
        keeper.host(where, host.host())
    for _, group in groupby(block.visits, lambda place: (place.round, block.cells[place.cell].point())):
        with lock.measuring(block.wait, lambda: keeper.bar.now("another sweep measures on this host; waiting")):
            for place in group:
                keeper.bar.now(block.cells[place.cell].label())
                keeper.row(_found(block, place, where))


def run_block(block: Block) -> tuple[str, dict[str, Any], list[Row], bool]:
    """Runs a block elsewhere, with the host to itself: the host's name, what is known of it, the rows, whether all."""
    rows: list[Row] = []
    where, about = host.name(), {}
    try:
        with lock.measuring(block.wait):
            about = host.host()
            for place in block.visits:
                if block.sweep in STOPPED:
                    break
                rows.append(_found(block, place, where))
    except KeyboardInterrupt:
        STOPPED.add(block.sweep)
    return where, about, rows, len(rows) == len(block.visits)


def _found(block: Block, place: Visit, where: str) -> Row:
    weather = host.weather()
    # A round has its own random arrivals, the same for all of its cells; the core counts on from a burst to the next.
    arrivals = block.seed + place.round * MOST_BURSTS
    run = execute(block.cells[place.cell], block.effort, arrivals)
    return row(place, block.seed, where, weather, run, block.process)


def _times(plan: Plan, executor: Executor | None, wait: float, bar: Progress) -> list[int]:
    """For each cell in how many rounds it takes part; a budget needs a calibration, made where the runs are."""
    if not dry_run.needs_calibration(plan):
        return dry_run.rounds(plan, [0.0] * len(plan.cells))
    bar.now("calibrating")
    arguments = (plan.cells, plan.effort, dry_run.limit(plan))
    if executor is not None:
        return dry_run.rounds(plan, executor.submit(_calibrate, *arguments, wait).result())
    return dry_run.rounds(plan, _calibrate(*arguments, wait))


def _calibrate(points: Sequence[Cell], effort: Effort, limit: float, wait: float) -> list[float]:
    with lock.measuring(wait):
        return dry_run.calibrate(points, effort, limit)


def visit(points: Sequence[Cell], rounds: Sequence[Sequence[int]], effort: Effort, seed: int, bar: Progress) -> Sweep:
    """Runs cells in a given order, without a plan. Ctrl-C keeps what has ended."""
    keeper = Keeper(bar)
    metadata = {"began": host.now(), "fanin": _native.__version__, "seed": seed}
    todo = tuple(visits(rounds))
    try:
        side_by_side(Block("", dict(enumerate(points)), todo, effort, seed, WAIT), keeper)
    except KeyboardInterrupt as stop:
        raise _interrupted(keeper, metadata, len(todo)) from stop
    return _sweep(keeper, metadata)


def _interrupted(keeper: Keeper, metadata: Mapping[str, Any], total: int) -> SweepInterrupted:
    what = _format.plural(total, "run") if total else "none: it was calibrating"
    done = f"interrupted after {len(keeper.rows)} of {what}; they are in .sweep"
    if keeper.journal is not None:
        done += f", and fanin.resume({keeper.journal.path!r}) makes the rest"
    return SweepInterrupted(done, _sweep(keeper, metadata))


def _sweep(keeper: Keeper, metadata: Mapping[str, Any]) -> Sweep:
    """The rows in the order of the plan, whatever the order in which they came."""
    return Sweep.of(sorted(keeper.rows, key=lambda found: found[:2]), {**metadata, "hosts": keeper.hosts})


def _metadata(plan: Plan, log: Journal | None) -> dict[str, Any]:
    kept = log.kept if log else None
    return {
        "began": kept.header["began"] if kept else host.now(),
        "fanin": _native.__version__,
        "seed": plan.seed,
        "digest": plan.digest,
        "plan": plan.to_dict(),
        "left_out": [{"cell": left.cell.label(), "reason": left.reason} for left in plan.left_out],
    }


def resume(
    path: str | os.PathLike[str],
    *,
    progress: bool | None = None,
    executor: Executor | None = None,
    wait: float = WAIT,
) -> Sweep:
    """Finishes what a journal holds: the plan is in it. The table is the one that an undisturbed sweep would have made.

    Args:
        path: The journal.
        progress: As for `sweep`.
        executor: As for `sweep`.
        wait: As for `sweep`.

    Raises:
        JournalError: The file is no journal, is spoilt, or another sweep is writing it.
        OSError: There is no such file, or it cannot be read.

    Example:
        >>> import fanin, pathlib, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = pathlib.Path(folder.name, "runs.ndjson")
        >>> sweep = fanin.sweep("swap/batch", [1, 8], rounds=2, min_seconds=0, journal=path)
        >>> fanin.resume(path) == sweep  # all of it had been done
        True
        >>> folder.cleanup()
    """
    return measure(read(path).plan, journal=path, resume=True, progress=progress, executor=executor, wait=wait)


def sweep(
    strategies: str | Sequence[str] | Plan,
    producers: int | Sequence[int] = (1, 8, 64, 512),
    messages: int | Sequence[int] = 1000,
    payload: Payload | Sequence[Payload] = 1,
    *,
    rounds: int | Literal["auto"] = 5,
    budget: float | str | None = None,
    seed: int = 0,
    min_seconds: float = 0.05,
    bursts: int = 1,
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
    load: Load | Sequence[Load] = CLOSED,
    cases: Iterable[Any] = (),
    timeout: float | None = None,
    timeline: bool = False,
    confirm: int = 0,
    journal: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: bool | None = None,
    executor: Executor | None = None,
    wait: float = WAIT,
) -> Sweep:
    """Runs every combination of the arguments, in rounds that each visit all cells once, in an order from the seed.

    A round goes from point to point of the grid, and at each point through its strategies: what is compared runs within
    moments, and what disturbs the machine for a while disturbs all alike. Each argument that `run` has too means the
    same here, and may be a list: an axis of the grid. Everything is checked before anything runs. Cells that cannot be,
    such as a capacity for a queue that has no bound, are left out; `metadata["left_out"]` lists them.

    Args:
        strategies: Names of `strategies()`; or a `Plan`, which brings all arguments down to `confirm` with it.
        producers: How many send.
        messages: How many each of them sends in a burst.
        payload: A message's size in bytes; a `mix(…)` of sizes; or `records(…)` of your own.
        rounds: How often each cell is visited; `"auto"` is as often as the budget holds.
        budget: The time to spend: seconds, or words such as `"2min"`. With a number of rounds it caps them; with
            `"auto"` and no budget it is a minute. A calibration pass then decides.
        seed: What the order of the rounds is drawn from, and `"poisson"` arrivals: in a round the same for all cells
            of a point.
        min_seconds: A cell's burst is repeated until so many seconds are timed: short cells do not resolve.
        bursts: And at least so often.
        capacity: The most that the queue holds: bytes, or words such as `"256 KiB"` or `"1000 messages"`; None is no
            bound.
        on_full: What becomes of a message that finds no room: `"wait"`, `"drop_newest"` or `"drop_oldest"`.
        work: CPU nanoseconds that a producer spends before each message.
        delay: Seconds that a producer sleeps before each message.
        server: `"discard"` or `"echo"`.
        read_rate: The most bytes that the server reads in a second, such as `"20 MiB/s"`; None is as many as come.
        pause: A `pause(…)` in which the server does not read, once in each burst; None is none.
        receive_buffer: The size to ask for the server's receive buffer, in bytes; None is the system's choice.
        send_buffer: The size to ask for the send buffer of the actor's socket, in bytes; None is the system's choice.
        producers_as: `"tasks"` or `"threads"`.
        actor: `"thread"` or `"task"`.
        threads: The runtime's threads; None is one a core.
        load: `closed_loop()`, or `open_loop(rate=…)`, which shows latency; it needs a payload of 2 bytes or more.
        cases: Extra cells: each a mapping from axes to values or lists. What it does not name is every strategy, and of
            the other axes the first value.
        timeout: Seconds after which one run is given up, with the status `timeout`; None is never.
        timeline: Whether each run keeps its first burst's backlog over time, for `plot_backlog`.
        confirm: Over how many fresh processes the rounds are spread, as many each; 0 is none. What differs from one
            start of a program to the next is then in the spread, and intervals rest on the processes.
        journal: A file that gets one JSON line a run, as it ends: what a killed sweep had found is in it.
        resume: Whether a journal that is there already is finished; otherwise it is refused. A changed plan always is.
        progress: Whether to draw a bar on stderr; None does so on a terminal and in a notebook.
        executor: A `concurrent.futures.Executor` that makes the runs: a spawning `ProcessPoolExecutor`, loky, or Dask's
            `client.get_executor(pure=False)`. What is handed out, and kept, is a block: all runs of one point.
        wait: Seconds to wait for another sweep on the same host: one measures at a time.

    Returns:
        A `Sweep`, one row a run. Runs that did not deliver are in it, with a status and no speed.

    Raises:
        PlanError: An argument is wrong, or the grid is empty; nothing has run.
        JournalError: The journal is there already, is spoilt, or holds another plan.
        HostBusy: Another sweep kept the host for longer than `wait`.
        SweepInterrupted: Ctrl-C; the runs that had ended are in its `.sweep`, and in the journal.

    Example:
        >>> import fanin
        >>> sweep = fanin.sweep(["mpsc/batch", "swap/batch"], producers=[1, 8], rounds=3, min_seconds=0)
        >>> len(sweep), sweep.delivered
        (12, True)
        >>> [row["strategy"] for row in sweep.summary(over="mpsc/batch")]
        ['mpsc/batch', 'mpsc/batch', 'swap/batch', 'swap/batch']
    """
    given = locals()
    how = {name: given[name] for name in ("journal", "resume", "progress", "executor", "wait")}
    what = {name: given[name] for name in FIELDS}
    if not isinstance(strategies, Plan):
        return measure(Plan(**what), **how)
    for name, default in _DEFAULTS.items():
        if what[name] is not default:
            raise _check.refuse(name, what[name], "a plan brings its own; dataclasses.replace(plan, …) changes one")
    return measure(strategies, **how)


_DEFAULTS = dict(zip(GRID[1:4], sweep.__defaults__ or (), strict=True)) | {
    name: value for name, value in (sweep.__kwdefaults__ or {}).items() if name in FIELDS
}
