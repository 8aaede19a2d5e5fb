"""Spoilt files: what reads plans, journals and saved sweeps either reads them or says what is wrong.

Ten thousand spoilt files of each kind, made from good ones and from those in tests/corpus by a seed; `make prove` makes
twenty times as many. A file that breaks a reader is printed with the seed that made it.
"""

import dataclasses
import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fanin
from fanin import journal
from fanin.plan import Plan

CORPUS = Path(__file__).parent / "corpus"
CASES = 200_000 if os.environ.get("FANIN_PROVE") else 10_000
PLAN = Plan(["mpsc/batch", "swap/batch"], [1, 8], messages=1000, rounds=2, min_seconds=0, seed=5)

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


def all_are_read_or_refused(good: list[bytes], read: Callable[[bytes], object], refusal: type[Exception]) -> None:
    """Reads many spoilt files; both outcomes have to come, so that neither is taken for granted."""
    outcomes = {"read": 0, "refused": 0}
    for seed in range(CASES):
        content = spoil(random.Random(seed), good[seed % len(good)])
        try:
            read(content)
        except refusal as error:
            outcomes["refused"] += 1
            if not str(error):
                pytest.fail(f"seed {seed}: it does not say why\n{content!r}")
        except Exception as error:
            pytest.fail(f"seed {seed}: {type(error).__name__}: {error}\n{content!r}")
        else:
            outcomes["read"] += 1
    print(f"spoilt: {CASES} files, {outcomes['read']} were read and {outcomes['refused']} refused")
    assert min(outcomes.values()) > CASES // 500, outcomes


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, make_run: Callable[..., fanin.Run], tmp_path: Path) -> tuple[bytes, bytes]:
    """A journal, and the sweep that was saved from it; of runs that were made up."""

    def run(strategy: str, **knobs: Any) -> dict[str, Any]:
        made = make_run(strategy, knobs["producers"])
        return {field.name: getattr(made, field.name) for field in dataclasses.fields(made)}

    monkeypatch.setattr("fanin._native.run", run)
    path = tmp_path / "runs.ndjson"
    saved = tmp_path / "sweep.json"
    PLAN.run(journal=path, progress=False).save(saved)
    return path.read_bytes(), saved.read_bytes()


@pytest.mark.parametrize("path", sorted(CORPUS.rglob("*.toml")), ids=lambda path: path.stem)
def test_the_corpus_says_itself_what_it_is(path: Path) -> None:
    if path.stem.startswith("bad-"):
        with pytest.raises(fanin.PlanError):
            Plan.read(path)
    else:
        plan = Plan.read(path)
        assert Plan.from_toml(plan.to_toml()) == plan


def test_spoilt_plans() -> None:
    good = [path.read_bytes() for path in sorted((CORPUS / "plan").glob("*.toml"))]

    def read(content: bytes) -> Plan:
        return Plan.from_toml(content.decode(errors="replace"))

    all_are_read_or_refused(good, read, fanin.PlanError)


def test_spoilt_journals(kept: tuple[bytes, bytes]) -> None:
    whole = kept[0]
    assert len(journal.read("runs.ndjson", whole).rows) == 8

    def read(content: bytes) -> None:
        _ = journal.read("runs.ndjson", content).rows

    all_are_read_or_refused([whole, whole[:-20]], read, fanin.JournalError)


def test_spoilt_sweeps(kept: tuple[bytes, bytes], tmp_path: Path) -> None:
    path = tmp_path / "spoilt.json"
    assert json.loads(kept[1])["format"] == "fanin sweep"

    def read(content: bytes) -> None:
        path.write_bytes(content)
        fanin.Sweep.load(path).to_dicts()

    all_are_read_or_refused([kept[1]], read, fanin.FaninError)
