"""A receiver for tests of the sink's surroundings: keeps what comes, connection by connection."""

import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Collector:
    """Listens, and keeps every byte. `port` may name one that was free a moment ago."""

    def __init__(self, port: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self.url = f"tcp://127.0.0.1:{self.port}"
        self.streams: list[bytearray] = []
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            self.streams.append(bytearray())
            self._threads.append(threading.Thread(target=self._read, args=(connection, self.streams[-1]), daemon=True))
            self._threads[-1].start()

    def _read(self, connection: socket.socket, stream: bytearray) -> None:
        with connection:
            while piece := connection.recv(65536):
                stream += piece

    def cut(self) -> None:
        """Ends every connection from this side."""
        for connection in self._connections:
            connection.shutdown(socket.SHUT_RDWR)

    @property
    def bytes(self) -> bytes:
        """All that came, the connections one after the other."""
        return b"".join(map(bytes, self.streams))

    def lines(self) -> list[bytes]:
        """All that came, cut at newlines; nothing may be left over."""
        *lines, rest = self.bytes.split(b"\n")
        assert rest == b""
        return lines

    def frames(self) -> list[bytes]:
        """All that came, octets counted."""
        frames, rest = [], self.bytes
        while rest:
            digits, _, rest = rest.partition(b" ")
            frames.append(rest[: int(digits)])
            assert len(frames[-1]) == int(digits)
            rest = rest[int(digits) :]
        return frames

    def until(self, holds: Callable[[], bool], seconds: float = 20.0) -> None:
        """Waits until it does."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, (len(self.streams), self.bytes[-200:])
            time.sleep(0.01)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # On Linux an accept that waits is not woken by a close.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()


def free_port() -> int:
    """One that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
