"""SECURITY.md and deny.toml are so: licences, bans, sources and `unsafe`, as far as it shows without a network."""

import json
import re
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
SECURITY = (ROOT / "SECURITY.md").read_text()
DENY = tomllib.loads((ROOT / "deny.toml").read_text())


# The crate, and the packages beside it, which stand in nobody's build.
LOCKS = [ROOT / "Cargo.lock", ROOT / "models" / "Cargo.lock", ROOT / "fuzz" / "Cargo.lock"]


@cache
def packages(place: Path = ROOT) -> list[dict[str, Any]]:
    """Every crate that any build of ours may hold, on any system; our own is the one without a source."""
    cargo = shutil.which("cargo")
    assert cargo, "cargo is not on the PATH"
    command = [cargo, "metadata", "--format-version", "1", "--locked", "--offline", "--all-features"]
    done = subprocess.run(command, cwd=place, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout)["packages"])


# --- licences --------------------------------------------------------------------------------------------------------


def is_allowed(licence: str, allowed: set[str]) -> bool:
    """Whether an SPDX expression can be met by what is allowed. `A/B` is an old way to write `A OR B`."""
    tokens = re.findall(r"\(|\)|[^\s()]+", licence.replace("/", " OR "))

    def choice() -> bool:
        outcome = both()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            outcome = both() or outcome
        return outcome

    def both() -> bool:
        outcome = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            outcome = one() and outcome
        return outcome

    def one() -> bool:
        name = tokens.pop(0)
        if name == "(":
            outcome = choice()
            tokens.pop(0)
            return outcome
        if tokens and tokens[0] == "WITH":
            name = f"{name} WITH {tokens[1]}"
            del tokens[:2]
        return name in allowed

    return choice()


@pytest.mark.parametrize(
    ("licence", "outcome"),
    [
        ("MIT", True),
        ("MIT/Apache-2.0", True),
        ("GPL-3.0 OR MIT", True),
        ("GPL-3.0 AND MIT", False),
        ("(MIT OR GPL-3.0) AND Unicode-3.0", True),
        ("(MIT OR GPL-3.0) AND GPL-3.0", False),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", True),
        ("Apache-2.0 WITH Bison-exception", False),
    ],
)
def test_the_reader_of_licences_sees_what_is_there(licence: str, outcome: bool) -> None:
    assert is_allowed(licence, {"MIT", "Unicode-3.0", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"}) == outcome


@pytest.mark.parametrize("place", [ROOT, ROOT / "models"], ids=["the crate", "models"])
def test_every_licence_is_allowed(place: Path) -> None:
    """The fuzzer's packages are there only where cargo-fuzz was used: of them the lock is looked at."""
    allowed = set(DENY["licenses"]["allow"])
    found = {one["name"]: one["license"] or "none" for one in packages(place) if one["source"] is not None}
    assert len(found) > 30
    assert {name: licence for name, licence in found.items() if not is_allowed(licence, allowed)} == {}


# --- bans and sources ------------------------------------------------------------------------------------------------


def numbers(version: str) -> tuple[int, ...]:
    """`1.11.1-rc.1` as (1, 11, 1)."""
    return tuple(map(int, re.split(r"[-+]", version)[0].split(".")))


def banned(name: str, version: str, rules: list[dict[str, str]]) -> bool:
    """Whether a rule such as `pyo3@<0.29` or `openssl` is about this crate."""
    for rule in rules:
        crate, _, below = rule["crate"].partition("@<")
        if crate == name and (not below or numbers(version) < numbers(below)):
            return True
    return False


def test_the_reader_of_bans_sees_what_is_there() -> None:
    rules = [{"crate": "bytes@<1.11.1"}, {"crate": "openssl"}]
    assert [banned("bytes", version, rules) for version in ("1.9.0", "1.11.0", "1.11.1", "2.0.0")] == [
        True,
        True,
        False,
        False,
    ]
    assert banned("openssl", "9.0.0", rules)
    assert not banned("openssl-probe", "0.1.0", rules)


def test_nothing_banned_is_in_the_graph() -> None:
    rules = DENY["bans"]["deny"]
    assert [f"{one['name']} {one['version']}" for one in packages() if banned(one["name"], one["version"], rules)] == []


def locked(lock: Path) -> list[dict[str, Any]]:
    """The packages that a lock pins."""
    return list(tomllib.loads(lock.read_text())["package"])


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.parent.name)
def test_nothing_banned_is_locked(lock: Path) -> None:
    rules = DENY["bans"]["deny"]
    assert [one["name"] for one in locked(lock) if banned(one["name"], one["version"], rules)] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.parent.name)
def test_what_is_locked_comes_from_one_place_with_its_checksum(lock: Path) -> None:
    allowed = {f"registry+{url}" for url in DENY["sources"]["allow-registry"]}
    foreign = [one for one in locked(lock) if "source" in one]
    assert len(foreign) > 10
    assert {one["source"] for one in foreign} == allowed
    assert [one["name"] for one in foreign if not re.fullmatch(r"[0-9a-f]{64}", one["checksum"])] == []
    assert all(one["name"].startswith("fanin") for one in locked(lock) if "source" not in one)


def test_no_lock_is_forgotten() -> None:
    built = {"target", ".venv"}
    found = [lock for lock in ROOT.rglob("Cargo.lock") if not built & set(lock.relative_to(ROOT).parts)]
    assert sorted(found) == sorted(LOCKS)


def test_crates_come_from_one_place() -> None:
    allowed = {f"registry+{url}" for url in DENY["sources"]["allow-registry"]}
    sources = {one["source"] for one in packages() if one["source"] is not None}
    assert sources == allowed
    assert [one["name"] for one in packages() if one["source"] is None] == ["fanin"]


def test_no_dependency_is_without_a_version() -> None:
    (ours,) = (one for one in packages() if one["source"] is None)
    assert [one["name"] for one in ours["dependencies"] if one["req"] == "*"] == []


def test_nothing_of_ours_runs_at_build_time() -> None:
    assert not (ROOT / "build.rs").exists()
    assert "build" not in tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]


# --- unsafe ----------------------------------------------------------------------------------------------------------


def with_unsafe() -> list[Path]:
    """The inventory that SECURITY.md points to."""
    assert "grep -rl 'allow(unsafe_code)' src" in SECURITY
    return [path for path in sorted((ROOT / "src").rglob("*.rs")) if "allow(unsafe_code)" in path.read_text()]


def test_unsafe_is_denied_but_where_a_file_says_what_for() -> None:
    assert tomllib.loads((ROOT / "Cargo.toml").read_text())["lints"]["rust"]["unsafe_code"] == "deny"
    files = with_unsafe()
    assert files
    # At the top: among the file's own docs, or beside the line that allows it.
    silent = []
    for path in files:
        head = path.read_text().partition("\nuse ")[0]
        said = re.findall(r"^//!.*unsafe.*$|allow\(unsafe_code\)\]\s*//.+$", head, re.MULTILINE | re.IGNORECASE)
        silent += [] if said else [str(path.relative_to(ROOT))]
    assert silent == []


def test_the_server_needs_no_unsafe() -> None:
    assert [path for path in with_unsafe() if "server" in path.relative_to(ROOT).parts] == []


# --- what SECURITY.md refers to --------------------------------------------------------------------------------------


def test_the_tests_that_security_names_exist() -> None:
    sources = "\n".join(path.read_text() for path in [*(ROOT / "tests").glob("*.rs"), *(ROOT / "tests").glob("*.py")])
    named = re.findall(r"`((?:a|an|too|what)_[a-z_]+)…?`", SECURITY)
    assert len(named) >= 6
    assert [name for name in named if not re.search(rf"\b(?:test_)?{name}", sources)] == []
    for path in re.findall(r"`((?:tests|src)/[\w/]+\.rs)`", SECURITY):
        assert (ROOT / path).exists(), path
