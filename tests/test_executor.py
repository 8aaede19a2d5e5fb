"""Blocks elsewhere: the same table from any executor, one measurement a host at a time, and no forks."""

import dataclasses
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import fanin
from fanin import executors, lock, measure
from fanin.plan import Plan
from fanin.rows import STORED
from fanin.schedule import schedule, visits

PLAN = Plan(["mpsc/batch", "swap/batch"], [1, 4, 8], messages=50, rounds=3, min_seconds=0, seed=5)
PLACES = ("round", "position", "cell", "strategy", "producers", "sent", "status", "seed")


def places(sweep: fanin.Sweep) -> list[Any]:
    return [sweep.column(name) for name in PLACES]


@pytest.fixture(scope="module")
def here() -> fanin.Sweep:
    return PLAN.run(progress=False)


@pytest.fixture
def own_lock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return lock.path()


class Inline(Executor):
    """Runs at once, in this process; a given block can fail."""

    def __init__(self, fails_at: int = -1, error: BaseException | None = None) -> None:
        self.blocks: list[measure.Block] = []
        self._fails_at, self._error = fails_at, error

    def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if isinstance(arguments[0], measure.Block):
            self.blocks.append(arguments[0])
            if len(self.blocks) == self._fails_at:
                future.set_exception(self._error)
                return future
        future.set_result(function(*arguments, **options))
        return future


# --- pools -----------------------------------------------------------------------------------------------------------


def test_a_spawning_pool_makes_the_same_table(here: fanin.Sweep, tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        sweep = PLAN.run(executor=pool, journal=tmp_path / "runs.ndjson", progress=False)
    assert places(sweep) == places(here)
    assert sweep.delivered
    assert fanin.Sweep.load(tmp_path / "runs.ndjson") == sweep
    assert set(sweep.column("host")) == set(sweep.metadata["hosts"])


def test_threads_do_too(here: fanin.Sweep) -> None:
    with ThreadPoolExecutor(3) as pool:
        assert places(PLAN.run(executor=pool, progress=False)) == places(here)


def test_loky_does_too(here: fanin.Sweep) -> None:
    loky = pytest.importorskip("loky")
    pool = loky.ProcessPoolExecutor(2)
    try:
        assert places(PLAN.run(executor=pool, progress=False)) == places(here)
    finally:
        pool.shutdown(wait=True, kill_workers=True)


@pytest.mark.filterwarnings("ignore")
def test_dask_does_too_and_folds_nothing(here: fanin.Sweep) -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, worker_dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        sweeps = [
            PLAN.run(executor=client.get_executor(pure=pure), progress=False) for pure in (False, False, True, True)
        ]
    assert all(places(sweep) == places(here) for sweep in sweeps)
    assert len({sweep.column("deliver_ns") for sweep in sweeps}) == 4, "each was measured"


def test_a_budget_is_calibrated_where_the_runs_are() -> None:
    sweep = dataclasses.replace(PLAN, rounds="auto", budget=1).run(executor=Inline(), progress=False)
    assert len(set(Counter(sweep.column("cell")).values())) == 1


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.unix
def test_a_forking_pool_is_refused() -> None:
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool,
        pytest.raises(fanin.PlanError, match=r"this pool forks.*get_context"),
    ):
        PLAN.run(executor=pool)


@pytest.mark.parametrize("executor", [3, "dask", object(), lambda: None])
def test_what_is_no_executor_is_refused(executor: Any) -> None:
    with pytest.raises(fanin.PlanError, match=r"executor=.*Executor"):
        PLAN.run(executor=executor)


@pytest.mark.parametrize("wait", [0, -1, "1s", None, float("nan"), 10**9])
def test_a_wait_is_a_time(wait: Any) -> None:
    with pytest.raises(fanin.PlanError, match="wait="):
        PLAN.run(wait=wait)


# --- blocks ----------------------------------------------------------------------------------------------------------


def test_a_block_is_all_strategies_of_a_point() -> None:
    inline = Inline()
    PLAN.run(executor=inline, progress=False)
    PLAN.run(executor=inline, progress=False)
    assert len(inline.blocks) == 6
    assert len({block.key for block in inline.blocks}) == 6, "Dask takes equal ones for one"
    for block in inline.blocks:
        assert len({cell.producers for cell in block.cells.values()}) == 1
        assert {cell.strategy for cell in block.cells.values()} == set(PLAN.strategies)
        assert Counter(place.round for place in block.visits) == {0: 2, 1: 2, 2: 2}


def test_a_resumed_plan_hands_out_what_is_missing(tmp_path: Path, here: fanin.Sweep) -> None:
    path = tmp_path / "runs.ndjson"
    PLAN.run(journal=path, progress=False)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-7]))
    inline = Inline()
    sweep = fanin.resume(path, executor=inline, progress=False)
    assert places(sweep) == places(here)
    assert sum(len(block.visits) for block in inline.blocks) == 7


def test_what_blocks_found_is_kept_when_one_fails(tmp_path: Path, here: fanin.Sweep) -> None:
    path = tmp_path / "runs.ndjson"
    with pytest.raises(OSError, match="gone"):
        PLAN.run(executor=Inline(2, OSError("gone")), journal=path, progress=False)
    assert len(fanin.Sweep.load(path)) == 12
    with pytest.raises(fanin.SweepInterrupted, match="after 12 of 18") as caught:
        PLAN.run(executor=Inline(2, KeyboardInterrupt()), progress=False)
    assert len(caught.value.sweep) == 12
    assert places(fanin.resume(path, progress=False)) == places(here)


def test_an_interrupted_block_hands_in_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    run, calls = fanin._native.run, iter(range(100))

    def stop(*arguments: Any, **knobs: Any) -> Any:
        if next(calls) == 4:
            raise KeyboardInterrupt
        return run(*arguments, **knobs)

    monkeypatch.setattr("fanin._native.run", stop)
    with pytest.raises(fanin.SweepInterrupted) as caught:
        PLAN.run(executor=Inline(), progress=False)
    assert len(caught.value.sweep) == 4, "and the blocks that its process was still to be handed are not begun"


def test_splitting_loses_nothing() -> None:
    order = schedule([3] * 6, 1, [0, 1, 2, 0, 1, 2])
    whole = measure.Block("", dict(enumerate(PLAN.cells)), tuple(visits(order)), PLAN.effort, 1, 1.0)
    blocks = executors.split(whole)
    assert sorted(place for block in blocks for place in block.visits) == sorted(whole.visits)
    assert executors.split(dataclasses.replace(whole, visits=())) == []


INTERRUPTED = """
import multiprocessing, sys, time, fanin
from concurrent.futures import ProcessPoolExecutor

if __name__ == "__main__":
    plan = fanin.Plan(["mpsc/batch", "swap/batch"], [1, 4, 8, 16], rounds=300, min_seconds=0.02)
    pool = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))
    print("started", flush=True)
    try:
        plan.run(executor=pool, journal=sys.argv[1], progress=False)
    except fanin.SweepInterrupted as stop:
        print(time.monotonic(), len(stop.sweep), flush=True)
    pool.shutdown(cancel_futures=True)
"""


@pytest.mark.unix
def test_ctrl_c_reaches_the_blocks(tmp_path: Path, own_lock: Path) -> None:
    def held() -> bool:
        try:
            with lock.measuring(1e-9):
                return False
        except fanin.HostBusy:
            return True

    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED)
    command = [sys.executable, str(script), str(tmp_path / "runs.ndjson")]
    options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    environment = os.environ | {"TMPDIR": str(own_lock.parent)}
    with subprocess.Popen(command, **options, start_new_session=True, env=environment) as process:
        assert process.stdout
        assert process.stdout.readline() == "started\n"
        deadline = time.monotonic() + 30
        while not held() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)
        pressed = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all processes of the group
        stdout, _ = process.communicate(timeout=60)
        ended = time.monotonic()
    answered, runs = stdout.split()
    assert float(answered) - pressed < 2
    assert ended - pressed < 10, "blocks that had been handed out are not run to their end"
    assert int(runs) == len(fanin.Sweep.load(tmp_path / "runs.ndjson"))


# --- one at a time ---------------------------------------------------------------------------------------------------


@pytest.mark.unix
def test_a_busy_host_is_waited_for_and_then_told(own_lock: Path) -> None:
    import fcntl

    begin = time.monotonic()
    with own_lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(fanin.HostBusy, match=r"fanin-measuring\.lock for more than 0\.2 seconds"):
            PLAN.run(wait=0.2, progress=False)
        with pytest.raises(fanin.HostBusy):
            PLAN.run(wait=0.2, executor=Inline(), progress=False)
    assert time.monotonic() - begin >= 0.4
    assert issubclass(fanin.HostBusy, TimeoutError)
    assert len(PLAN.run(wait=0.2, progress=False)) == 18


@pytest.mark.unix
@pytest.mark.usefixtures("own_lock")
def test_one_block_measures_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    spans: list[tuple[float, float]] = []

    def found(block: measure.Block, place: Any, where: str) -> Any:
        begin = time.monotonic()
        time.sleep(0.01)
        spans.append((begin, time.monotonic()))
        return (*place, *(None,) * (len(STORED) - 3))

    monkeypatch.setattr("fanin.measure._found", found)
    order = schedule([1] * 6, 1)
    whole = measure.Block("", dict(enumerate(PLAN.cells)), tuple(visits(order)), PLAN.effort, 1, 30.0)
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(measure.run_block, executors.split(whole)))
    assert all(whole for *_, whole in done)
    spans.sort()
    assert len(spans) == 6
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(spans))


def test_where_there_is_no_place_for_a_lock_it_measures_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/proc/none")
    assert len(PLAN.run(progress=False)) == 18


@pytest.mark.unix
def test_the_lock_is_for_every_user(own_lock: Path) -> None:
    with lock.measuring(1):
        assert own_lock.stat().st_mode & 0o777 == 0o666
