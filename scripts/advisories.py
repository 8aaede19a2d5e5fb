"""Looks for known holes among the crates of the lock files, in a copy of the advisory database; it needs no network.

    python scripts/advisories.py PATH

PATH is a clone of https://github.com/rustsec/advisory-db that was brought here. The answer is as old as its last
advisory, and says so. What `deny.toml` ignores is left out, and named. `cargo deny check` asks the same of the newest
copy, which it fetches.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCKS = ("Cargo.lock", "models/Cargo.lock", "fuzz/Cargo.lock")


@dataclass(frozen=True)
class Advisory:
    """A hole in some versions of a crate, or a word about all of them."""

    id: str
    crate: str
    day: str
    title: str
    patched: tuple[str, ...]
    unaffected: tuple[str, ...]

    def concerns(self, version: str) -> bool:
        """Whether this version has it."""
        return not any(meets(version, rule) for rule in (*self.patched, *self.unaffected))


def key(version: str) -> tuple[tuple[int, ...], int, tuple[tuple[int, int, str], ...]]:
    """What versions are ordered by: the numbers, then what comes before a release, part by part."""
    numbers, _, before = version.partition("+")[0].partition("-")
    parts = tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in before.split(".") if part)
    return tuple(map(int, [*numbers.split("."), "0", "0"][:3])), 0 if before else 1, parts


def meets(version: str, rule: str) -> bool:
    """Whether a version is as a rule has it: `>= 1.2, < 2`, `^0.4.1`, `= 1.0.0`; without a sign, `^` is meant."""
    return all(meets_one(version, part.strip()) for part in rule.split(","))


def meets_one(version: str, rule: str) -> bool:
    """The same for one sign and one version."""
    found = re.fullmatch(r"(>=|<=|>|<|=|\^|~)?\s*(\d[\w.+-]*)", rule)
    if not found:
        raise ValueError(f"{rule!r} is no rule for versions")
    sign, bound = found[1] or "^", found[2]
    here, there = key(version), key(bound)
    if sign in "^~":
        return there <= here < key(next_after(bound, sign))
    return {">=": here >= there, "<=": here <= there, ">": here > there, "<": here < there, "=": here == there}[sign]


def next_after(bound: str, sign: str) -> str:
    """The first version that `^` or `~` of this one does not allow."""
    given = re.split(r"[-+]", bound)[0].split(".")
    numbers = [*map(int, given), 0, 0][:3]
    at = min(1, len(given) - 1) if sign == "~" else next((n for n, part in enumerate(numbers) if part), len(given) - 1)
    return ".".join(str(part + (n == at) if n <= at else 0) for n, part in enumerate(numbers)) + "-0"


def advisories(database: Path) -> Iterator[Advisory]:
    """Those of a copy, but for the withdrawn."""
    for path in sorted(database.glob("crates/*/RUSTSEC-*.md")):
        front, _, text = path.read_text(errors="replace").partition("```toml")[2].partition("```")
        facts = tomllib.loads(front)
        about, versions = facts["advisory"], facts.get("versions", {})
        if "withdrawn" in about:
            continue
        title = re.search(r"^# (.*)$", text, re.MULTILINE)
        rules = (tuple(versions.get(name, ())) for name in ("patched", "unaffected"))
        yield Advisory(about["id"], about["package"], str(about["date"]), title[1] if title else "", *rules)


def locked(root: Path) -> set[tuple[str, str]]:
    """Every crate with its version that a lock file has."""
    found = set()
    for lock in LOCKS:
        packages = tomllib.loads((root / lock).read_text())["package"] if (root / lock).exists() else []
        found |= {(package["name"], package["version"]) for package in packages}
    return found


def main(words: list[str]) -> int:
    """Tells what concerns us; fails when something does, and when there was nothing to look at."""
    database = Path(words[0]) if words else Path()
    known = list(advisories(database)) if words else []
    if not known:
        print(f"no advisories in {database}: give a clone of https://github.com/rustsec/advisory-db", file=sys.stderr)
        return 2
    crates = locked(ROOT)
    ignored = tomllib.loads((ROOT / "deny.toml").read_text())["advisories"]["ignore"]
    let_be = {entry["id"] if isinstance(entry, dict) else entry for entry in ignored}
    ours = [(one, version) for one in known for name, version in crates if name == one.crate and one.concerns(version)]
    for one, version in sorted(ours, key=lambda pair: pair[0].id):
        print(f"{one.id}: {one.crate} {version}: {one.title}" + (" (ignored by deny.toml)" if one.id in let_be else ""))
    day = max(one.day for one in known)
    bad = [one for one, _ in ours if one.id not in let_be]
    print(f"{len(crates)} crates, {len(known)} advisories, the last of {day}: {len(bad)} concern us")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
