"""The law is fitted where it says something, and refused with a reason where it does not."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import fanin
from fanin.stats.scaling import Law, fit, scaling

Simulate = Callable[..., Any]
COUNTS = (1, 2, 4, 8, 16, 32, 64)
LAW = Law(1e6, 0.05, 0.001)


def law_of(simulate: Simulate, law: Law = LAW, counts: Sequence[int] = COUNTS, **more: Any) -> fanin.Scaling:
    options = {"producers": counts, "noise": 0.03, "drift": 0.0, "cores": 64, "rounds": 8} | more
    return scaling(simulate({"swap/batch": 1.0}, ns=lambda _s, n, _p: 1e9 / law.at(n), **options))


@pytest.mark.parametrize("law", [LAW, Law(5.0, 0.0, 0.0), Law(1e8, 0.3, 0.0), Law(1.0, 0.0, 0.01), Law(2e6, 1.0, 0.0)])
def test_a_law_without_noise_is_found_again(law: Law) -> None:
    found = fit(COUNTS, [law.at(count) for count in COUNTS])
    assert found == pytest.approx(law, rel=1e-6, abs=1e-9)


def test_nothing_that_scales_better_than_ideal_gets_a_negative_part() -> None:
    found = fit(COUNTS, [count**1.2 for count in COUNTS])
    assert found.contention >= 0
    assert found.coherence >= 0


def test_the_law_is_found_with_its_interval(simulate: Simulate) -> None:
    (row,) = law_of(simulate, seed=2).to_dicts()
    assert row["refused"] is None
    for name in ("rate", "contention", "coherence", "peak"):
        assert row[f"{name}_low"] <= getattr(LAW, name) <= row[f"{name}_high"]
    assert row["misfit"] < 0.05


def test_intervals_cover(simulate: Simulate) -> None:
    hits = 0
    for seed in range(20):  # also where rounds drift by far more than counts differ
        (row,) = law_of(simulate, seed=seed, drift=0.5).to_dicts()
        hits += row["contention_low"] <= LAW.contention <= row["contention_high"]
    assert hits >= 16


def test_two_cores_are_refused(simulate: Simulate) -> None:
    found = law_of(simulate, cores=2)
    assert (
        found.refused == "2 cores cannot show contention: the law needs 6 counts of producers that run at the same time"
    )
    assert repr(found) == f"no scaling law: {found.refused}"
    assert found.refused in found._repr_html_()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"cores": 16}, "5 counts of producers within 16 cores; 6 are needed"),
        ({"counts": (1, 2, 4)}, "3 counts of producers within 64 cores; 6 are needed"),
        ({"rounds": 4}, "4 rounds with every count; 5 are needed"),
        ({"threads": 4, "producers_as": "tasks"}, "3 counts of producers within 64 cores; 6 are needed"),
    ],
)
def test_what_is_refused(simulate: Simulate, change: dict[str, Any], reason: str) -> None:
    assert law_of(simulate, **change).refused == reason


def test_tasks_on_few_threads_run_no_more_than_those(simulate: Simulate) -> None:
    assert law_of(simulate, threads=4, producers_as="threads").refused is None


def test_a_peak_that_never_comes_is_none(simulate: Simulate) -> None:
    (row,) = law_of(simulate, Law(1e6, 0.2, 0.0), noise=1e-6).to_dicts()
    assert row["peak"] is None or row["peak"] > 1000
    json.dumps(law_of(simulate).to_dicts())


def test_a_table_of_laws(simulate: Simulate) -> None:
    found = law_of(simulate)
    assert "Universal Scalability Law, within 64 cores" in repr(found)
    assert "<table>" in found._repr_html_()
    with pytest.raises(fanin.PlanError, match="rates"):
        scaling(simulate({"swap/batch": 1.0}), metric="nanoseconds_per_message")


def test_fresh_processes_are_what_an_interval_rests_on(simulate: Simulate) -> None:
    """Where processes differ and their rounds do not, drawing rounds would claim a certainty that is not there."""
    shape: dict[str, Any] = {"producers": COUNTS, "noise": 0.0, "drift": 0.0, "cores": 64, "rounds": 24}
    sweep = simulate({"swap/batch": 1.0}, ns=lambda _s, n, _p: 1e9 / LAW.at(n), **shape)

    def spread_over(processes: int) -> fanin.Scaling:
        def change(row: dict[str, Any]) -> dict[str, Any]:
            process = row["round"] * processes // 24
            slow = 1 + 0.2 * (process % 2)
            return row | {"process": process, "messages_per_second": row["messages_per_second"] / slow}

        return scaling(sweep.changed(change))

    widths = [row["rate_high"] - row["rate_low"] for found in map(spread_over, (24, 6)) for row in found]
    assert widths[1] > 1.5 * widths[0], widths
    assert spread_over(3).refused == "3 fresh processes with every count; 5 are needed"
