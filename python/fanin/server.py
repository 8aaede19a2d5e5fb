"""The article's server, standing alone: it reads what comes, and discards or echoes it."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from . import _check, _native

__all__ = ["Server"]


class Server:
    """A TCP server on threads of its own, for clients that are not fanin's.

    It listens when it is made, serves every connection concurrently, reads up to 64 KiB at a time and counts. An echo
    whose client does not read stops reading from that client, so that memory stays bounded.

    Args:
        mode: `"discard"` or `"echo"`.
        host: A name or an address to listen on.
        port: A port, or 0 for one that is free.

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

    __slots__ = ("_native",)

    def __init__(self, mode: str = "discard", host: str = "127.0.0.1", port: int = 0) -> None:
        mode = _check.one_of("mode", mode, ("discard", "echo"))
        host = _check.word("host", host, "a name or an address, such as '127.0.0.1'")
        self._native = _native.Server(mode, host, _check.integer("port", port, 0, 65_535))

    @property
    def mode(self) -> str:
        """`discard` or `echo`."""
        return self._native.mode

    @property
    def host(self) -> str:
        """The address that it listens on."""
        return self._native.host

    @property
    def port(self) -> int:
        """The port that it listens on; never 0."""
        return self._native.port

    @property
    def url(self) -> str:
        """Both, as `tcp://host:port`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"

    def report(self) -> dict[str, int]:
        """What it has seen so far, over all connections: in numbers of connections, reads and bytes.

        Returns:
            `opened`, `open`, `failed` and `refused` connections, `bytes_received`, `bytes_echoed`, `reads`.
        """
        return self._native.report()

    def stop(self) -> None:
        """Closes every connection, joins its threads. The report stays. A second call does nothing."""
        self._native.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Server {self.mode} on {self.url}>"
