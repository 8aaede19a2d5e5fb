"""The end of the interpreter: every open sink is flushed and closed while Python is whole, or says what it left."""

from __future__ import annotations

import atexit
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakSet

from . import _native
from ._stderr import complain
from .errors import FaninError, Forked

if TYPE_CHECKING:
    from threading import Thread

    from .sink import Sink

__all__ = ["forget", "orphan", "remember"]

# How long a callback that runs, and threads that waited in us and were woken, have to come back.
LAST_SECONDS = 2.0

_open: WeakSet[Sink] = WeakSet()
_orphans: list[tuple[_native.Operation, Thread | None]] = []


def remember(sink: Sink) -> None:
    """Has it closed at exit."""
    _open.add(sink)


def forget(sink: Sink) -> None:
    """It was closed by its user."""
    _open.discard(sink)


def orphan(closing: _native.Operation, told: Thread | None) -> None:
    """A sink that was collected: what it took is still written, and waited for at exit."""
    _orphans[:] = [(other, thread) for other, thread in _orphans if _goes_on(other)]
    _orphans.append((closing, told))


def _goes_on(closing: _native.Operation) -> bool:
    try:
        return not closing.wait(0)
    except Forked:
        return False


def _close_all() -> None:
    closings = list(_orphans)
    for sink in list(_open):
        with suppress(FaninError):  # a forked child's are its parent's
            closings.append(sink._at_exit())
    try:
        for closing, _ in closings:
            _wait_for(closing)
    except KeyboardInterrupt:
        _say("interrupted while sinks were being flushed at exit")
    # All of them together: callbacks that hang are not waited for one after the other.
    deadline = time.monotonic() + LAST_SECONDS
    for _, told in closings:
        if told is not None:
            told.join(max(0.0, deadline - time.monotonic()))
    _native.settle(LAST_SECONDS)


def _wait_for(closing: _native.Operation) -> None:
    try:
        closing.wait(None)
        closing.take()
    except Forked:
        pass
    except FaninError as left:
        _say(str(left))


def _say(what: str) -> None:
    complain(f"fanin: at exit: {what}")


atexit.register(_close_all)
