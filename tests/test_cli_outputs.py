"""Where a command's results go: a wrong name is refused while nothing has been measured, and what was is kept first."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import fanin
from fanin import _outputs, cli, store

# So long that a test which measures anyway does not end in time.
LONG = ["sweep", "swap/batch", "--producers", "1", "--min-seconds", "3600", "--rounds", "1000"]
SHORT = ["sweep", "swap/batch", "--producers", "1", "--messages", "100", "--min-seconds", "0", "--rounds", "1"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["--out", "no/such/sweep.json"], "out='no/such/sweep.json': it cannot be written there (No such file"),
        (["--out", "."], "out='.': allowed is a file"),
        (["--out", "/dev/null"], "out='/dev/null': allowed is a file"),
        (["--out", "/proc/sweep.json"], "out='/proc/sweep.json': it cannot be written there"),
        (["--out", "x" * 300], "it cannot be written there (File name too long)"),
        (["--out", "x\0y"], "it cannot be written there (embedded null byte)"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_first(
    files: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main([*LONG, *files]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert (told.out, told.err.count("\n"), "part" in told.err) == ("", 1, False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x.bogus", "x", "no/such/x.png"])
def test_a_picture_that_cannot_be_drawn_is_refused_first(
    name: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    assert cli.main([*LONG, "--plot", name, "--out", "kept.json"]) == 2
    assert f"plot='{name}': " in capsys.readouterr().err
    assert cli.main(["plot", "no-such-sweep.json", "--out", name]) == 2, "its name is looked at before the sweep"
    assert f"out='{name}': " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_article_for_a_folder_that_cannot_be_made_is_refused_first(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    for name in (tmp_path / "file", tmp_path / "file/below", "/proc/nope"):
        assert cli.main(["article", "--rounds", "1000", "--out", str(name)]) == 2
        assert f"out='{name}': it cannot be written there" in capsys.readouterr().err


def test_a_sweep_is_saved_before_it_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    from fanin import plot

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "x.png")

    monkeypatch.setattr(plot, "save", full)
    assert cli.main([*SHORT, "--plot", str(tmp_path / "x.png"), "--out", str(tmp_path / "kept.json")]) == 3
    assert len(fanin.Sweep.load(tmp_path / "kept.json")) == 1


def test_trying_leaves_what_is_there(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text("{}")
    assert _outputs.file("out", kept) == kept
    assert (kept.read_text(), [path.name for path in tmp_path.iterdir()]) == ("{}", ["kept.json"])
    assert _outputs.folder("out", tmp_path / "a/b").is_dir()
    assert list((tmp_path / "a/b").iterdir()) == []


def test_what_cannot_be_saved_is_told_by_its_own_name(tmp_path: Path) -> None:
    plan = fanin.Plan("swap/batch", 1)
    with pytest.raises(FileNotFoundError) as caught:
        plan.save(tmp_path / "no" / "plan.toml")
    assert caught.value.filename == str(tmp_path / "no" / "plan.toml")
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError) as other:
        store.replace(tmp_path / "folder", "text")
    assert other.value.filename == str(tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell closes the descriptor")
@pytest.mark.parametrize("arguments", ["run no-such/strategy", "send tcp://127.0.0.1:1", "article --out /proc/nope"])
@pytest.mark.unix
def test_without_a_standard_error_nothing_is_said_on_the_output(arguments: str) -> None:
    line = f"'{sys.executable}' -m fanin {arguments} </dev/null 2>&-"
    done = subprocess.run(["sh", "-c", line], check=False, capture_output=True, text=True, timeout=100)
    assert (done.returncode in (1, 2, 3), done.stdout, done.stderr) == (True, "", "")
