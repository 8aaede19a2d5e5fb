"""What the check of the newcomer's path would say of a demo that went wrong; `make newcomer` walks it."""

from pathlib import Path

import newcomer
import pytest

README = (newcomer.ROOT / "README.md").read_text(encoding="utf-8")
PRINTED = "".join(newcomer.shown(README)).replace("1.42", "0.97")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    (tmp_path / "README.md").write_text(README, encoding="utf-8")
    (tmp_path / "out/article.png").write_bytes(newcomer.PNG)
    return tmp_path


def test_other_numbers_are_as_the_readme_shows(clone: Path) -> None:
    assert newcomer.problems(clone, f"setup\n{PRINTED}", 120.0) == []


def test_each_promise_that_is_not_kept_is_said(clone: Path) -> None:
    (missing,) = newcomer.problems(clone, PRINTED.replace("batching", "buffering"), 120.0)
    assert "the table" in missing
    (longer,) = newcomer.problems(clone, f"{PRINTED}\nand a warning", 120.0)
    assert "the last lines" in longer
    assert newcomer.problems(clone, PRINTED, 301.0) == ["it took 301 s; the limit is 300 s"]
    (clone / "out/article.png").write_text("not found")
    assert newcomer.problems(clone, PRINTED, 120.0) == ["there is no picture: out/article.png"]


def test_what_a_newcomer_has_not_set_is_left_out() -> None:
    named = {"PATH", "HOME", "CARGO_HOME", "FANIN_QUICK", "CARGO_TARGET_DIR", "RUSTFLAGS", "MAKEFLAGS", "PYTHONPATH"}
    assert {name for name in named if not newcomer.NOT_THEIRS.match(name)} == {"PATH", "HOME", "CARGO_HOME"}
