"""A sweep as JSON: columns, not rows, so that it stays small and loads fast. What is read is checked, not trusted."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from .errors import PlanError

__all__ = ["read", "write"]

FORMAT = "fanin sweep"
VERSION = 1


def document(columns: dict[str, tuple[Any, ...]], meta: dict[str, str]) -> dict[str, Any]:
    """What goes into the file."""
    return {"format": FORMAT, "version": VERSION, "meta": meta, "columns": columns}


def write(path: str | os.PathLike[str], content: dict[str, Any]) -> Path:
    """Writes JSON beside the target and then moves it there, so that a torn file never stands under the name."""
    target = Path(path)
    part = target.with_name(f".{target.name}.part")
    try:
        part.write_text(json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n", encoding="utf-8")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def read(path: str | os.PathLike[str], kinds: dict[str, str]) -> tuple[dict[str, tuple[Any, ...]], dict[str, str]]:
    """Columns and metadata from a file that `write` wrote; `kinds` names every column and the type it must have."""
    try:
        content = json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError) as error:
        raise _bad(path, f"it is no JSON ({error})") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise _bad(path, "it is no sweep")
    if content.get("version") != VERSION:
        raise _bad(path, f"its version is {content.get('version')!r}, this fanin reads {VERSION}")
    columns, meta = content.get("columns"), content.get("meta")
    if not isinstance(columns, dict) or set(columns) != set(kinds):
        raise _bad(path, "its columns are not those of a sweep")
    if not isinstance(meta, dict) or not all(isinstance(value, str) for value in meta.values()):
        raise _bad(path, "its meta is not made of words")
    for name, kind in kinds.items():
        _check_column(path, name, columns[name], kind)
    if len({len(column) for column in columns.values()}) > 1:
        raise _bad(path, "its columns differ in length")
    _check_rows(path, columns)
    return {name: tuple(columns[name]) for name in kinds}, meta


def _check_column(path: str | os.PathLike[str], name: str, values: object, kind: str) -> None:
    base, _, optional = kind.partition(" | ")
    types = {"str": str, "int": int}[base], *((type(None),) if optional else ())
    if not isinstance(values, list) or not set(map(type, values)) <= set(types):
        raise _bad(path, f"its column {name} is not made of {kind}")
    if base == "int" and min((value for value in values if value is not None), default=0) < (name == "bursts"):
        raise _bad(path, f"its column {name} has a number that is too small")


def _check_rows(path: str | os.PathLike[str], columns: dict[str, list[Any]]) -> None:
    timed = zip(columns["status"], columns["produce_ns"], columns["deliver_ns"], strict=True)
    for row, (status, *times) in enumerate(timed):
        if (status == "ok") == (None in times) or (status != "ok" and times != [None, None]):
            raise _bad(path, f"its row {row} has a time without delivery, or none with it")


def _bad(path: str | os.PathLike[str], why: str) -> PlanError:
    return PlanError(f"path={os.fspath(path)!r}: {why}; allowed is what Sweep.save wrote")
