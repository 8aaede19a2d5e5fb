"""The article's answer: quoted figures, the replay, verified runs, and what they say together."""

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

import fanin
from fanin.answer import STRATEGIES, WORKERS


def test_the_published_figures_are_quoted() -> None:
    table = fanin.published()
    assert table.column("workers") == WORKERS
    rows = {row["workers"]: row for row in table}
    assert (rows[1]["mutex_us"], rows[1]["mpsc_us"], rows[1]["tokio_mutex_us"]) == (67.795, 57.78, 3159.9)
    assert (rows[8192]["mutex_us"], rows[8192]["mpsc_us"]) == (5778.9, 618660)


def test_the_answer_has_every_part(answer: fanin.Article) -> None:
    assert answer.published.column("workers") == (1, 4)
    assert len(answer.replays) == 2 * 2 * 2
    assert len(answer.sweep) == len(STRATEGIES) * 2 * 2
    assert answer.sweep.delivered
    assert answer.notes == ("2 rounds at all counts",)


def test_the_replay_is_counted(answer: fanin.Article) -> None:
    for row in answer.as_published:
        assert row["design"] in ("mutex", "mpsc")
        assert row["repeats"] == 2
        assert row["us_lowest"] <= row["us"] <= row["us_highest"]
        assert 0 <= row["arrived_lowest"] <= row["arrived"] <= row["arrived_highest"]
    assert {row["expected"] for row in answer.replays} == {200, 800}


def test_the_published_benchmark_does_not_deliver() -> None:
    rows = fanin.replay(64, repeats=3, progress=False).to_dicts()
    assert all(row["delivered"] != row["expected"] for row in rows)


def test_factors_multiply_within_a_round(answer: fanin.Article) -> None:
    assert answer.factors().column("producers") == (1, 4)
    for row in answer.factors():
        assert row["batching_lowest"] <= row["batching"] <= row["batching_highest"]
        assert row["whole_lowest"] * 0.999 <= row["batching_highest"] * row["queue_highest"]


def test_factors_leave_out_what_did_not_run() -> None:
    small = fanin.article(workers=2, messages=20, rounds=1, strategies=["mpsc/batch", "swap/batch"], progress=False)
    assert "queue" in small.factors().columns
    assert "batching" not in small.factors().columns
    assert "queue" in small.table()


def test_the_table_shows_all_three(answer: fanin.Article) -> None:
    text = repr(answer)
    assert text == answer.table()
    for part in (
        "1. As published",
        "2. Verified",
        "3. How many times",
        "arrived",
        "mpsc-one/each",
        "swap/batch",
        "67.8",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) < 150
    assert answer._repr_html_().count("<table>") == 3


def test_a_quick_answer_is_quick_and_says_what_it_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = fanin._native.run

    def run(strategy: str, **knobs: object) -> dict[str, object]:
        seen.append((strategy, knobs["producers"]))
        return real(strategy, **(knobs | {"messages": 1, "min_ns": 0}))

    monkeypatch.setattr("fanin._native.run", run)
    quick = fanin.article(quick=True, rounds=1, progress=False)
    assert set(quick.sweep.column("producers")) == {1, 8, 64, 512}
    assert ("async-swap/batch", 64) in seen
    assert ("async-swap/batch", 512) not in seen
    assert any("async-swap/batch left out from 512 producers on" in note for note in quick.notes)


def test_rounds_get_fewer_where_bursts_get_large() -> None:
    from fanin.answer import _rounds
    from fanin.plan import AXES, Cell

    def rounds(producers: int, quick: bool = False) -> int:
        fields: dict[str, Any] = dict.fromkeys(AXES, 0) | {"producers": producers, "messages": 1000}
        return _rounds(Cell(**fields), None, quick)

    assert [rounds(n) for n in (1, 512, 1024, 2048, 4096, 8192)] == [5, 5, 3, 3, 2, 2]
    assert [rounds(n, quick=True) for n in (1, 8, 64, 512)] == [5, 5, 5, 3]


def test_saving_writes_both_files(answer: fanin.Article, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    paths = answer.save(tmp_path / "deep" / "out")
    assert [Path(path).name for path in paths] == ["article.json", "article.png"]
    content = json.loads(Path(paths[0]).read_text())
    assert {"published", "as_published", "replays", "factors", "runs", "notes", "meta"} < set(content)
    assert content["runs"] == answer.to_dicts()["runs"]
    assert Path(paths[1]).read_bytes().startswith(b"\x89PNG")


def test_saving_without_matplotlib_says_so(
    answer: fanin.Article, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.warns(UserWarning, match=r"article\.png is left out.*pip install 'fanin\[plot\]'"):
        paths = answer.save(tmp_path)
    assert [Path(path).name for path in paths] == ["article.json"]


def test_an_answer_travels(answer: fanin.Article) -> None:
    assert pickle.loads(pickle.dumps(answer)) == answer
