"""What is known of the crates is found in a copy of the advisory database, and only where it concerns a version."""

from pathlib import Path

import advisories
import pytest

ADVISORY = """```toml
[advisory]
id = "{id}"
package = "{crate}"
date = "{day}"
{more}

[versions]
patched = {patched}
unaffected = {unaffected}
```

# What is wrong with {crate}

It is.
"""


@pytest.mark.parametrize(
    ("rule", "met", "not_met"),
    [
        (">= 1.2.3", "1.2.3 1.2.4 2.0.0", "1.2.2 1.2.3-rc.1 0.9.9"),
        ("< 0.5", "0.4.9 0.5.0-alpha", "0.5.0 1.0.0"),
        (">= 1.0, < 1.4", "1.0.0 1.3.9", "0.9.0 1.4.0"),
        ("^1.2.3", "1.2.3 1.9.0", "1.2.2 2.0.0 2.0.0-rc.1"),
        ("^0.2.3", "0.2.3 0.2.9", "0.3.0 0.2.2"),
        ("^0.0.3", "0.0.3", "0.0.4"),
        ("1.2", "1.2.0 1.9.0", "1.1.9 2.0.0"),
        ("~1.2.3", "1.2.3 1.2.9", "1.3.0 1.2.2"),
        ("= 1.2.3", "1.2.3 1.2.3+build", "1.2.4"),
        ("> 1.2.3-rc.2", "1.2.3-rc.10 1.2.3", "1.2.3-rc.2 1.2.3-alpha"),
        ("<= 1.2.3", "1.2.3", "1.2.4"),
    ],
)
def test_rules_for_versions(rule: str, met: str, not_met: str) -> None:
    assert [version for version in met.split() if not advisories.meets(version, rule)] == []
    assert [version for version in not_met.split() if advisories.meets(version, rule)] == []


def test_what_is_no_rule_is_told() -> None:
    with pytest.raises(ValueError, match=r"'\*' is no rule"):
        advisories.meets("1.0.0", "*")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two crates, and beside it a database that is still empty."""
    (tmp_path / "Cargo.lock").write_text(
        '[[package]]\nname = "bytes"\nversion = "1.10.0"\n[[package]]\nname = "tokio"\nversion = "1.50.0"\n'
    )
    (tmp_path / "deny.toml").write_text('[advisories]\nignore = [{ id = "RUSTSEC-2001-0009", reason = "not ours" }]\n')
    (tmp_path / "db").mkdir()
    monkeypatch.setattr(advisories, "ROOT", tmp_path)
    return tmp_path


def know(
    place: Path, number: int, crate: str, patched: str, unaffected: str = "[]", more: str = "", day: str = "2001-02-03"
) -> None:
    folder = place / "db" / "crates" / crate
    folder.mkdir(parents=True, exist_ok=True)
    name = f"RUSTSEC-2001-{number:04}"
    facts = {"id": name, "crate": crate, "patched": patched, "unaffected": unaffected, "more": more, "day": day}
    (folder / f"{name}.md").write_text(ADVISORY.format(**facts))


def test_holes_in_our_versions_are_told(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    know(place, 1, "bytes", '[">= 1.11.1"]')
    know(place, 2, "tokio", '[">= 1.44.2"]', day="2001-05-06")
    know(place, 3, "tokio", "[]", '["< 1.60.0"]')
    know(place, 4, "tokio", "[]", more='withdrawn = "2001-03-01"')
    know(place, 5, "openssl", "[]")
    assert advisories.main([str(place / "db")]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "RUSTSEC-2001-0001: bytes 1.10.0: What is wrong with bytes",
        "2 crates, 4 advisories, the last of 2001-05-06: 1 concern us",
    ]


def test_what_is_ignored_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    know(place, 9, "tokio", "[]")
    assert advisories.main([str(place / "db")]) == 0
    assert "(ignored by deny.toml)" in capsys.readouterr().out


def test_an_empty_database_is_no_good_news(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert advisories.main([str(place / "db")]) == 2
    assert advisories.main([]) == 2
    assert "give a clone of" in capsys.readouterr().err


def test_all_our_locks_are_looked_at() -> None:
    names = {name for name, _ in advisories.locked(advisories.ROOT)}
    assert {"tokio", "loom", "libfuzzer-sys"} <= names
