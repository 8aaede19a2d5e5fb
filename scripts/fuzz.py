"""Fuzzes each target for a minute, guided by what its inputs reach, and says how many it tried.

    python scripts/fuzz.py [TARGET ...]      # by default all four, and saved sweeps
    python scripts/fuzz.py --keep            # then keeps the fewest inputs that reach all, of native targets

`FANIN_FUZZ_SECONDS` says how long each is to take; after a minute or more, each goes on until it has had a million
inputs. What a target fails on is put into out/fuzz, and the run fails: mend it, and put the input into
tests/corpus/TARGET, where `make test` tries it for ever. What is found on the way stays in target/fuzz/corpus, and is
where the next run begins.

The native targets are built by cargo-fuzz (`cargo install cargo-fuzz --locked`), on the stable compiler.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOUND = ROOT / "target" / "fuzz" / "corpus"
KEPT = ROOT / "tests" / "corpus"
NATIVE = ("framing", "ledger")
PYTHON = ("plan", "journal", "sweep")
LONGEST = {"framing": 400, "ledger": 400, "plan": 3_000, "journal": 6_000, "sweep": 8_000}
SECONDS = int(os.environ.get("FANIN_FUZZ_SECONDS", "60"))
RUNS = 1_000_000


@dataclass(frozen=True)
class Outcome:
    """How many inputs a target was given, and whether it took all of them."""

    target: str
    runs: int
    passed: bool

    def __str__(self) -> str:
        return f"fuzzed {self.target}: {self.runs} runs, {'nothing found' if self.passed else 'FOUND SOMETHING'}"


def build() -> None:
    """Builds the native targets. They call no `unsafe`: overflow and assertions are looked for, and no addresses."""
    if shutil.which("cargo-fuzz") is None:
        raise SystemExit("cargo-fuzz is not on the PATH: cargo install cargo-fuzz --locked")
    command = ["cargo", "fuzz", "build", "--release", "--debug-assertions", "--sanitizer", "none", *built_in()]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "RUSTC_BOOTSTRAP": "1"}, check=True)


def built_in() -> list[str]:
    """Where cargo is to put what it builds."""
    return ["--target-dir", str(ROOT / "target" / "fuzz")]


def program(target: str) -> list[str]:
    """What runs a target."""
    if target in PYTHON:
        return [sys.executable, str(ROOT / "fuzz" / "readers.py"), target]
    host = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    name = re.search(r"^host: (.*)$", host, re.MULTILINE)
    assert name
    return [str(ROOT / "target" / "fuzz" / name[1] / "release" / target)]


def once(target: str, *limits: str) -> tuple[int, bool]:
    """Runs a target within limits: how many inputs it tried, and whether it took them."""
    log = ROOT / "out" / "fuzz" / f"{target}.txt"
    for folder in (FOUND / target, log.parent):
        folder.mkdir(parents=True, exist_ok=True)
    told = [f"-artifact_prefix={log.parent}/{target}-", f"-max_len={LONGEST[target]}", "-print_final_stats=1"]
    command = [*program(target), str(FOUND / target), str(KEPT / target), *told, *limits]
    with log.open("w") as file:
        code = subprocess.run(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    output = log.read_text(errors="replace")
    runs = re.findall(r"number_of_executed_units: (\d+)|^Done (\d+) runs", output, re.MULTILINE)
    return max((int(count) for pair in runs for count in pair if count), default=0), code == 0


def fuzz(target: str) -> Outcome:
    """A target's minute; more of them where it has not had its million by then."""
    runs, passed = once(target, f"-max_total_time={SECONDS}")
    if passed and runs < RUNS and SECONDS >= 60:
        more, passed = once(target, f"-runs={RUNS - runs}")
        runs += more
    return Outcome(target, runs, passed)


def keep(target: str) -> None:
    """Puts into tests/corpus the fewest and smallest inputs that reach what those there do not."""
    command = [
        *program(target),
        "-set_cover_merge=1",
        f"-max_len={LONGEST[target]}",
        str(KEPT / target),
        str(FOUND / target),
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    for path in KEPT.joinpath(target).iterdir():
        if re.fullmatch(r"[0-9a-f]{40}", path.name):
            path.rename(path.with_name(f"any-{path.name[:12]}"))


def main(words: list[str]) -> int:
    """Fuzzes, keeps, tells."""
    targets = [target for target in (*NATIVE, *PYTHON) if target in words or not set(words) - {"--keep"}]
    if set(targets) & set(NATIVE):
        build()
    outcomes = []
    for target in targets:
        outcomes.append(fuzz(target))
        print(outcomes[-1], flush=True)
        if "--keep" in words and target in NATIVE and outcomes[-1].passed:
            keep(target)
    return 0 if outcomes and all(outcome.passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
