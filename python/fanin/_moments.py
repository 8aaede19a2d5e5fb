"""What holds around the moments of a sink's life: one opens it, a failed opening closes it, a loss is raised once."""

from __future__ import annotations

import os
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from . import _exits
from .errors import AddressError, Disconnected, FaninError, TimedOut

if TYPE_CHECKING:
    from .delivery import Delivery
    from .sink import Sink

__all__ = ["Closing", "Opening", "beginning", "tell_beside"]

# What callbacks have of a close that has taken all of its time.
MOMENT = 0.1

_beginning = threading.RLock()


def beginning() -> threading.RLock:
    """Of threads that open one sink at once, one begins. A signal handler may come in between."""
    return _beginning


def _begin_anew() -> None:
    """A forked child does not have the thread that may have held it."""
    global _beginning
    _beginning = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


class Opening:
    """While a sink is opened: where that fails for good, the first who tries closes it."""

    def __init__(self, sink: Sink, is_first: bool) -> None:
        self.sink, self.is_first = sink, is_first

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if isinstance(error, AddressError) or (self.is_first and isinstance(error, Disconnected)):
            self.sink._abandon()


class Closing:
    """While a sink is closed: what was lost is raised once, by the first call that knows."""

    def __init__(self, sink: Sink, seconds: float | None) -> None:
        self.sink, self.account = sink, None
        self.deadline = time.monotonic() + (sink._close_timeout if seconds is None else seconds)

    account: Delivery | None

    def __enter__(self) -> Self:
        self.sink._refuse_in_child()
        self.sink._closed = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> bool:
        if not _is_account(error):
            return False
        _join(self.sink._told, self._left())
        return self._settle(error)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> bool:
        from ._loops import ended

        if not _is_account(error):
            return False
        await ended(self.sink._told, self._left())
        return self._settle(error)

    def _left(self) -> float:
        """How long the callbacks are waited for: those that are about to be called still are, whatever the time."""
        return max(MOMENT, min(_exits.LAST_SECONDS, self.deadline - time.monotonic()))

    def _settle(self, error: BaseException | None) -> bool:
        first, self.sink._reported = not self.sink._reported, True
        _exits.forget(self.sink)
        return error is not None and not first


def _is_account(error: BaseException | None) -> bool:
    return error is None or isinstance(error, (Disconnected, TimedOut))


def _join(told: threading.Thread | None, seconds: float) -> None:
    """Lets the callbacks come to their end, unless one of them is calling."""
    if told is not None and told is not threading.current_thread():
        told.join(seconds)


def tell_beside(error: BaseException | None, lost: FaninError) -> None:
    """Raises it, or notes it on what is on its way already."""
    if error is None:
        raise lost
    error.add_note(f"and the sink: {lost}")
