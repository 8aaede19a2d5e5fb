"""A journal: what a sweep has found so far, one JSON line a run, written as the run ends.

The first line holds the plan and how often each cell is visited; a line with `"fanin": "host"` a machine; every other
line is a run, under the names of a sweep's columns, so that other tools read it as newline-delimited JSON.

A line is handed to the system in one write before the next run begins: a killed process loses only the run under way.
It is forced to disk (fsync) with the first line, then at most once a second, and at the end: a machine that loses its
power loses up to a second. A last line that was torn is cut off, and its run is made again.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from . import _native, host
from .cells import AXES, Cell
from .errors import JournalError, PlanError
from .plan import Plan
from .rows import STORED, Columns, Row, problem, tabulate, timeless
from .store import strict_json

__all__ = ["Journal", "Kept", "is_journal", "read"]

VERSION = 2
SYNC_SECONDS = 1.0
MARK = b'{"fanin":"journal"'


class Kept(NamedTuple):
    """What a journal holds.

    Attributes:
        plan: The plan.
        header: The first line.
        hosts: The machines, by name.
        rows: The runs, in the order in which they ended.
        size: How many bytes of the file are whole lines.
    """

    plan: Plan
    header: dict[str, Any]
    hosts: dict[str, Any]
    rows: list[Row]
    size: int

    @property
    def times(self) -> list[int]:
        """For each cell in how many rounds it takes part."""
        return list(self.header["times"])

    def metadata(self) -> dict[str, Any]:
        """What a sweep says of itself."""
        known = {"began": self.header["began"], "fanin": self.header["by"], "seed": self.plan.seed}
        left_out = {"left_out": self.header["left_out"]}
        return known | {"digest": self.plan.digest, "plan": self.plan.to_dict()} | left_out | {"hosts": self.hosts}


@dataclass(slots=True)
class Journal:
    """A journal that is being written; a context manager."""

    path: str
    kept: Kept | None
    _file: int
    _synced: float = 0.0

    @classmethod
    def open(cls, path: str | os.PathLike[str], plan: Plan, resume: bool) -> Journal:
        """Takes a file for a plan: a new one, or with `resume` one that was begun.

        Raises:
            JournalError: The file is there and `resume` is not set; it holds something else; another sweep writes it.
            OSError: The file cannot be written.
        """
        name = os.fspath(path)
        file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        try:
            _claim(name, file)
            kept = _resumable(name, file, plan, resume)
            os.ftruncate(file, kept.size if kept else 0)
        except BaseException:
            os.close(file)
            raise
        return cls(name, kept, file)

    def begin(self, plan: Plan, times: Sequence[int]) -> None:
        """Writes the first line, unless it is there."""
        if self.kept is None:
            self._write(_header(plan, times))
            self._sync()

    def check(self, plan: Plan, order: Sequence[Sequence[int]]) -> None:
        """Refuses runs that the plan does not have in that place.

        Raises:
            JournalError: There is one.
        """
        seen: set[tuple[int, int]] = set()
        cells = plan.cells
        for number, row in enumerate(self.kept.rows if self.kept else ()):
            place = (row[0], row[1])
            if place in seen or not _planned(row, plan.seed, cells, order):
                raise _bad(self.path, f"its run {number} is not one of the plan's, or there twice")
            seen.add(place)

    def keep_host(self, name: str, metadata: Mapping[str, Any]) -> None:
        """Writes what is known of a machine."""
        self._write({"fanin": "host", "name": name, "metadata": metadata})

    def keep(self, row: Row) -> None:
        """Writes a run."""
        self._write(dict(zip(STORED, row, strict=True)))
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            self._sync()

    def close(self) -> None:
        """Forces everything to disk; a second call does nothing."""
        if self._file >= 0:
            self._sync()
            os.close(self._file)
            self._file = -1

    def _write(self, line: Mapping[str, Any]) -> None:
        data = json.dumps(line, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        while data:
            data = data[os.write(self._file, data) :]

    def _sync(self) -> None:
        os.fsync(self._file)
        self._synced = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def is_journal(content: bytes) -> bool:
    """Whether a file's first bytes are those of a journal."""
    return content.startswith(MARK)


def read(path: str | os.PathLike[str], content: bytes | None = None) -> Kept:
    """What a journal holds; a torn last line is left out.

    Raises:
        JournalError: The file holds something else, or is spoilt.
        OSError: There is no such file, or it cannot be read.
    """
    name = os.fspath(path)
    raw = Path(path).read_bytes() if content is None else content
    lines = raw.split(b"\n")
    whole = [_line(name, number, text) for number, text in enumerate(lines[:-1], 1) if number < len(lines) - 1]
    whole += _last(name, len(lines) - 1, lines[-2]) if len(lines) > 1 else []
    if not whole:
        raise _bad(name, "it holds no plan")
    plan = _plan(name, whole[0])
    hosts, rows = _sorted(name, whole)
    _check_columns(name, tabulate(rows))
    return Kept(plan, whole[0], hosts, rows, sum(len(text) + 1 for text in lines[: len(whole)]))


# --- reading ----------------------------------------------------------------------------------------------------------


def _line(name: str, number: int, text: bytes) -> dict[str, Any]:
    try:
        found = strict_json(text)
    except ValueError as error:
        raise _bad(name, f"its line {number} is no JSON ({str(error)[:100]})") from None
    if not isinstance(found, dict):
        raise _bad(name, f"its line {number} is neither plan, host nor run")
    return found


def _last(name: str, number: int, text: bytes) -> list[dict[str, Any]]:
    """The last line, unless it was torn: a power failure can leave rubbish that ends well."""
    try:
        return [_line(name, number, text)]
    except JournalError:
        if number == 1:
            raise
        return []


def _plan(name: str, header: dict[str, Any]) -> Plan:
    if header.get("fanin") != "journal":
        raise _bad(name, "its first line holds no plan")
    if header.get("version") != VERSION:
        raise _bad(name, f"its version is {str(header.get('version'))[:20]}, this fanin reads {VERSION}")
    try:
        plan = Plan.from_dict(header.get("plan"))  # type: ignore[arg-type]
    except PlanError as error:
        raise _bad(name, f"its plan is none ({error})") from None
    times, cells = header.get("times"), header.get("cells")
    if not isinstance(times, list) or set(map(type, times)) != {int} or cells != len(times):
        raise _bad(name, "it does not say how often its cells are visited")
    if header.get("digest") != plan.digest or min(times) < 1 or max(times) > _most_rounds(plan):
        raise _bad(name, "its plan was changed by hand")
    if not all(isinstance(header.get(key), str) for key in ("began", "by")) or not isinstance(
        header.get("left_out"), list
    ):
        raise _bad(name, "its first line is not whole")
    return plan


def _most_rounds(plan: Plan) -> int:
    from .plan import MOST_ROUNDS

    return MOST_ROUNDS if plan.rounds == "auto" else plan.rounds


def _sorted(name: str, lines: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], list[Row]]:
    hosts: dict[str, Any] = {}
    rows: list[Row] = []
    keys = STORED.keys()
    for number, line in enumerate(lines[1:], 2):
        if line.keys() == keys:
            rows.append(tuple([line[key] for key in keys]))
        elif line.get("fanin") == "host" and isinstance(line.get("name"), str):
            hosts.setdefault(line["name"], line.get("metadata"))
        else:
            raise _bad(name, f"its line {number} is neither host nor run")
    return hosts, rows


def _check_columns(name: str, columns: Columns) -> None:
    for key, values in columns.items():
        if wrong := problem(key, values):
            raise _bad(name, wrong)
    late = timeless(columns["status"], columns["produce_ns"], columns["deliver_ns"])
    if late is not None:
        raise _bad(name, f"its run {late} has a time without delivery, or none with it")


# --- resuming ---------------------------------------------------------------------------------------------------------


def _claim(name: str, file: int) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise JournalError(f"journal={name!r}: another sweep is writing it") from None


def _resumable(name: str, file: int, plan: Plan, resume: bool) -> Kept | None:
    if os.fstat(file).st_size == 0:
        return None
    if not resume:
        raise JournalError(f"journal={name!r}: the file is there already; resume=True finishes what it holds")
    with open(file, "rb", closefd=False) as stream:
        content = stream.read()
    if b"\n" not in content and (is_journal(content) or MARK.startswith(content)):
        return None  # torn in its first line: nothing had run
    kept = read(name, content)
    _same(name, kept, plan)
    return kept


def _same(name: str, kept: Kept, plan: Plan) -> None:
    there, here = kept.plan.to_dict(), plan.to_dict()
    changed = [key for key in here if there[key] != here[key]]
    if changed:
        what = ", ".join(f"{key} is {_short(there[key])} there and {_short(here[key])} here" for key in changed[:3])
        raise JournalError(f"journal={name!r}: it was begun with another plan: {what}; allowed is the same plan")
    if kept.header["by"] != _native.__version__:
        raise JournalError(
            f"journal={name!r}: it was begun by fanin {kept.header['by'][:20]}; this is {_native.__version__}"
        )
    if kept.header["cells"] != len(plan.cells):
        raise JournalError(
            f"journal={name!r}: it was begun where {kept.header['cells']} cells can be run; here {len(plan.cells)} can"
        )


def _planned(row: Row, seed: int, cells: Sequence[Cell], order: Sequence[Sequence[int]]) -> bool:
    number, position, cell = row[:3]
    if number >= len(order) or position >= len(order[number]) or order[number][position] != cell:
        return False
    asked = cells[cell]
    return row[_SEED] == seed and all(
        row[place] == getattr(asked, name) or (name == "threads" and asked.threads is None) for name, place in _AXES
    )


_PLACES = {name: place for place, name in enumerate(STORED)}
_SEED = _PLACES["seed"]
_AXES = [(name, _PLACES[name]) for name in AXES]


def _header(plan: Plan, times: Sequence[int]) -> dict[str, Any]:
    cells, left_out = plan.cells, plan.left_out
    return {
        "fanin": "journal",
        "version": VERSION,
        "digest": plan.digest,
        "plan": plan.to_dict(),
        "cells": len(cells),
        "times": list(times),
        "left_out": [{"cell": left.cell.label(), "reason": left.reason} for left in left_out],
        "began": host.now(),
        "by": _native.__version__,
    }


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _bad(name: str, why: str) -> JournalError:
    return JournalError(f"journal={name!r}: {why}; allowed is what a sweep wrote")
