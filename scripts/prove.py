"""The long battery, one step after the other, and a page at its end: what ran, how many, what fell short.

    python scripts/prove.py [WORD ...]     # only steps whose names hold one of the words
    python scripts/prove.py --list

A step that fails does not stop the others. The page is printed, and written to out/prove.md; what each step said is in
out/prove/.
"""

import dataclasses
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
OUT = ROOT / "out"

MODELS = "cargo test --quiet --locked --manifest-path models/Cargo.toml --target-dir target/models"


def tests(output: str) -> str:
    """How many tests passed, by cargo or by pytest."""
    counts = [int(count) for count in re.findall(r"(?:ok\. |FAILED\. |^|, )(\d+) passed", output, re.MULTILINE)]
    return f"{sum(counts):,} tests"


def interleavings(output: str) -> str:
    """How many interleavings the models had, and how many models were given up."""
    found = re.findall(r"loom \w+: (\d+) interleavings, (all|not all)", output)
    halted = sum(extent == "not all" for _, extent in found)
    return f"{len(found)} models, {sum(int(count) for count, _ in found):,} interleavings, {halted} not to their end"


def schedules(output: str) -> str:
    """How many schedules shuttle tried."""
    found = re.findall(r"shuttle \w+: (\d+) random and (\d+) PCT", output)
    random, pct = (sum(int(counts[at]) for counts in found) for at in (0, 1))
    return f"{len(found)} scenarios, {random:,} random and {pct:,} PCT schedules"


def messages(output: str) -> str:
    """How many messages were stressed."""
    found = re.findall(r"stress \w+: (\d+) messages, and the consumer fell asleep (\d+) times", output)
    sent, sleeps = (sum(int(counts[at]) for counts in found) for at in (0, 1))
    return f"{sent:,} messages, {sleeps:,} times asleep"


def planted(output: str) -> str:
    """How many planted bugs were caught."""
    found = re.findall(r"^planted: (\d+ bugs, \d+ caught, \d+ missed)", output, re.MULTILINE)
    return found[-1] if found else "none planted"


@dataclass(frozen=True)
class Step:
    """One command, the most seconds it may take, and what its output says of how much it did."""

    name: str
    command: str
    most: int
    extent: Callable[[str], str]
    environment: dict[str, str] = dataclasses.field(default_factory=dict)


STEPS = (
    Step("cargo, the long tests", "cargo test --locked --features rivals --lib --tests -- --ignored --skip over_lanes "
         "--skip over_ring", 5400, tests),
    Step("properties of the core", "cargo test --locked --lib -- ledger framing splitter window frames", 1800, tests),
    Step("loom, bound 2, the largest too", f"{MODELS} --features loom -- --include-ignored --nocapture",
         3600, interleavings, {"LOOM_MAX_DURATION": "1200"}),
    Step("loom, bound 3", f"{MODELS} --features loom -- --nocapture", 7200, interleavings,
         {"LOOM_MAX_PREEMPTIONS": "3", "LOOM_MAX_DURATION": "120"}),
    Step("shuttle", f"{MODELS} --features shuttle --test shuttle -- --nocapture", 3600, schedules),
    Step("stress", "cargo test --locked --release --test stress -- --include-ignored --skip a_hundred --nocapture "
         "--test-threads 1", 7200, messages),
    Step("planted bugs", f"{sys.executable} scripts/plant.py", 7200, planted),
    Step("AddressSanitizer and leaks", "scripts/asan.sh", 3600, tests),
    Step("pytest, the long tests", f"{sys.executable} -m pytest -o timeout=3600 -o faulthandler_timeout=3660", 14400,
         tests),
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a step came to."""

    step: Step
    word: str
    seconds: float
    extent: str

    def row(self) -> str:
        """A line of the page's table."""
        return f"| {self.step.name} | {self.word} | {self.extent} | {self.seconds:,.0f} s |"


def run(step: Step) -> Outcome:
    """Runs a step, its output into a file; ends it and all its children after its time."""
    log = OUT / "prove" / f"{re.sub(r'[^a-z0-9]+', '-', step.name.lower())}.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with log.open("w") as file:
        process = subprocess.Popen(
            shlex.split(step.command), cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, "FANIN_PROVE": "1", **step.environment},
        )  # fmt: skip
        try:
            word = "passed" if process.wait(step.most) == 0 else "FAILED"
        except subprocess.TimeoutExpired:
            word = "TOOK TOO LONG"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    return Outcome(step, word, time.monotonic() - start, step.extent(log.read_text(errors="replace")))


def page(outcomes: list[Outcome]) -> str:
    """What ran, how many, what fell short."""
    short = [outcome for outcome in outcomes if outcome.word != "passed" or "not to their end" in outcome.extent]
    short = [outcome for outcome in short if outcome.word != "passed" or ", 0 not to" not in outcome.extent]
    lines = ["| what | outcome | how much | time |", "| --- | --- | --- | ---: |", *(one.row() for one in outcomes), ""]
    lines += [f"Fell short: {one.step.name} ({one.word}; {one.extent})." for one in short] or ["Nothing fell short."]
    return "\n".join(lines) + "\n"


def main(words: list[str]) -> int:
    """Runs the steps that were asked for."""
    if words == ["--list"]:
        print("\n".join(f"{step.name}: {step.command}" for step in STEPS))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    outcomes = []
    for step in STEPS:
        if words and not any(word in step.name for word in words):
            continue
        print(f"{step.name} …", flush=True)
        outcomes.append(run(step))
        print(f"  {outcomes[-1].word}, {outcomes[-1].extent}, {outcomes[-1].seconds:,.0f} s", flush=True)
    report = page(outcomes)
    (OUT / "prove.md").write_text(report)
    print(f"\n{report}")
    return 0 if outcomes and all(outcome.word == "passed" for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
