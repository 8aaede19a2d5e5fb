"""The newcomer's path: a fresh clone, and `make demo` with nothing but what the README asks for.

python scripts/newcomer.py [--keep FOLDER]

Clones what is committed, makes the demo there, and says how long that took. It ends with 1 if the picture is not there,
if what was printed does not end as the README shows, or if it took five minutes or more. Needs a network for packages.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 300.0
PNG = b"\x89PNG\r\n\x1a\n"
# What a newcomer has not set, and would change what is built or where.
NOT_THEIRS = re.compile(r"FANIN_|CARGO_(?!HOME)|RUSTFLAGS|RUSTC|MAKE|MFLAGS|VIRTUAL_ENV|PYTHON|GIT_")


def alike(text: str) -> str:
    """A text with its numbers, its lines' lengths and its spaces left out: what is the same on every machine."""
    return " ".join(re.sub(r"[\d.,]*\d", "#", text.replace("─", "")).split())


def shown(readme: str) -> tuple[str, str]:
    """What the README says that the demo prints: the table, and the last lines."""
    (block,) = re.findall(r"```text\n(3\. .*?)```", readme, re.DOTALL)
    table, end = block.split("…\nwrote")
    return table, f"wrote{end}"


def problems(folder: Path, printed: str, seconds: float) -> list[str]:
    """What is not as the README promises, a line each."""
    table, end = (alike(part) for part in shown((folder / "README.md").read_text(encoding="utf-8")))
    said = alike(printed)
    picture = folder / "out/article.png"
    found = []
    if table not in said:
        found.append(f"the table is not of the form that the README shows:\n{table}")
    if not said.endswith(end):
        found.append(f"the last lines are not those that the README shows:\n{end}")
    if not picture.is_file() or not picture.read_bytes().startswith(PNG):
        found.append("there is no picture: out/article.png")
    if seconds >= LIMIT:
        found.append(f"it took {seconds:.0f} s; the limit is {LIMIT:.0f} s")
    return found


def demo(folder: Path) -> tuple[int, str]:
    """`make demo`, shown as it goes: its code, and all that it printed."""
    theirs = {name: value for name, value in os.environ.items() if not NOT_THEIRS.match(name)}
    theirs["PYTHONUNBUFFERED"] = "1"  # lines in the order in which they are said, as on a terminal
    lines = []
    with subprocess.Popen(
        ["make", "demo"], cwd=folder, env=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    return process.returncode, "".join(lines)


def walk(folder: Path) -> list[str]:
    """Clones, makes the demo, and says what went wrong."""
    start = time.monotonic()
    subprocess.run(["git", "clone", "--quiet", "--no-local", "--depth", "1", ROOT.as_uri(), folder], check=True)
    code, printed = demo(folder)
    seconds = time.monotonic() - start
    used = os.times()
    print(f"newcomer: {seconds:.0f} s, {used.children_user + used.children_system:.0f} s of the processor")
    return problems(folder, printed, seconds) if code == 0 else [f"`make demo` ended with {code}"]


def main() -> int:
    """Walks the path, and prints what is wrong; 1 if anything is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="clone to there, and leave it")
    kept = parser.parse_args().keep
    with tempfile.TemporaryDirectory(prefix="newcomer-") as temporary:
        found = walk(kept or Path(temporary, "fanin"))
    print(*found, sep="\n" if found else "", end="\n" if found else "", file=sys.stderr)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
