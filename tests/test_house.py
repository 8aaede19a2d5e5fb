"""The house keeps its shape: who may know whom, how long a file may be, what must be said where.

What reads the sources is a plain function over text, so that a test can also hold that it finds a planted fault.
"""

import dataclasses
import inspect
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

import fanin
import pytest_fanin

ROOT = Path(__file__).parent.parent
LONGEST_FILE = 500

# Who may know whom. The picture is in ARCHITECTURE.md.
ARROWS: dict[str, set[str]] = {
    "error": set(),
    "usage": set(),
    "cores": set(),
    "message": {"error"},
    "queue": {"error", "message"},
    "actor": {"error", "usage", "message", "queue"},
    "server": {"error", "message", "usage"},
    "sink": {"error", "usage", "message", "queue", "actor"},
    "lab": {"error", "usage", "message", "queue", "actor", "server"},
    "python": {"error", "usage", "cores", "message", "queue", "actor", "server", "sink", "lab"},
}

# Of the crate's own tests alone: how many cases they try.
OF_TESTS = {"properties"}

HEADINGS = ("idea", "guarantees", "cost", "when it loses", "source")


# --- reading Rust ----------------------------------------------------------------------------------------------------


def rust_files() -> list[Path]:
    """The crate's sources."""
    return sorted((ROOT / "src").rglob("*.rs"))


def module_of(path: Path) -> str:
    """The module right under the root that a file belongs to; `lib` for the root itself."""
    return path.relative_to(ROOT / "src").parts[0].removesuffix(".rs")


NOT_CODE = re.compile(
    r"""
    (?P<string>  \b(?:br|cr|r)(?P<hashes>\#*)".*?"(?P=hashes) | "(?:\\.|[^"\\])*" | '(?:\\[^']+|[^'\\])' )
    | //[^\n]*
    | /\*.*?\*/
    """,
    re.DOTALL | re.VERBOSE,
)


def code(text: str, *, strings: bool = False) -> str:
    """Rust without its comments and, unless asked for, without what its strings say."""
    return NOT_CODE.sub(lambda found: found[0] if strings and found["string"] else '""', text)


def heads(group: str) -> Iterator[str]:
    """The first names in `{a::b, c, d::{e, f}}`, given from after its opening brace."""
    depth, fresh = 0, True
    for token in re.findall(r"\w+|[{},]", group):
        if token == "{":
            depth += 1
        elif token == "}":
            depth -= 1
            if depth < 0:
                return
        elif token == ",":
            fresh = fresh or depth == 0
        elif fresh and depth == 0:
            yield token
            fresh = False


def known_by(text: str, depth: int, at_root: dict[str, str]) -> set[str]:
    """The modules right under the root that a file's code names, by `crate::` or by a climb of `super::`.

    `depth` is how far below the root the file's module is; `at_root` says where a name re-exported by the root lives.
    """
    text = code(text)
    names: set[str] = set()
    for path in re.finditer(r"\bcrate\s*::\s*(\w+|\{)", text):
        names |= set(heads(text[path.end() :])) if path[1] == "{" else {path[1]}
    for path in re.finditer(r"\b((?:super\s*::\s*)+)(\w+|\{)", text):
        if path[1].count("super") >= depth:
            names |= set(heads(text[path.end() :])) if path[2] == "{" else {path[2]}
    return {at_root.get(name, name) for name in names} & ARROWS.keys()


def reexports(lib: str) -> dict[str, str]:
    """Where each name that the root re-exports lives: `{"Error": "error", …}`."""
    homes = {}
    for home, names in re.findall(r"\bpub use (?:crate::|self::)?(\w+)::([^;]+);", code(lib)):
        homes |= dict.fromkeys(re.findall(r"\w+", names), home)
    return homes


def depth_of(path: Path) -> int:
    """How far below the root a file's module is: 1 for error.rs and queue/mod.rs, 2 for queue/swap.rs."""
    return len([part for part in path.relative_to(ROOT / "src").parts if part != "mod.rs"])


# --- who may know whom -----------------------------------------------------------------------------------------------


def test_every_module_has_its_place_in_the_picture() -> None:
    assert {module_of(path) for path in rust_files()} - ARROWS.keys() - OF_TESTS - {"lib"} == set()


@pytest.mark.parametrize(
    "path",
    [path for path in rust_files() if module_of(path) not in {"lib", *OF_TESTS}],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_modules_know_only_what_is_below_them(path: Path) -> None:
    module = module_of(path)
    at_root = reexports((ROOT / "src/lib.rs").read_text())
    assert known_by(path.read_text(), depth_of(path), at_root) - {module} <= ARROWS[module]


@pytest.mark.parametrize(
    ("text", "depth", "known"),
    [
        ("use crate::server::Server;", 2, {"server"}),
        ("use crate::{error::{Error, lab}, queue, actor::{self}};", 2, {"error", "queue", "actor"}),
        ("fn f() -> crate::Error { todo() }", 2, {"error"}),
        ("$crate::lab::run()", 2, {"lab"}),
        ("use super::super::lab;", 2, {"lab"}),
        ("use super::lab;", 2, set()),
        ('//! [`x`](crate::server)\n/* crate::lab */ let s = "crate::sink"; let q = \'"\'; r#"crate::lab"#;', 2, set()),
        ('let url = "tcp://x"; crate::sink::open(url)', 2, {"sink"}),
        ("fn f<'a>(x: &'a str) -> &'a str { crate::lab::g(x) }", 2, {"lab"}),
    ],
)
def test_the_reader_of_arrows_sees_what_is_there(text: str, depth: int, known: set[str]) -> None:
    assert known_by(text, depth, {"Error": "error"}) == known


PYO3 = re.compile(r"\bpyo3\w*|\bpy(?:module|class|function|methods)\b|\bfeature\s*=\s*\"python\"|\bPython<")


def names_python(text: str) -> list[str]:
    """What in a file's code belongs to the border."""
    return PYO3.findall(code(text, strings=True))


def test_only_the_border_names_python() -> None:
    named = {
        str(path.relative_to(ROOT)): found
        for path in rust_files()
        if module_of(path) != "python" and (found := names_python(path.read_text()))
    }
    # The root opens the border: `#[cfg(feature = "python")] mod python;`, and nothing else.
    assert set(named.pop("src/lib.rs", [])) <= {'feature = "python"'}
    assert named == {}


def test_the_reader_of_borders_sees_what_is_there() -> None:
    assert names_python("// pyo3 is not known here\nuse tokio::net;") == []
    assert names_python('use pyo3::prelude::*;\n#[pyclass]\n#[cfg(feature = "python")]') != []


def test_the_core_builds_with_no_python_in_its_graph() -> None:
    cargo = shutil.which("cargo")
    assert cargo, "cargo is not on the PATH"
    tree = subprocess.run(
        [cargo, "tree", "-e", "normal,build,dev", "--offline", "--locked", "--prefix", "none"],
        cwd=ROOT, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert tree.returncode == 0, tree.stderr
    crates = {line.split()[0] for line in tree.stdout.splitlines() if line.strip() and not line.startswith("[")}
    assert "tokio" in crates
    assert [crate for crate in crates if crate.startswith(("pyo3", "python3", "numpy"))] == []


WALL_CLOCK = re.compile(r"\bSystemTime\b|\btime\.time(?:_ns)?\b|\bdatetime\b|\bfrom time import\b.*\btime\b")


def wall_clocks(text: str) -> list[str]:
    """Where a source asks for the time of day, which steps; what lasts is measured by a clock that does not."""
    return WALL_CLOCK.findall(text)


def test_no_logic_asks_for_the_wall_clock() -> None:
    sources = {path: code(path.read_text()) for path in rust_files()}
    sources |= {path: path.read_text() for path in (ROOT / "python").rglob("*.py")}
    assert {str(path.relative_to(ROOT)): found for path, text in sources.items() if (found := wall_clocks(text))} == {}


def test_the_reader_of_clocks_sees_what_is_there() -> None:
    asked = ["SystemTime::now()", "time.time()", "time.time_ns()", "datetime.now()", "from time import sleep, time"]
    assert all(map(wall_clocks, asked))
    measured = "Instant::now() time.monotonic() time.perf_counter() time.strftime('%Y') time.gmtime(record.created)"
    assert wall_clocks(measured) == []


# --- files -----------------------------------------------------------------------------------------------------------


def test_no_file_is_too_long() -> None:
    files = [
        path
        for folder in ("src", "python", "tests", "benches", "examples", "notebooks", "scripts")
        for suffix in ("rs", "py", "pyi")
        for path in (ROOT / folder).rglob(f"*.{suffix}")
    ]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}
    assert len(lengths) > 5
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def missing_headings(text: str) -> list[str]:
    """The headings that a queue's `//!` docs lack. A heading opens its line: `# Idea`, `* **idea**: …`, `Idea: …`."""
    docs = re.findall(r"^//! ?(.*)$", text, re.MULTILINE)
    opens = re.compile(rf"^[\s#*|_-]*({'|'.join(HEADINGS)})(?:[*_]+|\s*[:.|·—–]|\s*$)", re.IGNORECASE)
    found = {match[1].lower() for line in docs if (match := opens.match(line))}
    return [heading for heading in HEADINGS if heading not in found]


def algorithms() -> list[Path]:
    """The files that register a queue."""
    registers = re.compile(r"\bimpl\b[^{;]*\bAlgorithm\s+for\b")
    return [path for path in rust_files() if module_of(path) == "queue" and registers.search(code(path.read_text()))]


def test_every_queue_says_what_it_is() -> None:
    assert algorithms(), "no file under src/queue implements Algorithm"
    lacking = {path.name: lacks for path in algorithms() if (lacks := missing_headings(path.read_text()))}
    assert lacking == {}


def test_the_reader_of_headings_sees_what_is_there() -> None:
    assert (
        missing_headings("//! # Idea\n//! **guarantees** a\n//! * cost: b\n//! When it loses: c\n//! - Source: d") == []
    )
    assert missing_headings("//! An ideal queue at no costs.\n// source: none") == list(HEADINGS)


# --- names and versions ----------------------------------------------------------------------------------------------


def test_one_version() -> None:
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["version"]
    assert metadata.version("fanin") == version
    assert fanin.__version__ == version
    assert re.search(rf"^## \[({re.escape(version)}|Unreleased)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def own_doc(item: object) -> str:
    """What is documented on the item itself; what a dataclass or a base class says by default does not count."""
    if inspect.ismodule(item) or not isinstance(item, type):
        return inspect.getdoc(item) or ""
    doc = vars(item).get("__doc__") or ""
    return "" if dataclasses.is_dataclass(item) and doc.startswith(f"{item.__name__}(") else doc


def undocumented(module: ModuleType) -> list[str]:
    """The public names of a module, and the public members of its classes, that say nothing of themselves."""
    silent = []
    for name in module.__all__:
        item = getattr(module, name)
        if not (callable(item) or inspect.ismodule(item)):
            continue
        if not own_doc(item):
            silent.append(name)
        for member, value in vars(item).items() if isinstance(item, type) else ():
            speaks = isinstance(value, (property, classmethod, staticmethod)) or inspect.isroutine(value)
            speaks = speaks or inspect.isgetsetdescriptor(value)
            if speaks and not member.startswith("_") and not inspect.getdoc(getattr(item, member)):
                silent.append(f"{name}.{member}")
    return silent


def test_every_public_name_is_documented() -> None:
    assert undocumented(fanin) == []
    assert undocumented(pytest_fanin) == []


def test_the_reader_of_docs_sees_what_is_missing() -> None:
    @dataclasses.dataclass(frozen=True)
    class Silent:
        field: int

        def method(self) -> None: ...

    module = ModuleType("planted")
    module.Silent, module.__all__ = Silent, ["Silent"]  # type: ignore[attr-defined]
    assert undocumented(module) == ["Silent", "Silent.method"]


def test_the_readme_shows_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "make demo" in readme
    assert "make test" in readme
