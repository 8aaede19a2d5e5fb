"""The bar: how far, how long still, and what is running now."""

import sys
from pathlib import Path

import pytest

import fanin
from fanin.progress import Line, Progress, wanted

PLAN = fanin.Plan(["mpsc/batch", "swap/batch"], [1, 2], messages=20, rounds=2, min_seconds=0)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where tqdm is not installed."""
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)


def test_the_line_says_how_far_and_how_long(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 30))
    monkeypatch.setattr("fanin.progress.time.monotonic", lambda: next(clock))
    line = Line(4)
    line.set_postfix_str("swap/batch × 8")
    line.update(1)
    line.update(1)
    line.close()
    drawn = [text.strip() for text in capsys.readouterr().err.split("\r")]
    assert drawn == ["", "0/4 runs: swap/batch × 8", "1/4 runs, 1:30 left: swap/batch × 8",
                     "2/4 runs, 1:00 left: swap/batch × 8", "", ""]  # fmt: skip


@pytest.mark.usefixtures("plain")
def test_what_a_journal_holds_is_done_and_not_timed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "runs.ndjson"
    PLAN.run(journal=path, progress=True)
    assert "8/8 runs" in capsys.readouterr().err
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    fanin.resume(path, progress=True)
    drawn = capsys.readouterr().err
    assert "6/8 runs: " in drawn
    assert "6/8 runs, " not in drawn
    assert "8/8 runs, 0:00 left" in drawn


def test_tqdm_draws_where_it_is_installed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    pytest.importorskip("tqdm")
    PLAN.run(journal=tmp_path / "runs.ndjson", progress=True)
    drawn = capsys.readouterr().err
    assert "run/s" in drawn
    assert "swap/batch × 2" in drawn
    fanin.resume(tmp_path / "runs.ndjson", progress=True)
    assert "8/8" in capsys.readouterr().err


def test_a_calibration_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    fanin.sweep("swap/batch", 1, messages=10, rounds="auto", budget=0.5, min_seconds=0.01, progress=True)
    assert "calibrating" in capsys.readouterr().err


def test_nothing_is_drawn_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    PLAN.run()
    with Progress(3) as bar:
        bar.start(3, 1)
        bar.now("x")
        bar.step()
    assert capsys.readouterr() == ("", "")
    assert (wanted(True), wanted(False), wanted(None)) == (True, False, False)
