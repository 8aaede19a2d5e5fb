"""The page of failure modes: all of them are there, and every test that it links to exists."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/reference/failure-modes.md"
ROWS = re.findall(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", PAGE.read_text(), re.MULTILINE)
UNCLAIMED = {18}  # free-threaded Python


def test_all_are_there() -> None:
    assert [int(number) for number, *_ in ROWS] == list(range(1, 44))


def missing(shown: str) -> list[str]:
    """The tests among these links that are not in the files that they link to."""
    lost = []
    for name, place in re.findall(r"\[`(\w+)`\]\(\.\./\.\./([\w./]+)\)", shown):
        path = ROOT / place
        text = path.read_text() if path.exists() else ""
        if not re.search(rf"\b(?:fn|def) {name}\(", text):
            lost.append(f"{place}::{name}")
    return lost


def test_every_test_that_is_named_exists() -> None:
    assert [lost for *_, shown in ROWS for lost in missing(shown)] == []


def test_whatever_is_promised_is_shown() -> None:
    silent = {int(number) for number, *_, shown in ROWS if "](../../" not in shown}
    assert silent == UNCLAIMED


def test_a_test_that_is_gone_is_seen() -> None:
    assert missing("[`test_all_are_there`](../../tests/test_failure_modes.py)") == []
    assert missing("[`nobody`](../../tests/test_failure_modes.py), [`x`](../../tests/gone.rs)") == [
        "tests/test_failure_modes.py::nobody",
        "tests/gone.rs::x",
    ]
