"""A journal: what a sweep has found so far, one JSON line a run, written as the run ends.

The first line holds the plan, its cells, how often each is visited, and the names of a run's columns; a line with
`"fanin": "host"` a machine; every other line is a run, a list of values in the order of those names. What is known of a
run from its cell and its round is not said again: a line has a quarter of the bytes of a table with every name in it,
and a hundred thousand of them are read in a second.

A line is handed to the system in one write before the next run begins: a killed process loses only the run under way.
It is forced to disk (fsync) with the first line, then at most once a second, and at the end: a machine that loses its
power loses up to a second. A last line that was torn is cut off, and its run is made again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from . import _native, fresh, host, lock
from .cells import AXES
from .errors import JournalError, PlanError
from .plan import Plan
from .rows import STORED, Columns, Row, problem, timeless
from .store import strict_json

__all__ = ["Journal", "Kept", "is_journal", "read"]

VERSION = 3
SYNC_SECONDS = 1.0
TOGETHER = 2000  # lines
MARK = b'{"fanin":"journal"'

# What is known of a run before it begins, and what its line says; `threads` is among these, since None is any number.
OF_CELL = tuple(name for name in AXES if name != "threads")
OF_RUN = tuple(name for name in STORED if name not in {*OF_CELL, "queue", "write", "seed", "process"})
_KEPT_PLACES = [place for place, name in enumerate(STORED) if name in OF_RUN]


class Kept(NamedTuple):
    """What a journal holds.

    Attributes:
        plan: The plan.
        header: The first line.
        hosts: The machines, by name.
        columns: The runs, in the order in which they ended.
        size: How many bytes of the file are whole lines.
    """

    plan: Plan
    header: dict[str, Any]
    hosts: dict[str, Any]
    columns: Columns
    size: int

    @property
    def rows(self) -> list[Row]:
        """The runs, one by one."""
        return list(zip(*self.columns.values(), strict=True))

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
        file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
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

    def check(self, order: Sequence[Sequence[int]]) -> None:
        """Refuses runs that the plan does not have in that place.

        Raises:
            JournalError: There is one.
        """
        seen: set[tuple[int, int]] = set()
        for number, row in enumerate(self.kept.rows if self.kept else ()):
            place = (row[0], row[1])
            if place in seen or not _planned(row, order):
                raise _bad(self.path, f"its run {number} is not one of the plan's, or there twice")
            seen.add(place)

    def keep_host(self, name: str, metadata: Mapping[str, Any]) -> None:
        """Writes what is known of a machine."""
        self._write({"fanin": "host", "name": name, "metadata": metadata})

    def keep(self, row: Row) -> None:
        """Writes a run."""
        self._write([row[place] for place in _KEPT_PLACES])
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            self._sync()

    def close(self) -> None:
        """Forces everything to disk; a second call does nothing."""
        if self._file >= 0:
            self._sync()
            os.close(self._file)
            self._file = -1

    def _write(self, line: Mapping[str, Any] | Sequence[Any]) -> None:
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
    lines = raw.split(b"\n")[:-1]
    if not lines:
        raise _bad(name, "it holds no plan")
    header = _line(name, 1, lines[0])
    plan = _plan(name, header)
    if not _is_whole(name, len(lines), lines[-1]):
        del lines[-1]
    hosts, found = _sorted(name, lines)
    _check_columns(name, found)
    columns = _completed(name, header, plan, found)
    return Kept(plan, header, hosts, columns, sum(map(len, lines)) + len(lines))


# --- reading ----------------------------------------------------------------------------------------------------------


def _line(name: str, number: int, text: bytes) -> Any:
    try:
        found = strict_json(text)
    except ValueError as error:
        raise _bad(name, f"its line {number} is no JSON ({str(error)[:100]})") from None
    if not isinstance(found, (dict, list)):
        raise _bad(name, f"its line {number} is neither plan, host nor run")
    return found


def _is_whole(name: str, number: int, text: bytes) -> bool:
    """Whether the last line was not torn: a power failure can leave rubbish that ends well."""
    try:
        _line(name, number, text)
    except JournalError:
        return False
    return True


def _plan(name: str, header: Any) -> Plan:
    if not isinstance(header, dict) or header.get("fanin") != "journal":
        raise _bad(name, "its first line holds no plan")
    if header.get("version") != VERSION:
        raise _bad(name, f"its version is {str(header.get('version'))[:20]}, this fanin reads {VERSION}")
    try:
        plan = Plan.from_dict(header.get("plan"))  # type: ignore[arg-type]
    except PlanError as error:
        raise _bad(name, f"its plan is none ({error})") from None
    times, cells = header.get("times"), header.get("cells")
    if not isinstance(times, list) or set(map(type, times)) != {int}:
        raise _bad(name, "it does not say how often its cells are visited")
    if not isinstance(cells, list) or len(cells) != len(times) or header.get("axes") != list(OF_CELL):
        raise _bad(name, "it does not say what its cells are")
    if header.get("digest") != plan.digest or min(times) < 1 or max(times) > _most_rounds(plan):
        raise _bad(name, "its plan was changed by hand")
    if not all(isinstance(header.get(key), str) for key in ("began", "by")) or not isinstance(
        header.get("left_out"), list
    ):
        raise _bad(name, "its first line is not whole")
    if header.get("columns") != list(OF_RUN):
        raise _bad(name, "its columns are not those of a sweep")
    return plan


def _most_rounds(plan: Plan) -> int:
    from .plan import MOST_ROUNDS

    return MOST_ROUNDS if plan.rounds == "auto" else plan.rounds


def _sorted(name: str, lines: Sequence[bytes]) -> tuple[dict[str, Any], Columns]:
    """Hosts and runs, after the first line. A part of the lines at a time: so few lists are alive that Python's garbage
    collection does not walk them all, over and over."""
    hosts: dict[str, Any] = {}
    columns: list[list[Any]] = [[] for _ in OF_RUN]
    for start in range(1, len(lines), TOGETHER):
        found = _together(name, start + 1, lines[start : start + TOGETHER])
        runs = [line for line in found if type(line) is list and len(line) == len(columns)]
        if len(runs) < len(found):
            _keep_hosts(name, start + 1, found, hosts)
        for column, values in zip(columns, zip(*runs, strict=True), strict=bool(runs)):
            column.extend(values)
    return hosts, dict(zip(OF_RUN, map(tuple, columns), strict=True))


def _keep_hosts(name: str, first: int, lines: Sequence[Any], hosts: dict[str, Any]) -> None:
    """Takes the lines that are hosts, and refuses those that are neither that nor runs."""
    for number, line in enumerate(lines, first):
        if isinstance(line, dict) and line.get("fanin") == "host" and isinstance(line.get("name"), str):
            hosts.setdefault(line["name"], line.get("metadata"))
        elif type(line) is not list or len(line) != len(OF_RUN):
            raise _bad(name, f"its line {number} is neither host nor run")


def _together(name: str, first: int, lines: Sequence[bytes]) -> list[Any]:
    """Lines parsed as one text, which takes a third of the time; one by one where that shows the fault."""
    try:
        found = strict_json(b"[" + b",".join(lines) + b"]")
    except ValueError:
        found = []
    if len(found) == len(lines):
        return list(found)
    return [_line(name, number, text) for number, text in enumerate(lines, first)]


def _check_columns(name: str, columns: Columns) -> None:
    for key, values in columns.items():
        if wrong := problem(key, values):
            raise _bad(name, wrong)
    late = timeless(columns["status"], columns["produce_ns"], columns["deliver_ns"])
    if late is not None:
        raise _bad(name, f"its run {late} has a time without delivery, or none with it")


def _completed(name: str, header: dict[str, Any], plan: Plan, found: Columns) -> Columns:
    """The columns of a sweep: what lines say, and what cells and rounds say for them."""
    cells = header["cells"]
    if any(type(cell) is not list or len(cell) != len(OF_CELL) for cell in cells):
        raise _bad(name, "it does not say what its cells are")
    axes = dict(zip(OF_CELL, zip(*cells, strict=True), strict=True))
    for key, values in axes.items():
        if wrong := problem(key, values):
            raise _bad(name, wrong)
    numbers, rounds = found["cell"], max(header["times"])
    if numbers and not (max(numbers) < len(cells) and max(found["round"]) < rounds):
        raise _bad(name, "it has a run of a cell or a round that are not the plan's")
    halves = [strategy.partition("/") for strategy in axes["strategy"]]
    known = axes | {"queue": [half[0] for half in halves], "write": [half[2] for half in halves]}
    told = {key: tuple(map(known[key].__getitem__, numbers)) for key in known}
    processes = [_process(plan, number, rounds) for number in range(rounds)]
    told |= {"seed": (plan.seed,) * len(numbers), "process": tuple(map(processes.__getitem__, found["round"]))}
    return {key: told[key] if key in told else found[key] for key in STORED}


def _process(plan: Plan, number: int, rounds: int) -> int | None:
    return fresh.number(number, rounds, min(plan.confirm, rounds)) if plan.confirm else None


# --- resuming ---------------------------------------------------------------------------------------------------------


def _claim(name: str, file: int) -> None:
    if not lock.claim(file):
        raise JournalError(f"journal={name!r}: another sweep is writing it")


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
    if kept.header["cells"] != _cells(plan):
        known, able = len(kept.header["cells"]), len(plan.cells)
        raise JournalError(f"journal={name!r}: it was begun where {known} cells can be run; here {able} can, or others")


def _planned(row: Row, order: Sequence[Sequence[int]]) -> bool:
    number, position, cell = row[:3]
    return number < len(order) and position < len(order[number]) and bool(order[number][position] == cell)


def _cells(plan: Plan) -> list[list[Any]]:
    """The plan's cells, as rows have them."""
    return [[cell.column(name) for name in OF_CELL] for cell in plan.cells]


def _header(plan: Plan, times: Sequence[int]) -> dict[str, Any]:
    left_out = plan.left_out
    return {
        "fanin": "journal",
        "version": VERSION,
        "digest": plan.digest,
        "plan": plan.to_dict(),
        "axes": list(OF_CELL),
        "cells": _cells(plan),
        "times": list(times),
        "columns": list(OF_RUN),
        "left_out": [{"cell": left.cell.label(), "reason": left.reason} for left in left_out],
        "began": host.now(),
        "by": _native.__version__,
    }


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _bad(name: str, why: str) -> JournalError:
    return JournalError(f"journal={name!r}: {why}; allowed is what a sweep wrote")
