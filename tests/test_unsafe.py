"""What the compiler does not check is said where it stands: why `unsafe` is right, whom an atomic's ordering meets."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.rs"))

# How far above a block its reason may end, and above an ordering its comment may begin.
NEAR, ABOVE = 3, 12

NAMES = re.compile(r"\bOrdering::(Relaxed|Acquire|Release|AcqRel|SeqCst)\b")


def shipped(text: str) -> list[str]:
    """The lines of a file before its tests."""
    return re.split(r"^#\[cfg\((?:all\()?test\b.*\)\]\nmod \w+ \{", text, maxsplit=1, flags=re.MULTILINE)[
        0
    ].splitlines()


def split(line: str) -> tuple[str, str]:
    """The code of a line, and its comment. The sources have no `//` inside of a string on a line with either."""
    code, _, comment = line.partition("//")
    return code, comment


def unsaid(text: str) -> list[int]:
    """The lines on which `unsafe` stands without its reason, from 1 on; 0 when the file does not say so at its top."""
    lines = shipped(text)
    found = [
        at for at, line in enumerate(lines) if re.search(r"\bunsafe\b(?!_)", re.sub(r'"[^"]*"', "", split(line)[0]))
    ]
    if not found:
        return []
    lacks = [] if says_so_at_its_top(lines) else [0]
    for at in found:
        above = lines[:at]
        while above and (above[-1].lstrip().startswith(("//", "#[")) or above[-1].rstrip().endswith(("= {", "=", "("))):
            above.pop()
        comment = "\n".join(lines[max(0, len(above) - 1) : at])
        wanted = "# Safety" if re.search(r"\bunsafe (extern \"C\" )?fn\b", lines[at]) else "SAFETY:"
        if wanted not in comment and wanted not in lines[at]:
            lacks.append(at + 1)
    return lacks


def says_so_at_its_top(lines: list[str]) -> bool:
    """Whether the file allows `unsafe`, with a reason beside it or in the file's head."""
    for at, line in enumerate(lines):
        if "allow(unsafe_code)" in line:
            return bool(split(line)[1]) or any("unsafe" in head for head in lines[:at] if head.startswith("//!"))
    return False


def fields(lines: list[str]) -> dict[str, str]:
    """What is said of each field that is an atomic."""
    said: dict[str, str] = {}
    for at, line in enumerate(lines):
        if field := re.match(r"\s+(?:pub(?:\([a-z]+\))? )?(\w+): .*\bAtomic", line):
            above = at
            while above and lines[above - 1].lstrip().startswith(("///", "#[")):
                above -= 1
            said[field[1]] = said.get(field[1], "") + " ".join(lines[above:at])
    return said


def unnamed(text: str) -> list[int]:
    """The lines with an atomic's ordering that neither a comment near it nor its field's speaks of."""
    lines, lacks = shipped(text), []
    said = fields(lines)
    for at, line in enumerate(lines):
        comments = " ".join(split(near)[1] for near in lines[max(0, at - ABOVE) : at + 1])
        comments += " ".join(doc for field, doc in said.items() if f".{field}." in line)
        if any(name not in comments for name in NAMES.findall(split(line)[0])):
            lacks.append(at + 1)
    return lacks


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_unsafe_says_why(path: Path) -> None:
    assert unsaid(path.read_text()) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_ordering_names_whom_it_meets(path: Path) -> None:
    assert unnamed(path.read_text()) == []


def test_security_lists_all_of_them() -> None:
    """And nothing else: each file once, with a reason."""
    with_unsafe = [str(path.relative_to(ROOT)) for path in SOURCES if "allow(unsafe_code)" in path.read_text()]
    section = (ROOT / "SECURITY.md").read_text().partition("## `unsafe`")[2]
    rows = re.findall(r"^\| (`src/.*?) \| (\S.*) \|$", section, re.MULTILINE)
    assert sorted(name for files, _ in rows for name in re.findall(r"`(.*?)`", files)) == with_unsafe


def test_there_are_few_of_them() -> None:
    with_unsafe = {str(path.relative_to(ROOT)) for path in SOURCES if "allow(unsafe_code)" in path.read_text()}
    core = {name for name in with_unsafe if not name.startswith("src/python/")}
    assert core == {
        "src/queue/frames/ahead.rs",
        "src/queue/atomic_swap.rs",
        "src/queue/lanes/barrier.rs",
        "src/queue/lanes/chain.rs",
        "src/queue/ring.rs",
        "src/sink/heap.rs",
    }


def test_the_reader_of_unsafe_sees_what_is_there() -> None:
    good = "#![allow(unsafe_code)] // why\n// SAFETY: it is.\nunsafe { f() };\n"
    assert unsaid(good) == []
    assert unsaid("//! `unsafe` because\n#![allow(unsafe_code)]\n// SAFETY: x\nlet a =\n    unsafe { f() };\n") == []
    assert unsaid(good.replace("// SAFETY: it is.\n", "")) == [2]
    assert unsaid("// SAFETY: x\nunsafe { f() };\n") == [0]
    assert unsaid("/// # Safety\n/// x\nunsafe fn f() {}\n") == [0]
    assert unsaid('let s = "unsafe"; // unsafe\n') == []


def test_the_reader_of_orderings_sees_what_is_there() -> None:
    assert unnamed("// Relaxed: alone.\na.load(Ordering::Relaxed);\n") == []
    assert unnamed("a.load(Ordering::Acquire); // Acquire: meets b\n") == []
    assert unnamed("// Acquire: meets b\na.swap(1, Ordering::AcqRel);\n") == [2]
    assert (
        unnamed(
            "struct S {\n    /// Relaxed: alone.\n    a: AtomicBool,\n}\n"
            + "\n" * 20
            + "s.a.load(Ordering::Relaxed);\n"
        )
        == []
    )
    assert unnamed("#[cfg(test)]\nmod tests {\na.load(Ordering::Relaxed);\n") == []
