"""Callbacks of a sink, on a plain Python thread: no lock of ours is held, and the actor does not wait for them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import ref

from . import _native

if TYPE_CHECKING:
    from .sink import Sink

__all__ = ["Audience", "Dropped", "Reconnected", "tell"]

Callbacks = Mapping[str, Callable[[Any], object]]

# The most that lies between the end of a sink and its finaliser.
_HANDOVER_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Dropped:
    """What `on_drop` is told: how much was dropped since it was told last.

    Attributes:
        messages: How many messages.
        bytes: How many bytes they had, without framing.

    Example:
        >>> import fanin
        >>> told = []
        >>> with fanin.Server(read_rate=100_000) as server:
        ...     sink = fanin.Sink(server.url, capacity=2000, on_full="drop_newest", on_drop=told.append)
        ...     with sink:
        ...         _ = sink.send_many(bytes(1000) for _ in range(20_000))
        ...         dropped = sink.delivery.dropped
        >>> sum(drop.messages for drop in told) == dropped > 0
        True
    """

    messages: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Reconnected:
    """What `on_reconnect` is told.

    Attributes:
        attempts: How many attempts it took.
        in_doubt: Messages that are in doubt from all connections before. At most once, they are not sent again; at
            least once they are, and are in doubt until then.
        in_doubt_bytes: Their bytes.

    Example:
        >>> import fanin
        >>> told = []
        >>> with fanin.Server("echo") as server, fanin.Proxy(server, reset_after=10, faulty=1) as line:
        ...     settings = {"framing": "lines", "confirm": "echo", "reconnect": "at_least_once"}
        ...     with fanin.Sink(line.url, on_reconnect=told.append, **settings) as sink:
        ...         sink.send(b"a line that is cut")
        ...         _ = sink.flush(timeout=20)
        >>> isinstance(told[0], fanin.Reconnected)
        True
    """

    attempts: int
    in_doubt: int
    in_doubt_bytes: int


class Audience:
    """Whom to tell: found by way of the sink for as long as that lives, and left by it when it goes.

    So the thread does not keep a sink alive whose callback is a method of the sink's owner, nor that owner.
    """

    __slots__ = ("_gone", "_left", "_sink")

    def __init__(self, sink: Sink) -> None:
        self._sink = ref(sink)
        self._left: Callbacks = {}
        self._gone = threading.Event()

    def outlive(self, callbacks: Callbacks) -> None:
        """The sink goes, and what it still has to tell is told to these."""
        self._left = callbacks
        self._gone.set()

    def callback(self, kind: str) -> Callable[[Any], object] | None:
        """Whom to call for this kind of event."""
        sink = self._sink()
        if sink is not None:
            return sink._callbacks.get(kind)
        # The collector clears references before it calls finalisers.
        self._gone.wait(_HANDOVER_SECONDS)
        return self._left.get(kind)


def tell(events: _native.Events, audience: Audience) -> threading.Thread:
    """Starts the thread. It ends when the sink has; it does not keep the sink alive, nor the interpreter."""
    thread = threading.Thread(target=_run, args=(events, audience), name="fanin-told", daemon=True)
    thread.start()
    return thread


def _run(events: _native.Events, audience: Audience) -> None:
    while True:
        for kind, *facts in events.next():
            if kind == "ended":
                return
            callback = audience.callback(kind)
            if callback:
                _call(callback, _event(kind, facts))
                del callback  # while the thread waits it keeps nobody


def _event(kind: str, facts: list[Any]) -> object:
    if kind == "dropped":
        return Dropped(*facts)
    if kind == "reconnected":
        return Reconnected(*facts)
    return facts[0]


def _call(callback: Callable[[Any], object], event: object) -> None:
    """What it raises goes where Python reports what ends a thread, and the next event is told all the same."""
    try:
        callback(event)
    except BaseException as error:
        facts = threading.ExceptHookArgs((type(error), error, error.__traceback__, threading.current_thread()))
        _report(facts)


def _report(facts: threading.ExceptHookArgs) -> None:
    try:
        threading.excepthook(facts)
    except BaseException:
        sys.__excepthook__(*sys.exc_info())
