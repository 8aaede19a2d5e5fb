"""The fan-in that a program ships: any number of threads and tasks send, one native actor carries it to a socket."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self

from . import _check, _exits, _moments, _native
from ._moments import Closing, Opening, tell_beside
from ._settings import settings
from .delivery import Delivery
from .errors import Closed, FaninError, TimedOut

if TYPE_CHECKING:
    import socket

    from _typeshed import ReadableBuffer as Buffer

    from ._told import Audience, Dropped, Reconnected

__all__ = ["Sink"]


class Sink(_native.Sink):
    """Sends messages from any number of threads and asyncio tasks to one socket, through one native actor.

    The constructor checks its arguments and does nothing else; `with`, `async with`, `open` and `open_async` connect
    or raise. A send copies the message and returns; the actor, a native thread that never needs the interpreter,
    writes what has come together. So a busy interpreter does not delay the bytes, and a slow peer does not delay the
    interpreter, until the capacity is used up.

    *Accepted* is what a send took: whole, once, in the order of the calls. *Written* is what the kernel took, and that
    is all there is to know unless the other end confirms: what a peer did not read before it failed is lost. With
    `confirm="echo"`, *acked* is what came back equal. `flush` and `close` return the account, or raise with it.

    At the interpreter's exit every open sink is flushed, within its `close_timeout`, or says on standard error what it
    left. A forked child gets `Forked` from a sink of its parent, and may make its own.

    Args:
        target: `tcp://host:port`, `tls://host:port` or `unix:///path`; each address of the host is tried.
        framing: How the other end tells messages apart. `"none"`: not at all, the bytes as they are. `"lines"`: a
            newline after each, and none inside. `"length"`: four bytes in front, big-endian. `"rfc6587"`: the length
            in digits and a space in front, as syslog has it.
        capacity: The most that is held, unsent or unconfirmed, in bytes or words such as `"4 MiB"`. Buffers of the
            kernel come on top.
        max_frame: The longest message, in bytes; None is what the capacity holds.
        on_full: What happens when there is no room. `"wait"`: the sender does. `"raise"`: it gets `Full`.
            `"drop_newest"`, `"drop_oldest"`: a message is dropped, and counted.
        confirm: None, or `"echo"`: the other end sends everything back, which is read and compared.
        reconnect: What happens when the connection is lost. `"off"`: the sink fails, and says so from every call.
            `"at_most_once"`: it connects again and never sends twice. `"at_least_once"`: it sends again what was not
            confirmed; needs `confirm`.
        backoff: Seconds between attempts to connect, the first and the longest; doubled each time, with jitter.
        connect_timeout: Seconds that an attempt to connect may take, all addresses and TLS included.
        write_timeout: Seconds that the peer may take nothing before the connection counts as lost; None is for ever.
        idle_timeout: Seconds that an echo may be owed without a byte of it; None is for ever.
        keepalive: Seconds after which the system looks whether a silent peer is still there; None is never.
        nodelay: Whether small writes are sent at once.
        send_buffer: The socket's send buffer in bytes; None is what the system gives.
        receive_buffer: The socket's receive buffer in bytes.
        ca_file: A PEM file of the authorities to trust, instead of the system's.
        client_cert: The PEM files of a certificate to show and of its key, `(certificate, key)`.
        server_name: Whom the peer's certificate has to name, where that is not the target's host.
        verify: Whether the peer has to prove who it is. With False anybody who can answer in its place reads along: for
            tests, and for nothing that matters; trust a certificate that nobody signed by `ca_file` instead.
        on_drop: Called with a `Dropped` after messages were dropped.
        on_error: Called with an exception when an attempt to connect failed or the connection was lost.
        on_reconnect: Called with a `Reconnected` when there is a connection again.
        close_timeout: Seconds that `close` has when it is not told, and the exit of the interpreter.

    The three are called on a plain Python thread of the sink's own, while no lock is held, and may use the sink. What
    they raise goes to `threading.excepthook`. A sink keeps its callbacks alive, and a method its object; where that
    object in turn has the sink, both are collected together, and the callbacks are told what is left to tell.

    A peer that ends its stream counts as gone, even if it would read on: from the outside the two look alike.

    A subclass that has arguments of its own takes them in `__new__`, and not in `__init__`.

    Raises:
        PlanError: An argument is wrong; nothing was started.
        OSError: A file of TLS cannot be read.

    Example:
        >>> import fanin
        >>> with fanin.Server("echo") as server:
        ...     with fanin.Sink(server.url, framing="lines", confirm="echo") as sink:
        ...         sink.send(b"from any thread")
        ...         _ = sink.send_many([b"many", b"at once"])
        ...         account = sink.flush(timeout=5)
        >>> account, account.complete
        (<Delivery: 3 messages accepted (26 bytes): 3 acked>, True)
    """

    __slots__ = (
        "__weakref__", "_audience", "_callbacks", "_close_timeout", "_closed", "_opened", "_patience", "_reported",
        "_told",
    )  # fmt: skip

    _audience: Audience | None
    _callbacks: dict[str, Callable[[Any], object]]
    _close_timeout: float
    _closed: bool
    _opened: bool
    _patience: float | None
    _reported: bool
    _told: threading.Thread | None

    def __new__(
        cls,
        target: str,
        *,
        framing: Literal["none", "lines", "length", "rfc6587"] = "none",
        capacity: int | str = "4 MiB",
        max_frame: int | str | None = None,
        on_full: Literal["wait", "raise", "drop_newest", "drop_oldest"] = "wait",
        confirm: Literal["echo"] | None = None,
        reconnect: Literal["off", "at_most_once", "at_least_once"] = "off",
        backoff: tuple[float, float] = (0.1, 10.0),
        connect_timeout: float = 10.0,
        write_timeout: float | None = 30.0,
        idle_timeout: float | None = 30.0,
        keepalive: float | None = None,
        nodelay: bool = True,
        send_buffer: int | str | None = None,
        receive_buffer: int | str | None = None,
        ca_file: str | os.PathLike[str] | None = None,
        client_cert: tuple[str | os.PathLike[str], str | os.PathLike[str]] | None = None,
        server_name: str | None = None,
        verify: bool = True,
        on_drop: Callable[[Dropped], object] | None = None,
        on_error: Callable[[FaninError], object] | None = None,
        on_reconnect: Callable[[Reconnected], object] | None = None,
        close_timeout: float = 10.0,
    ) -> Self:
        """Checks the arguments, and starts nothing."""
        return cls._make(locals(), None)

    @classmethod
    def from_socket(cls, sock: socket.socket, **settings: Any) -> Self:
        """A sink over a socket that is connected already, and is taken over: it is the sink's to use and close.

        Args:
            sock: A connected stream socket, TCP or Unix. It is closed for the caller when this returns; when this
                raises it is as it was.
            settings: As the constructor's, but for the target, what concerns connecting, and TLS. It never reconnects.

        Returns:
            The sink, open.

        Raises:
            PlanError: A setting is wrong, or it is no stream socket, or one that speaks TLS.
            OSError: It is not connected.

        Example:
            >>> import fanin, socket
            >>> here, there = socket.socketpair()
            >>> with fanin.Sink.from_socket(here, framing="lines") as sink:
            ...     sink.send(b"hello")
            >>> there.recv(100)
            b'hello\\n'
            >>> there.close()
        """
        from ._sockets import complete, peer

        made = cls._make(complete(Sink, settings) | {"target": peer(sock)}, sock).open()
        sock.close()
        return made

    @classmethod
    def _make(cls, given: dict[str, Any], sock: socket.socket | None) -> Self:
        told = {"on_drop": "dropped", "on_error": "error", "on_reconnect": "reconnected"}
        callbacks = {event: _check.callback(name, given[name]) for name, event in told.items()}
        checked = settings(given)
        # A descriptor of its own, once all else is right, for the core to take over.
        self = super().__new__(cls, checked, None if sock is None else os.dup(sock.fileno()))
        self._callbacks = {event: callback for event, callback in callbacks.items() if callback}
        self._audience = None
        self._closed = self._opened = self._reported = False
        self._close_timeout = checked["close_timeout"]
        # With reconnecting an opening has no end of its own.
        self._patience = None if checked["reconnect"] == "off" else checked["connect_timeout"]
        self._told = None
        return self

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__init__" in vars(cls) and cls.__new__ is Sink.__new__:
            name = cls.__name__
            raise TypeError(
                f"{name}.__init__: a sink takes its arguments in __new__, before any __init__. Give {name} a "
                "__new__(cls, target, *, …, **settings) that makes it by super().__new__(cls, target, **settings), or "
                "a sink to hold"
            )

    # --- opening -----------------------------------------------------------------------------------------------------

    def open(self, timeout: float | None = None) -> Self:
        """Connects. A second call does nothing when the sink is connected, and waits for it when it is not.

        Args:
            timeout: Seconds to wait; None is as long as an attempt may take, `connect_timeout`. With reconnecting, 0
                waits for nothing: it returns at once, and goes on to connect in the background.

        Raises:
            AddressError: No address could be connected to; `errno` says why, where the system did. The sink is closed.
            TimedOut: It took longer; with reconnecting it goes on trying.
            Disconnected: It was connected, and the connection was lost.
            Closed: The sink is closed.
        """
        is_first = not self._opened
        seconds = self._begin(timeout)
        with Opening(self, is_first):
            if not self._open(seconds):
                self._not_yet(seconds)
        return self

    async def open_async(self, timeout: float | None = None) -> Self:  # noqa: ASYNC109 - as open, flush and close
        """`open`, without blocking the event loop."""
        from ._loops import finish

        is_first = not self._opened
        seconds = self._begin(timeout)
        with Opening(self, is_first):
            if await finish(self._opening(), seconds) is None:
                self._not_yet(seconds)
        return self

    def _begin(self, timeout: float | None) -> float | None:
        self._refuse_in_child()
        seconds = self._patience if timeout is None else _check.timeout("timeout", timeout)
        if self._closed:
            raise Closed(f"{self.target} is closed; a closed sink is not opened again")
        with _moments.beginning():
            if not self._opened:
                self._opened = True
                self._listen()
                _exits.remember(self)
        return seconds

    def _not_yet(self, seconds: float | None) -> None:
        """It is not connected. Who reconnects, and would wait for nothing, is not told so."""
        if seconds == 0 and self._patience is not None:
            return
        late = self._late(f"not connected within {seconds:g} seconds")
        late.page = "reference/errors#timedout"
        raise late

    def _listen(self) -> None:
        if self._callbacks:
            from ._told import Audience, tell

            self._audience = Audience(self)
            self._told = tell(self._events(), self._audience)

    def __enter__(self) -> Self:
        try:
            return self.open()
        except BaseException:
            self._abandon()
            raise

    async def __aenter__(self) -> Self:
        try:
            return await self.open_async()
        except BaseException:
            self._abandon()
            raise

    # --- flushing ----------------------------------------------------------------------------------------------------

    def flush(self, timeout: float | None = None) -> Delivery:
        """Waits until all that was taken before this call is written, or acked where the sink confirms.

        Args:
            timeout: Seconds to wait; None is as long as it takes.

        Returns:
            The account at that moment.

        Raises:
            TimedOut: It took longer; `delivery` has the account, and the sink goes on.
            Disconnected: The connection was lost; `delivery` has the account.
            Closed: The sink was never open. One that was, and is closed, has its last account to tell.

        Example:
            >>> import fanin
            >>> with fanin.Server() as server, fanin.Sink(server.url) as sink:
            ...     sink.send(b"hello")
            ...     sink.flush(timeout=10)
            <Delivery: 1 message accepted (5 bytes): 1 written>
        """
        seconds = self._flushed_within(timeout)
        account = self._flush(seconds)
        if account is None:
            raise self._late(f"not flushed within {seconds:g} seconds")
        return account

    async def flush_async(self, timeout: float | None = None) -> Delivery:  # noqa: ASYNC109 - as open, flush and close
        """`flush`, without blocking the event loop."""
        from ._loops import finish

        seconds = self._flushed_within(timeout)
        account: Delivery | None = await finish(self._flushing(), seconds)
        if account is None:
            raise self._late(f"not flushed within {seconds:g} seconds")
        return account

    def _flushed_within(self, timeout: float | None) -> float | None:
        self._refuse_in_child()
        if not self._opened:
            state = "is closed, and never was open" if self._closed else "is not open yet"
            raise Closed(f"{self.target} {state}; there is nothing to flush")
        return None if timeout is None else _check.timeout("timeout", timeout)

    # --- closing -----------------------------------------------------------------------------------------------------

    def close(self, timeout: float | None = None) -> Delivery:
        """Takes no more, writes what was taken, ends the stream, and waits for that.

        Whoever waits for room gets `Closed` at once. It ends within its timeout, whatever the peer does; callbacks that
        still run have what is left of it, and a tenth of a second at least. When all is written it waits up to one
        second for the peer to end its side too: what a peer has not read yet can be lost when a socket is closed on its
        answers.

        Args:
            timeout: Seconds for all of it; None is the sink's `close_timeout`. A further call may bring the end nearer,
                but does not put it off.

        Returns:
            The last account. A further call returns the same.

        Raises:
            TimedOut: Something was left unsent, or unconfirmed; `delivery` has the account.
            Disconnected: The connection was lost; `delivery` has the account.

        Example:
            >>> import fanin
            >>> with fanin.Server() as server:
            ...     sink = fanin.Sink(server.url).open()
            ...     sink.send(b"hello")
            ...     sink.close(timeout=10)
            <Delivery: 1 message accepted (5 bytes): 1 written>
        """
        seconds = None if timeout is None else _check.timeout("timeout", timeout)
        with Closing(self, seconds) as closing:
            closing.account = self._close(seconds)
        return closing.account or self.delivery

    async def close_async(self, timeout: float | None = None) -> Delivery:  # noqa: ASYNC109 - as open, flush and close
        """`close`, without blocking the event loop. If it is cancelled, the sink closes all the same."""
        from ._loops import finish

        seconds = None if timeout is None else _check.timeout("timeout", timeout)
        async with Closing(self, seconds) as closing:
            closing.account = await finish(self._closing(seconds), None)
        return closing.account or self.delivery

    async def aclose(self) -> None:
        """`close_async`, for `contextlib.aclosing`."""
        await self.close_async()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self.close()
        except FaninError as lost:
            tell_beside(error, lost)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        try:
            await self.close_async()
        except FaninError as lost:
            tell_beside(error, lost)

    def _abandon(self) -> None:
        """Closes without waiting, for a sink that never came to be used."""
        if self._is_foreign:
            return
        self._closed = self._reported = True
        _exits.forget(self)
        self._closing(0)

    def _at_exit(self) -> tuple[_native.Operation, threading.Thread | None]:
        closing = self._closing(None)
        self._closed = True
        return closing, self._told

    def __del__(self) -> None:
        if not hasattr(self, "_told"):  # it was never made to its end
            return
        if self._audience is not None:
            self._audience.outlive(self._callbacks)
        if self._opened and not self._closed and not self._is_foreign:
            shown = repr(self)
            _exits.orphan(*self._at_exit())
            warnings.warn(f"unclosed {shown}; what it took is still written", ResourceWarning, 2, self)

    # --- looking -----------------------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether it was closed, or is being."""
        return self._closed

    @property
    def url(self) -> str:
        """The same as `target`."""
        return self.target

    def writelines(self, messages: Iterable[Buffer], /) -> None:
        """`send_many`, as files have it; each is a message, to which nothing is added but the framing's."""
        self.send_many(messages)

    def readable(self) -> bool:
        """False: as files say it."""
        return False

    def writable(self) -> bool:
        """True: as files say it."""
        return True

    def seekable(self) -> bool:
        """False: as files say it."""
        return False

    def __repr__(self) -> str:
        if self._is_foreign:
            return f"<Sink {self.target}, of the process that forked this one>"
        if self._closed or not self._opened:
            return f"<Sink {self.target}, {'closed' if self._closed else 'not open'}>"
        return f"<Sink {self.target}, {'open' if self._is_open else 'disconnected'}, {len(self):,} pending>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"cannot pickle or copy {self!r}: it is a connection; pickle its settings and make another")

    def _late(self, what: str) -> TimedOut:
        return TimedOut(f"{self.target}: {what}", self.delivery)
