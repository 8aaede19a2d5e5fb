"""What each cause is worth: the parts multiply to the whole, the truth is found, and doubt is said."""

import json
import math
import pickle
from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

import pytest

import fanin
from fanin.stats.causes import CHAIN, needed, orders
from fanin.stats.compare import compare
from fanin.stats.explain import explain

Simulate = Callable[..., Any]
# Ns a message with no interaction: taking 1.2 times, writing 10, the queue 1.6, the waiting 1 ÷ 1.25.
TAKING, WRITING, QUEUE, WAITING = 1.2, 10.0, 1.6, 0.8
BY_QUEUE = dict(zip(CHAIN, (1000, 1000 / TAKING, 1000 / TAKING / QUEUE, 1000 / TAKING / QUEUE / WAITING), strict=True))
SQUARE = {f"{queue}/each": ns for queue, ns in BY_QUEUE.items()}
SQUARE |= {f"{queue}/batch": ns / (WRITING if queue != "mpsc-one" else 1) for queue, ns in BY_QUEUE.items()}
ISSUE = ("mpsc-one/each", "mpsc/each", "mpsc/batch", "swap-yield/batch", "swap/each", "swap/batch")


def worths(found: fanin.Explanation) -> dict[str, float]:
    return {row["cause"]: row["ratio"] for row in found}


def test_the_truth_is_found(simulate: Simulate) -> None:
    found = explain(simulate(SQUARE, rounds=30, noise=0.05))
    truth = {"taking": TAKING, "writing": WRITING, "queue": QUEUE, "waiting": WAITING}
    assert worths(found) == pytest.approx(truth | {"whole": math.prod(truth.values())}, rel=0.06)
    for row in found:
        assert row["low"] < {**truth, "whole": math.prod(truth.values())}[row["cause"]] < row["high"]
    assert [row["verdict"] for row in found] == ["faster", "faster", "faster", "slower", "faster"]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("way", ["possible", "all"])
def test_the_parts_multiply_to_the_whole_exactly(simulate: Simulate, seed: int, way: str) -> None:
    random = Random(seed)
    wild = {name: random.uniform(1, 1000) for name in SQUARE}
    found = explain(simulate(wild, rounds=4, noise=1.0, seed=seed, producers=(1, 8)), orders=way)
    for count in (1, 8):
        parts = [row["ratio"] for row in found if row["producers"] == count]
        assert math.prod(parts[:-1]) == pytest.approx(parts[-1], rel=1e-12)
    *parts, whole = [row["ratio"] for row in found.overall]
    assert math.prod(parts) == pytest.approx(whole, rel=1e-12)


def test_every_pair_of_strategies_can_be_explained(simulate: Simulate) -> None:
    sweep = simulate(SQUARE, noise=0.01)
    for strategy in SQUARE:
        for over in set(SQUARE) - {strategy}:
            found = worths(explain(sweep, strategy, over))
            whole = found.pop("whole")
            assert math.prod(found.values()) == pytest.approx(whole, rel=1e-12)
            assert whole == pytest.approx(SQUARE[over] / SQUARE[strategy], rel=0.1)


def test_the_way_back_is_the_inverse(simulate: Simulate) -> None:
    sweep = simulate(SQUARE)
    forth, back = (worths(explain(sweep, *ends)) for ends in (("swap/batch", "mpsc/each"), ("mpsc/each", "swap/batch")))
    assert back == pytest.approx({cause: 1 / ratio for cause, ratio in forth.items()})
    assert dict(explain(sweep, "mpsc-one/each", "swap/batch").names)["taking"] == "taking one"


def test_the_orders_do_not_write_in_batches_what_is_taken_one_at_a_time() -> None:
    possible, every = (orders("swap-yield/batch", "mpsc-one/each", every=every) for every in (False, True))
    assert (len(possible), len(every)) == (3, 4)
    assert not any("mpsc-one/batch" in needed(order) for order in possible)
    assert len({needed(order) for order in every}) == 4
    for order in every:
        assert (order[0].before, order[-1].after) == ("mpsc-one/each", "swap-yield/batch")
        assert all(one.after == other.before for one, other in pairwise(order))
        assert sorted(step.cause for step in order) == ["queue", "taking", "waiting", "writing"]


def test_shapley_s_value_over_all_orders(simulate: Simulate) -> None:
    found = worths(explain(simulate(SQUARE, noise=1e-9), "mpsc/batch", "mpsc-one/each", orders="all"))
    # Taking and writing are worth their product only together, and share it but for what taking is worth alone.
    assert found["writing"] == pytest.approx(math.sqrt(WRITING))
    assert found["taking"] == pytest.approx(TAKING * math.sqrt(WRITING))


def test_the_issue_s_six_strategies_are_enough(simulate: Simulate) -> None:
    found = explain(simulate({name: SQUARE[name] for name in ISSUE}, noise=0.02, rounds=8))
    assert (found.strategy, found.over) == ("swap-yield/batch", "mpsc-one/each")
    assert found.notes == ("1 of 3 orders left out: a strategy did not run",)
    assert list(worths(found)) == ["taking", "writing", "queue", "waiting", "whole"]


def test_any_policy_of_mpsc_one_is_a_write_a_message(simulate: Simulate) -> None:
    ran = {name: ns for name, ns in SQUARE.items() if name != "mpsc-one/each"}
    assert worths(explain(simulate(ran, noise=1e-9)))["whole"] == pytest.approx(TAKING * WRITING * QUEUE * WAITING)


def test_missing_strategies_are_named(simulate: Simulate) -> None:
    with pytest.raises(fanin.PlanError, match=r"explain swap/batch over mpsc-one/each.* needs mpsc/each too"):
        explain(simulate({name: SQUARE[name] for name in ("mpsc-one/each", "mpsc/batch", "swap/batch")}))
    with pytest.raises(fanin.PlanError, match="allowed are mpsc-one/each"):
        explain(simulate(SQUARE), "locked/batch")
    with pytest.raises(fanin.PlanError, match="another one than over"):
        explain(simulate(SQUARE), "swap/batch", "swap/batch")


def test_what_did_not_deliver_is_left_out_and_named(simulate: Simulate) -> None:
    def spoil(row: dict[str, Any]) -> dict[str, Any]:
        return row | {"status": "timeout"} if (row["strategy"], row["producers"]) == ("mpsc-one/each", 8) else row

    found = explain(simulate(SQUARE, producers=(1, 8)).changed(spoil))
    assert {row["producers"] for row in found} == {1}
    assert "producers=8: left out" in found.notes[0]


def test_nothing_delivered_is_no_explanation(simulate: Simulate) -> None:
    found = explain(simulate(SQUARE).changed(lambda row: row | {"status": "timeout"}))
    assert len(found) == 0
    assert "no point has all it takes" in repr(found)
    assert "left out" in found._repr_html_()
    with pytest.raises(fanin.PlanError, match="no point has all it takes"):
        found.plot()


def test_what_is_not_decided_is_said(simulate: Simulate) -> None:
    found = explain(simulate(SQUARE, noise=0.5, rounds=4))
    said = {row["cause"]: row["verdict"] for row in found}
    assert said["queue"] == "undecided"
    assert "the queue is undecided" in found.sentence
    assert "the queue is worth" not in found.sentence


def test_the_sentence(simulate: Simulate) -> None:
    found = explain(simulate(SQUARE, noise=0.01, rounds=8), "swap/batch")
    assert "swap/batch over mpsc-one/each at producers=8: taking all is worth 1." in found.sentence
    assert "writing in batches is worth 10" in found.sentence or "writing in batches is worth 9.9" in found.sentence
    assert "times as fast." in found.sentence
    assert found.sentence in repr(found)
    assert "<table>" in found._repr_html_()
    assert pickle.loads(pickle.dumps(found)) == found
    assert json.loads(json.dumps(found.to_json()))["sentence"] == found.sentence


def test_no_interaction_is_seen_where_there_is_none(simulate: Simulate) -> None:
    seen = [
        any(row["interacts"] for row in explain(simulate(SQUARE, noise=0.1, seed=seed)).conditions)
        for seed in range(40)
    ]
    assert sum(seen) <= 8  # three causes can seem to


def test_interactions_are_seen_and_their_conditions_told(simulate: Simulate) -> None:
    crossed = SQUARE | {"swap/batch": SQUARE["swap/batch"] / 3}
    found = explain(simulate(crossed, noise=0.05, rounds=8), "swap/batch")
    told = {(row["cause"], row["where"]): row["ratio"] for row in found.conditions}
    assert told["queue", "writing batch"] == pytest.approx(3 * told["queue", "writing each"], rel=0.2)
    assert told["writing", "with swap"] == pytest.approx(3 * told["writing", "with mpsc"], rel=0.2)
    assert {row["cause"] for row in found.conditions if row["interacts"]} == {"queue", "writing"}
    assert "writing in batches* is worth" in found.sentence


def test_an_explanation_knows_neither_order_nor_unit(simulate: Simulate) -> None:
    sweep = simulate(SQUARE, rounds=24, producers=(1, 8))
    shuffled = type(sweep)(Random(1).sample(list(sweep), len(sweep)), sweep.meta)
    assert explain(shuffled).to_dicts() == explain(sweep).to_dicts()
    scaled = sweep.changed(lambda row: row | {"nanoseconds_per_message": row["nanoseconds_per_message"] / 1e3})
    assert worths(explain(scaled)) == pytest.approx(worths(explain(sweep)))


def test_intervals_of_causes_cover(simulate: Simulate) -> None:
    hits = 0
    for seed in range(150):
        row = next(row for row in explain(simulate(SQUARE, noise=0.2, seed=seed)) if row["cause"] == "queue")
        hits += row["low"] <= QUEUE <= row["high"]
    assert hits >= 135


def test_points_left_out_share_a_line(simulate: Callable[..., Any]) -> None:
    """With a bound that some cannot have, half of the points cannot be explained: that is one note, not many."""
    ran = {"mpsc-one/each": 8.0, "mpsc/each": 4.0, "mpsc/batch": 2.0, "swap/batch": 1.0}
    whole = simulate(ran, producers=(1, 2, 4), capacity=None)
    capped = simulate({"swap/batch": 1.0}, producers=(1, 2, 4), capacity=4096)
    rows = [*whole, *({**row, "cell": row["cell"] + 100} for row in capped)]
    sweep = type(whole)(rows, whole.meta)
    found = explain(sweep)
    said = "3 points with capacity=4096: left out, mpsc-one/each, mpsc/each, mpsc/batch did not run"
    assert [note for note in found.notes if "left out" in note and "points" in note] == [said]
    compared = compare(sweep, "mpsc/batch")
    assert {row["capacity"] if "capacity" in compared.columns else None for row in compared} == {None}
    assert "3 points with capacity=4096: not compared, mpsc/batch did not run there" in compared.notes
