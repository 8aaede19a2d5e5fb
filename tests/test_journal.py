"""Journals: what a killed sweep leaves behind, and how it is finished."""

import contextlib
import dataclasses
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import fanin
from fanin import journal
from fanin.cells import points
from fanin.plan import Plan
from fanin.rows import STORED, row
from fanin.schedule import schedule, visits

MakeRun = Callable[..., fanin.Run]
PLAN = Plan(["mpsc/batch", "swap/batch"], [1, 8], messages=1000, rounds=3, min_seconds=0, seed=5)


class Stopwatch:
    """Stands for the core: runs cost nothing and always find the same; a given call can raise."""

    def __init__(self, make_run: MakeRun) -> None:
        self.calls, self.fails_at, self._make = 0, -1, make_run

    def __call__(self, strategy: str, **knobs: Any) -> dict[str, Any]:
        self.calls += 1
        if self.calls == self.fails_at:
            raise KeyboardInterrupt
        made = self._make(strategy, knobs["producers"], **{name: knobs[name] for name in ("capacity", "capacity_unit")})
        return {f.name: getattr(made, f.name) for f in dataclasses.fields(made)}


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch, make_run: MakeRun) -> Iterator[Stopwatch]:
    watch = Stopwatch(make_run)
    monkeypatch.setattr("fanin._native.run", watch)
    monkeypatch.setattr("fanin.host.weather", lambda: (0.25, None))
    return watch


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.ndjson"


def same(one: fanin.Sweep, other: fanin.Sweep) -> bool:
    return [one.column(name) for name in STORED] == [other.column(name) for name in STORED]


# --- writing ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("core")
def test_a_line_a_run_as_it_ends(path: Path) -> None:
    sweep = PLAN.run(journal=path, progress=False)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["fanin"] for line in lines[:2]] == ["journal", "host"]
    assert Plan.from_dict(lines[0]["plan"]) == PLAN
    assert lines[0]["digest"] == PLAN.digest
    assert lines[0]["columns"] == list(journal.OF_RUN)
    assert [cell[0] for cell in lines[0]["cells"]] == [cell.strategy for cell in PLAN.cells]
    assert [dict(zip(lines[0]["columns"], line, strict=True))["cell"] for line in lines[2:]] == list(
        sweep.column("cell")
    )
    assert fanin.Sweep.load(path) == fanin.resume(path) == sweep
    assert sweep.metadata["hosts"][sweep.column("host")[0]]["cores"] == os.cpu_count()


def test_a_run_is_in_the_file_before_the_next_begins(path: Path, core: Stopwatch) -> None:
    seen = []
    run = core.__call__

    def look(strategy: str, **knobs: Any) -> dict[str, Any]:
        seen.append(path.read_bytes().count(b"\n"))
        return run(strategy, **knobs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fanin._native.run", look)
        PLAN.run(journal=path, progress=False)
    assert seen == list(range(2, 14))


def test_many_runs_load_fast(path: Path, make_run: MakeRun) -> None:
    plan = dataclasses.replace(PLAN, producers=range(1, 6), rounds=1000)
    draw, cells = random.Random(1), plan.cells
    order = schedule([plan.rounds] * len(cells), plan.seed, points(cells))
    runs = [make_run(cell.strategy, cell.producers, draw.randrange(50, 5000)) for cell in cells]
    with journal.Journal.open(path, plan, resume=False) as log:
        log.begin(plan, [plan.rounds] * len(cells))
        log.keep_host("here", {})
        for place in visits(order):
            log.keep(row(place, plan.seed, "here", (draw.random(), None), runs[place.cell]))
    head, host, *lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(head + host + b"".join(line * 10 for line in lines))
    loaded = fanin.Sweep.load(path)
    assert len(loaded) == 100_000
    assert loaded.column("deliver_ns")[-1] == runs[order[-1][-1]].deliver_ns
    assert path.stat().st_size < 300 * len(loaded)
    taken = []
    for _ in range(2):
        begin = time.process_time()
        fanin.Sweep.load(path)
        taken.append(time.process_time() - begin)
    assert min(taken) < 1


def test_a_file_is_never_overwritten(path: Path, core: Stopwatch) -> None:
    PLAN.run(journal=path, progress=False)
    before = path.read_bytes()
    with pytest.raises(fanin.JournalError, match="resume=True finishes"):
        PLAN.run(journal=path, progress=False)
    other = path.with_name("letters.txt")
    other.write_text("dear\nfriend\n")
    for resume in (False, True):
        with pytest.raises(fanin.JournalError, match=r"letters\.txt"):
            PLAN.run(journal=other, resume=resume, progress=False)
    assert (path.read_bytes(), other.read_text(), core.calls) == (before, "dear\nfriend\n", 12)


@pytest.mark.usefixtures("core")
def test_two_sweeps_do_not_write_one_journal(path: Path) -> None:
    with (
        journal.Journal.open(path, PLAN, resume=False),
        pytest.raises(fanin.JournalError, match="another sweep is writing"),
    ):
        PLAN.run(journal=path, resume=True, progress=False)
    with pytest.raises(FileNotFoundError):
        fanin.resume(path.with_name("none"))
    with pytest.raises(FileNotFoundError):
        PLAN.run(journal=path.parent / "no" / "folder")


# --- resuming --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", range(1, 13))
def test_a_resumed_sweep_is_the_undisturbed_one(path: Path, core: Stopwatch, stop: int) -> None:
    whole = PLAN.run(progress=False)
    core.calls, core.fails_at = 0, stop
    with pytest.raises(fanin.SweepInterrupted, match=r"after \d+ of 12 runs.*fanin\.resume") as caught:
        PLAN.run(journal=path, progress=False)
    assert len(caught.value.sweep) == stop - 1
    assert same(caught.value.sweep, fanin.Sweep.load(path))
    core.calls, core.fails_at = 0, -1
    resumed = fanin.resume(path, progress=False)
    assert core.calls == 13 - stop
    assert same(resumed, whole)
    assert resumed == fanin.Sweep.load(path) == fanin.sweep(PLAN, journal=path, resume=True)


@pytest.mark.usefixtures("core")
@pytest.mark.parametrize("cut", [1, 3, 200, 500, 1000, 1500])
def test_a_torn_file_is_healed(path: Path, cut: int) -> None:
    whole = PLAN.run(journal=path, progress=False)
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(fanin.Sweep.load(path)) == path.read_bytes().count(b"\n") - 2 < 12
    assert same(fanin.resume(path, progress=False), whole)
    assert same(fanin.Sweep.load(path), whole)


@pytest.mark.usefixtures("core")
@pytest.mark.parametrize("rubbish", [b'{"round": 0', b"\0" * 4096, b"\0\0\n", b"\xff\xfe", b'{"a"\n'])
def test_rubbish_at_the_end_is_cut_off(path: Path, rubbish: bytes) -> None:
    whole = PLAN.run(journal=path, progress=False)
    good = path.read_bytes()
    path.write_bytes(good + rubbish)
    assert fanin.resume(path, progress=False) == whole
    assert path.read_bytes() == good


@pytest.mark.usefixtures("core")
def test_a_journal_torn_in_its_first_line_begins_anew(path: Path) -> None:
    whole = PLAN.run(journal=path, progress=False)
    first = path.read_bytes().partition(b"\n")[0]
    for size in (0, 1, 10, len(first) // 2, len(first)):
        path.write_bytes(first[:size])
        with pytest.raises(fanin.JournalError):
            fanin.resume(path)
        assert same(PLAN.run(journal=path, resume=True, progress=False), whole)


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"producers": [1, 16]}, r"producers is \[1, 8\] there and \[1, 16\] here"),
    ({"rounds": 4}, "rounds is 3 there and 4 here"),
    ({"seed": 6}, "seed is 5 there and 6 here"),
    ({"cases": [{"producers": 9}]}, "cases is"),
    ({"min_seconds": 0.05}, "min_seconds is"),
]


@pytest.mark.parametrize(("change", "part"), CHANGES)
def test_a_changed_plan_is_refused(path: Path, core: Stopwatch, change: dict[str, Any], part: str) -> None:
    PLAN.run(journal=path, progress=False)
    with pytest.raises(fanin.JournalError, match=part):
        dataclasses.replace(PLAN, **change).run(journal=path, resume=True)
    assert core.calls == 12


@pytest.mark.usefixtures("core")
def test_rounds_that_a_budget_chose_stay_chosen(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = dataclasses.replace(PLAN, rounds="auto", budget="1min")
    monkeypatch.setattr("fanin.dry_run.calibrate", lambda cells, *_: [3.0] * len(cells))
    whole = plan.run(journal=path, progress=False)
    assert len(whole) == 20
    monkeypatch.setattr("fanin.dry_run.calibrate", lambda *_: pytest.fail("calibrated again"))
    path.write_bytes(path.read_bytes()[:-2000])
    assert same(fanin.resume(path, progress=False), whole)


# --- what is not trusted ---------------------------------------------------------------------------------------------

Lines = list[Any]


def header(**changes: Any) -> Callable[[Lines], Lines]:
    return lambda lines: [lines[0] | changes, *lines[1:]]


def third(**changes: Any) -> Callable[[Lines], Lines]:
    return lambda lines: [*lines[:4], list((named(lines[4]) | changes).values()), *lines[5:]]


def named(line: list[Any]) -> dict[str, Any]:
    return dict(zip(journal.OF_RUN, line, strict=True))


HOSTILE: dict[str, Callable[[Lines], list[Any]]] = {
    "no header": lambda lines: lines[1:],
    "a header that is a run": lambda lines: [lines[3], *lines],
    "another version": header(version=9),
    "the version before": header(version=1),
    "no plan": header(plan=None),
    "a plan of nothing": header(plan={}),
    "another plan": header(plan=PLAN.to_dict() | {"seed": 6}),
    "a plan with a stranger": header(plan=PLAN.to_dict() | {"x": 6}),
    "no times": header(times=None),
    "times of words": header(times=["3"] * 4),
    "huge times": header(times=[10**12] * 4),
    "times below one": header(times=[-3] * 4),
    "too many times": header(times=[3] * 400),
    "no beginning": header(began=3),
    "other columns": header(columns=list(journal.OF_RUN)[::-1]),
    "other axes": header(axes=["strategy"]),
    "cells that are none": header(cells=[3] * 4),
    "cells of words": lambda lines: header(cells=[["x"] * len(lines[0]["axes"])] * 4)(lines),
    "too few cells": lambda lines: header(cells=lines[0]["cells"][:3], times=[3] * 3)(lines),
    "a line that is a list": lambda lines: [*lines[:3], [], *lines[3:]],
    "a line that is a number": lambda lines: [*lines[:3], 3, *lines[3:]],
    "a stranger": lambda lines: [*lines[:3], {"fanin": "else"}, *lines[3:]],
    "a run twice": lambda lines: [*lines, lines[-1]],
    "a column missing": lambda lines: [*lines[:4], lines[4][:-1], *lines[5:]],
    "a run by names": lambda lines: [*lines[:4], named(lines[4]), *lines[5:]],
    "a column too many": third(extra=1),
    "a word for a number": third(delivered="8"),
    "true for a number": third(lost=True),
    "a fraction for a number": third(sent=1.5),
    "nothing for a number": third(sent=None),
    "below zero": third(deliver_ns=-1),
    "a huge number": third(sent=2**63),
    "infinity": third(load_average=1e400),
    "a round that is not": third(round=99),
    "a position that is not": third(position=99),
    "another cell": lambda lines: [*lines[:4], [*lines[4][:2], lines[4][2] ^ 1, *lines[4][3:]], *lines[5:]],
    "a cell that is not": third(cell=4),
    "a huge cell": third(cell=2**62),
    "another strategy": lambda lines: [
        lines[0] | {"cells": [["swap/each", *cell[1:]] for cell in lines[0]["cells"]]},
        *lines[1:],
    ],
    "a time without delivery": third(status="invalid"),
    "delivery without a time": third(deliver_ns=None),
}


@pytest.mark.parametrize("spoil", HOSTILE.values(), ids=HOSTILE)
def test_a_journal_is_not_trusted(path: Path, core: Stopwatch, spoil: Callable[[Lines], list[Any]]) -> None:
    PLAN.run(journal=path, progress=False)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    spoilt = "".join(f"{json.dumps(line)}\n" for line in spoil(lines)).replace("Infinity", "1e999")
    path.write_text(spoilt)
    with pytest.raises(fanin.JournalError, match=r"runs\.ndjson") as caught:
        fanin.resume(path)
    assert len(str(caught.value)) < 800
    assert path.read_text() == spoilt, "what is refused is left as it is"
    assert core.calls == 12


@pytest.mark.parametrize("line", [b"{", b"\xff\xfe", b"[" * 100_000, b"\0" * 50, b"[NaN]", b"[" + b"9" * 5000 + b"]"])
@pytest.mark.usefixtures("core")
def test_rubbish_in_the_middle_is_told(path: Path, line: bytes) -> None:
    PLAN.run(journal=path, progress=False)
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:4], line, *lines[4:]]))
    with pytest.raises(fanin.JournalError, match="its line 5"):
        fanin.Sweep.load(path)


@pytest.mark.usefixtures("core")
@pytest.mark.parametrize("seed", range(30))
def test_a_spoilt_journal_is_finished_or_refused(path: Path, seed: int) -> None:
    draw = random.Random(seed)
    PLAN.run(journal=path, progress=False)
    content = bytearray(path.read_bytes())
    for _ in range(draw.randrange(1, 4)):
        at = draw.randrange(len(content))
        content[at : at + draw.randrange(3)] = draw.choice([b"", b"\n", b"9", b'"', b"{", b"\xff", b"null"])
    path.write_bytes(content)
    with contextlib.suppress(fanin.JournalError):
        assert len(fanin.resume(path, progress=False)) == 12


# --- real processes --------------------------------------------------------------------------------------------------

SWEEP = """
import sys, time, fanin
how = {"rounds": 500, "min_seconds": 0.005, "seed": 5, "confirm": int(sys.argv[2])}
plan = fanin.Plan(["mpsc/batch", "swap/batch"], [1, 8], **how)
try:
    plan.run(journal=sys.argv[1], progress=False)
except fanin.SweepInterrupted as stop:
    print(time.monotonic(), len(stop.sweep), flush=True)
"""


@pytest.mark.unix
@pytest.mark.parametrize("confirm", [0, 2])
@pytest.mark.parametrize("sign", ["SIGINT", "SIGKILL"])
def test_a_stopped_sweep_keeps_every_run(path: Path, sign: str, confirm: int) -> None:
    command = [sys.executable, "-c", SWEEP, str(path), str(confirm)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 60
        while not path.exists() or path.read_bytes().count(b"\n") < 12:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        before, pressed = path.read_bytes().count(b"\n"), time.monotonic()
        process.send_signal(getattr(signal, sign))
        stdout, _ = process.communicate(timeout=60)
    kept = fanin.Sweep.load(path)
    assert before - 3 <= len(kept) < 2000
    assert kept.delivered
    if sign == "SIGINT":
        answered, runs = stdout.split()
        assert float(answered) - pressed < (0.3 if os.getloadavg()[0] < 2 else 2)
        assert int(runs) == len(kept)
    places = list(zip(kept.column("round"), kept.column("position"), strict=True))
    assert places == list(itertools.islice(itertools.product(range(500), range(4)), len(kept))), "nothing is missing"
    assert kept.metadata["plan"]["seed"] == 5
