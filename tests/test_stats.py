"""Intervals cover what they say, pairs are pairs, and a verdict says no more than its interval."""

import json
import math
import pickle
import statistics
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

import fanin
from fanin.stats import intervals, noise
from fanin.stats.checks import remarks
from fanin.stats.compare import compare, compare_sweeps
from fanin.stats.intervals import Interval, of_difference, of_mean, t_cdf, t_quantile
from fanin.stats.verdicts import verdict

Simulate = Callable[..., Any]
TWINS = {"mpsc/batch": 100.0, "swap/batch": 100.0}
TWICE = {"mpsc/batch": 100.0, "swap/batch": 50.0}


# --- intervals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "freedom", "value"),
    [  # Student's published tables
        (0.975, 1, 12.7062), (0.975, 2, 4.3027), (0.975, 4, 2.7764), (0.975, 9, 2.2622), (0.975, 30, 2.0423),
        (0.95, 5, 2.0150), (0.995, 3, 5.8409), (0.9995, 10, 4.5869), (0.8, 4, 0.9410), (0.975, 1000, 1.9623),
    ],
)  # fmt: skip
def test_student_s_quantiles_are_those_of_the_tables(share: float, freedom: int, value: float) -> None:
    assert t_quantile(share, freedom) == pytest.approx(value, abs=6e-5)
    assert t_quantile(1 - share, freedom) == pytest.approx(-value, abs=6e-5)
    assert t_cdf(t_quantile(share, freedom), freedom) == pytest.approx(share, abs=1e-12)


def test_student_s_quantiles_are_those_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for freedom in (1, 2, 3, 7, 19, 100, 9999):
        for share in (0.6, 0.9, 0.975, 0.9999):
            assert t_quantile(share, freedom) == pytest.approx(stats.t.ppf(share, freedom), rel=1e-9)


def heavy(random: Random) -> float:
    """One value in ten is from far away, on either side: as paired log-ratios of a busy host are."""
    return random.gauss(0, 0.5 if random.random() < 0.1 else 0.05)


@pytest.mark.parametrize("size", [3, 5, 10, 24, 60])
@pytest.mark.parametrize("draw", [lambda random: random.gauss(0, 0.1), heavy], ids=["normal", "heavy"])
def test_intervals_cover_as_often_as_they_say(size: int, draw: Callable[[Random], float]) -> None:
    random, times = Random(7), 400
    found = [of_mean([draw(random) for _ in range(size)]) for _ in range(times)]
    covered = sum(i.low is not None and i.high is not None and i.low <= 0 <= i.high for i in found) / times
    assert 0.92 <= covered <= 0.995
    assert {i.method for i in found} == {"t" if size < 20 else "bootstrap"}


def test_the_bootstrap_and_student_agree_where_both_are_right() -> None:
    random = Random(3)
    values = [random.gauss(1, 0.1) for _ in range(200)]
    found, error = of_mean(values), statistics.stdev(values) / math.sqrt(200)
    assert found.low == pytest.approx(statistics.fmean(values) - 1.972 * error, abs=0.25 * error)
    assert found.high == pytest.approx(statistics.fmean(values) + 1.972 * error, abs=0.25 * error)


@pytest.mark.parametrize("size", [4, 30])
def test_an_interval_knows_no_order_and_moves_with_its_values(size: int) -> None:
    random = Random(5)
    values = [random.gauss(0, 1) for _ in range(size)]
    found = of_mean(values)
    assert of_mean(random.sample(values, size)) == found
    moved, turned = of_mean([value + 3 for value in values]), of_mean([-value for value in values])
    assert moved[:3] == pytest.approx([end + 3 for end in found[:3] if end is not None])
    assert turned.middle == pytest.approx(-(found.middle or 0))
    if size < 20:
        assert (turned.low, turned.high) == pytest.approx((-(found.high or 0), -(found.low or 0)))


def test_intervals_of_little() -> None:
    assert of_mean([]) == Interval(None, None, None, 0, "none")
    assert of_mean([2.0]) == Interval(2.0, None, None, 1, "none")
    assert of_mean([2.0] * 30)[:3] == (2.0, 2.0, 2.0)
    assert of_difference([1.0], [2.0, 3.0])[:3] == (-1.5, None, None)
    assert of_mean([1e9, 2e9, 3e9]).exp().high == math.exp(intervals.LARGEST_LOG)


def test_welch_covers_as_often_as_it_says() -> None:
    random, times = Random(9), 1000
    found = [
        of_difference([random.gauss(0, 1) for _ in range(5)], [random.gauss(0, 3) for _ in range(9)])
        for _ in range(times)
    ]
    assert 0.93 <= sum(i.low is not None and i.high is not None and i.low <= 0 <= i.high for i in found) / times <= 0.98


# --- verdicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (1.2, 1.4, "faster"), (0.5, 0.9, "slower"), (0.97, 1.04, "equivalent"), (1.01, 1.03, "equivalent"),
        (0.96, 1.3, "not worse"), (0.8, 1.02, "undecided"), (0.5, 2.0, "undecided"), (1.001, 1.2, "faster"),
    ],
)  # fmt: skip
def test_a_verdict_says_what_its_interval_allows(low: float, high: float, said: str) -> None:
    assert verdict(Interval(math.sqrt(low * high), low, high, 5, "t")) == said


def test_noise_takes_certainty_and_gives_none() -> None:
    sure = Interval(1.3, 1.2, 1.4, 5, "t")
    assert verdict(sure, noise=1.2) == "faster"
    assert verdict(sure, noise=1.5) == "undecided"
    assert verdict(Interval(1.3, 0.9, 1.9, 5, "t"), noise=1.5) == "undecided"
    assert verdict(Interval(1.3, None, None, 1, "none")) == "undecided"


# --- comparisons ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rounds", [5, 24])
@pytest.mark.parametrize("spread", [0.02, 0.3])
def test_identical_arms_seldom_differ(simulate: Simulate, rounds: int, spread: float) -> None:
    said = [compare(simulate(TWINS, rounds=rounds, noise=spread, seed=seed)).rows[0][-1] for seed in range(200)]
    assert sum(word in ("faster", "slower") for word in said) <= 20


def test_twice_as_fast_is_seen_through_noise_and_drift(simulate: Simulate) -> None:
    said = [compare(simulate(TWICE, rounds=5, noise=0.15, drift=1.0, seed=seed)).rows[0][-1] for seed in range(50)]
    assert said.count("faster") >= 48


def test_a_ratio_is_paired_so_drift_does_not_matter(simulate: Simulate) -> None:
    still, drifting = (compare(simulate(TWICE, drift=drift)).to_dicts() for drift in (0.0, 5.0))
    (row,), (other,) = still, drifting
    # The same noise is drawn; only what a whole round shares differs.
    assert row["ratio"] == pytest.approx(other["ratio"], rel=0.2)
    assert other["high"] / other["low"] < 2
    assert (row["verdict"], other["verdict"]) == ("faster", "faster")


def test_a_comparison_knows_neither_the_order_of_rows_nor_the_unit(simulate: Simulate) -> None:
    sweep = simulate(TWICE, producers=(1, 8), rounds=24)
    shuffled = type(sweep)(Random(1).sample(list(sweep), len(sweep)), sweep.meta)
    assert compare(shuffled).to_dicts() == compare(sweep).to_dicts()
    scaled = sweep.changed(lambda row: row | {"nanoseconds_per_message": row["nanoseconds_per_message"] * 1000})
    for row, other in zip(compare(scaled), compare(sweep), strict=True):
        assert [row[end] for end in ("ratio", "low", "high")] == pytest.approx(
            [other[end] for end in ("ratio", "low", "high")]
        )


def test_rates_are_better_when_higher(simulate: Simulate) -> None:
    sweep = simulate(TWICE)
    (times,), (rates,) = compare(sweep).to_dicts(), compare(sweep, metric="messages_per_second").to_dicts()
    assert rates["ratio"] == pytest.approx(times["ratio"])


def test_the_other_way_round_is_the_inverse(simulate: Simulate) -> None:
    sweep = simulate(TWICE)
    (forth,), (back,) = compare(sweep, "mpsc/batch").to_dicts(), compare(sweep, "swap/batch").to_dicts()
    assert (back["ratio"], back["low"], back["high"]) == pytest.approx(
        (1 / forth["ratio"], 1 / forth["high"], 1 / forth["low"])
    )
    assert (forth["verdict"], back["verdict"]) == ("faster", "slower")


def test_a_ratio_never_crosses_rounds_or_hosts(simulate: Simulate) -> None:
    apart = simulate(TWICE).changed(
        lambda row: row | {"round": row["round"] + (100 if row["strategy"] == "swap/batch" else 0)}
    )
    found = compare(apart)
    assert (found.to_dicts()[0]["pairs"], found.to_dicts()[0]["verdict"]) == (0, "undecided")
    assert any("shared no round" in note for note in found.notes)
    hosts = simulate(TWICE, host="a").changed(lambda row: row | {"host": "ab"[row["strategy"] == "swap/batch"]})
    assert len(compare(hosts)) == 0 or all(row["pairs"] == 0 for row in compare(hosts))
    both = type(hosts)([*simulate(TWICE, host="a"), *simulate(TWICE, host="b", seed=1)], {})
    assert [(row["host"], row["pairs"]) for row in compare(both)] == [("a", 5), ("b", 5)]


def test_sweeps_put_together_pair_within_each(simulate: Simulate) -> None:
    twice = type(simulate(TWICE))([*simulate(TWICE, seed=0), *simulate(TWICE, seed=1), *simulate(TWICE, seed=1)], {})
    assert compare(twice).to_dicts()[0]["pairs"] == 15


def test_what_did_not_deliver_is_never_compared_and_is_named(simulate: Simulate) -> None:
    def spoil(row: dict[str, Any]) -> dict[str, Any]:
        bad = row["strategy"] == "swap/batch" and row["producers"] == 8 and row["round"] == 2
        return row | {"status": "invalid", "nanoseconds_per_message": None} if bad else row

    found = compare(simulate(TWICE, producers=(1, 8)).changed(spoil))
    assert [row["verdict"] for row in found] == ["faster", "not delivered"]
    assert found.to_dicts()[1]["ratio"] is None
    assert "swap/batch at producers=8: 1 of 5 invalid; not compared" in found.notes


def test_what_a_comparison_refuses(simulate: Simulate) -> None:
    sweep = simulate(TWICE)
    with pytest.raises(fanin.PlanError, match="did you mean swap/batch"):
        compare(sweep, "swap/bach")
    with pytest.raises(fanin.PlanError, match="columns with numbers"):
        compare(sweep, metric="strategy")
    for wrong in ({"level": 1.0}, {"level": "high"}, {"equivalence": -0.1}, {"noise": 0.5}):
        with pytest.raises(fanin.PlanError, match=next(iter(wrong))):
            compare(sweep, **wrong)


def test_many_comparisons_say_that_some_are_chance(simulate: Simulate) -> None:
    found = compare(simulate(TWICE, producers=range(1, 41)))
    assert any("40 comparisons: if nothing differed at all, some 2 would" in note for note in found.notes)


def test_two_sweeps_are_compared_cell_by_cell_unpaired(simulate: Simulate) -> None:
    now, then = simulate({"swap/batch": 50.0}, drift=0.05), simulate({"swap/batch": 100.0}, drift=0.05, seed=1)
    found = compare_sweeps(now, then)
    (row,) = found.to_dicts()
    assert (row["strategy"], row["verdict"]) == ("swap/batch", "faster")
    assert row["ratio"] == pytest.approx(2, rel=0.2)
    assert found.notes[0].startswith("not paired")
    with pytest.raises(fanin.PlanError, match="never crosses hosts"):
        compare_sweeps(now, simulate({"swap/batch": 1.0}, cores=64))


def test_a_comparison_is_a_table(simulate: Simulate) -> None:
    found = compare(simulate(TWICE, rounds=3))
    assert pickle.loads(pickle.dumps(found)) == found
    assert json.loads(json.dumps(found.to_json()))["rows"] == found.to_dicts()
    assert "how many times as fast as mpsc/batch [95 % interval]; equivalent: ±5 %" in repr(found)
    assert "<table>" in found._repr_html_()
    assert found.columns == ("producers", "strategy", "pairs", "ratio", "low", "high", "verdict")


def test_one_strategy_has_nothing_to_be_compared_with(simulate: Simulate) -> None:
    found = compare(simulate({"swap/batch": 1.0}))
    assert (len(found), found.over) == (0, "swap/batch")
    assert "swap/batch is the only strategy" in repr(found)
    assert "<table>" in found._repr_html_()
    with pytest.raises(fanin.PlanError, match="no ratio to draw"):
        found.plot()


def test_a_sweep_without_runs_is_refused(make_sweep: Callable[..., fanin.Sweep]) -> None:
    empty = make_sweep().filter(producers=7)
    assert len(empty) == 0
    for ask in (empty.compare, empty.explain, empty.plot_regimes, empty.plot_latency):
        with pytest.raises(fanin.PlanError):
            ask()
    assert empty.warnings() == ()
    assert empty.scaling().refused == "the sweep has no runs that delivered"


def test_frames(simulate: Simulate) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("polars")
    found = compare(simulate(TWICE))
    assert found.to_pandas()["verdict"].tolist() == found.to_polars()["verdict"].to_list() == ["faster"]


def test_what_the_doctor_found_is_taken_into_account(simulate: Simulate) -> None:
    sweep = simulate(TWICE, noise=0.05)
    assert compare(sweep).noise is None
    loud = noise.Checkup(1.0, 6, 3, 2.0, 0, 3, {})
    assert compare(sweep, noise=loud).rows[0][-1] == "undecided"
    noise._latest.append(loud)
    assert compare(sweep).rows[0][-1] == "undecided"
    assert "this host resolves 3.46 times" in compare(sweep).title
    assert compare(sweep, noise=1).rows[0][-1] == "faster"


# --- warnings ---------------------------------------------------------------------------------------------------------


def test_warnings_are_pyperf_s(simulate: Simulate) -> None:
    times = iter([100.0, 100.0, 100.0, 100.0, 300.0])
    sweep = simulate({"swap/batch": 1.0}, rounds=5).changed(lambda row: row | {"nanoseconds_per_message": next(times)})
    assert remarks(sweep, "nanoseconds_per_message") == [
        "swap/batch at producers=8: the standard deviation (89.4) is 64% of the mean (140)",
        "swap/batch at producers=8: the maximum (300) is 114% greater than the mean (140)",
        "swap/batch at producers=8: not enough samples to get a stable result: 5 rounds, some 656 for ±5 % of the mean",
    ]


def test_short_runs_are_named(simulate: Simulate) -> None:
    for ns, text in ((900_000, "the shortest run is only 900 µs"), (20_000_000, "the shortest run is only 20.0 ms")):
        sweep = simulate({"swap/batch": 1.0}, noise=0.001, drift=0.001).changed(
            lambda row, ns=ns: row | {"deliver_ns": ns}
        )
        assert remarks(sweep, "nanoseconds_per_message") == [f"swap/batch at producers=8: {text}"]
    assert len(remarks(simulate(TWICE, rounds=1), "nanoseconds_per_message")) == 2
    quiet = simulate(TWICE, noise=0.001, drift=0.001)
    assert remarks(quiet, "nanoseconds_per_message", grouped=True) == []
