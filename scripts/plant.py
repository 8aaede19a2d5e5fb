"""Plants the bugs of tests/planted.toml into a copy of the sources, one at a time, and tells which check catches each.

    python scripts/plant.py [WORD ...]     # only bugs whose names hold one of the words
    python scripts/plant.py --quick …      # without trying the checks on the sound sources first

Fails when a bug is caught by none of its checks, when it cannot be planted, and when a check fails with nothing
planted.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLANTED = ROOT / "tests" / "planted.toml"
COPY = ROOT / "target" / "planted"
COPIED = (
    "src", "models", "python", "tests", "scripts", "benches", "examples",
    "Cargo.toml", "Cargo.lock", "pyproject.toml", "README.md",
)  # fmt: skip

# Whatever takes longer than this with a bug planted hangs.
PATIENCE = 240

# The copy's own: cargo takes the tree and its copy for the same, and what was built of one would do for the other.
BUILT = "--target-dir {root}/target/planted-built"
MODELS = "--manifest-path models/Cargo.toml " + BUILT + "/models --features {tool} --test {tool}"
TARGETS = {
    "loom": MODELS,
    "shuttle": MODELS,
    "unit": BUILT + " --lib",
    "conformance": BUILT + " --test {tool}",
    "corpus": BUILT + " --test {tool}",
    "lanes": BUILT + " --test {tool}",
    "proxy": BUILT + " --test {tool}",
    "server_faults": BUILT + " --test {tool}",
    "server_limits": BUILT + " --test {tool}",
    "sink": BUILT + " --test {tool}",
    "sink_simulation": BUILT + " --test {tool}",
    # In the Python package, with the extension that is installed.
    "pytest": "tests/{what}",
    "loom_sink": "--manifest-path models/Cargo.toml " + BUILT + "/models --features loom --test loom_sink",
}


@dataclass(frozen=True)
class Bug:
    """One search-and-replace, and the checks that are tried on it in turn."""

    name: str
    file: str
    find: str
    replace: str
    checks: tuple[str, ...]

    def plant(self, root: Path) -> str:
        """The file's text with the bug in it.

        Raises LookupError when what is to be replaced does not stand there exactly once.
        """
        text = (root / self.file).read_text()
        found = text.count(self.find)
        if found != 1:
            raise LookupError(f"{self.name}: the text to be replaced stands {found} times in {self.file}, not once")
        return text.replace(self.find, self.replace)


@dataclass(frozen=True)
class Outcome:
    """What a check came to: `passed`, `failed` or `hung`; `broken` when it does not compile."""

    word: str
    output: str
    code: int = 0


def bugs() -> list[Bug]:
    """The bugs of tests/planted.toml."""
    rows = tomllib.loads(PLANTED.read_text())["bug"]
    return [Bug(**{**row, "checks": tuple(row["checks"])}) for row in rows]


def refresh() -> None:
    """Makes the copy what the sources are; keeps the times of what is the same, so that cargo builds little."""
    for name in COPIED:
        source, target = ROOT / name, COPY / name
        if not source.is_dir():
            write(target, source.read_bytes())
            continue
        wanted = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
        for path in [path for path in target.rglob("*") if path.is_file()]:
            if path.relative_to(target) not in wanted:
                path.unlink()
        for path in wanted:
            write(target / path, (source / path).read_bytes())


def write(path: Path, content: bytes) -> None:
    """Writes a file if it would change by it."""
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def cargo(arguments: str, timeout: float) -> Outcome:
    """Runs cargo in the copy."""
    return call(["cargo", "test", "--quiet", "--locked", *arguments.split()], {"RUST_BACKTRACE": "0"}, timeout)


def pytest(where: str) -> Outcome:
    """Runs the tests of a file, as `FILE WORD`, whose names hold the word, in the copy and on its package."""
    file, word = where.split()
    limits = ["-o", "timeout=60", "-o", "faulthandler_timeout=90"]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *limits, file, "-k", word]
    # What was compiled of the sound text may be as long, and of the same second.
    outcome = call(command, {"PYTHONPATH": str(COPY / "python"), "PYTHONDONTWRITEBYTECODE": "1"}, PATIENCE)
    # It could not be collected, or asked for, or there is none.
    return Outcome("broken", outcome.output) if outcome.code in (2, 3, 4, 5) else outcome


def lend_extension() -> None:
    """Puts the extension that is installed beside the copy's modules."""
    spec = importlib.util.find_spec("fanin")
    places = (spec and spec.submodule_search_locations) or []
    found = [path for place in places for path in Path(place).glob("_native.*.so")]
    if not found:
        raise SystemExit("fanin is not installed: make build")
    write(COPY / "python" / "fanin" / found[0].name, found[0].read_bytes())


def call(command: list[str], environment: dict[str, str], timeout: float) -> Outcome:
    """Runs a command in the copy."""
    process = subprocess.Popen(
        command, cwd=COPY, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return Outcome("hung", process.communicate()[0])
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    return Outcome("passed" if process.returncode == 0 else "failed", output, process.returncode)


def run(check: str) -> Outcome:
    """One check of the copy as it stands."""
    tool, what = check.split(":", 1)
    if tool == "pytest":
        return pytest(TARGETS[tool].format(what=what))
    target = TARGETS[tool].format(root=ROOT, tool=tool)
    built = cargo(f"{target} --no-run", 3600)
    if built.word != "passed":
        return Outcome("broken", built.output)
    outcome = cargo(f"{target} -- {what}", PATIENCE)
    if "ok. 0 passed" in outcome.output:
        return Outcome("broken", f"no test's name holds {what!r}\n{outcome.output}")
    return outcome


def tried(bug: Bug) -> Iterator[tuple[str, Outcome]]:
    """The checks of a planted bug, up to the first that does not pass."""
    for check in bug.checks:
        outcome = run(check)
        yield check, outcome
        if outcome.word != "passed":
            return


def control(chosen: list[Bug]) -> None:
    """With nothing planted, every check passes."""
    for check in dict.fromkeys(check for bug in chosen for check in bug.checks):
        outcome = run(check)
        if outcome.word != "passed":
            raise SystemExit(f"with nothing planted, {check} {outcome.word}:\n{outcome.output}")


def judge(bug: Bug) -> str:
    """Plants a bug, and says what became of it; `missed` when nothing caught it."""
    file = COPY / bug.file
    sound = file.read_text()
    file.write_text(bug.plant(COPY))
    try:
        results = list(tried(bug))
    finally:
        file.write_text(sound)
    check, outcome = results[-1]
    if outcome.word == "broken":
        raise SystemExit(f"{bug.name}: {check} cannot be run:\n{outcome.output}")
    passed = ", ".join(passed.split(":")[0] for passed, _ in results[:-1])
    if outcome.word == "passed":
        return f"missed by {', '.join(bug.checks)}"
    return f"{check.replace(':', ' ')} {outcome.word}" + (f"; {passed} did not see it" if passed else "")


def main(words: list[str]) -> int:
    """Plants, checks, tells."""
    if shutil.which("cargo") is None:
        raise SystemExit("cargo is not on the PATH")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    quick, words = "--quick" in words, [word for word in words if word != "--quick"]
    chosen = [bug for bug in bugs() if not words or any(word in bug.name for word in words)]
    refresh()
    lend_extension()
    if not quick:
        control(chosen)
    start, missed = time.monotonic(), 0
    for bug in chosen:
        verdict = judge(bug)
        missed += verdict.startswith("missed")
        print(f"{bug.name:75} {verdict}", flush=True)
    seconds = time.monotonic() - start
    print(f"planted: {len(chosen)} bugs, {len(chosen) - missed} caught, {missed} missed, in {seconds:.0f} s")
    return 1 if missed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
