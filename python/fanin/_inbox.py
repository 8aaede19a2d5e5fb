"""The messages that a server has told apart: by the core, or by a callable of the user's."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

from . import _check, _native
from .errors import FaninError

__all__ = ["Arrival", "Inbox", "Native", "Split", "Splitter", "inbox"]

#: Takes what has come of one connection's stream and is no message yet; gives the messages in it, and what is left.
Splitter = Callable[[bytes], tuple[Iterable[bytes], bytes]]


class Arrival(NamedTuple):
    """A message that arrived whole.

    Attributes:
        connection: Which connection it came on; the first that was accepted is 0.
        data: The message, without its framing.
    """

    connection: int
    data: bytes


class Inbox(Protocol):
    """What arrived, and what is known of what did not."""

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


class Native:
    """Messages that the core tells apart."""

    def __init__(self, server: _native.Server) -> None:
        self._server = server

    def count(self) -> int:
        """How many messages came, kept or not."""
        return self._server.counts()[0]

    def wait(self, messages: int, timeout_ns: int) -> bool:
        """Whether so many came in time."""
        return self._server.wait(messages, timeout_ns)

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


class Split:
    """Messages that a callable tells apart, whenever somebody asks for them."""

    def __init__(self, server: _native.Server, split: Splitter) -> None:
        self._server, self._split = server, split
        self._lock = threading.Lock()
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
            if left <= 0 or not self._server.wait(self._seen + 1, left):
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
        with self._lock:
            self._server.clear()
            self._seen = 0
            self._arrivals = []

    def _pulled(self) -> list[Arrival]:
        with self._lock:
            pieces, kept, _, _ = self._server.counts()
            if kept < pieces:
                raise _overflow("the first bytes were kept, and more came")
            for connection, piece in self._server.messages(self._seen):
                self._seen += 1
                messages, self._rests[connection] = self._parted(self._rests.get(connection, b"") + piece)
                self._arrivals += [Arrival(connection, bytes(message)) for message in messages]
            return self._arrivals

    def _parted(self, data: bytes) -> tuple[list[bytes], bytes]:
        given = self._split(data)
        try:
            messages, rest = given
            return list(messages), bytes(rest)
        except (TypeError, ValueError):
            allowed = "a framing's callable returns (messages, rest): a list of bytes, and what is no message yet"
            raise _check.refuse("framing", given, allowed) from None


def inbox(server: _native.Server, framing: Any) -> Native | Split | None:
    """The inbox of a server with this framing."""
    if framing is None:
        return None
    return Split(server, framing) if callable(framing) else Native(server)


def _overflow(what: str) -> FaninError:
    return FaninError(f"{what}: record= is too small to look at them all")
