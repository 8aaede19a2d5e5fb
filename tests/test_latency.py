"""Latencies as others read them: the PyPI package `hdrhistogram` decodes what a run kept to the same numbers."""

import contextlib
import random

import pytest

import fanin
from fanin.histogram import Histogram, decode

hdrh = pytest.importorskip("hdrh.histogram")
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p999": 99.9}


@pytest.fixture(scope="module")
def runs() -> list[fanin.Run]:
    """A quiet load, one that a pause disturbs, and one of several bursts."""
    load = fanin.open_loop(rate=50_000, arrivals="poisson")
    return [
        fanin.run("swap/batch", 4, 5000, payload=64, load=load, seed=1),
        fanin.run("mpsc/batch", 4, 2500, payload=16, load=load, pause="50 ms after 20 ms"),
        fanin.run("swap/batch", 2, 1000, payload=fanin.mix({16: 1, 100: 1}), load=load, bursts=3),
    ]


def test_the_same_count_ends_and_quantiles(runs: list[fanin.Run]) -> None:
    for run in runs:
        assert run.status in ("ok", "saturated")
        decoded = hdrh.HdrHistogram.decode(run.latency_histogram)
        assert decoded.get_total_count() == run.latency_count == run.delivered
        assert decoded.get_min_value() == run.latency_min_ns
        assert decoded.get_max_value() == run.latency_max_ns
        for name, percentile in PERCENTILES.items():
            if (own := getattr(run, f"latency_{name}_ns")) is not None:
                assert decoded.get_value_at_percentile(percentile) == own, name


def test_our_own_reading_is_the_same(runs: list[fanin.Run]) -> None:
    for run in runs:
        own, decoded = run.latencies, hdrh.HdrHistogram.decode(run.latency_histogram)
        assert own is not None
        assert (own.count, own.min, own.max) == (run.latency_count, run.latency_min_ns, run.latency_max_ns)
        for percent in (0, 0.1, 25, 50, 90, 99, 99.9, 99.99, 100):
            assert own.percentile(percent) == decoded.get_value_at_percentile(percent), percent


@pytest.mark.parametrize("seed", range(20))
def test_any_histogram_is_read_as_the_package_reads_it(seed: int) -> None:
    draw, parts = random.Random(seed), []
    for _ in range(2):
        made = hdrh.HdrHistogram(1, 3_600_000_000_000, 3)
        for _ in range(draw.randrange(1, 200)):
            made.record_value(int(10 ** draw.uniform(0, 12.5)), draw.choice([1, 1, 7, 10**6, 10**13]))
        parts.append(made)
    read = [decode(part.encode().decode()) for part in parts]
    parts[0].add(parts[1])
    both = read[0] + read[1]
    for own, other in ((both, parts[0]), (read[1], parts[1])):
        assert own.count == other.get_total_count()
        assert own.max == other.get_max_value()
        assert [own.percentile(p) for p in (1, 50, 99.9)] == [other.get_value_at_percentile(p) for p in (1, 50, 99.9)]


def test_nothing_has_no_latency() -> None:
    empty = Histogram(())
    assert (empty.count, empty.min, empty.max, empty.percentile(50)) == (0, 0, 0, 0)
    assert fanin.run("swap/batch", 1, 1).latencies is None


@pytest.mark.parametrize("seed", range(40))
def test_a_spoilt_histogram_is_one_or_is_told(seed: int, runs: list[fanin.Run]) -> None:
    draw = random.Random(seed)
    text = list(runs[0].latency_histogram or "")
    for _ in range(draw.randrange(1, 4)):
        text[draw.randrange(len(text))] = draw.choice(["", "A", "!", "é", "/"])
    with contextlib.suppress(fanin.PlanError):
        assert decode("".join(text)).count >= 0
    for rubbish in ("", "AAAA", "AAAAAAAAAAAA", "x" * 100):
        with pytest.raises(fanin.PlanError, match="no histogram"):
            decode(rubbish)


def test_a_pause_is_in_the_histogram(runs: list[fanin.Run]) -> None:
    decoded = hdrh.HdrHistogram.decode(runs[1].latency_histogram)
    assert decoded.get_max_value() >= 45_000_000


def test_one_pause_of_a_tenth_of_a_second_shows_in_the_99th_percentile() -> None:
    """No coordinated omission: in 2 s the messages due in a pause of 100 ms waited, and are a twentieth of all."""
    load = fanin.open_loop(rate=2000)
    run = fanin.run("swap/batch", 4, 1000, payload=64, load=load, pause=fanin.pause(0.1, after=0.7))
    assert run.delivered == 4000
    assert run.latency_p99_ns is not None
    assert run.latency_p99_ns >= 70_000_000
    assert run.achieved_rate is not None
    assert run.achieved_rate > 0.9 * 2000
