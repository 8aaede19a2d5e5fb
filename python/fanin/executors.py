"""Blocks on any executor: process pools, loky, Dask. The unit is a block, and a host measures one at a time.

A block is all strategies of one point of the grid, side by side over its rounds: what is compared runs on one host, and
a ratio never crosses hosts.
"""

from __future__ import annotations

from concurrent.futures import Executor, Future, as_completed, wait
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from . import _check, _format
from .errors import PlanError
from .rows import Row
from .schedule import Visit

if TYPE_CHECKING:
    from .measure import Block, Keeper

__all__ = ["refuse_forks", "run_blocks", "split"]

PATIENCE = 0.15  # seconds after Ctrl-C in which blocks may hand in what they have
Outcome = tuple[str, dict[str, Any], list[Row], bool]


def refuse_forks(executor: object) -> None:
    """Refuses what is no executor, and a pool whose processes are forks of this one.

    Raises:
        PlanError: It is such a one.
    """
    if not isinstance(executor, Executor):
        raise _check.refuse("executor", executor, "allowed is a concurrent.futures.Executor")
    context = getattr(executor, "_mp_context", None) or getattr(executor, "_context", None)
    method = getattr(context, "get_start_method", lambda: None)()
    if method == "fork":
        raise PlanError(
            "executor: this pool forks, and a fork of a process with threads can hang; allowed is one that spawns, "
            "as in ProcessPoolExecutor(mp_context=multiprocessing.get_context('spawn'))"
        )


def split(whole: Block) -> list[Block]:
    """A plan's runs as blocks, one a point; the plan's first runs come first."""
    from dataclasses import replace

    members: dict[Any, list[Visit]] = {}
    for place in whole.visits:
        members.setdefault(whole.cells[place.cell].point(), []).append(place)
    sweep = uuid4().hex
    return [
        replace(
            whole,
            key=f"{sweep}-{number}",
            cells={place.cell: whole.cells[place.cell] for place in places},
            visits=tuple(places),
        )
        for number, places in enumerate(members.values())
    ]


def run_blocks(blocks: list[Block], executor: Executor, keeper: Keeper) -> None:
    """Runs blocks on an executor; keeps each block's runs as it ends.

    After Ctrl-C, or an error in one block, the blocks that have not begun are cancelled, and those that hand in what
    they have within a moment are kept.
    """
    from .measure import STOPPED, run_block

    keeper.bar.now(f"{_format.plural(len(blocks), 'block')} handed out")
    waiting: set[Future[Outcome]] = set()
    try:
        # One by one: on some executors a submission waits for the workers to start, and Ctrl-C may come meanwhile.
        for block in blocks:
            waiting.add(executor.submit(run_block, block))
        for future in as_completed(set(waiting)):
            waiting.discard(future)
            _keep(future, keeper)
            keeper.bar.now(f"{_format.plural(len(waiting), 'block')} left")
    except BaseException:
        STOPPED.update(block.sweep for block in blocks[:1])
        _salvage(waiting, keeper)
        raise


def _keep(future: Future[Outcome], keeper: Keeper) -> None:
    if not _take(future.result(), keeper):
        raise KeyboardInterrupt


def _take(outcome: Outcome, keeper: Keeper) -> bool:
    """Keeps what a block found; whether that is all of it."""
    where, about, rows, whole = outcome
    if rows:
        keeper.host(where, about)
    for found in rows:
        keeper.row(found)
    return whole


def _salvage(waiting: set[Future[Outcome]], keeper: Keeper) -> None:
    for future in waiting:
        future.cancel()
    for future in wait(waiting, timeout=PATIENCE).done:
        if not future.cancelled() and future.exception() is None:
            _take(future.result(), keeper)
