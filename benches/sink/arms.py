"""The table of all arms, and what an arm is."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

HOMES = ("rivals_queues", "rivals_direct", "rivals_mixed", "rivals_tasks", "rivals_logs", "ours")


class Open(NamedTuple):
    """An arm that is connected.

    `send` is what the threads, or tasks, call. `close` returns when all of it is with the kernel.
    """

    send: Callable[..., Any]
    close: Callable[[], Any]


@dataclass(frozen=True)
class Arm:
    """A way to bring messages from many threads or tasks to one socket."""

    name: str
    about: str
    open: Callable[[tuple[str, int]], Any]
    wire: str = "raw"
    guess: float = 1e6
    """Messages a second, about: how long the first burst is."""


ARMS: dict[str, Arm] = {}


def arm(name: str, about: str, **more: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enters an arm into the table."""

    def enter(opens: Callable[..., Any]) -> Callable[..., Any]:
        ARMS[name] = Arm(name, about, opens, **more)
        return opens

    return enter


def find(name: str) -> Arm:
    """An arm by its name. Its home is imported only now: a process pays for the one that it measures."""
    for home in HOMES:
        if name not in ARMS:
            importlib.import_module(home)
    return ARMS[name]
