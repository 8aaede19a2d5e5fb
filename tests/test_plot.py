"""Pictures: what they show, and what they leave alone."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

import fanin

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from matplotlib import pyplot as plt  # noqa: E402
from matplotlib.collections import PathCollection  # noqa: E402
from matplotlib.text import Text  # noqa: E402

from fanin import plot  # noqa: E402
from fanin.plot_axes import round_ticks, spread_out  # noqa: E402

Make = Callable[..., fanin.Sweep]


def crosses_of(axes: Any) -> list[PathCollection]:
    return [made for made in axes.collections if isinstance(made, PathCollection)]


SEVEN = ("mpsc-one/each", "mpsc-one/batch", "mpsc/each", "mpsc/batch", "swap/each", "swap/batch", "swap-yield/batch")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def labels(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_one_line_a_strategy_with_its_name_at_the_end(make_sweep: Make) -> None:
    axes = make_sweep().plot()
    assert labels(axes) == [line.get_label() for line in axes.lines] == ["mpsc-one/each", "mpsc/batch", "swap/batch"]
    assert list(axes.lines[1].get_xdata()) == [1, 8, 64]
    assert list(axes.lines[1].get_ydata()) == [110, 110, 110]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("producers", "ns a message (lower is better)")
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines}) == 3
    assert len({line.get_marker() for line in axes.lines}) == 3


def test_axes_are_logarithmic_in_plain_numbers(make_sweep: Make) -> None:
    axes = make_sweep().plot()
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["1", "8", "64"]
    assert "1,000" in [tick.get_text() for tick in axes.get_yticklabels()]
    assert round_ticks(50, 60) == [50, 52, 54, 56, 58, 60]
    assert round_ticks(100, 100) == [100, 105, 110, 115, 120]
    assert round_ticks(55, 1100) == [50, 100, 200, 500, 1000]
    assert round_ticks(1, 1e6) == [1, 10, 100, 1000, 10_000, 100_000, 1e6]


def test_bands_go_from_lowest_to_highest(make_sweep: Make) -> None:
    band = make_sweep(["swap/batch"]).plot().collections[0]
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (50, 60)


def test_what_did_not_deliver_is_a_hollow_cross(make_sweep: Make) -> None:
    axes = make_sweep(bad=[("swap/batch", 8), ("swap/batch", 64)]).plot()
    crosses = crosses_of(axes)
    assert len(crosses) == 1
    assert [x for x, _ in crosses[0].get_offsets()] == [8, 64]
    assert len(crosses[0].get_facecolor()) == 0
    swap = next(line for line in axes.lines if line.get_label() == "swap/batch")
    assert [y == y for y in swap.get_ydata()] == [True, False, False]


def test_a_cell_that_did_not_deliver_breaks_its_line(make_sweep: Make) -> None:
    axes = make_sweep(bad=[("swap/batch", 8)]).plot()
    swap = next(line for line in axes.lines if line.get_label() == "swap/batch")
    assert [y == y for y in swap.get_ydata()] == [True, False, True]


def test_crosses_at_one_place_stand_above_each_other(make_sweep: Make) -> None:
    crosses = crosses_of(make_sweep(bad=[("swap/batch", 8), ("mpsc/batch", 8)]).plot())
    assert len({tuple(made.get_offsets()[0]) for made in crosses}) == 2


def test_nothing_delivered_is_still_a_picture(make_sweep: Make) -> None:
    axes = make_sweep(["swap/batch"], [1, 8], bad=[("swap/batch", 1), ("swap/batch", 8)]).plot()
    assert axes.lines[:] == []


@pytest.mark.parametrize("strategies", [SEVEN[:1], SEVEN[:5], (*SEVEN, "async-swap/batch", "a/b", "c/d", "e/f", "g/h")])
def test_labels_do_not_overlap_and_stay_inside(make_sweep: Make, strategies: tuple[str, ...]) -> None:
    axes = make_sweep(strategies).plot()
    figure = axes.figure
    figure.canvas.draw()
    boxes = [Text.get_window_extent(text) for text in axes.texts]  # without the stroke
    assert len(boxes) == len(strategies)
    for number, box in enumerate(boxes):
        assert not any(other.overlaps(box) for other in boxes[number + 1 :])
        assert figure.bbox.containsx(box.x1)
        assert figure.bbox.containsy(box.y1)
        assert figure.bbox.containsy(box.y0)


def test_the_axes_given_are_drawn_on_and_returned(make_sweep: Make) -> None:
    figure, (left, right) = plt.subplots(1, 2)
    assert make_sweep().plot(ax=left) is left
    assert make_sweep().plot("messages_per_second", ax=right) is right
    assert plt.get_fignums() == [figure.number]
    assert right.get_ylabel() == "messages a second"


def test_rc_params_are_left_alone(make_sweep: Make) -> None:
    before = dict(matplotlib.rcParams)
    make_sweep().plot()
    assert dict(matplotlib.rcParams) == before


def test_a_zero_on_an_axis_is_shown(make_sweep: Make) -> None:
    axes = make_sweep().plot("lost")
    assert axes.get_xscale() == "log"
    assert len(axes.lines) == 3


def test_what_would_be_mixed_is_refused(make_sweep: Make) -> None:
    sweep = make_sweep()
    with pytest.raises(fanin.PlanError, match=r"producers varies too \(1, 2, 3, 4, 5\).*\.filter\(producers=1\)"):
        make_sweep(producers=range(1, 6)).plot(x="messages")
    with pytest.raises(fanin.PlanError, match="y='status'"):
        sweep.plot("status")
    with pytest.raises(fanin.PlanError, match=r"column='speed'"):
        sweep.plot("speed")


def test_what_varies_besides_tells_lines_apart(make_sweep: Make) -> None:
    axes = make_sweep().plot(x="messages")
    names = {text.get_text() for text in axes.texts}
    assert len(axes.lines) == len(names) == 9
    assert "swap/batch, producers 8" in names


def test_labels_move_apart_as_little_as_they_can() -> None:
    assert spread_out([0.1, 0.5, 0.9], 0.1) == [0.1, 0.5, 0.9]
    assert spread_out([0.5, 0.5], 0.1) == [0.45, 0.55]
    assert spread_out([0.5, 0.52, 0.54], 0.1) == [0.42, 0.52, 0.62]
    placed = spread_out([0.3, 0.1, 0.12, 0.11], 0.1)
    ordered = sorted(placed)
    assert all(right - left >= 0.0999 for left, right in pairwise(ordered))


def test_the_article_in_one_picture(answer: fanin.Article) -> None:
    published, arrived, verified = answer.plot()
    assert published.get_title(loc="left") == "What was published"
    assert {"std mutex", "tokio mpsc", "tokio mutex"} == set(labels(published))
    assert labels(arrived) == ["std mutex", "tokio mpsc", "all, once each"]
    assert verified.get_title(loc="left").startswith("Verified")
    assert len(verified.lines) == 8
    assert published.get_xlim() == arrived.get_xlim()
    figure = plot.figure_class()()
    assert answer.plot(figure)[0].figure is figure
