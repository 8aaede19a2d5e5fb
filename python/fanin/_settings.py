"""A sink's settings, checked, and as the core takes them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from . import _amounts, _check
from .errors import PlanError

__all__ = ["settings"]

LARGEST = 1 << 40
LARGEST_BUFFER = 1 << 30
ON_FULL = ("wait", "raise", "drop_newest", "drop_oldest")
FRAMINGS = ("none", "lines", "length", "rfc6587")
RECONNECTS = ("off", "at_most_once", "at_least_once")


def settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """All of them, by the names that the core reads. What the target says is left to the core."""
    target = _check.word("target", given["target"], "tcp://HOST:PORT, tls://HOST:PORT and unix:///PATH")
    reconnect = _check.one_of("reconnect", given["reconnect"], RECONNECTS)
    confirm = given["confirm"]
    if confirm not in (None, "echo"):
        raise _check.refuse("confirm", confirm, "allowed are None and 'echo'")
    if reconnect == "at_least_once" and confirm is None:
        raise _check.refuse("confirm", confirm, "reconnect='at_least_once' sends again what was not confirmed: 'echo'")
    return {
        "target": target,
        "framing": _check.one_of("framing", given["framing"], FRAMINGS),
        "capacity": _amounts.size("capacity", given["capacity"], 1, LARGEST),
        "max_frame": _size("max_frame", given["max_frame"], LARGEST),
        "on_full": _check.one_of("on_full", given["on_full"], ON_FULL),
        "confirm": confirm or "none",
        "reconnect": reconnect,
        "backoff": _backoff(given["backoff"]),
        "nodelay": _check.flag("nodelay", given["nodelay"]),
        "send_buffer": _size("send_buffer", given["send_buffer"], LARGEST_BUFFER),
        "receive_buffer": _size("receive_buffer", given["receive_buffer"], LARGEST_BUFFER),
        **_times(given),
        **_tls(given),
    }


def _times(given: Mapping[str, Any]) -> dict[str, float | None]:
    """Those that may be None are switched off by it."""
    times: dict[str, float | None] = {
        "connect_timeout": _check.timeout("connect_timeout", given["connect_timeout"], zero=False),
        "close_timeout": _check.timeout("close_timeout", given["close_timeout"]),
    }
    for name in ("write_timeout", "idle_timeout", "keepalive"):
        times[name] = None if given[name] is None else _check.timeout(name, given[name], zero=False)
    return times


def _tls(given: Mapping[str, Any]) -> dict[str, Any]:
    pair = given["client_cert"]
    if pair is not None and not (isinstance(pair, (tuple, list)) and len(pair) == 2):
        raise _check.refuse("client_cert", pair, "allowed are a pair of PEM files, (certificate, key), or None")
    name = given["server_name"]
    return {
        "ca_file": _path("ca_file", given["ca_file"]),
        "client_cert": pair and (_path("client_cert", pair[0]), _path("client_cert", pair[1])),
        "server_name": None if name is None else _check.word("server_name", name, "a host's name, or None"),
        "verify": _check.flag("verify", given["verify"]),
    }


def _path(name: str, value: object) -> str | None:
    if value is None:
        return None
    path = os.fsdecode(value) if isinstance(value, (str, os.PathLike)) else ""
    if not path or "\0" in path:
        raise _check.refuse(name, value, "allowed are a path to a PEM file, or None")
    return path


def _size(name: str, value: object, high: int) -> int | None:
    return None if value is None else _amounts.size(name, value, 1, high, none=True)


def _backoff(value: object) -> tuple[float, float]:
    problem = _check.refuse("backoff", value, "allowed are two times in seconds, (first, longest), first above 0")
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise problem
    try:
        first, longest = (_check.timeout("backoff", time, zero=False) for time in value)
    except PlanError:
        raise problem from None
    if longest < first:
        raise problem
    return first, longest
