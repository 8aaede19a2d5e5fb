"""What the host resolves: measured with identical arms, and never better than they are."""

import json
import math
import pickle
import re
from random import Random

import pytest

import fanin
from fanin.stats import host, noise
from fanin.stats.noise import Checkup, measure

FACTS = {
    "cpu": "a", "cores": 8, "load": 0.1, "cpu_pressure": 0.0, "governor": "performance", "turbo": False,
    "build_profile": "release",
}  # fmt: skip


def checkup(spread: float, rounds: int = 40, seed: int = 0) -> Checkup:
    random = Random(seed)
    return measure(lambda: 100 * math.exp(random.gauss(0, spread)), rounds, 3, FACTS)


@pytest.mark.parametrize("spread", [0.01, 0.1, 0.5])
def test_the_spread_of_a_pair_is_found(spread: float) -> None:
    found = [checkup(spread, seed=seed).spread for seed in range(20)]
    assert sum(found) / 20 == pytest.approx(spread * math.sqrt(2), rel=0.1)


def test_drift_that_all_share_is_no_noise() -> None:
    random, calls = Random(1), iter(range(10_000))
    drifting = measure(lambda: 100 * 1.5 ** (next(calls) // 3) * math.exp(random.gauss(0, 0.01)), 20, 3, FACTS)
    still = checkup(0.01)
    assert drifting.spread < 0.5  # the round that a drift falls into shares it, but for its edge
    assert still.spread == pytest.approx(0.014, rel=0.3)


def test_more_rounds_resolve_more_and_power_costs() -> None:
    found = checkup(0.1)
    assert found.noise(5) > found.noise(20) > found.noise(1000) > 1
    assert found.resolves(5) > found.noise(5)
    with pytest.raises(fanin.PlanError):
        found.noise(0)


def test_identical_arms_stay_within_the_noise() -> None:
    known, inside = checkup(0.1, rounds=200), 0
    for seed in range(300):
        random = Random(f"arm {seed}")
        pairs = [random.gauss(0, 0.1) - random.gauss(0, 0.1) for _ in range(5)]
        inside += abs(math.fsum(pairs) / 5) <= math.log(known.noise(5))
    assert inside >= 280


def test_worries_are_said() -> None:
    assert host.worries(FACTS) == []
    bad = {
        "cores": 2,
        "load": 4.0,
        "cpu_pressure": 50.0,
        "governor": "powersave",
        "turbo": True,
        "build_profile": "debug",
        "cache_line_ns": 385,
    }
    assert len(host.worries(FACTS | bad)) == 7
    nothing = dict.fromkeys(FACTS) | {"cores": 8}
    assert host.worries(nothing) == []


def test_the_facts_of_this_host() -> None:
    facts = host.facts()
    assert facts["cores"] >= 1
    assert facts["send_buffer"] > 0
    assert facts["receive_buffer"] > 0
    assert facts["fanin"] == fanin.__version__
    json.dumps(facts)


def test_what_the_system_does_not_say_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    from fanin import host as system

    system._lasting.cache_clear()
    monkeypatch.setattr(system, "_line", lambda path: None)
    monkeypatch.setattr(system, "_field", lambda path, name: None)
    facts = host.facts()
    system._lasting.cache_clear()
    assert (facts["cpu_pressure"], facts["governor"], facts["turbo"], facts["virtual"]) == (None, None, None, None)
    shown = repr(Checkup(0.1, 6, 3, 1.05, 0, 3, facts))
    assert re.search(r"^frequency governor +the system does not say$", shown, re.MULTILINE)


def test_the_doctor_measures_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "SECONDS", 0.001)
    found = fanin.doctor()
    assert fanin.doctor() is found is noise.known()
    assert fanin.doctor(again=True) is not found
    assert (found.arms, found.rounds, found.comparisons) == (3, 6, 3)
    assert pickle.loads(pickle.dumps(found)) == found
    assert "smallest effect resolved" in repr(found)
    assert "smallest effect resolved" in found._repr_html_()
    assert json.loads(json.dumps(found.to_json()))["noise_5"] == found.noise(5)
