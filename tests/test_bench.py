"""All strategies beside each other, the targets of `lanes`, and what is recommended for a load."""

import json
from collections.abc import Callable
from typing import Any

import pytest

import fanin
from fanin import advice, bench, cli, targets
from fanin.bench import Arm


def test_a_bench_is_a_table_a_size(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "BURST_BYTES", 1 << 20)
    monkeypatch.setattr(bench, "MIN_SECONDS", 0.001)
    assert cli.main(["bench", "lanes/batch,direct/batch", "--payload", "1,64", "--rounds", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found["tables"]) == ["1", "64"]
    rows = {(row["strategy"], row["capacity"]): row for row in found["tables"]["64"]}
    assert set(rows) == {("lanes/batch", None), ("lanes/batch", bench.CAPPED), ("direct/batch", None)}
    assert rows["direct/batch", None]["ceilings"] == 1
    assert all(
        row["pairs"] == 2 and row["cpu_ns_lowest"] <= row["cpu_ns"] <= row["cpu_ns_highest"] for row in rows.values()
    )
    assert cli.main(["bench", "lanes/batch", "--payload", "64", "--rounds", "1"]) == 0
    assert "lanes/batch, 256 KiB" in capsys.readouterr().out


def test_a_bench_takes_every_queue_once() -> None:
    chosen = bench.usual()
    assert {strategy.queue for strategy in chosen} == {strategy.queue for strategy in fanin.strategies()}
    assert len({strategy.queue for strategy in chosen}) == len(chosen)
    twice = [arm.strategy for arm in bench.arms(chosen) if arm.capacity]
    assert "swap/batch" in twice
    assert "mpsc/batch" not in twice
    assert "mpsc-bounded/batch" not in twice


def test_bad_arguments_of_a_bench(capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["lane/batch"], "did you mean"),
        (["--rounds", "-1"], "rounds=-1"),
        (["--payload", "0"], "payload=0"),
    ):
        assert cli.main(["bench", *words]) == 2
        assert said in capsys.readouterr().err


def test_what_is_wrong_stands_in_the_table(make_sweep: Callable[..., fanin.Sweep]) -> None:
    sweep = make_sweep(["lanes/batch", "swap/batch"], rounds=2)
    rows = [list(row) for row in zip(*(sweep.column(name) for name in sweep.columns), strict=True)]
    assert rows
    found = bench.measured(sweep)
    ratios = bench.paired(found, Arm("lanes/batch"), Arm("swap/batch"))
    assert ratios
    assert all(ratio > 0 for ratio in ratios)
    assert bench.paired(found, Arm("lanes/batch"), Arm("nothing/batch")) == []


def test_targets_are_judged_by_the_median(make_sweep: Callable[..., fanin.Sweep]) -> None:
    sweep = make_sweep(["lanes/batch", "swap/batch"], rounds=5)
    scene = targets.Scene("planted", {}, ())
    ratio = sorted(bench.paired(bench.measured(sweep), targets.LANES, targets.SWAP))
    kept = targets._found(scene, targets.Target(targets.LANES, targets.SWAP, ratio[-1]), sweep)
    missed = targets._found(scene, targets.Target(targets.LANES, None, ratio[0] / 2), sweep)
    assert (kept.met, missed.met, missed.over) == (True, False, "best: swap/batch")
    nobody = targets._found(scene, targets.Target(targets.LANES, Arm("flume/batch"), 1.0), sweep)
    assert (nobody.met, nobody.ratio) == (None, None)


def test_every_target_has_its_arms() -> None:
    for scene, wanted in targets.scenes():
        assert scene.cells()
        for target in wanted:
            assert target.arm in scene.arms
            assert target.over is None or target.over in scene.arms
            assert target.over is not None or len(scene.arms) > 1


def test_targets_print_and_tell_what_was_missed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load = {"producers": 2, "payload": 64, "messages": 500}
    scene = targets.Scene("2 × 64 B", load, (targets.LANES, targets.SWAP))
    wanted = [targets.Target(targets.LANES, targets.SWAP, 1000.0), targets.Target(targets.LANES, None, 1e-6)]
    monkeypatch.setattr(targets, "scenes", lambda: [(scene, wanted)])
    monkeypatch.setattr(targets, "_by_itself", list)
    monkeypatch.setattr(bench, "MIN_SECONDS", 0.0)
    assert cli.main(["bench", "--targets", "--rounds", "2"]) == 0
    said = capsys.readouterr().out
    assert "1 of 2 targets met" in said
    assert "missed" in said
    assert cli.main(["bench", "--targets", "--rounds", "1", "--json"]) == 0
    assert [row["met"] for row in json.loads(capsys.readouterr().out)["targets"]] == [True, False]
    assert cli.main(["bench", "--targets", "--rounds", "1", "--only", "2 x 64"]) == 0
    assert "of 2 targets met" in capsys.readouterr().out
    assert cli.main(["bench", "--targets", "--only", "3 x 64"]) == 2
    assert "only='3 x 64'" in capsys.readouterr().err


def short(**load: Any) -> fanin.Recommendation:
    return fanin.recommend(rounds=2, progress=False, **load)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advice, "BURST_BYTES", 1 << 17)
    monkeypatch.setattr(advice, "SECONDS", 0.0)
    monkeypatch.setattr(advice, "LONGEST_BURST", 0.05)


@pytest.mark.usefixtures("quick")
def test_a_recommendation_suits_the_load(capsys: pytest.CaptureFixture[str]) -> None:
    answer = short(producers=2, payload=64, ordered=True, capacity="64 KiB")
    for name in {row["strategy"] for row in answer.first.to_dicts()}:
        strategy = fanin.strategies().named(name)
        assert strategy.order == "total"
        assert strategy.bounded
        assert strategy.sound
    assert answer.strategy in (None, *answer.finalists)
    assert len(answer.finalists) <= advice.FINALISTS
    assert "lanes/batch" not in answer.first.column("strategy")
    words = ["recommend", "--producers", "2", "--capacity", "64 KiB", "--ordered", "--rounds", "2", "--json"]
    assert cli.main(words) == 0
    assert json.loads(capsys.readouterr().out)["metric"] == "nanoseconds_per_message"


@pytest.mark.usefixtures("quick")
def test_a_rate_is_judged_by_latency() -> None:
    answer = short(producers=2, payload=64, rate=20_000.0)
    assert answer.metric == "latency_p99_ns"
    assert answer.reason


def test_bad_loads_are_refused() -> None:
    for load, said in (({"producers": 0}, "producers=0"), ({"rate": -1.0}, "rate=-1"), ({"payload": 0}, "payload=0")):
        with pytest.raises(fanin.PlanError, match=said):
            short(**load)


def test_a_winner_is_better_than_each(make_sweep: Callable[..., fanin.Sweep]) -> None:
    sweep = make_sweep(["mpsc-one/each", "mpsc/batch", "swap/batch"], rounds=6).filter(producers=64)
    answer = advice._judged(sweep, sweep, "nanoseconds_per_message")
    assert answer.strategy == answer.finalists[0] == "swap/batch"
    assert answer.low is not None
    assert answer.low > 1
    assert "times as good" in repr(answer)
    same = sweep.filter(strategy="swap/batch")
    alone = advice._judged(same, same, "nanoseconds_per_message")
    assert alone.strategy is None
    assert "only swap/batch" in alone.reason
    assert "<table>" in answer._repr_html_()


def test_memory_and_idle_time_are_those_of_a_fresh_process() -> None:
    memory, idle = targets._memory(), targets._idle()
    assert memory is None or 1 < memory < 64
    assert idle is not None
    assert 0 < idle < 0.5


def test_a_part_of_the_targets_is_refused_without_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "--only", "4 x 64 B"]) == 2
    assert "only='4 x 64 B': it chooses among the targets: allowed with --targets" in capsys.readouterr().err
