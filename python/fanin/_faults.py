"""What is wrong with a server or a line: arguments in, the core's knobs out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import _amounts, _check

__all__ = ["FAULTS", "Place", "faults", "none"]

#: After so many bytes; in words such as `"4 KiB"`; or somewhere between two places, drawn for each connection.
Place = int | str | tuple[int | str, int | str]

#: The faults, with what each is when it is not asked for.
FAULTS: dict[str, Any] = {
    "read_rate": None,
    "delay": 0.0,
    "stall_after": None,
    "stall_for": None,
    "reset_after": None,
    "close_after": None,
    "half_close_after": None,
    "refuse": 0,
    "echo_delay": 0.0,
    "echo_fault": None,
    "echo_fault_after": (0, 4095),
    "faulty": None,
    "seed": 0,
}
MOST = 1 << 62


def faults(given: Mapping[str, Any]) -> dict[str, Any]:
    """The knobs that the core takes, checked."""
    wrong = given["echo_fault"]
    stall_for = given["stall_for"]
    if stall_for is not None and given["stall_after"] is None:
        raise _check.refuse("stall_for", stall_for, "without stall_after allowed is None")
    return {
        "seed": _check.integer("seed", given["seed"], 0, (1 << 64) - 1),
        "only_first": None if given["faulty"] is None else _check.integer("faulty", given["faulty"], 0, MOST),
        "refuse": _check.integer("refuse", given["refuse"], 0, MOST),
        "delay_ns": _check.nanoseconds("delay", given["delay"]),
        "stall": _place("stall_after", given),
        "stall_for_ns": None if stall_for is None else _check.nanoseconds("stall_for", stall_for),
        "reset": _place("reset_after", given),
        "close": _place("close_after", given),
        "half_close": _place("half_close_after", given),
        "echo_delay_ns": _check.nanoseconds("echo_delay", given["echo_delay"]),
        "echo_fault": None if wrong is None else _check.one_of("echo_fault", wrong, ("flip", "double", "drop")),
        "echo_fault_after": _amounts.place("echo_fault_after", given["echo_fault_after"]),
        "read_rate": None if given["read_rate"] is None else _amounts.rate("read_rate", given["read_rate"]),
    }


def none() -> dict[str, Any]:
    """The knobs of what is sound."""
    return faults(FAULTS)


def _place(name: str, given: Mapping[str, Any]) -> tuple[int, int] | None:
    return None if given[name] is None else _amounts.place(name, given[name])
