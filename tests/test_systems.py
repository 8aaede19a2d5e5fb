"""The tests on another system: Windows finds them all, and what only Unix or Linux has is marked as such."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
# As on Windows, where a release is tested: without these modules and names, and without extras.
WITHOUT = """
import os, signal, socket, sys

for name in ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"):
    sys.modules[name] = None
for name in ("anywidget", "distributed", "hdrh", "jupytext", "matplotlib", "nbformat", "numpy", "pandas", "polars"):
    sys.modules[name] = None
for place, names in (
    (os, ("fork", "getloadavg", "getuid", "killpg", "mkfifo", "openpty", "sched_getaffinity", "sysconf")),
    (signal, ("SIGALRM", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGUSR1", "pthread_sigmask", "setitimer")),
    (socket, ("AF_UNIX", "AF_NETLINK", "MSG_DONTWAIT")),
):
    for name in names:
        vars(place).pop(name, None)
"""
ONLY_UNIX = re.compile(
    r"os\.(fork|killpg|getuid|mkfifo)|SIG(ALRM|HUP|KILL|PIPE|USR1)\b|AF_UNIX|send_signal\((signal\.SIGINT|getattr|stop|2)"
    r"|fcntl|resource\.setrlimit|openpty|\"(fork|sh)\"|unix://\{|/here\.sock"
)
ONLY_LINUX = re.compile(r"[\"']/proc/self")


def collected(room: Path, plugin: str) -> "subprocess.CompletedProcess[str]":
    """What pytest finds here with a plugin of this text."""
    (room / "elsewhere.py").write_text(plugin)
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "elsewhere", "-p", "no:cacheprovider"]
    path = os.pathsep.join([str(room), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    command += ["--ignore", str(TESTS / "browser"), str(TESTS)]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=110, env=environment, cwd=TESTS.parent
    )


def test_the_tests_are_found_without_what_only_unix_has(tmp_path: Path) -> None:
    done = collected(tmp_path, WITHOUT)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert int(re.findall(r"(\d+) tests collected", done.stdout)[0]) > 1000


def unmarked(path: Path, only: "re.Pattern[str]", marks: tuple[str, ...]) -> list[str]:
    """The tests of a file that use such a thing, themselves or in a script that they name, and do not say so."""
    text = path.read_text()
    tree = ast.parse(text)
    scripts = {
        node.targets[0].id: ast.get_source_segment(text, node.value) or ""
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    found = []
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
            continue
        said = "\n".join(ast.get_source_segment(text, part) or "" for part in [*node.decorator_list, node])
        used = "\n".join([said, *(scripts[name] for name in set(re.findall(r"\w+", said)) & set(scripts))])
        if only.search(used) and not any(mark in said for mark in marks):
            found.append(f"{path.name}: {node.name}")
    return found


def test_what_only_unix_has_is_marked() -> None:
    paths = [path for path in sorted(TESTS.glob("test_*.py")) if path != Path(__file__)]
    marks = ("mark.unix", "mark.proc", "alone")
    assert [name for path in paths for name in unmarked(path, ONLY_UNIX, marks)] == []
    marks = ("mark.proc", "alone")
    assert [name for path in paths for name in unmarked(path, ONLY_LINUX, marks)] == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("def test_a():\n    os.fork()\n", 1),
        ("@pytest.mark.unix\ndef test_a():\n    os.fork()\n", 0),
        ("S = 'os.fork()'\n\ndef test_a():\n    run(S)\n", 1),
        ("S = 'os.fork()'\n\ndef test_a():\n    pass\n", 0),
    ],
)
def test_the_reader_of_tests_sees_what_is_there(tmp_path: Path, text: str, count: int) -> None:
    path = tmp_path / "test_x.py"
    path.write_text(text)
    assert len(unmarked(path, ONLY_UNIX, ("mark.unix",))) == count
