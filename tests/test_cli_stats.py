"""A shell's questions about saved sweeps and the host."""

import json
import platform
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import fanin
from fanin import cli
from fanin.stats import noise

STRATEGIES = ("mpsc-one/each", "mpsc/each", "mpsc/batch", "swap/batch")


@pytest.fixture
def saved(tmp_path: Path, make_sweep: Callable[..., fanin.Sweep]) -> str:
    path = str(tmp_path / "sweep.json")
    make_sweep(STRATEGIES, rounds=5).save(path)
    return path


def test_compare(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare", saved, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["over"], len(found["rows"])) == ("mpsc/batch", 9)
    assert cli.main(["compare", saved, "--over", "swap/batch"]) == 0
    assert "how many times as fast as swap/batch" in capsys.readouterr().out


def test_compare_with_an_earlier_sweep(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare", saved, saved, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["ratio"] for row in found["rows"]} == {1.0}
    assert found["notes"][0].startswith("not paired")


def test_journals_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(tmp_path / name) for name in ("a.ndjson", "b.ndjson")]
    for name in names:
        how = ["--producers", "2", "--rounds", "2", "--min-seconds", "0", "--journal", name, "--json"]
        assert cli.main(["sweep", "mpsc/batch,swap/batch", *how]) == 0
    capsys.readouterr()
    assert cli.main(["compare", *names, "--json"]) == 0
    assert {row["strategy"] for row in json.loads(capsys.readouterr().out)["rows"]} == {"mpsc/batch", "swap/batch"}


def test_explain(saved: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", saved, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["strategy"] == "swap/batch"
    assert cli.main(["explain", saved, "--strategy", "swap-yield/batch"]) == 2
    assert "needs swap-yield/batch too" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["lines", "ratio", "causes", "regimes"])
def test_plot(saved: str, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "picture.png"
    assert cli.main(["plot", saved, "--kind", kind, "--out", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out == f"wrote {picture}\n"


def test_backlogs_and_latencies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    load, out = ["--load", "open", "--rate", "50000", "--payload", "64", "--timeline"], str(tmp_path / "sweep.json")
    assert cli.main(["sweep", "swap/batch", "--producers", "4", "--rounds", "1", *load, "--out", out, "--json"]) == 0
    capsys.readouterr()
    for kind in ("latency", "backlog"):
        picture = tmp_path / f"{kind}.png"
        assert cli.main(["plot", out, "--kind", kind, "--by", "payload", "--out", str(picture), "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == {"wrote": str(picture)}
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_doctor(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(noise, "SECONDS", 0.001)
    assert cli.main(["doctor", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["noise_5"] > 1
    assert cli.main(["doctor"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("smallest effect resolved")
    assert said[-1] == "for a bug report: fanin doctor --report"
    assert not [line for line in said if "_" in line[:27] or "not known" in line]


def test_statistics_need_no_other_package(saved: str, shell: list[str]) -> None:
    loud = "import sys; sys.modules.update(dict.fromkeys(['numpy', 'scipy', 'pandas', 'polars', 'matplotlib']))"
    ask = (
        f"{loud}; from fanin import cli; sys.exit(max(cli.main([word, {saved!r}]) for word in ('compare', 'explain')))"
    )
    assert subprocess.run([shell[0], "-c", ask], check=False, capture_output=True).returncode == 0


def test_a_bug_report_has_what_it_needs_and_no_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--report"]) == 0
    said = capsys.readouterr().out
    for line in ("system ", "kernel ", "cores ", "python ", "fanin ", "build ", "packages "):
        assert f"\n{line}" in f"\n{said}", line
    assert platform.node() not in said.split()
    assert said.count(": ok, proof ") == 3
