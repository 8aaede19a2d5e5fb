"""A shell's questions about saved sweeps and the host."""

import json
import platform
import re
import shlex
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


@pytest.mark.parametrize(
    ("over", "rounds", "verdicts", "code", "said"),
    [
        ("mpsc-one/each", 5, {"faster"}, 0, ""),
        ("swap/batch", 5, {"slower"}, 1, "fanin: error: 3 slower (of 3 verdicts)\n"),
        ("swap/batch", 1, {"undecided"}, 0, ""),
    ],
    ids=["faster", "slower", "undecided"],
)
def test_a_comparison_fails_on_what_is_slower(
    tmp_path: Path, make_sweep: Callable[..., fanin.Sweep], capsys: pytest.CaptureFixture[str],
    over: str, rounds: int, verdicts: set[str], code: int, said: str,
) -> None:  # fmt: skip
    path = str(tmp_path / "sweep.json")
    make_sweep(("mpsc-one/each", "swap/batch"), rounds=rounds).save(path)
    assert cli.main(["compare", path, "--over", over, "--fail-on", "slower", "--json"]) == code
    shown = capsys.readouterr()
    assert {row["verdict"] for row in json.loads(shown.out)["rows"]} == verdicts
    assert shown.err == said
    assert cli.main(["compare", path, "--over", over]) == 0, "unless it is asked to fail"


def test_a_comparison_fails_on_what_did_not_deliver(
    tmp_path: Path, make_sweep: Callable[..., fanin.Sweep], capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "sweep.json")
    make_sweep(("mpsc/batch", "swap/batch"), rounds=5, bad={("swap/batch", 8)}).save(path)
    assert cli.main(["compare", path, "--over", "mpsc/batch", "--fail-on", "slower"]) == 1
    assert capsys.readouterr().err == "fanin: error: 1 not delivered (of 3 verdicts)\n"


def test_a_sweep_fails_that_is_slower_than_the_one_before(
    tmp_path: Path, make_sweep: Callable[..., fanin.Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [str(tmp_path / name) for name in ("before.json", "after.json")]
    for name, ns in zip(names, (50, 500), strict=True):
        monkeypatch.setitem(make_sweep.__globals__["NS"], "swap/batch", ns)
        make_sweep(("swap/batch",), rounds=5).save(name)
    before, after = names
    assert cli.main(["compare", after, before, "--fail-on", "slower"]) == 1
    assert cli.main(["compare", before, after, "--fail-on", "slower"]) == 0


def test_a_comparison_of_nothing_does_not_pass(
    tmp_path: Path, make_sweep: Callable[..., fanin.Sweep], capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "sweep.json")
    make_sweep(("swap/batch",)).save(path)
    assert cli.main(["compare", path]) == 0
    assert cli.main(["compare", path, "--fail-on", "slower"]) == 2
    assert "fail_on='slower': nothing was compared" in capsys.readouterr().err


def test_the_check_of_the_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guide = (Path(__file__).parent.parent / "docs/how-to/use-in-ci.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", guide, re.DOTALL | re.MULTILINE)
    checks = [block for block in blocks if "--fail-on slower" in block]
    assert len(checks) == 2
    monkeypatch.chdir(tmp_path)
    for line in "".join(checks).splitlines():
        program, *arguments = shlex.split(line, comments=True)
        assert program == "fanin"
        less = ["--messages", "100", "--min-seconds", "0"] if arguments[0] == "sweep" else []
        assert cli.main([*arguments, *less]) in ((0, 1) if "--fail-on" in arguments else (0,))


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
    assert "smallest effect resolved" in capsys.readouterr().out


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
