"""Spoilt files: what reads plans, journals and saved sweeps either reads them or says what is wrong.

Ten thousand spoilt files of each kind, made from good ones and from those in tests/corpus by a seed; `make prove` makes
a million. A file that breaks a reader is printed with the seed that made it.
"""

import os
import random
from pathlib import Path

import pytest
from readers import CORPUS, READERS

CASES = 1_000_000 if os.environ.get("FANIN_PROVE") else 10_000

# What stands in for a piece of a file: ends of things, numbers at the edge, other types, bytes that are no text.
PIECES = [
    b"", b"\n", b"{", b"}", b"[", b"]", b'"', b",", b":", b"=", b"#", b"0", b"-1", b"1e999", b"NaN", b"null", b"true",
    b"{}", b"[[", b"18446744073709551616", b"9" * 400, b"1.5", b"\xff\xfe", b"\0", b"\xc3", b"\\u0000", b"inf",
    b"1979-05-27", b"'''",
]  # fmt: skip


def spoil(draw: random.Random, good: bytes) -> bytes:
    """A file with a wound or two."""
    content = bytearray(good)
    for _ in range(draw.randrange(1, 3)):
        at = draw.randrange(len(content) + 1)
        to = min(len(content), at + draw.choice([0, 0, 1, 1, 2, 5, 20, 200]))
        match draw.randrange(5):
            case 0:
                content[at:to] = content[draw.randrange(len(content) + 1) :][: draw.randrange(40)]
            case 1:
                content[at:at] = content[at:to]
            case 2 if at < len(content):
                content[at] ^= 1 << draw.randrange(8)
            case 3 if draw.random() < 0.2:
                del content[at:]
            case _:
                content[at:to] = draw.choice(PIECES)
    return bytes(content)


def corpus() -> list[Path]:
    """What is kept for each reader, and what was found by the fuzzer."""
    return sorted(path for name in READERS for path in (CORPUS / name).iterdir())


@pytest.mark.parametrize("path", corpus(), ids=lambda path: path.name)
def test_the_corpus_says_itself_what_it_is(path: Path) -> None:
    """A file's name begins with `bad-`, or with `any-` where the fuzzer found it and either will do."""
    was_read = READERS[path.parent.name](path.read_bytes())
    if not path.name.startswith("any-"):
        assert was_read != path.name.startswith("bad-")


@pytest.mark.parametrize("name", READERS)
def test_spoilt_files_are_read_or_refused(name: str) -> None:
    """Both outcomes have to come, so that neither is taken for granted."""
    good = [path.read_bytes() for path in corpus() if path.parent.name == name]
    outcomes = {True: 0, False: 0}
    for seed in range(CASES):
        content = spoil(random.Random(seed), good[seed % len(good)])
        try:
            outcomes[READERS[name](content)] += 1
        except Exception as error:
            pytest.fail(f"seed {seed}: {type(error).__name__}: {error}\n{content!r}")
    print(f"spoilt: {CASES} files, {outcomes[True]} were read and {outcomes[False]} refused")
    assert min(outcomes.values()) > CASES // 500, outcomes
