"""The long battery, one step after the other, and a page at its end: what ran, how many, what fell short.

    python scripts/prove.py [WORD ...]         # only steps whose names hold one of the words
    python scripts/prove.py --resume [WORD …]  # leaves out what passed on these very sources
    python scripts/prove.py --page             # only writes the page anew
    python scripts/prove.py --take STEP LOG [SECONDS [COMMIT]]  # has it from a run elsewhere
    python scripts/prove.py --list

A step that fails does not stop the others. What a step came to is kept with its day and its commit, so steps may be run
alone, in any order, on this clone or another: the page has the last outcome of each. It is printed, and written to
out/prove.md and to docs/explanation/proofs.md, which the documentation shows; what each step said is in out/prove/.
"""

import dataclasses
import datetime
import json
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
SHOWN = ROOT / "docs" / "explanation" / "proofs.md"

MODELS = "cargo test --quiet --locked --manifest-path models/Cargo.toml --target-dir target/models"
PYTEST = f"{sys.executable} -m pytest -o timeout=3600 -o faulthandler_timeout=3660"
# What the steps are about, beside their own files.
TRIED = ("src", "models/src", "python")
NOT_RUN = "not run"
SHORT = "no failure, but short"

# A step's line of the page.
ROW = (
    r"^\| {name} \| (?P<word>[^|]*) \| (?P<extent>[^|]*) \| (?:(?P<seconds>[\d,]*) s|) \| "
    r"(?P<day>[^|]*) \| (?P<commit>[^|]*) \|$"
)
# Each of these has a step of its own.
APART = ("tests/test_soak.py", "tests/test_server_process.py", "tests/test_sink_life.py", "tests/test_process.py")


# A planted bug, and what became of it: a line of scripts/plant.py.
CAUGHT = re.compile(r"^(\w.{74}) (\S.*)$", re.MULTILINE)


# --- what a step's output says of how much it did --------------------------------------------------------------------


def tests(output: str) -> str:
    """How many tests passed, by cargo or by pytest."""
    counts = [int(count) for count in re.findall(r"(?:ok\. |FAILED\. |^|=+ |, )(\d+) passed", output, re.MULTILINE)]
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
    halted = "" if "test result:" in output else ", given up before the end"
    return f"{len(found)} scenarios, {random:,} random and {pct:,} PCT schedules{halted}"


def messages(output: str) -> str:
    """How many messages were stressed."""
    found = re.findall(r"stress \w+: (\d+) messages, and the consumer fell asleep (\d+) times", output)
    sent, sleeps = (sum(int(counts[at]) for counts in found) for at in (0, 1))
    return f"{sent:,} messages, {sleeps:,} times asleep"


def planted(output: str) -> str:
    """How many planted bugs were caught."""
    found = re.findall(r"^planted: (\d+ bugs, \d+ caught, \d+ missed)", output, re.MULTILINE)
    if found:
        return str(found[-1])
    rows = CAUGHT.findall(output)
    missed = sum(verdict.startswith("missed") for _, verdict in rows)
    return f"{len(rows)} bugs, {len(rows) - missed} caught, {missed} missed, given up before the end"


def cases(output: str) -> str:
    """How many cases the properties were tried with."""
    found = [int(count) for count in re.findall(r"property: (\d+) cases", output)]
    halted = "" if "test result:" in output else ", given up before the end"
    return f"{len(found)} properties, {sum(found):,} cases{halted}"


def seeds(output: str) -> str:
    """How many seeds were simulated, and what they brought about."""
    found = re.findall(r"simulated: (\d+) seeds: Hardship \{ (.*?) \}", output)
    total: dict[str, int] = {}
    for _, hardship in found:
        for name, count in re.findall(r"(\w+): (\d+)", hardship):
            total[name] = total.get(name, 0) + int(count)
    told = "".join(f", {count:,} {name.replace('_', ' ')}" for name, count in total.items())
    return f"{sum(int(count) for count, _ in found):,} seeds{told}"


def runs(output: str) -> str:
    """How many inputs each target was given."""
    found = re.findall(r"^fuzzed (\w+): (\d+) runs", output, re.MULTILINE)
    short = [name for name, count in found if int(count) < 1_000_000]
    told = ", ".join(f"{name} {int(count):,}" for name, count in found) + " inputs"
    return told + (f", {len(short)} short of a million" if short else "")


def soaked(output: str) -> str:
    """How it went, with one heap and with all."""
    return "; ".join(re.findall(r"soaked: (.*)$", output, re.MULTILINE)) or "nothing soaked"


def tried(output: str) -> str:
    """How often processes were forked, ended and interrupted, beside the tests, and how quickly they answered."""
    total: dict[str, int] = {}
    for count, what in re.findall(r"tried: (\d+) ([\w -]+)", output):
        total[what] = total.get(what, 0) + int(count)
    told = [tests(output), *(f"{count:,} {what}" for what, count in total.items())]
    answers = [int(ms) for ms in re.findall(r"answered: (\d+) ms at the median", output)]
    return ", ".join(told + ([f"answered within {max(answers)} ms at the median of each call"] if answers else []))


def pythons(output: str) -> str:
    """On which Pythons, and how often."""
    versions = re.findall(r"^  python[\d.]+: ([\w.]+)$", output, re.MULTILINE)
    return f"{' and '.join(versions)}{' alone' * (len(versions) == 1)}, {tried(output)}"


def came(output: str) -> str:
    """How long a newcomer took."""
    found = re.findall(r"^newcomer: (.* of the processor)", output, re.MULTILINE)
    return f"from a clone to the picture in {found[-1]}" if found else "no picture"


def bugs(output: str) -> str:
    """What caught each planted bug, as a table."""
    rows = CAUGHT.findall(output)
    if not rows:
        return ""
    lines = [f"| {name.strip()} | {verdict} |" for name, verdict in rows]
    return "\n".join(["| planted bug | caught by |", "| --- | --- |", *lines])


# --- the steps -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Step:
    """One command, the most seconds it may take, and what its output says of how much it did."""

    name: str
    command: str
    most: int
    extent: Callable[[str], str]
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    details: Callable[[str], str] | None = None

    @property
    def log(self) -> Path:
        """Where its output is."""
        return OUT / "prove" / f"{re.sub(r'[^a-z0-9]+', '-', self.name.lower())}.txt"

    @property
    def kept(self) -> Path:
        """Where its outcome is."""
        return self.log.with_suffix(".json")


STEPS = (
    Step("properties", "cargo test --locked --release --lib -- ledger framing splitter window frames --nocapture",
         3600, cases),
    Step("simulation", "cargo test --locked --release --test sink_simulation -- --nocapture", 7200, seeds),
    Step("fuzzing", "make fuzz", 3600, runs),
    Step("loom, bound 2, the largest too", f"{MODELS} --features loom -- --include-ignored --nocapture",
         3600, interleavings, {"LOOM_MAX_DURATION": "1200"}),
    Step("loom, bound 3", f"{MODELS} --features loom -- --nocapture", 7200, interleavings,
         {"LOOM_MAX_PREEMPTIONS": "3", "LOOM_MAX_DURATION": "120"}),
    Step("shuttle", f"{MODELS} --features shuttle --test shuttle -- --nocapture", 3600, schedules),
    Step("stress", "cargo test --locked --release --test stress -- --include-ignored --skip a_hundred --nocapture "
         "--test-threads 1", 7200, messages),
    Step("planted bugs", f"{sys.executable} scripts/plant.py", 7200, planted, details=bugs),
    Step("AddressSanitizer and leaks", "scripts/asan.sh", 3600, tests),
    Step("soak", f"{PYTEST} -s tests/test_soak.py", 4000, soaked),
    Step("forks, exits, Ctrl-C", f"{PYTEST} -s {' '.join(APART[1:])}", 7200, tried),
    # What depends on the interpreter, on each that is found; a tenth as often as on this one.
    Step("each Python: exits, daemons, sub-interpreters", "make pythons", 3600, pythons,
         {"FANIN_TESTS": " ".join(APART[1:]), "FANIN_EXITS": "100",
          "PYTEST_ADDOPTS": "-s -o timeout=3600 -k 'exit or ends_well or leaving or sub_interpreter'"}),
    Step("cargo, the long tests", "cargo test --locked --features rivals --lib --tests -- --ignored --skip over_lanes "
         "--skip over_ring", 5400, tests),
    Step("pytest, the long tests", f"{PYTEST} {' '.join(f'--ignore {path}' for path in APART)}", 14400, tests),
    Step("a newcomer's path", "make newcomer", 900, came),
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a step came to, when, and on which sources."""

    step: Step
    word: str
    seconds: float
    extent: str
    day: str = ""
    commit: str = ""

    @property
    def is_short(self) -> bool:
        """Whether it did less than it should have."""
        return self.word not in ("passed", NOT_RUN) or bool(
            re.search(r"[1-9]\d* (?:not to their end|short of)|given up", self.extent)
        )

    def row(self) -> str:
        """A line of the page's table."""
        time_taken = f"{self.seconds:,.0f} s" if self.seconds else ""
        word = SHORT if self.is_short and self.word == "passed" else self.word
        return f"| {self.step.name} | {word} | {self.extent} | {time_taken} | {self.day} | {self.commit} |"

    def keep(self) -> None:
        """Writes it down."""
        facts = {name: getattr(self, name) for name in ("word", "seconds", "extent", "day", "commit")}
        self.step.kept.parent.mkdir(parents=True, exist_ok=True)
        self.step.kept.write_text(json.dumps(facts, indent=1) + "\n")


def last(step: Step) -> Outcome:
    """What a step came to when it ran last: here, or else where the page in the documentation was written."""
    if step.kept.exists():
        return Outcome(step, **json.loads(step.kept.read_text()))
    row = re.search(ROW.format(name=re.escape(step.name)), shown(), re.MULTILINE)
    if row is None or row["word"] == NOT_RUN:
        return Outcome(step, NOT_RUN, 0, "")
    word = "passed" if row["word"] == SHORT else row["word"]
    # What took less than a second took some time all the same.
    seconds = float(row["seconds"].replace(",", "")) or 0.1 if row["seconds"] else 0
    return Outcome(step, word, seconds, row["extent"], row["day"], row["commit"])


def shown() -> str:
    """The page that the documentation has."""
    return SHOWN.read_text() if SHOWN.exists() else ""


def details(step: Step) -> str:
    """The table of a step that has one."""
    if step.details is None:
        return ""
    if step.log.exists():
        return step.details(said(step))
    table = re.search(r"^\| planted bug \|.*(?:\n\|.*)*", shown(), re.MULTILINE)
    return table[0] if table else ""


def git(*words: str) -> subprocess.CompletedProcess[str]:
    """What git says of these sources."""
    return subprocess.run(["git", *words], cwd=ROOT, check=False, capture_output=True, text=True)


def sources() -> str:
    """The commit, and whether something was changed since."""
    watched = ("src", "tests", "models", "python", "fuzz", "Cargo.toml", "Cargo.lock")
    changed = git("status", "--porcelain", "--", *watched).stdout.strip()
    return git("rev-parse", "--short=7", "HEAD").stdout.strip() + ("+" if changed else "")


def is_old(commit: str) -> bool:
    """Whether what is tried has changed since a commit, or nobody can tell; of several, since the first."""
    first = re.match(r"[0-9a-f]+", commit)
    return first is None or git("diff", "--quiet", first[0], "HEAD", "--", *TRIED).returncode != 0


def run(step: Step) -> Outcome:
    """Runs a step, its output into a file; ends it and all its children after its time."""
    step.log.parent.mkdir(parents=True, exist_ok=True)
    start, commit = time.monotonic(), sources()
    with step.log.open("w") as file:
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
    return Outcome(step, word, time.monotonic() - start, step.extent(said(step)), today(), commit)


def said(step: Step) -> str:
    """A step's output."""
    return step.log.read_text(errors="replace") if step.log.exists() else ""


def today() -> str:
    """The day, as the world counts it."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")


def take(name: str, log: str, seconds: str = "0", commit: str = "") -> Outcome:
    """A step's outcome from the output of a run elsewhere; on these sources, if it is not said on which."""
    step = next((step for step in STEPS if step.name == name), None)
    if step is None:
        raise SystemExit(f"no step is called {name!r}; there are: {'; '.join(step.name for step in STEPS)}")
    output = Path(log).read_text(errors="replace")
    step.log.parent.mkdir(parents=True, exist_ok=True)
    step.log.write_text(output)
    word = "FAILED" if re.search(r"FAILED|panicked at|FOUND SOMETHING|[1-9]\d* missed", output) else "passed"
    return Outcome(step, word, float(seconds), step.extent(output), today(), commit or sources())


# --- the page --------------------------------------------------------------------------------------------------------


def page(outcomes: list[Outcome]) -> str:
    """What ran, how many, what fell short."""
    lines = ["| what | outcome | how much | time | day | commit |", "| --- | --- | --- | ---: | --- | --- |"]
    lines += [*(one.row() for one in outcomes), ""]
    lacking = [one.step.name for one in outcomes if one.word == NOT_RUN]
    old = [one.step.name for one in outcomes if one.word != NOT_RUN and is_old(one.commit)]
    lines += [f"On older sources than these (`{'`, `'.join(TRIED)}`): {'; '.join(old)}."] if old else []
    short = [f"Fell short: {one.step.name} ({one.word}; {one.extent})." for one in outcomes if one.is_short]
    lines += [f"Not run: {'; '.join(lacking)}."] if lacking else []
    lines += short or ([] if lacking else ["Nothing fell short."])
    for one in outcomes:
        table = details(one.step)
        lines += ["", table] if table else []
    return "\n".join(lines) + "\n"


def main(words: list[str]) -> int:
    """Runs the steps that were asked for, and writes the page."""
    options = {word for word in words if word.startswith("--")}
    words = [word for word in words if word not in options]
    if options == {"--list"}:
        print("\n".join(f"{step.name}: {step.command}" for step in STEPS))
        return 0
    if not options <= {"--resume", "--page", "--take"}:
        raise SystemExit(__doc__)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if "--take" in options:
        take(*words).keep()
    chosen = [] if options & {"--page", "--take"} else STEPS
    ran = []
    for step in chosen:
        is_done = "--resume" in options and (last(step).word, last(step).commit) == ("passed", sources())
        if is_done or (words and not any(word in step.name for word in words)):
            continue
        print(f"{step.name} …", flush=True)
        ran.append(run(step))
        ran[-1].keep()
        print(f"  {ran[-1].word}, {ran[-1].extent}, {ran[-1].seconds:,.0f} s", flush=True)
    outcomes = [last(step) for step in STEPS]
    report = page(outcomes)
    OUT.mkdir(parents=True, exist_ok=True)
    for path in (OUT / "prove.md", SHOWN):
        path.write_text(report)
    print(f"\n{report}")
    return 0 if all(outcome.word == "passed" for outcome in (ran or outcomes)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
