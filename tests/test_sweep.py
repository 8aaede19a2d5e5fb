"""Sweeps: their order, their table, and what survives an interruption."""

import copy
import json
import pickle
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fanin
from fanin.ratios import Spread
from fanin.rows import RATES, STORED
from fanin.schedule import schedule

Make = Callable[..., fanin.Sweep]
SMALL = {"messages": 50, "min_seconds": 0.0, "progress": False}


def test_a_sweep_visits_every_cell_once_a_round() -> None:
    sweep = fanin.sweep(["mpsc/batch", "swap/batch"], producers=[1, 4], payload=[1, 16], rounds=3, seed=7, **SMALL)
    assert len(sweep) == 2 * 2 * 2 * 3
    assert sweep.delivered
    visits = Counter(zip(sweep.column("round"), sweep.column("cell"), strict=True))
    assert set(visits.values()) == {1}
    assert sweep.column("position") == tuple(range(8)) * 3
    assert sweep.column("round") == (0,) * 8 + (1,) * 8 + (2,) * 8
    assert set(sweep.column("seed")) == {7}
    assert {run.strategy for run in sweep} == {"mpsc/batch", "swap/batch"}
    first = next(run for run, cell in zip(sweep, sweep.column("cell"), strict=True) if cell == 0)
    assert (first.strategy, first.producers, first.payload) == ("mpsc/batch", 1, 1)


def test_every_knob_can_be_an_axis() -> None:
    sweep = fanin.sweep(
        "swap/batch", 2, work=(0, 100), delay=[0, 1e-5], server=["discard", "echo"], actor=["thread", "task"],
        threads=[1, 2], producers_as=["tasks", "threads"], rounds=1, **SMALL,
    )  # fmt: skip
    assert len(sweep) == 64
    assert sweep.delivered
    assert set(sweep.column("delay_ns")) == {0, 10_000}
    assert {"work_ns", "delay_ns", "server", "actor", "producers_as", "threads"} < set(sweep.summary().columns)


def test_rounds_are_shuffled_by_the_seed() -> None:
    once, again, other = schedule([3] * 20, 1), schedule([3] * 20, 1), schedule([3] * 20, 2)
    assert once == again
    assert once != other
    assert len({tuple(order) for order in once}) == 3
    assert all(sorted(order) == list(range(20)) for order in once)
    assert schedule([5] * 20, 1)[:3] == once, "more rounds begin with the same ones"
    assert [sorted(order) for order in schedule([1, 3, 2], 0)] == [[0, 1, 2], [1, 2], [1]]


def test_a_sweep_leaves_the_random_state_alone() -> None:
    random.seed(5)
    before = random.getstate()
    fanin.sweep("swap/batch", 1, rounds=1, **SMALL)
    assert random.getstate() == before


def test_ctrl_c_keeps_what_has_ended(monkeypatch: pytest.MonkeyPatch, make_run: Callable[..., fanin.Run]) -> None:
    calls = iter(range(100))

    def run(strategy: str, **knobs: Any) -> dict[str, Any]:
        if next(calls) == 5:
            raise KeyboardInterrupt
        made = make_run(strategy, knobs["producers"]).to_dict()
        return {name: value for name, value in made.items() if name not in RATES}

    monkeypatch.setattr("fanin._native.run", run)
    with pytest.raises(fanin.SweepInterrupted, match="after 5 of 12 runs") as caught:
        fanin.sweep(["mpsc/batch", "swap/batch"], [1, 8], rounds=3)
    assert isinstance(caught.value, KeyboardInterrupt)
    kept = caught.value.sweep
    assert len(kept) == 5
    assert kept.column("round") == (0, 0, 0, 0, 1)
    assert "5 runs" in repr(kept)


# --- the table -------------------------------------------------------------------------------------------------------


def test_rows_have_all_columns(make_sweep: Make) -> None:
    sweep = make_sweep(bad=[("swap/batch", 8)])
    rows = sweep.to_dicts()
    assert list(rows[0]) == list(sweep.columns) == [*STORED, *RATES]
    assert len(rows) == len(sweep) == 27
    for row in rows:
        times = [row[name] for name in ("produce_ns", "deliver_ns", *RATES)]
        assert all(times) if row["status"] == "ok" else times == [None] * (2 + len(RATES))
    assert sum(row["status"] != "ok" for row in rows) == 3


def test_pandas(make_sweep: Make) -> None:
    pandas = pytest.importorskip("pandas")
    sweep = make_sweep(bad=[("swap/batch", 8)])
    frame = sweep.to_pandas()
    assert list(frame.columns) == list(sweep.columns)
    assert frame.shape == (27, len(sweep.columns))
    assert frame["deliver_ns"].dtype == pandas.Int64Dtype()
    assert frame["capacity"].isna().all()
    assert frame["nanoseconds_per_message"].dtype == float
    bad = frame[frame.status != "ok"]
    assert bad["nanoseconds_per_message"].isna().all()
    assert frame.groupby("strategy")["nanoseconds_per_message"].median()["mpsc/batch"] == 110
    assert len(pandas.DataFrame(sweep.summary().to_dicts())) == len(sweep.summary().to_pandas()) == 9


def test_polars(make_sweep: Make) -> None:
    polars = pytest.importorskip("polars")
    sweep = make_sweep(bad=[("swap/batch", 8)])
    frame = sweep.to_polars()
    assert frame.columns == list(sweep.columns)
    assert frame.schema["capacity"] == polars.Int64
    assert frame.schema["counterexample"] == polars.String
    assert frame["nanoseconds_per_message"].null_count() == 3
    assert frame.to_dicts() == sweep.to_dicts()
    assert sweep.summary().to_polars().height == 9


def test_filter(make_sweep: Make) -> None:
    sweep = make_sweep(bad=[("swap/batch", 8)])
    assert len(sweep.filter(strategy="swap/batch")) == 9
    assert len(sweep.filter(strategy="swap/batch", producers=[1, 8])) == 6
    assert len(sweep.filter(status="ok")) == 24
    assert sweep.filter(status="ok").delivered
    assert len(sweep.filter(capacity=None)) == 27
    assert len(sweep.filter(producers=5)) == 0
    with pytest.raises(fanin.PlanError, match=r"column='producer'.*did you mean producers"):
        sweep.filter(producer=1)


def test_a_sweep_of_nothing_shows_nothing(make_sweep: Make) -> None:
    nothing = make_sweep().filter(strategy="nope")
    assert not nothing.delivered
    assert repr(nothing).startswith("Sweep of no runs")
    assert "delivered" not in repr(nothing) + nothing._repr_html_()
    with pytest.raises(fanin.PlanError, match="at least one run"):
        nothing.require_delivery()


def test_require_delivery(make_sweep: Make) -> None:
    assert make_sweep().require_delivery().delivered
    bad = make_sweep(bad=[("swap/batch", 8)])
    assert not bad.delivered
    with pytest.raises(fanin.NotDelivered, match="message 3 is missing") as caught:
        bad.require_delivery()
    assert caught.value.run.producers == 8


def test_a_sweep_is_frozen_and_travels(make_sweep: Make) -> None:
    sweep = make_sweep()
    with pytest.raises((AttributeError, TypeError)):
        sweep.metadata = {}  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(sweep)) == copy.deepcopy(sweep) == sweep
    assert sweep != make_sweep(rounds=2)
    assert list(pickle.loads(pickle.dumps(sweep))) == list(sweep)


# --- ratios ----------------------------------------------------------------------------------------------------------


def test_a_spread_is_a_median_with_its_range() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == (2.0, 1.0, 3.0)
    assert Spread.of([1.0, 2.0]) == (1.5, 1.0, 2.0)
    assert Spread.of([]) == (None, None, None)


def test_summary(make_sweep: Make) -> None:
    table = make_sweep().summary()
    rows = {(row["strategy"], row["producers"]): row for row in table}
    assert len(table) == 9
    swap = rows["swap/batch", 8]
    assert (swap["runs"], swap["status"], swap["ns"], swap["ns_lowest"], swap["ns_highest"]) == (3, "ok", 55, 50, 60)
    assert swap["ratio"] == swap["ratio_lowest"] == swap["ratio_highest"] == 2, "paired by round: all rounds agree"
    assert rows["mpsc/batch", 8]["ratio"] == 1
    assert rows["mpsc-one/each", 8]["ratio"] == pytest.approx(0.1)
    against = {row["strategy"]: row["ratio"] for row in make_sweep().summary(over="swap/batch")}
    assert against["mpsc/batch"] == pytest.approx(0.5)
    with pytest.raises(fanin.PlanError, match="over='swap/each'"):
        make_sweep().summary(over="swap/each")


def test_what_did_not_deliver_has_no_median_and_no_ratio(make_sweep: Make) -> None:
    sweep = make_sweep(bad=[("swap/batch", 8), ("mpsc/batch", 64)])
    rows = {(row["strategy"], row["producers"]): row for row in sweep.summary()}
    lost = rows["swap/batch", 8]
    assert (lost["status"], lost["ns"], lost["ratio"]) == ("3 invalid", None, None)
    no_baseline = rows["swap/batch", 64]
    assert (no_baseline["status"], no_baseline["ns"], no_baseline["ratio"]) == ("ok", 55, None)
    assert "6 NOT delivered" in repr(sweep)
    assert "3 invalid" in sweep._repr_html_()


def test_ratio(make_sweep: Make) -> None:
    table = make_sweep().ratio("mpsc/batch", "mpsc-one/each")
    assert table.columns == ("producers", "pairs", "ratio", "ratio_lowest", "ratio_highest")
    assert table.to_dicts() == [
        {"producers": n, "pairs": 3, "ratio": 10.0, "ratio_lowest": 10.0, "ratio_highest": 10.0} for n in (1, 8, 64)
    ]
    with pytest.raises(fanin.PlanError, match="strategy='x'"):
        make_sweep().ratio("x", "mpsc/batch")


def test_a_long_sweep_is_cut_short_in_print(make_sweep: Make) -> None:
    text = repr(make_sweep(producers=range(1, 200), rounds=1))
    assert len(text.splitlines()) < 70
    assert "more: .summary()" in text


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_sweep_comes_back_from_its_file(make_sweep: Make, tmp_path: Path) -> None:
    sweep = make_sweep(bad=[("swap/batch", 8)])
    path = tmp_path / "sweep.json"
    assert sweep.save(path) == str(path)
    assert fanin.Sweep.load(path) == sweep
    assert [file.name for file in tmp_path.iterdir()] == ["sweep.json"]
    with pytest.raises(OSError, match="nowhere"):
        sweep.save(tmp_path / "nowhere" / "sweep.json")
    with pytest.raises(FileNotFoundError):
        fanin.Sweep.load(tmp_path / "none.json")


def spoilt(columns: dict[str, list[Any]], name: str, value: Any) -> dict[str, list[Any]]:
    return columns | {name: [value, *columns[name][1:]]}


def columns_of(**changes: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda whole: whole | {name: change(whole[name]) for name, change in changes.items()}


HOSTILE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a list": lambda _: [],
    "another format": columns_of(format=lambda _: "else"),
    "a later version": columns_of(version=lambda _: 99),
    "no columns": columns_of(columns=lambda _: None),
    "a column missing": columns_of(columns=lambda c: {name: c[name] for name in list(c)[1:]}),
    "a column too many": columns_of(columns=lambda c: c | {"extra": c["round"]}),
    "a column too short": columns_of(columns=lambda c: c | {"lost": c["lost"][1:]}),
    "a column that is a number": columns_of(columns=lambda c: c | {"lost": 3}),
    "text for a number": columns_of(columns=lambda c: spoilt(c, "producers", "8")),
    "true for a number": columns_of(columns=lambda c: spoilt(c, "producers", True)),
    "a fraction for a number": columns_of(columns=lambda c: spoilt(c, "sent", 1.5)),
    "nothing for a number": columns_of(columns=lambda c: spoilt(c, "sent", None)),
    "a number below zero": columns_of(columns=lambda c: spoilt(c, "deliver_ns", -1)),
    "no burst": columns_of(columns=lambda c: spoilt(c, "bursts", 0)),
    "a time without delivery": columns_of(columns=lambda c: spoilt(c, "status", "invalid")),
    "delivery without a time": columns_of(columns=lambda c: spoilt(c, "deliver_ns", None)),
    "meta that is a list": columns_of(meta=lambda _: ["cores", 2]),
}


@pytest.mark.parametrize("spoil", HOSTILE.values(), ids=HOSTILE)
def test_a_file_is_not_trusted(make_sweep: Make, tmp_path: Path, spoil: Callable[[dict[str, Any]], Any]) -> None:
    path = tmp_path / "sweep.json"
    path.write_text(json.dumps(spoil(json.loads(json.dumps(make_sweep().to_json())))))
    with pytest.raises(fanin.PlanError, match=r"sweep\.json.*allowed is what Sweep\.save wrote"):
        fanin.Sweep.load(path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b'{"format": "fanin sweep"'])
def test_rubbish_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "sweep.json"
    path.write_bytes(content)
    with pytest.raises(fanin.PlanError, match="it is no JSON"):
        fanin.Sweep.load(path)
