"""What holds for a whole process: how fast it starts, how it ends, and what it answers to meanwhile."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pressing import press_often

PROVE = os.environ.get("FANIN_PROVE") == "1"


def python(script: str, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments, "-c", script]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)


# --- starting --------------------------------------------------------------------------------------------------------


def test_the_import_is_quick() -> None:
    script = "from time import perf_counter as t; a = t(); import fanin; print(t() - a)"
    taken = [float(python(script).stdout) for _ in range(5)]
    assert min(taken) < 0.05, taken


HEAVY = "numpy pandas polars matplotlib tqdm IPython asyncio json statistics random html difflib platform argparse"


def test_the_import_brings_nothing_heavy() -> None:
    script = f"import sys, fanin; print(*sorted({set(HEAVY.split())} & set(sys.modules)))"
    done = python(script, "-I")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


WITHOUT = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"numpy", "pandas", "polars", "matplotlib", "tqdm", "IPython"}:
            raise ImportError(name)

sys.meta_path.insert(0, Absent())
import fanin

sweep = fanin.sweep(["mpsc/batch", "swap/batch"], [1, 2], messages=20, rounds=2, min_seconds=0, progress=True)
print(len(sweep), len(sweep.to_dicts()), bool(repr(sweep)), bool(sweep._repr_html_()))
for method, extra in ((sweep.to_pandas, "frames"), (sweep.to_polars, "frames"), (sweep.plot, "plot")):
    try:
        method()
    except fanin.MissingExtra as error:
        assert f"pip install 'fanin[{extra}]'" in str(error), error
        assert error.name in str(error)
    else:
        raise AssertionError(method)
"""


def test_it_needs_no_other_package_to_run() -> None:
    done = python(WITHOUT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["8", "8", "True", "True"]
    assert "8/8 runs" in done.stderr, "the plain bar"
    assert "swap/batch × 2" in done.stderr


# --- Ctrl-C ----------------------------------------------------------------------------------------------------------

LONG = """
import asyncio, sys, time, fanin
try:
    print("started", flush=True)
    {call}
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
"""
LOADS = {
    "tasks": "fanin.run('swap/batch', 8, 10**6, delay=0.01)",
    "threads": "fanin.run('mpsc-one/each', 8, 10**6, delay=0.01, producers_as='threads')",
    "flat out": "fanin.run('mpsc/batch', 64, 10**4, min_seconds=1000)",
    "a sweep": "fanin.sweep('swap/batch', [1, 8], rounds=10_000)",
    "async": "asyncio.run(fanin.run_async('swap/batch', 8, 10**6, delay=0.01))",
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("call", LOADS.values(), ids=LOADS)
def test_ctrl_c_is_answered_at_once(call: str) -> None:
    press_often(LONG.format(call=call), times=20 if PROVE else 2)


# --- ending ----------------------------------------------------------------------------------------------------------

EXIT = "import asyncio, fanin; print(asyncio.run(fanin.run_async('swap/batch', producers=4, messages=100)).status)"
ABANDONED = """
import asyncio, fanin

async def leave():
    task = asyncio.create_task(fanin.run_async("swap/batch", producers=4, messages=10**6, delay=0.01))
    await asyncio.sleep(0.05)

asyncio.run(leave())
print("ok")
"""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("script", [EXIT, ABANDONED], ids=["awaited", "abandoned"])
def test_the_interpreter_ends_well_after_run_async(script: str) -> None:
    for _ in range(100 if PROVE else 20 if script is EXIT else 5):
        done = python(script)
        assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")


FORK = """
import os, sys, fanin

fanin.run("swap/batch", 2, 10)
child = os.fork()
if child == 0:
    for call in (lambda: fanin.run("swap/batch"), lambda: fanin.sweep("swap/batch"), fanin.replay):
        try:
            call()
        except fanin.Forked as error:
            assert "spawn" in str(error)
        else:
            os._exit(1)
    sys.exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
print(fanin.run("swap/batch", 2, 10).status)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_is_told(tmp_path: Path) -> None:
    done = python(FORK, "-W", "ignore")
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")


SPAWN = """
import multiprocessing as m
import fanin

if __name__ == "__main__":
    with m.get_context("spawn").Pool(1) as pool:
        run = pool.apply(fanin.run, ("swap/batch", 2, 10))
        try:
            pool.apply(fanin.run, ("swap/bach",))
        except fanin.PlanError as error:
            print(run.require_delivery().status, "swap/batch" in str(error))
"""


def test_a_spawned_child_works_and_what_it_returns_pickles(tmp_path: Path) -> None:
    script = tmp_path / "spawn.py"
    script.write_text(SPAWN)
    done = subprocess.run([sys.executable, script], check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok True\n", "")


def test_threads_may_run_at_once() -> None:
    from concurrent.futures import ThreadPoolExecutor

    import fanin

    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda n: fanin.run("swap/batch", producers=n, messages=500), range(1, 9)))
    assert {run.status for run in runs} == {"ok"}
    assert [run.producers for run in runs] == list(range(1, 9))
