"""Plans as plain data and as TOML. What is read is checked, not trusted.

TOML has no null: in a file `"none"` stands for it.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import _check
from .errors import PlanError
from .plan import FIELDS, Plan

__all__ = ["digest", "from_dict", "from_toml", "load", "to_dict", "to_toml"]

LARGEST_FILE = 16 << 20
NONE = "none"


def to_dict(plan: Plan) -> dict[str, Any]:
    """Lists, words, numbers and None."""
    content = {name: _plain(getattr(plan, name)) for name in FIELDS if name != "cases"}
    return content | {"cases": [{name: _plain(points) for name, points in case} for case in plan.cases]}


def from_dict(content: object) -> Plan:
    """The plan that `to_dict` wrote, or that somebody claims it wrote."""
    if not isinstance(content, Mapping):
        raise _check.refuse("plan", content, "allowed is a table of a plan's arguments")
    for name in content:
        _check.one_of("plan key", name, FIELDS)
    if "strategies" not in content:
        raise PlanError("plan: strategies are missing; allowed are names as in strategies = ['swap/batch']")
    return Plan(**{name: _cases(value) if name == "cases" else _nulls(value) for name, value in content.items()})


def digest(plan: Plan) -> str:
    """A fingerprint of the plain form."""
    from hashlib import sha256

    canonical = json.dumps(to_dict(plan), sort_keys=True, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()[:16]


def to_toml(plan: Plan) -> str:
    """A line for each argument that is not None, and a table for each case."""
    content = to_dict(plan)
    cases = content.pop("cases")
    lines = [f"{name} = {_toml(value)}" for name, value in content.items() if value is not None]
    for case in cases:
        lines += ["", "[[cases]]", *(f"{name} = {_toml(value)}" for name, value in case.items())]
    return "\n".join(lines) + "\n"


def from_toml(text: str) -> Plan:
    """The plan that a text describes."""
    if not isinstance(text, str):
        raise _check.refuse("text", text, "allowed is TOML, as text")
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise PlanError(f"this is no TOML ({_short(error)}); allowed is what Plan.save wrote") from None
    return from_dict(content)


def load(path: str | os.PathLike[str]) -> Plan:
    """The plan in a file."""
    name = os.fspath(path)
    with Path(path).open("rb") as file:
        raw = file.read(LARGEST_FILE + 1)
    if len(raw) > LARGEST_FILE:
        raise PlanError(f"path={name!r}: a plan has no more than {LARGEST_FILE:,} bytes")
    try:
        return from_toml(raw.decode())
    except UnicodeDecodeError:
        raise PlanError(f"path={name!r}: this is no text; allowed is what Plan.save wrote") from None
    except PlanError as error:
        raise PlanError(f"path={name!r}: {error}") from None


def _plain(value: Any) -> Any:
    if hasattr(value, "to_dict"):
        return value.to_dict()
    return [_plain(point) for point in value] if isinstance(value, tuple) else value


def _nulls(value: Any) -> Any:
    if isinstance(value, list):
        return [_nulls(point) if not isinstance(point, list) else point for point in value]
    return None if value == NONE else value


def _cases(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [
        {name: _nulls(points) for name, points in case.items()} if isinstance(case, dict) else case for case in value
    ]


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name} = {_toml(point)}' for name, point in value.items())}}}"
    if value is None:
        value = NONE
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (str, bool)) else repr(value)


def _short(error: BaseException) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
