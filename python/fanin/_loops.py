"""Waiting in asyncio: whoever waits for a native event has a future of its own loop; a loop is woken once for all.

A loop that has waiters watches a bell: one file descriptor that native threads ring, which costs them no look at the
interpreter. When it rang, the loop takes the tokens of all whose time has come and completes their futures in one
sweep. Nothing is ever called into a loop from outside, so a loop that was closed is not woken, and makes no noise.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, ref

from . import _native

__all__ = ["Line", "ended", "finish", "line"]

T = TypeVar("T")


class Line:
    """Who waits in one event loop. The loop keeps it alive; it does not keep the loop.

    So a loop that nobody has any more is collected together with all that waited in it.
    """

    __slots__ = ("__weakref__", "_next", "_waiting", "bell", "process")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.bell = _native.Bell()
        self.process = os.getpid()
        self._next = 0
        self._waiting: dict[int, asyncio.Future[None]] = {}
        loop.add_reader(self.bell.fileno(), self._sweep)

    def join(self) -> tuple[int, asyncio.Future[None]]:
        """A token to ring with, and the future that it completes."""
        future = asyncio.get_running_loop().create_future()
        token, self._next = self._next, self._next + 1
        self._waiting[token] = future
        return token, future

    def leave(self, token: int) -> None:
        """Waits no longer. Who was woken has left already, and may still say so."""
        self._waiting.pop(token, None)

    def __len__(self) -> int:
        return len(self._waiting)

    def _sweep(self) -> None:
        waiting = self._waiting
        for token in self.bell.take():
            future = waiting.pop(token, None)
            if future is not None and not future.done():
                future.set_result(None)


_lines: WeakKeyDictionary[asyncio.AbstractEventLoop, ref[Line]] = WeakKeyDictionary()


def line() -> Line:
    """The line of the running loop."""
    loop = asyncio.get_running_loop()
    known = _lines.get(loop)
    found = known() if known else None
    # A forked child may go on with its parent's loop, and needs a bell of its own.
    if found is None or found.process != os.getpid():
        found = Line(loop)
        _lines[loop] = ref(found)
    return found


async def finish(operation: _native.Operation, seconds: float | None) -> Any:
    """What a native operation comes to; None when the time came first."""
    try:
        async with asyncio.timeout(seconds):
            await _until_done(operation)
    except TimeoutError:
        if not operation.done:
            return None
    return operation.take()


async def _until_done(operation: _native.Operation) -> None:
    here = line()
    while True:
        token, future = here.join()
        try:
            if operation.poll(here.bell, token):
                return
            await future
        finally:
            here.leave(token)


async def ended(thread: threading.Thread | None, seconds: float) -> None:
    """Waits for a thread's end, unless it is this one; the loop goes on meanwhile."""
    deadline, pause = time.monotonic() + seconds, 0.001
    while thread is not None and thread is not threading.current_thread() and thread.is_alive():
        if time.monotonic() >= deadline:
            return
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.05)
