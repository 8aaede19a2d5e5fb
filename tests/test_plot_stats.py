"""The pictures of what statistics say: they show what is there, and touch nothing else."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import fanin
from fanin.stats import noise
from fanin.stats.compare import compare
from fanin.stats.explain import explain
from fanin.stats.regimes import regimes

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
from matplotlib import pyplot  # noqa: E402

Simulate = Callable[..., Any]
MakeRun = Callable[..., fanin.Run]
SQUARE = {
    "mpsc-one/each": 1000.0, "mpsc/each": 900.0, "mpsc/batch": 100.0, "swap/each": 800.0, "swap/batch": 60.0,
    "swap-yield/batch": 70.0,
}  # fmt: skip
MANY = SQUARE | {f"queue-{number}/batch": 50.0 + 10 * number for number in range(6)}


@pytest.fixture(autouse=True)
def nothing_else_changes() -> Iterator[None]:
    before = dict(matplotlib.rcParams)
    yield
    assert dict(matplotlib.rcParams) == before
    pyplot.close("all")


def words(axes: Any) -> set[str]:
    """Everything that is written on axes."""
    return {text.get_text() for text in axes.texts} | {axes.get_xlabel(), axes.get_ylabel()}


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("strategies", [2, 6, 12])
def test_ratios(simulate: Simulate, strategies: int, style: str) -> None:
    truth = dict(list(MANY.items())[:strategies]) | {"mpsc/batch": 100.0}
    with pyplot.style.context(style):
        axes = compare(simulate(truth, producers=(1, 8, 64))).plot()
        axes.get_figure().canvas.draw()
    assert truth.keys() - {"mpsc/batch"} <= words(axes)
    assert "times as fast as mpsc/batch" in words(axes)
    assert "counts as equivalent" in words(axes)


def test_the_host_s_noise_is_shaded(simulate: Simulate) -> None:
    noise._latest.append(noise.Checkup(0.2, 6, 3, 1.1, 0, 3, {}))
    assert "this host's own noise" in words(compare(simulate(SQUARE)).plot())


def test_what_is_not_decided_is_hollow(simulate: Simulate) -> None:
    axes = compare(simulate({"mpsc/batch": 100.0, "swap/batch": 100.0, "mpsc/each": 900.0}, noise=0.2)).plot()
    filled = {line.get_markerfacecolor() for line in axes.lines if line.get_marker() not in ("None", "", None)}
    assert "none" in filled
    assert len(filled) == 2


def test_a_ratio_without_a_number_is_a_cross(simulate: Simulate) -> None:
    spoilt = simulate(SQUARE, producers=(1, 8)).changed(
        lambda row: row | {"status": "invalid"} if (row["strategy"], row["producers"]) == ("swap/batch", 8) else row
    )
    axes = compare(spoilt).plot()
    assert len(axes.collections) > len(compare(simulate(SQUARE)).plot().collections)


def test_axes_that_are_given_are_used(simulate: Simulate) -> None:
    for found in (compare(simulate(SQUARE)), explain(simulate(SQUARE))):
        given = pyplot.figure().add_subplot()
        assert found.plot(ax=given) is given


def test_what_varies_unseen_is_refused(simulate: Simulate) -> None:
    sweep = simulate(SQUARE, payload=(1, 64))
    with pytest.raises(fanin.PlanError, match=r"payload.*it varies too"):
        explain(sweep).plot()
    with pytest.raises(fanin.PlanError, match=r"payload.*it varies too"):
        compare(sweep).plot(ax=pyplot.figure().add_subplot())
    with pytest.raises(fanin.PlanError, match="payload=13: it varies too"):
        compare(simulate({"mpsc/batch": 1, "swap/batch": 1}, payload=range(1, 14))).plot()
    with pytest.raises(fanin.PlanError, match="axes with numbers"):
        compare(simulate(SQUARE)).plot(x="strategy")


def test_what_varies_besides_has_a_panel(simulate: Simulate) -> None:
    from fanin import plot_regimes

    sweep = simulate(SQUARE, producers=(1, 8), payload=(1, 64, 1024))
    panels = compare(sweep).plot()
    assert [panel.get_title(loc="left") for panel in panels] == ["payload 1", "payload 64", "payload 1,024"]
    assert len({panel.get_ylim() for panel in panels}) == 1
    assert all("times as fast as mpsc/batch" in words(panel) for panel in panels)
    limits = simulate(SQUARE, payload=(1, 64)).changed(
        lambda row: row | {"capacity": None if row["round"] % 2 else 4096, "cell": row["cell"] * 2 + row["round"] % 2}
    )
    panels = plot_regimes.draw(limits, "nanoseconds_per_message")
    assert [panel.get_title(loc="left") for panel in panels] == ["no bound", "capacity 4,096"]
    assert len(panels[0].patches) == 2


def test_causes_as_steps_and_over_producers(simulate: Simulate) -> None:
    steps = explain(simulate(SQUARE)).plot()
    assert [tick.get_text() for tick in steps.get_yticklabels()] == [
        "taking all", "writing in batches", "the queue", "the waiting", "swap-yield/batch over mpsc-one/each",
    ]  # fmt: skip
    lines = explain(simulate(SQUARE, producers=(1, 8))).plot()
    assert {"taking all", "writing in batches", "the queue", "the waiting", "the whole"} <= words(lines)


# --- regimes ----------------------------------------------------------------------------------------------------------


def crossing(strategy: str, producers: int, payload: int) -> float:
    """The swap wins with many producers, the channel with few; in between and for large payloads they are alike."""
    lead = {1: 1.5, 8: 1.0, 64: 0.5}[producers] if payload == 1 else 1.0
    return lead if strategy == "swap/batch" else 1.0


def test_winners_are_named_only_where_they_are_decided(simulate: Simulate) -> None:
    twins = {"mpsc/batch": 100.0, "swap/batch": 100.0, "mpsc/each": 900.0}
    found = regimes(simulate(twins, producers=(1, 8, 64), payload=(1, 64), ns=crossing))
    won = {(row["producers"], row["payload"]): row["winner"] for row in found}
    assert (won[1, 1], won[64, 1]) == ("mpsc/batch", "swap/batch")
    assert [won[point] for point in ((8, 1), (1, 64), (8, 64), (64, 64))].count(None) >= 3
    (row,) = [row for row in found if (row["producers"], row["payload"]) == (64, 1)]
    assert row["next"] == "mpsc/batch"
    assert row["low"] < 2 < row["high"]


def test_a_lone_strategy_wins_nothing(simulate: Simulate) -> None:
    assert regimes(simulate({"swap/batch": 1.0})).column("winner") == (None,)


def test_regimes_are_tiles(make_sweep: Callable[..., fanin.Sweep]) -> None:
    axes = make_sweep().plot_regimes()
    assert len(axes.patches) == 3
    assert [text.get_text().partition("\n")[2] for text in axes.texts] == ["2.00×"] * 3
    with pytest.raises(fanin.PlanError, match="columns with numbers"):
        make_sweep().plot_regimes(y="server")


# --- latency and facets -----------------------------------------------------------------------------------------------


def latencies(row: dict[str, Any]) -> dict[str, Any]:
    """A histogram of 10,000 latencies: a tenth at ten times the rest, a thousandth at a hundred times."""
    hdrh = pytest.importorskip("hdrh.histogram")
    made, ns = hdrh.HdrHistogram(1, 3_600_000_000_000, 3), int(row["nanoseconds_per_message"] * 1000)
    for times, count in ((1, 9000), (10, 990), (100, 10)):
        made.record_value(ns * times, count)
    return row | {"latency_histogram": made.encode().decode(), "latency_max_ns": made.get_max_value()}


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("truth", [dict(list(MANY.items())[:1]), SQUARE, MANY], ids=len)
def test_latencies(simulate: Simulate, truth: dict[str, float], style: str) -> None:
    from fanin import plot_latency

    with pyplot.style.context(style):
        axes = plot_latency.draw(simulate(truth, rounds=2).changed(latencies))
        axes.get_figure().canvas.draw()
    assert truth.keys() <= words(axes)
    # Two rounds of 10,000: ten of them are above the 99.9th percentile and more, and none speaks for 99.99.
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["50 %", "90 %", "99 %", "99.9 %", "99.99 %"]
    longest = max(max(line.get_xdata()) for line in axes.lines if line.get_linestyle() in ("-", "--"))
    assert 3 < longest <= 3.302


def test_a_line_is_all_rounds_together(simulate: Simulate) -> None:
    from fanin import plot_latency

    sweep = simulate({"swap/batch": 50.0}, rounds=4).changed(latencies)
    curves = plot_latency._curves(sweep, "strategy")
    assert (curves["swap/batch"].whole.count, len(curves["swap/batch"].rounds)) == (40_000, 4)


def test_what_saturates_is_said(simulate: Simulate) -> None:
    from fanin import plot_latency

    sweep = simulate({"swap/batch": 1.0}).changed(lambda row: latencies(row) | {"status": "saturated"})
    assert "swap/batch (saturated)" in words(plot_latency.draw(sweep))


def test_latencies_of_unlike_cells_are_not_mixed(simulate: Simulate) -> None:
    from fanin import plot_latency

    sweep = simulate(SQUARE, producers=(1, 8)).changed(latencies)
    for by, name in (("strategy", "producers"), ("producers", "strategy")):
        with pytest.raises(fanin.PlanError, match=rf"{name}.*varies too"):
            plot_latency.draw(sweep, by=by)


def test_a_closed_load_has_no_latency(make_sweep: Callable[..., fanin.Sweep]) -> None:
    with pytest.raises(fanin.PlanError, match="under an open load"):
        make_sweep().plot_latency()


# --- the backlog -----------------------------------------------------------------------------------------------------


def backlogged(make_run: MakeRun, names: list[str], **more: Any) -> fanin.Sweep:
    from fanin.rows import row
    from fanin.schedule import Visit

    runs = []
    for number, name in enumerate(names):
        timeline = " ".join(f"{at * 1_000_000}:{(9 - abs(9 - at)) * 100_000 * (number + 1)}" for at in range(1, 19))
        run = make_run(name, timeline=timeline, **more)
        runs.append(row(Visit(0, number, number), 0, "here", (0.5, None), run))
    return fanin.Sweep.of(runs, {})


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("count", [1, 5, 12])
def test_a_backlog(make_run: MakeRun, count: int, style: str) -> None:
    names = list(MANY)[:count]
    with pyplot.style.context(style):
        axes = backlogged(make_run, names, pause_ns=5_000_000, pause_after_ns=2_000_000).plot_backlog()
        axes.get_figure().canvas.draw()
    assert set(names) <= words(axes)
    assert "the server does not read" in words(axes)
    assert "time since the first send, ms" in words(axes)
    peaks = [line for line in axes.lines if line.get_marker() not in ("None", "", None)]
    assert len(peaks) == count
    assert {line.get_xdata()[0] for line in peaks} == {9.0}


def test_a_backlog_tells_what_was_dropped(make_run: MakeRun) -> None:
    axes = backlogged(make_run, ["swap/batch"], dropped=2000).plot_backlog()
    assert "swap/batch, 25% dropped" in words(axes)


def test_a_sweep_without_a_timeline_has_no_backlog(make_run: MakeRun, make_sweep: Callable[..., fanin.Sweep]) -> None:
    with pytest.raises(fanin.PlanError, match="timeline=True"):
        make_sweep().plot_backlog()
    with pytest.raises(fanin.PlanError, match="round=7"):
        backlogged(make_run, ["swap/batch"]).plot_backlog(round=7)


def test_one_strategy_wins_nothing(simulate: Simulate) -> None:
    from fanin import plot_regimes

    axes = plot_regimes.draw(simulate({"swap/batch": 1.0}), "nanoseconds_per_message")
    assert axes.get_title(loc="left") == "only swap/batch ran: there is nothing to win"


def test_facets_share_a_scale(make_sweep: Callable[..., fanin.Sweep]) -> None:
    panels = make_sweep().plot(x="payload", facet="producers")
    assert [panel.get_title(loc="left") for panel in panels] == ["producers 1", "producers 8", "producers 64"]
    assert len({panel.get_ylim() for panel in panels}) == 1
    assert "swap/batch" in words(panels[-1])
    with pytest.raises(fanin.PlanError, match="one for each of the 3 values"):
        make_sweep().plot(x="payload", facet="producers", ax=panels[:2])


def test_an_interval_that_says_nothing_does_not_set_the_scale(simulate: Callable[..., Any]) -> None:
    two = simulate({"mpsc/batch": 2.0, "swap/batch": 1.0}, rounds=2, noise=3.0, producers=(1, 8))
    drawn = compare(two).plot()
    ratios = [row["ratio"] for row in compare(two)]
    low, high = drawn.get_ylim()
    assert max(row["high"] / row["low"] for row in compare(two)) > 1e6
    assert high / low < 1e4 * max([1, *ratios]) / min([1, *ratios])
