"""The other end, standing alone: it reads what comes, discards or echoes it, and goes wrong where it is asked to."""

from __future__ import annotations

import os
import warnings
from types import TracebackType
from typing import Any, NoReturn, Self

from . import _amounts, _check, _faults, _format, _inbox, _judge, _native, arrivals
from ._faults import Place
from ._inbox import Arrival, Splitter
from ._judge import Parse
from .arrivals import Arrivals
from .errors import ArrivalTimeout, NotArrived, PlanError

__all__ = ["Server"]

FRAMINGS = ("lines", "length", "rfc6587")
LARGEST_FRAME = 1 << 30
LARGEST_RECORD = 1 << 40
MOST_CONNECTIONS = 1 << 20


class Server:
    """A server on a thread of its own, for clients of any kind, that counts, keeps and judges what they send.

    It listens when it is made, serves every connection concurrently, reads up to 64 KiB at a time and counts. An echo
    whose client does not read stops reading from that client, so that memory stays bounded.

    Its faults happen at the byte that was asked for, counted in what was read from a connection: `reset_after=4096`, or
    `"4 KiB"`, or `(0, 65_536)` for a place that each connection draws from `seed`. The same seed draws the same again.

    Args:
        mode: `"discard"` or `"echo"`.
        host: A name or an address to listen on, or `"unix:///path"`. A socket of that path that nobody listens on
            is replaced; nothing else is.
        port: A port, or 0 for one that is free.
        read_rate: The most bytes a second that are read from a connection: a number, or `"1 MiB/s"`.
        delay: Seconds to wait before each read.
        stall_after: From there on, nothing is read any more.
        stall_for: For so many seconds; None is for good.
        reset_after: There, the connection is reset, and what the system took beyond is gone.
        close_after: There, the connection is closed. If bytes of the client are unread, the system makes a reset of it.
        half_close_after: There, the server ends its side of the stream, and reads on.
        refuse: So many connections are turned away (reset at once) before the first is served.
        echo_delay: Seconds by which each piece of the echo comes later.
        echo_fault: One byte of the echo is wrong: `"flip"`, `"double"` or `"drop"`.
        echo_fault_after: Which: after how many sound ones.
        faulty: So many connections, the first ones, have all these faults; None is all of them.
        seed: What every place that is a pair is drawn from.
        receive_buffer: The size to ask the system for, in bytes; it lets a connection send so much beyond what is read.
        max_connections: The most at once; who comes then is turned away. None is no limit.
        idle_timeout: Seconds without a byte, or with a framing without a whole message, until a connection is reset.
        framing: What a message is: `"lines"`, `"length"` (a big-endian `u32` before each), `"rfc6587"` (syslog's octet
            counting), a number (each has so many bytes), or a callable that takes what of a connection's bytes is no
            message yet, and returns the messages in it and what is left. None is a stream of bytes.
        max_frame: The largest message; who sends or announces a larger one is reset.
        record: The most bytes of messages to keep, with some bookkeeping for each; counting goes on beyond.

    Raises:
        PlanError: An argument is wrong.
        AddressError: The host does not resolve, or the port is in use; `errno` says which.

    Example:
        >>> import fanin, socket
        >>> with fanin.Server("echo") as server:
        ...     with socket.create_connection((server.host, server.port)) as client:
        ...         client.sendall(b"hello")
        ...         echo = client.recv(5, socket.MSG_WAITALL)
        >>> echo, server.report()["bytes_received"]
        (b'hello', 5)
    """

    __slots__ = ("__weakref__", "_inbox", "_native", "_process", "_stopped")

    def __init__(
        self,
        mode: str = "discard",
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        read_rate: int | str | None = None,
        delay: float = 0.0,
        stall_after: Place | None = None,
        stall_for: float | None = None,
        reset_after: Place | None = None,
        close_after: Place | None = None,
        half_close_after: Place | None = None,
        refuse: int = 0,
        echo_delay: float = 0.0,
        echo_fault: str | None = None,
        echo_fault_after: Place = (0, 4095),
        faulty: int | None = None,
        seed: int = 0,
        receive_buffer: int | str | None = None,
        max_connections: int | None = 4096,
        idle_timeout: float | None = None,
        framing: str | int | Splitter | None = None,
        max_frame: int | str = "16 MiB",
        record: int | str = "256 MiB",
    ) -> None:
        given = locals()
        mode = _check.one_of("mode", mode, ("discard", "echo"))
        if mode == "discard" and echo_fault is not None:
            raise _check.refuse("echo_fault", echo_fault, "with mode='discard' allowed is None: there is no echo")
        host, path = listening(host)
        faults = _faults.faults(given)
        self._native = _native.Server(
            mode, host, _check.integer("port", port, 0, 65_535), path, _settings(given), faults
        )
        self._inbox = _inbox.inbox(self._native, framing)
        self._stopped = False
        self._process = os.getpid()

    @property
    def mode(self) -> str:
        """`discard` or `echo`."""
        return self._native.mode

    @property
    def host(self) -> str:
        """The address that it listens on; on a Unix socket the path."""
        return self._native.host

    @property
    def port(self) -> int:
        """The port that it listens on; 0 on a Unix socket, and never else."""
        return self._native.port

    @property
    def url(self) -> str:
        """Where it listens: `tcp://host:port` or `unix:///path`."""
        return self._native.url

    def report(self) -> dict[str, int]:
        """What it has seen so far, over all connections: in numbers of connections, reads and bytes.

        Returns:
            `opened`, `open` and `failed` connections; how often the system `refused` to accept one; how many were
            `turned_away` and `expelled` by a limit; how many `faults` happened; `bytes_received`, `bytes_echoed`,
            `reads`.
        """
        return self._native.report()

    # --- what arrived -------------------------------------------------------------------------------------------------

    def count(self) -> int:
        """How many messages have arrived. Needs a `framing`."""
        return self._messages("count").count()

    def messages(self) -> list[bytes]:
        """The messages that have arrived, in the order in which they were read. Needs a `framing`.

        Example:
            >>> import fanin
            >>> with fanin.Server(framing="lines") as server:
            ...     with fanin.Sink(server.url, framing="lines") as sink:
            ...         _ = sink.send_many([b"one", b"two"])
            ...     server.wait_for(2)
            ...     server.messages()
            [b'one', b'two']
        """
        return [arrival.data for arrival in self.arrivals()]

    def arrivals(self) -> list[Arrival]:
        """The same, each with the number of its connection. Needs a `framing`."""
        return self._messages("arrivals").arrivals()

    def clear(self) -> None:
        """Forgets the messages that have arrived, for a fresh start."""
        self._messages("clear").clear()

    def wait_for(self, n: int, timeout: float = 10.0) -> None:
        """Waits until `n` messages have arrived. Needs a `framing`. Ctrl-C ends it, and so does `stop`.

        Raises:
            ArrivalTimeout: They did not arrive in time, or the server is stopped; it is a `TimeoutError`, and says how
                many did.

        Example:
            >>> import fanin
            >>> with fanin.Server(framing="lines") as server, fanin.Sink(server.url, framing="lines") as sink:
            ...     sink.send(b"hello")
            ...     server.wait_for(1, timeout=10)
            ...     server.count()
            1
        """
        inbox = self._messages("wait_for")
        n = _check.integer("n", n, 0, 1 << 62)
        if inbox.wait(n, _check.nanoseconds("timeout", timeout)):
            return
        timeout = float(timeout)
        told = arrivals.counted(inbox.count(), n, inbox.broken())
        count, *more = str(told).splitlines()
        which = f"which are missing, assert_delivered(expected=…, timeout={timeout:g}) says in place of wait_for"
        span = "" if self._stopped else f" in {timeout:g} s"
        raise ArrivalTimeout("\n".join([f"{count}{span}; {self._clients()}", *more, which]), told)

    def _clients(self) -> str:
        """What is known of those who were to send."""
        state = self.report()
        stopped = "the server is stopped; " if self._stopped else ""
        clients = f"{_format.plural(state['opened'], 'connection')}, {state['open']:,} open"
        return f"{stopped}{clients}, {_format.plural(state['bytes_received'], 'byte')} received"

    def assert_delivered(
        self,
        n: int | None = None,
        *,
        expected: object = None,
        order: str | None = None,
        parse: Parse | None = None,
        timeout: float | None = None,
    ) -> Arrivals:
        """Shows that what was sent has arrived. Needs a `framing`. Ctrl-C ends its waiting.

        A count alone proves a count, and the result says so. With `expected` or `parse`, each message must have come
        once. Connections may have ended in the middle of a message, as those of a client that sends again do: the
        result's `cut` counts them.

        Args:
            n: How many messages were sent.
            expected: The messages that were sent: a list of bytes, or for each producer one, `{producer: [bytes, …]}`.
                Without `parse`, a list is what one producer sent.
            order: What order is asked for beside: `"per-producer"` (that of each producer's list), `"total"` (that of
                the whole list), or None.
            parse: Reads from a message `(producer, sequence)`, sequences counted from 0. Without `expected` every
                producer's sequences must be there from 0 on, and `n` says how many there are of all; where it does
                not, one must be there at least.
            timeout: The most seconds to wait until all is there; needs `n` or `expected`. What comes after all is there
                is not waited for. None judges what is there now.

        Returns:
            What was shown; its text is a sentence.

        Raises:
            NotArrived: It does not hold; an `AssertionError` that says what was lost, doubled and reordered, the first
                five of them, and up to where each producer's messages are good. `.arrivals` has it as data.

        Example:
            >>> import fanin, socket
            >>> with fanin.Server(framing="lines") as server:
            ...     with socket.create_connection((server.host, server.port)) as client:
            ...         client.sendall(b"one\\ntwo\\n")
            ...     shown = server.assert_delivered(expected=[b"one", b"two"], order="total", timeout=5)
            ...     first = server.arrivals()[0]
            >>> shown.delivered, shown.proof, first.data
            (True, 'once', b'one')
        """
        inbox = self._messages("assert_delivered")
        n, waits = _asked(n, expected, order, parse, timeout)
        if expected is not None or parse is not None:
            verdict = _judge.judged(inbox, count=n, expected=expected, order=order, parse=parse, timeout_ns=waits)
        else:
            inbox.wait(n or 0, waits)
            verdict = arrivals.counted(inbox.count(), n or 0, inbox.broken())
        if parse is not None and n is None and expected is None and not verdict.arrived:
            raise NotArrived("nothing arrived, which shows nothing; assert_delivered(0) where that is right", verdict)
        if not verdict.delivered:
            waited = "" if timeout is None else f"\nwaited for up to {float(timeout):g} s; {self._clients()}"
            raise NotArrived(f"{verdict}{waited}", verdict)
        return verdict

    def _messages(self, method: str) -> _inbox.Inbox:
        if self._inbox is None:
            raise PlanError(f"framing=None: {method} needs to know what a message is, as in Server(framing='lines')")
        return self._inbox

    # --- the end ------------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Closes every connection, joins its threads. What it counted and kept stays. A second call does nothing."""
        self._native.stop()
        self._stopped = True
        if self._inbox is not None:
            self._inbox.stopped = True

    def __del__(self) -> None:
        # A forked child can neither stop it nor own it.
        if not getattr(self, "_stopped", True) and self._process == os.getpid():
            warnings.warn(f"a fanin.Server on {self.url} was not stopped", ResourceWarning, 2, self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a fanin.Server stands in one process and is neither copied nor pickled; pass its url")

    def __repr__(self) -> str:
        return f"<Server {self.mode} on {self.url}>"


def listening(host: object) -> tuple[str, str | None]:
    """A host, or a path."""
    host = _check.word("host", host, "a name or an address, such as '127.0.0.1', or 'unix:///path'")
    scheme, mark, path = host.partition("://")
    if not mark:
        return host, None
    if scheme != "unix" or not path:
        raise _check.refuse("host", host, "allowed are a name or an address, with port= beside it, or 'unix:///path'")
    return "", path


def _asked(
    n: int | None, expected: object, order: str | None, parse: Parse | None, timeout: float | None
) -> tuple[int | None, int]:
    """How many, and for how many nanoseconds to wait for them; raises for a question that has no answer."""
    n = None if n is None else _check.integer("n", n, 0, 1 << 62)
    if order is not None:
        _check.one_of("order", order, _judge.ORDERS)
    waits = 0 if timeout is None else _check.nanoseconds("timeout", timeout)
    if expected is None and parse is None:
        if n is None:
            raise PlanError("assert_delivered: allowed is at least one of n, expected and parse")
        if order is not None:
            raise _check.refuse("order", order, "a count shows no order: that needs expected= or parse=")
    if expected is None and n is None and timeout is not None:
        raise _check.refuse("timeout", timeout, "allowed is None: how many to wait for, n= or expected= says")
    return n, waits


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    """What a server is besides its faults."""
    framing, max_frame = given["framing"], _amounts.size("max_frame", given["max_frame"], 1, LARGEST_FRAME)
    buffer, most, idle = given["receive_buffer"], given["max_connections"], given["idle_timeout"]
    return {
        "receive_buffer": None if buffer is None else _amounts.size("receive_buffer", buffer, 1, LARGEST_FRAME),
        "max_connections": None if most is None else _check.integer("max_connections", most, 1, MOST_CONNECTIONS),
        "idle_timeout_ns": None if idle is None else _check.nanoseconds("idle_timeout", idle, above_zero=True),
        "framing": _framing(framing, max_frame),
        "max_frame": max_frame,
        "record": _amounts.size("record", given["record"], 0, LARGEST_RECORD),
    }


def _framing(framing: Any, max_frame: int) -> str | None:
    """The word that the core takes. What a callable splits arrives in it as it comes."""
    if framing is None or callable(framing):
        return None if framing is None else "raw"
    if isinstance(framing, str):
        return _check.one_of("framing", framing, FRAMINGS)
    return f"fixed({_check.integer('framing', framing, 1, max_frame, 'bytes a message; or lines, length, rfc6587')})"
