"""The messages that a server has told apart: by the core, or by a callable of the user's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol

from . import _check, _native
from ._signature import plain
from .errors import FaninError

__all__ = ["Arrival", "Inbox", "Native", "Split", "Splitter", "inbox"]

SLICE_NS = 100_000_000

#: Takes what has come of one connection's stream and is no message yet; gives the messages in it, and what is left.
Splitter = Callable[[bytes], tuple[Iterable[bytes], bytes]]


@plain
class Arrival(NamedTuple):
    """A message that arrived whole.

    Attributes:
        connection: Which connection it came on; the first that was accepted is 0.
        data: The message, without its framing.

    Example:
        >>> import fanin, socket
        >>> with fanin.Server(framing="lines") as server:
        ...     with socket.create_connection((server.host, server.port)) as client:
        ...         client.sendall(b"hello\\n")
        ...     server.wait_for(1)
        ...     server.arrivals()
        [Arrival(connection=0, data=b'hello')]
    """

    connection: int
    data: bytes


class Inbox(Protocol):
    """What arrived, and what is known of what did not."""

    #: Whether the server is: then nothing is waited for.
    stopped: bool

    def count(self) -> int:
        """How many messages came."""

    def wait(self, messages: int, timeout_ns: int) -> bool:
        """Whether so many came in time."""

    def arrivals(self, start: int = 0) -> list[Arrival]:
        """All of them, or those from a number on; raises where some were not kept."""

    def broken(self) -> tuple[int, int]:
        """How many connections ended within a message, and how many were not framed as they should be."""

    def clear(self) -> None:
        """Forgets all of it."""


class _Waiting:
    """What both kinds have: a server that brings messages, or whatever comes, until it is stopped."""

    def __init__(self, server: _native.Server) -> None:
        self._server, self.stopped = server, False

    def _come(self, messages: int, timeout_ns: int) -> bool:
        """Whether so many came in time. In slices: from a server that is stopped meanwhile nothing comes any more."""
        deadline = time.monotonic_ns() + timeout_ns
        while True:
            # Asked before it is counted: what a stopped server has counted is all.
            left = 0 if self.stopped else max(0, deadline - time.monotonic_ns())
            if self._server.wait(messages, min(left, SLICE_NS)):
                return True
            if left <= SLICE_NS:
                return False


class Native(_Waiting):
    """Messages that the core tells apart."""

    def count(self) -> int:
        """How many messages came, kept or not."""
        return self._server.counts()[0]

    def wait(self, messages: int, timeout_ns: int) -> bool:
        """Whether so many came in time."""
        return self._come(messages, timeout_ns)

    def arrivals(self, start: int = 0) -> list[Arrival]:
        """All of them, or those from a number on."""
        messages, kept, _, _ = self._server.counts()
        if kept < messages:
            raise _overflow(f"the first {kept:,} of {messages:,} messages were kept")
        return [Arrival(*one) for one in self._server.messages(start)]

    def broken(self) -> tuple[int, int]:
        """Cut and malformed connections."""
        _, _, cut, malformed = self._server.counts()
        return cut, malformed

    def clear(self) -> None:
        """Forgets all messages and counts."""
        self._server.clear()


class Split(_Waiting):
    """Messages that a callable tells apart, whenever somebody asks for them.

    Where it raises, or gives something else, nothing is taken from what came: whoever asks next asks it again.
    """

    def __init__(self, server: _native.Server, split: Splitter) -> None:
        super().__init__(server)
        self._split = split
        self._lock = threading.RLock()
        self._is_asked = False
        self._seen = 0
        self._rests: dict[int, bytes] = {}
        self._arrivals: list[Arrival] = []

    def count(self) -> int:
        """How many messages are in what came."""
        return len(self._pulled())

    def wait(self, messages: int, timeout_ns: int) -> bool:
        """Whether so many came in time; asked again whenever something came."""
        deadline = time.monotonic_ns() + timeout_ns
        while self.count() < messages:
            left = deadline - time.monotonic_ns()
            # In slices here too: another thread may have all forgotten, and what comes is counted anew.
            if left <= 0 or (not self._come(self._seen + 1, min(left, SLICE_NS)) and self.stopped):
                return self.count() >= messages
        return True

    def arrivals(self, start: int = 0) -> list[Arrival]:
        """All of them, or those from a number on."""
        return self._pulled()[start:]

    def broken(self) -> tuple[int, int]:
        """Connections with a rest that is no message yet, less all that may still be open: no fewer have ended so.

        Who is open is asked before what came is read, so that whoever has ended by then has brought all it had.
        """
        before = self._server.report()
        self._pulled()
        may_go_on = before["open"] + self._server.report()["opened"] - before["opened"]
        return max(sum(map(bool, self._rests.values())) - may_go_on, 0), 0

    def clear(self) -> None:
        """Forgets what came; what is unfinished goes on."""
        with self._alone():
            self._server.clear()
            self._seen = 0
            self._arrivals = []

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One at a time. Who would wait for itself is told; a forked child too, where the lock may be held for ever."""
        self._server.counts()
        with self._lock:
            if self._is_asked:
                raise FaninError("the server was asked by its own framing=, or by what interrupted it")
            try:
                self._is_asked = True
                yield
            finally:
                self._is_asked = False

    def _pulled(self) -> list[Arrival]:
        with self._alone():
            pieces, kept, _, _ = self._server.counts()
            if kept < pieces:
                raise _overflow("the first bytes were kept, and more came")
            for connection, piece in self._server.messages(self._seen):
                messages, rest = self._parted(self._rests.get(connection, b"") + piece)
                self._seen += 1
                self._rests[connection] = rest
                self._arrivals += [Arrival(connection, message) for message in messages]
            return self._arrivals

    def _parted(self, data: bytes) -> tuple[list[bytes], bytes]:
        given: Any = self._split(data)
        if isinstance(given, (tuple, list)) and len(given) == 2 and isinstance(given[0], Iterable):
            whole = [_bytes(message) for message in given[0]]
            rest = _bytes(given[1])
            if rest is not None and None not in whole:
                return whole, rest  # type: ignore[return-value]
        allowed = "a framing's callable returns (messages, rest): a list of bytes, and what is no message yet, as bytes"
        raise _check.refuse("framing", given, allowed)


def _bytes(given: object) -> bytes | None:
    """What is bytes or like them; a number, of which `bytes` would make zeros, is not."""
    try:
        return bytes(memoryview(given))  # type: ignore[arg-type]
    except TypeError:
        return None


def inbox(server: _native.Server, framing: Any) -> Native | Split | None:
    """The inbox of a server with this framing."""
    if framing is None:
        return None
    return Split(server, framing) if callable(framing) else Native(server)


def _overflow(what: str) -> FaninError:
    return FaninError(f"{what}: record= is too small to look at them all")
