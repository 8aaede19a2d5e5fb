"""The planted bugs can be planted: what `make plant` replaces stands where it looks for it."""

import re
from pathlib import Path

import plant
import pytest

BUGS = plant.bugs()
ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_can_be_planted(bug: plant.Bug) -> None:
    text = (ROOT / bug.file).read_text()
    assert bug.plant(ROOT) != text
    assert bug.checks
    assert all(check.split(":")[0] in plant.TARGETS for check in bug.checks)


@pytest.mark.parametrize(
    "check", sorted({check for bug in BUGS for check in bug.checks if check.startswith("pytest:")})
)
def test_a_check_in_python_is_there(check: str) -> None:
    file, word = check.removeprefix("pytest:").split()
    assert re.search(rf"^def test_\w*{word}|, ids=.*{word}", (ROOT / "tests" / file).read_text(), re.MULTILINE)


def test_there_are_many_and_of_every_kind() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 18
    places = {Path(bug.file).stem for bug in BUGS}
    assert places >= {
        "sender",
        "chain",
        "ring",
        "bell",
        "line",
        "room",
        "swap",
        "atomic_swap",
        "sequences",
        "_exits",
        "_loops",
    }


def test_a_bug_whose_place_is_gone_is_told(tmp_path: Path) -> None:
    (tmp_path / "here.rs").write_text("twice twice")
    for find, times in (("gone", 0), ("twice", 2)):
        with pytest.raises(LookupError, match=f"b: the text to be replaced stands {times} times in here.rs, not once"):
            plant.Bug("b", "here.rs", find, "x", ("loom:x",)).plant(tmp_path)
