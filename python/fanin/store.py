"""A sweep as JSON: columns, not rows, so that it stays small and loads fast. What is read is checked, not trusted.

A column is a list. Where that is shorter, one that holds a single value is `{"same": value}`, and one of few words is
`{"words": [word, …], "at": [number, …]}`. `position` is always a list: it says how many rows there are.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn

from ._outputs import part_of
from .errors import PlanError
from .rows import STORED, Columns, problem, timeless

__all__ = ["document", "read", "replace", "strict_json", "write"]

FORMAT = "fanin sweep"
VERSION = 4
MOST_WORDS = 1000


def document(columns: Columns, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """A sweep as a dict, every column a list."""
    return {"format": FORMAT, "version": VERSION, "meta": metadata, "columns": columns}


def packed(columns: Columns, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The same in short, for a file."""
    return document(
        {name: values if name == "position" else _packed(values) for name, values in columns.items()}, metadata
    )


def write(path: str | os.PathLike[str], content: dict[str, Any]) -> Path:
    """Writes JSON, whole or not at all."""
    return replace(path, json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n")


def replace(path: str | os.PathLike[str], text: str) -> Path:
    """Writes beside the target and then moves it there, so that a torn file never stands under the name."""
    target = Path(path)
    part = part_of(target)
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(target)
    except OSError as error:  # it would name the other file, of which nobody knows
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None
    finally:
        with suppress(OSError):
            part.unlink()
    return target


def read(path: str | os.PathLike[str], content: bytes) -> tuple[Columns, dict[str, Any]]:
    """Columns and metadata from what `write` wrote; `path` is for the message when something else did."""
    try:
        whole = strict_json(content)
    except ValueError as error:
        raise _bad(path, f"it is no JSON ({error})") from None
    if not isinstance(whole, dict) or whole.get("format") != FORMAT:
        raise _bad(path, "it is no sweep")
    if whole.get("version") != VERSION:
        raise _bad(path, f"its version is {whole.get('version')!r}, this fanin reads {VERSION}")
    stored, meta = whole.get("columns"), whole.get("meta")
    if not isinstance(stored, dict) or set(stored) != set(STORED):
        raise _bad(path, "its columns are not those of a sweep")
    if not isinstance(meta, dict):
        raise _bad(path, "its meta is no table")
    return _columns(path, stored), meta


def strict_json(content: bytes | str) -> Any:
    """JSON without the numbers that it does not have; ValueError for whatever is wrong with it."""
    text = content if isinstance(content, str) else content.decode()
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _columns(path: str | os.PathLike[str], stored: dict[str, Any]) -> Columns:
    length = len(stored["position"]) if isinstance(stored["position"], list) else 0
    columns: Columns = {}
    for name in STORED:
        values = _unpacked(stored[name], length)
        if values is None:
            raise _bad(path, f"its column {name} is not made of {STORED[name]}")
        wrong = problem(name, values)
        if wrong:
            raise _bad(path, wrong)
        columns[name] = tuple(values)
    if {len(column) for column in columns.values()} != {length}:
        raise _bad(path, "its columns differ in length")
    late = timeless(columns["status"], columns["produce_ns"], columns["deliver_ns"])
    if late is not None:
        raise _bad(path, f"its row {late} has a time without delivery, or none with it")
    return columns


def _packed(values: Sequence[Any]) -> Any:
    if len(values) < 4 or not (isinstance(values[0], str) or values[0] == values[-1]):
        return values
    distinct = dict.fromkeys(values)
    if len(distinct) == 1:
        return {"same": values[0]}
    if isinstance(values[0], str) and len(distinct) <= min(MOST_WORDS, len(values) // 4):
        at = {word: number for number, word in enumerate(distinct)}
        return {"words": list(distinct), "at": [at[word] for word in values]}
    return values


def _unpacked(stored: Any, length: int) -> Sequence[Any] | None:
    if isinstance(stored, list):
        return stored
    if not isinstance(stored, dict):
        return None
    if set(stored) == {"same"}:
        return (stored["same"],) * length
    if set(stored) != {"words", "at"}:
        return None
    words, at = stored["words"], stored["at"]
    if not isinstance(words, list) or not isinstance(at, list) or not at or set(map(type, at)) != {int}:
        return None
    return [words[number] for number in at] if min(at) >= 0 and max(at) < len(words) else None


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _finite(text: str) -> float:
    number = float(text)
    return number if isfinite(number) else _no_number(text)


_DECODER = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite)


def _bad(path: str | os.PathLike[str], why: str) -> PlanError:
    return PlanError(f"path={os.fspath(path)!r}: {why}; allowed is what Sweep.save wrote")
