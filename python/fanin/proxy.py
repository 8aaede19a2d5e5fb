"""A bad line between any client and any server."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, NamedTuple, NoReturn, Self

from . import _check, _faults, _native
from ._faults import Place
from ._signature import plain
from .server import MOST_CONNECTIONS, listening

__all__ = ["LineFault", "Proxy"]

WAYS = ("up", "down", "both")
COMMANDS = ("hold", "resume", "cut")


@plain
class LineFault(NamedTuple):
    """Something that a proxy did to a connection.

    Attributes:
        connection: Which one; the first that was accepted is 0.
        way: `"up"`, `"down"`, or None where it is about the whole connection.
        bytes: After how many bytes of that way.
        what: `turned_away`, `unreachable`, `reset`, `closed`, `half_closed`, `stalled`, `spoilt` or `cut`.

    Example:
        >>> import fanin
        >>> with fanin.Server(framing="lines") as server, fanin.Proxy(server, stall_after=3, stall_for=0.01) as proxy:
        ...     with fanin.Sink(proxy.url, framing="lines") as sink:
        ...         sink.send(b"hello")
        ...         server.wait_for(1)
        ...     proxy.report()["faults"]
        [LineFault(connection=0, way='up', bytes=3, what='stalled')]
    """

    connection: int
    way: str | None
    bytes: int
    what: str


class Proxy:
    """Passes bytes between clients and a target, both ways, and does wrong on the way what it is asked to.

    So a client is tried against the real server, over a line that is cut, held, slow or wrong. Places are exact, and
    come again with the same seed; times are as exact as a timer.

    Args:
        target: Whom to connect to: `"tcp://host:port"`, `"unix:///path"`, or anything with a `url`, such as a `Server`.
        host: A name or an address to listen on, or `"unix:///path"`.
        port: A port, or 0 for one that is free.
        way: Which way the faults below are: `"up"`, from the client to the target; `"down"`; or `"both"`, each with
            bytes of its own to count.
        read_rate: The most bytes a second that are passed on a connection: a number, or `"1 MiB/s"`.
        delay: Seconds by which every byte comes later, however many are on the way.
        stall_after: From there on, nothing is passed this way.
        stall_for: For so many seconds; None is for good.
        reset_after: Exactly so many bytes are passed, then both ends are reset: `4096`, `"4 KiB"`, or `(0, 65_536)`
            for a place that each connection draws.
        close_after: The same, and both ends are closed in order.
        half_close_after: There, the receiver sees the end of the stream; what else is sent is thrown away.
        refuse: So many connections are turned away (reset at once) before the first is passed.
        byte_fault: One byte is wrong: `"flip"`, `"double"` or `"drop"`.
        byte_fault_after: Which: after how many sound ones.
        faulty: So many connections, the first ones, have all these faults; None is all of them.
        seed: What every place that is a pair is drawn from.
        max_connections: The most at once; who comes then is turned away. None is no limit.
        schedule: What happens to the whole line: `[(0.5, "hold"), (1.5, "resume"), (2.0, "cut")]`, in seconds after
            the first connection.

    Raises:
        PlanError: An argument is wrong.
        AddressError: A name does not resolve, or the port is in use.

    Example:
        >>> import fanin, socket
        >>> with fanin.Server("echo") as server, fanin.Proxy(server, reset_after=3) as proxy:
        ...     with socket.create_connection((proxy.host, proxy.port)) as client:
        ...         client.sendall(b"hello")
        ...         try:
        ...             while client.recv(5):
        ...                 pass
        ...         except ConnectionResetError:
        ...             print(proxy.report()["faults"][0])
        LineFault(connection=0, way='up', bytes=3, what='reset')
    """

    __slots__ = ("__weakref__", "_native", "_process", "_stopped", "_target")

    def __init__(
        self,
        target: Any,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        way: str = "up",
        read_rate: int | str | None = None,
        delay: float = 0.0,
        stall_after: Place | None = None,
        stall_for: float | None = None,
        reset_after: Place | None = None,
        close_after: Place | None = None,
        half_close_after: Place | None = None,
        refuse: int = 0,
        byte_fault: str | None = None,
        byte_fault_after: Place = (0, 4095),
        faulty: int | None = None,
        seed: int = 0,
        max_connections: int | None = 4096,
        schedule: Iterable[tuple[float, str]] = (),
    ) -> None:
        given = locals()
        self._target = _check.word("target", getattr(target, "url", target), "tcp://host:port and unix:///path")
        most = max_connections
        if most is not None:
            most = _check.integer("max_connections", most, 1, MOST_CONNECTIONS)
        host, path = listening(host)
        port = _check.integer("port", port, 0, 65_535)
        up, down = _lanes(given)
        self._native = _native.Proxy(self._target, host, port, path, up, down, most, _schedule(schedule))
        self._stopped = False
        self._process = os.getpid()

    @property
    def url(self) -> str:
        """Where it listens: `tcp://host:port` or `unix:///path`."""
        return self._native.url

    @property
    def host(self) -> str:
        """The address that it listens on; on a Unix socket the path."""
        return self._native.host

    @property
    def port(self) -> int:
        """The port that it listens on; 0 on a Unix socket, and never else."""
        return self._native.port

    @property
    def target(self) -> str:
        """Whom it connects to."""
        return self._target

    def hold(self) -> None:
        """Passes nothing any more, either way, and tells nobody: a partition.

        Example:
            >>> import fanin
            >>> with fanin.Server(framing="lines") as server, fanin.Proxy(server) as proxy:
            ...     proxy.hold()
            ...     with fanin.Sink(proxy.url, framing="lines") as sink:
            ...         sink.send(b"hello")
            ...         try:
            ...             server.wait_for(1, timeout=0.1)
            ...         except fanin.ArrivalTimeout:
            ...             proxy.resume()
            ...         server.wait_for(1)
        """
        self._native.command("hold")

    def resume(self) -> None:
        """Passes again, with all that was sent meanwhile."""
        self._native.command("resume")

    def cut(self) -> None:
        """Resets every connection that is open, at both ends. New ones are passed.

        Example:
            >>> import fanin, socket
            >>> with fanin.Server("echo") as server, fanin.Proxy(server) as proxy:
            ...     with socket.create_connection((proxy.host, proxy.port)) as client:
            ...         client.sendall(b"hello")
            ...         echo = client.recv(5, socket.MSG_WAITALL)
            ...         proxy.cut()
            ...         try:
            ...             client.recv(1)
            ...         except ConnectionResetError:
            ...             print(echo, "and then a reset")
            b'hello' and then a reset
        """
        self._native.command("cut")

    def report(self) -> dict[str, Any]:
        """What it has done so far.

        Returns:
            `opened` and `open` connections, `bytes_up`, `bytes_down`, and `faults`: what was done to whom, in order, as
            `LineFault`s; of more than a hundred thousand the first.
        """
        report = self._native.report()
        report["faults"] = [LineFault(*event) for event in report.pop("events")]
        return report

    def stop(self) -> None:
        """Closes every connection, joins its thread. The report stays. A second call does nothing."""
        self._native.stop()
        self._stopped = True

    def __del__(self) -> None:
        # A forked child can neither stop it nor own it.
        if not getattr(self, "_stopped", True) and self._process == os.getpid():
            warnings.warn(f"a fanin.Proxy on {self.url} was not stopped", ResourceWarning, 2, self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a fanin.Proxy stands in one process and is neither copied nor pickled; pass its url")

    def __repr__(self) -> str:
        return f"<Proxy on {self.url} before {self.target}>"


def _lanes(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The knobs of both ways. Each draws places of its own."""
    way = _check.one_of("way", given["way"], WAYS)
    if given["byte_fault"] is not None:
        _check.one_of("byte_fault", given["byte_fault"], ("flip", "double", "drop"))
    wrong = {"echo_fault": given["byte_fault"], "echo_fault_after": given["byte_fault_after"]}
    faults = _faults.faults(_faults.FAULTS | {name: given[name] for name in _faults.FAULTS if name in given} | wrong)
    sound = _faults.none() | {"refuse": faults["refuse"], "only_first": faults["only_first"]}
    other = faults | {"seed": faults["seed"] ^ 1 << 63}
    return (faults, sound) if way == "up" else (sound, faults) if way == "down" else (faults, other)


def _schedule(schedule: object) -> list[tuple[int, str]]:
    allowed = "allowed are pairs of seconds and a word, such as [(0.5, 'hold'), (1.5, 'resume')]"
    if isinstance(schedule, (str, bytes)) or not isinstance(schedule, Iterable):
        raise _check.refuse("schedule", schedule, allowed)
    read = []
    for step in schedule:
        if not isinstance(step, (tuple, list)) or len(step) != 2:
            raise _check.refuse("schedule", step, allowed)
        read.append((_check.nanoseconds("schedule", step[0]), _check.one_of("schedule", step[1], COMMANDS)))
    return read
