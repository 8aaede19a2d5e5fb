"""Plans: what they hold, what they leave out, what they cost, and what comes back from their files."""

import contextlib
import dataclasses
import json
import math
import pickle
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fanin
from fanin import cells, dry_run
from fanin.plan import GRID, Plan
from fanin.schedule import schedule, visits

TWO = ["mpsc/batch", "swap/batch"]


def small(**changes: Any) -> Plan:
    return Plan(**({"strategies": TWO, "producers": [1, 8], "messages": 50, "min_seconds": 0} | changes))


# --- the value -------------------------------------------------------------------------------------------------------


def test_a_plan_is_a_value() -> None:
    plan = small(delay=[0, 1e-5], cases=[{"producers": 64}])
    assert plan == small(delay=(0.0, 1e-5), cases=[{"producers": [64]}])
    assert len({plan, small(delay=[0, 1e-5], cases=[{"producers": 64}])}) == 1
    assert plan != small()
    assert not hasattr(plan, "__dict__")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(plan, protocol)) == plan
    with pytest.raises(dataclasses.FrozenInstanceError):
        plan.seed = 1  # type: ignore[misc]
    assert dataclasses.replace(plan, seed=1).seed == 1
    assert dataclasses.replace(plan, seed=1).digest != plan.digest == small(delay=[0, 1e-5], cases=plan.cases).digest


def test_axes_are_tuples_and_cells_the_grid() -> None:
    plan = small(payload=[1, 16])
    assert (plan.strategies, plan.messages, plan.capacity) == (tuple(TWO), (50,), (None,))
    assert [(c.strategy, c.producers, c.payload) for c in plan.cells][:3] == [
        ("mpsc/batch", 1, 1),
        ("mpsc/batch", 1, 16),
        ("mpsc/batch", 8, 1),
    ]
    assert len(plan.cells) == len(set(plan.cells)) == 8
    assert repr(plan) == "<Plan: 8 cells, 5 rounds: 40 runs>"


def test_what_cannot_be_is_left_out_with_its_reason() -> None:
    plan = small(capacity=[None, 4096])
    assert len(plan.cells) == 6
    assert {left.cell.strategy for left in plan.left_out} == {"mpsc/batch"}
    assert all("has no bound" in left.reason for left in plan.left_out)
    assert "2 cells left out" in repr(plan)
    with pytest.raises(fanin.PlanError, match="has no bound"):
        small(strategies="mpsc/batch", capacity=4096)
    sweep = plan.run(progress=False)
    assert len(sweep.metadata["left_out"]) == 2
    assert "2 cells left out" in repr(sweep)


def test_what_a_queue_cannot_do_when_it_is_full_is_left_out() -> None:
    plan = small(strategies=["swap/batch", "ring/batch"], capacity="64 messages", on_full=["wait", "drop_oldest"])
    assert len(plan.cells) == 6
    assert {(left.cell.strategy, left.reason) for left in plan.left_out} == {
        ("ring/batch", "on_full=drop_oldest: ring can wait, drop_newest")
    }


def test_an_open_load_is_an_axis() -> None:
    slow, fast = fanin.open_loop(5e3), fanin.open_loop(5e4, "poisson")
    plan = small(strategies="swap/batch", payload=16, load=[fanin.closed_loop(), slow, fast], rounds=2)
    assert plan.load == (fanin.closed_loop(), slow, fast)
    assert 'arrivals = "poisson"' in plan.to_toml()
    assert Plan.from_toml(plan.to_toml()) == pickle.loads(pickle.dumps(plan)) == plan
    assert plan.dry_run(calibrate=False).seconds > 2 * (50 + 400) / 5e3, "it lasts as long as it is to"
    sweep = plan.run(progress=False)
    assert {(run.load, run.rate, run.arrivals) for run in sweep} == {
        ("closed", None, None), ("open", 5e3, "constant"), ("open", 5e4, "poisson"),
    }  # fmt: skip
    assert all((run.latency_p50_ns is None) == (run.load == "closed") for run in sweep)
    assert "rate" in sweep.summary().columns


def test_a_round_draws_its_arrivals_for_all_cells_of_a_point(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn_from: list[int] = []
    real = fanin._native.run

    def run(strategy: str, **knobs: Any) -> dict[str, Any]:
        drawn_from.append(knobs["seed"])
        return real(strategy, **knobs)

    monkeypatch.setattr("fanin._native.run", run)
    small(producers=1, payload=16, load=fanin.open_loop(1e5, "poisson"), rounds=2, seed=7).run(progress=False)
    assert drawn_from == [7, 7, 7 + cells.MOST_BURSTS, 7 + cells.MOST_BURSTS]


def test_cases_are_extra_cells() -> None:
    plan = small(cases=[{"producers": 64}, {"strategy": "swap/each", "payload": [32, 64]}, {"producers": [1, 64]}])
    extra = [(c.strategy, c.producers, c.payload) for c in plan.cells[4:]]
    assert extra == [
        ("mpsc/batch", 64, 1),
        ("swap/batch", 64, 1),
        ("swap/each", 1, 32),
        ("swap/each", 1, 64),
    ]  # each cell once, the axes' first values where a case is silent


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"cases": [{}]}, "mappings"),
    ({"cases": {"producers": 3}}, "a list"),
    ({"cases": "x"}, "a list"),
    ({"cases": [7]}, "mappings"),
    ({"cases": [{"producer": 3}]}, "did you mean producers"),
    ({"cases": [{"producers": 0}]}, "producers=0"),
    ({"cases": [{"producers": i + 1} for i in range(1001)]}, "up to 1,000"),
    ({"rounds": "often"}, "rounds='often': allowed are whole numbers from 1 to 10000 and 'auto'"),
    ({"rounds": True}, "rounds=True"),
    ({"budget": "soon"}, "2min"),
    ({"budget": "-3s"}, "2min"),
    ({"budget": 0}, "budget=0"),
    ({"budget": math.nan}, "budget=nan"),
    ({"budget": 10**400}, "budget=1000"),
    ({"budget": "999999999h"}, "budget="),
    ({"load": "open"}, "closed_loop"),
    ({"load": [fanin.open_loop(9), {"rate": 9}]}, "listed twice"),
    ({"capacity": ["64 KiB", 65_536]}, "listed twice"),
    ({"on_full": "drop-newest"}, "did you mean drop_newest"),
    ({"on_full": "drop_newest"}, "on_full=drop_newest: mpsc can wait"),
    ({"load": {"rate": -1}}, "rate=-1"),
    ({"load": fanin.open_loop(1000)}, "payload=1: with an open load allowed are 2 bytes"),
    ({"load": []}, "at least one"),
    ({"seed": 2**63}, "seed="),
    ({"producers": range(1, 1001), "rounds": 10_000}, "runs"),
]


@pytest.mark.parametrize(("arguments", "part"), WRONG)
def test_a_plan_refuses(arguments: dict[str, Any], part: str) -> None:
    with pytest.raises(fanin.PlanError) as caught:
        small(**arguments)
    assert part in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(("text", "span"), [("2min", 120), ("90s", 90), ("1.5h", 5400), (3, 3), (0.5, 0.5)])
def test_a_budget_is_a_span_of_time(text: Any, span: float) -> None:
    assert small(budget=text).budget == span


def test_sweep_takes_a_plan_as_it_is() -> None:
    plan = small(rounds=1)
    assert len(fanin.sweep(plan, progress=False)) == 4
    with pytest.raises(fanin.PlanError, match="seed=3: a plan brings its own"):
        fanin.sweep(plan, seed=3)


# --- files -----------------------------------------------------------------------------------------------------------


def drawn(seed: int) -> Plan:
    """Some plan."""
    draw = random.Random(seed)
    some = {
        "strategies": draw.sample(fanin.strategies().names, 3),
        "producers": draw.sample(range(1, 100), 2),
        "payload": draw.sample(range(1, 100), 2),
        "capacity": draw.choice([None, [None, 4096, "300 messages"], 1 << 20, "1 MiB"]),
        "on_full": draw.choice(["wait", ["wait", "drop_newest", "drop_oldest"]]),
        "load": draw.choice([fanin.closed_loop(), [fanin.closed_loop(), fanin.open_loop(1e4), {"rate": 2.5e3}]]),
        "read_rate": draw.choice([None, [None, 10**9]]),
        "delay": draw.choice([0, 0.1, [1e-9, 0.3]]),
        "work": draw.choice([0, [0, 5]]),
        "threads": draw.choice([None, [1, 2]]),
        "server": draw.choice(["echo", ["discard", "echo"]]),
        "rounds": draw.choice(["auto", 3]),
        "budget": draw.choice([None, "2min", 0.1]),
        "timeout": draw.choice([None, 1.5]),
        "min_seconds": draw.random(),
        "cases": draw.choice([[], [{"producers": 200}, {"capacity": None, "delay": 0.25}]]),
        "seed": draw.randrange(2**63),
    }
    bounded = [s.name for s in fanin.strategies() if s.bounded]
    return Plan(**(some | {"strategies": [*dict.fromkeys([*some["strategies"], bounded[0]])]}))


@pytest.mark.parametrize("seed", range(25))
def test_a_plan_comes_back_from_its_file(seed: int, tmp_path: Path) -> None:
    plan = drawn(seed)
    assert Plan.from_toml(plan.to_toml()) == plan
    assert Plan.from_dict(plan.to_dict()) == plan
    assert Plan.read(plan.save(tmp_path / "plan.toml")) == plan
    assert Plan.from_toml(plan.to_toml()).digest == plan.digest


def test_a_file_says_only_what_differs() -> None:
    text = 'strategies = "swap/batch"\nproducers = 4\ncapacity = "none"\nbudget = "1min"\n[[cases]]\nproducers = 9\n'
    assert Plan.from_toml(text) == Plan("swap/batch", 4, budget=60, cases=[{"producers": 9}])


MANY = list(range(1, 2000))
HOSTILE = {
    "nothing": ("", "strategies are missing"),
    "no TOML": ("strategies = [", "no TOML"),
    "another key": ("strategies = 'swap/batch'\nproducer = 1", "did you mean producers"),
    "a word for a number": ("strategies = 'swap/batch'\nproducers = '8'", "producers='8'"),
    "a fraction": ("strategies = 'swap/batch'\nproducers = 1.5", "producers=1.5"),
    "true": ("strategies = 'swap/batch'\nproducers = true", "producers=True"),
    "a date": ("strategies = 'swap/batch'\nproducers = 2024-01-01", "producers="),
    "infinity": ("strategies = 'swap/batch'\nmin_seconds = inf", "min_seconds=inf"),
    "nan": ("strategies = 'swap/batch'\ndelay = [nan]", "delay=nan"),
    "a huge number": (f"strategies = 'swap/batch'\nseed = {'9' * 4000}", "seed="),
    "more digits than Python reads": (f"strategies = 'swap/batch'\nseed = {'9' * 5000}", "no TOML"),
    "a list of lists": ("strategies = 'swap/batch'\nproducers = [[1]]", "producers=[1]"),
    "a table": ("strategies = 'swap/batch'\n[producers]\na = 1", "producers="),
    "cases that are none": ("strategies = 'swap/batch'\ncases = 3", "cases=3"),
    "a case with a stranger": ("strategies = 'swap/batch'\n[[cases]]\nrounds = 3", "cases='rounds'"),
    "nested deeply": ("strategies = " + "[" * 100_000, "no TOML"),
    "a key twice": ("seed = 1\nseed = 2", "no TOML"),
    "too many cells": (f"strategies = 'swap/batch'\nproducers = {MANY}\npayload = {MANY}", "cells"),
}


@pytest.mark.parametrize(("text", "part"), HOSTILE.values(), ids=HOSTILE)
def test_a_file_is_not_trusted(text: str, part: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(text)
    for read in (lambda: Plan.from_toml(text), lambda: Plan.read(path)):
        with pytest.raises(fanin.PlanError) as caught:
            read()
        assert part in str(caught.value)
        assert len(str(caught.value)) < 600


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\0" * 100, b"x" * (1 << 20) + b"x"])
def test_rubbish_is_told(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_bytes(content)
    with pytest.raises(fanin.PlanError, match=r"plan\.toml"):
        Plan.read(path)
    with pytest.raises(FileNotFoundError):
        Plan.read(tmp_path / "none.toml")


@pytest.mark.parametrize("seed", range(40))
def test_a_spoilt_file_is_a_plan_or_an_error(seed: int) -> None:
    draw = random.Random(seed)
    text = list(drawn(seed).to_toml())
    for _ in range(draw.randrange(1, 4)):
        text[draw.randrange(len(text))] = draw.choice(
            ["", "[", "9", '"', "\n", "=", "\0", "é", "-", "9999999999999999"]
        )
    with contextlib.suppress(fanin.PlanError):
        assert isinstance(Plan.from_toml("".join(text)), Plan)


@pytest.mark.parametrize("content", [None, 7, [], "x", {1: 2}, {"strategies": {}}, {"strategies": None}])
def test_from_dict_refuses(content: Any) -> None:
    with pytest.raises(fanin.PlanError):
        Plan.from_dict(content)


# --- order -----------------------------------------------------------------------------------------------------------


def test_what_is_compared_runs_side_by_side() -> None:
    points = [cell % 7 for cell in range(28)]
    rounds = schedule([4] * 28, 3, points)
    for order in rounds:
        assert sorted(order) == list(range(28))
        assert [points[cell] for cell in order[::4]] == [points[cell] for cell in order[3::4]]
    assert len({tuple(order) for order in rounds}) == 4
    assert schedule([9] * 28, 3, points)[:4] == rounds
    assert [place.position for place in visits(rounds)] == [*range(28)] * 4


def test_points_are_what_cells_have_but_for_the_strategy() -> None:
    assert cells.points(small().cells) == [0, 1, 0, 1]
    parts = {"strategy", "capacity_unit", "rate", "arrivals", "contents", "pause_after_ns", "pause_after_bytes"}
    assert set(GRID) - {"strategies"} == {name.removesuffix("_ns") for name in cells.AXES if name not in parts}


# --- what it costs ---------------------------------------------------------------------------------------------------


def test_a_dry_run_says_what_will_be_run() -> None:
    plan = small(capacity=[None, 4096], rounds=3)
    dry = plan.dry_run()
    assert dry.calibrated
    assert dry.times == (3,) * 6
    assert 0 < dry.seconds < 10
    assert [row["cell"] for row in dry.cells()] == list(range(6))
    swept = plan.run(progress=False)
    assert [row["cell"] for row in dry.order()] == list(swept.column("cell"))
    assert "18 runs in" in repr(dry)
    assert "has no bound" in repr(dry)
    assert "has no bound" in dry._repr_html_()


def test_without_calibration_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fanin._native.run", lambda *_, **__: pytest.fail("something ran"))
    dry = small(min_seconds=0.05, rounds=4, delay=0.01).dry_run(calibrate=False)
    assert dry.seconds >= 4 * 4 * 50 * 0.01
    assert "at least" in repr(dry)


@pytest.mark.parametrize(
    ("rounds", "budget", "costs", "times"),
    [
        (5, None, [9, 9, 9, 9], [5] * 4),
        ("auto", 40, [1, 1, 1, 1], [10] * 4),
        ("auto", None, [0.5, 0.5, 0.5, 0.5], [30] * 4),
        (5, 40, [1, 1, 1, 1], [5] * 4),
        (50, 40, [1, 1, 1, 1], [10] * 4),
        ("auto", 25, [1, 9, 1, 9], [3, 1, 3, 1]),  # of few rounds the quick points get more
        ("auto", 20, [1, 9, 1, 9], [1, 1, 1, 1]),
        (1, 30, [1, 9, 1, 9], [1, 1, 1, 1]),
    ],
)
def test_rounds_fit_the_budget(rounds: Any, budget: Any, costs: list[float], times: list[int]) -> None:
    assert dry_run.rounds(small(rounds=rounds, budget=budget), costs) == times


def test_a_budget_that_holds_no_round_is_refused() -> None:
    with pytest.raises(fanin.PlanError, match=r"budget=5.*one round takes, some 20.0 s"):
        dry_run.rounds(small(rounds="auto", budget=5), [1, 9, 1, 9])


def slow(seconds: float, make_run: Callable[..., fanin.Run]) -> Callable[..., dict[str, Any]]:
    def run(strategy: str, **knobs: Any) -> dict[str, Any]:
        time.sleep(seconds)
        made = make_run(strategy, knobs["producers"], ns=1000)
        return {f.name: getattr(made, f.name) for f in dataclasses.fields(made)}

    return run


def test_a_calibration_has_an_end(monkeypatch: pytest.MonkeyPatch, make_run: Callable[..., fanin.Run]) -> None:
    monkeypatch.setattr("fanin._native.run", slow(0.01, make_run))
    plan = small(producers=range(1, 200), messages=1000)
    begin = time.monotonic()
    costs = dry_run.calibrate(plan.cells, plan.effort, 0.1)
    assert time.monotonic() - begin < 1
    assert len(costs) == len(plan.cells)
    assert costs[198] > costs[0], "what was not timed is reckoned from what was"


def test_a_calibration_that_no_burst_ends_in_has_costs_all_the_same(
    monkeypatch: pytest.MonkeyPatch, make_run: Callable[..., fanin.Run]
) -> None:
    plan = Plan(["mpsc-one/each", "swap/batch"], 8, messages=200)
    stopped = {"status": "timeout", "bursts": 0, "deliver_ns": None}
    monkeypatch.setattr("fanin.dry_run.execute", lambda cell, _: make_run(cell.strategy, 8, **stopped))
    assert all(cost > 0 for cost in dry_run.calibrate(plan.cells, plan.effort, 0.1))


def test_auto_rounds_spend_the_budget(monkeypatch: pytest.MonkeyPatch, make_run: Callable[..., fanin.Run]) -> None:
    monkeypatch.setattr("fanin._native.run", slow(0.01, make_run))
    sweep = small(rounds="auto", budget=0.6, min_seconds=0).run(progress=False)
    assert 3 <= max(Counter(sweep.column("cell")).values()) <= 15


# --- from a shell ----------------------------------------------------------------------------------------------------


def fanin_in(folder: Path, shell: list[str], *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [*shell, *arguments], cwd=folder, check=False, capture_output=True, text=True, timeout=60
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def test_a_plan_from_a_shell(tmp_path: Path, shell: list[str]) -> None:
    small(capacity=[None, 4096], rounds=2).save(tmp_path / "plan.toml")
    code, dry, _ = fanin_in(tmp_path, shell, "sweep", "plan.toml", "--dry-run", "--json")
    assert (code, len(json.loads(dry)["cells"]), len(json.loads(dry)["left_out"])) == (0, 6, 2)
    code, text, _ = fanin_in(tmp_path, shell, "sweep", "plan.toml", "--journal", "runs.ndjson", "--out", "sweep.json")
    assert code == 0
    assert "12 runs: 6 cells, 2 rounds; all delivered; 2 cells left out" in text
    assert fanin.Sweep.load(tmp_path / "runs.ndjson") == fanin.Sweep.load(tmp_path / "sweep.json")
    code, _, problem = fanin_in(tmp_path, shell, "sweep", "plan.toml", "--journal", "runs.ndjson")
    assert (code, "; --resume finishes" in problem, problem.count("\n")) == (2, True, 1)
    assert fanin_in(tmp_path, shell, "sweep", "plan.toml", "--journal", "runs.ndjson", "--resume")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("plan.toml", "--rounds", "3"), "--rounds: the plan in plan.toml brings its own"),
        (("plan.toml", "--producers", "1"), "--producers: the plan"),
        (("spoilt.toml",), "spoilt.toml"),
        (("swap/batch", "--rounds", "often"), "'often': allowed is a whole number, or auto"),
        (("swap/batch", "--budget", "soon"), "budget='soon'"),
        (("swap/batch", "--budget", "0.001s"), "one round takes"),
    ],
)
def test_a_shell_is_told(tmp_path: Path, shell: list[str], arguments: tuple[str, ...], part: str) -> None:
    small().save(tmp_path / "plan.toml")
    (tmp_path / "spoilt.toml").write_text("strategies = [")
    code, _, problem = fanin_in(tmp_path, shell, "sweep", *arguments)
    assert (code, part in problem, problem.count("\n")) == (2, True, 1), problem


def test_several_strategies_in_one_text_are_told_to_be_a_list() -> None:
    with pytest.raises(fanin.PlanError, match=r"; give a list: \['swap/batch', 'mpsc/batch'\]"):
        Plan("swap/batch, mpsc/batch")
    with pytest.raises(fanin.PlanError, match="did you mean swap/batch"):
        Plan("swap")


def test_a_view_tells_an_argument_that_there_is_not() -> None:
    with pytest.raises(
        TypeError, match=r"^live\(\) got an unexpected keyword argument 'producer'; did you mean producers\?$"
    ):
        fanin.live("swap/batch", producer=8)
