"""The other end, for the tests of the sink: plain sockets of Python's own, so nothing of ours vouches for itself."""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import fanin


def stalled(receive_buffer: int = 4096, port: int = 0) -> socket.socket:
    """A listener that the kernel connects to and nobody reads from. `port` may name one that was free a moment ago."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    listener.bind(("127.0.0.1", port))
    listener.listen(64)
    return listener


def free_port() -> int:
    """One that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def url_of(listener: socket.socket) -> str:
    name = listener.getsockname()
    return f"unix://{name}" if isinstance(name, str) else f"tcp://{name[0]}:{name[1]}"


def wait_for(what: Callable[[], object], seconds: float = 20) -> None:
    """Until it is true; a machine that is busy gets its time."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.002)


def fill(sink: fanin.Sink) -> None:
    """Sends until there is no room for a byte, and has been none for a while: the kernel's buffers are full too."""
    since = time.monotonic()
    while time.monotonic() - since < 0.35:
        for message in (b"f" * 100, b"f"):
            with contextlib.suppress(fanin.Full):
                while True:
                    sink.try_send(message)
                    since = time.monotonic()
        time.sleep(0.01)


class Receiver:
    """Accepts connections, any number at once, and keeps what each of them brought."""

    def __init__(
        self,
        path: Path | None = None,
        *,
        port: int = 0,
        echo: bool = False,
        reading: bool = True,
        chunk: int = 65536,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        # Small, so that there is soon no room; much smaller, and the kernel sends by its timers, some windows a second.
        self.listener = socket.socket(socket.AF_UNIX) if path else stalled(65536, port)
        if path:
            self.listener.bind(str(path))
            self.listener.listen()
        self.url, self.echo, self.chunk, self.tls = url_of(self.listener), echo, chunk, tls
        self.port = 0 if path else int(self.listener.getsockname()[1])
        self.streams: list[bytearray] = []
        self.reading = threading.Event()
        if reading:
            self.reading.set()
        self.connection: socket.socket | None = None
        self.ended = threading.Event()
        self.open = 0
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with self._lock:
                    self.open += 1
                    self.ended.clear()
                    self.streams.append(bytearray())
                    self._connections.append(connection)
                    stream = self.streams[-1]
                self._threads.append(threading.Thread(target=self._serve, args=(connection, stream), daemon=True))
                self.connection = connection
                self._threads[-1].start()

    def _serve(self, connection: socket.socket, stream: bytearray) -> None:
        with contextlib.suppress(OSError), connection:
            self._read(connection, stream) if self.tls is None else self._read_secure(self.tls, connection, stream)
        with self._lock:
            self.open -= 1
            if self.open == 0:
                self.ended.set()

    def _read_secure(self, tls: ssl.SSLContext, connection: socket.socket, stream: bytearray) -> None:
        with tls.wrap_socket(connection, server_side=True) as secure:
            # It has taken the descriptor over.
            with self._lock:
                self._connections[self._connections.index(connection)] = secure
            self.connection = secure
            self._read(secure, stream)

    def _read(self, connection: socket.socket, stream: bytearray) -> None:
        while True:
            self.reading.wait()
            data = connection.recv(self.chunk)
            if not data:
                return
            stream += data
            if self.echo:
                connection.sendall(data)

    @property
    def received(self) -> bytes:
        """All that came, over all connections."""
        return b"".join(map(bytes, self.streams))

    def frames(self, framing: str) -> list[bytes]:
        """The messages that came; each connection brought whole ones."""
        return [message for stream in self.streams for message in frames(framing, bytes(stream))]

    def until(self, holds: Callable[[], object], seconds: float = 20.0) -> None:
        """Waits until it does."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, (len(self.streams), self.received[-200:])
            time.sleep(0.002)

    def cut(self) -> None:
        """Ends every connection from this side."""
        for connection in self._connections:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # below TLS, if there is any

    def reset(self) -> None:
        """Breaks the latest connection: what is on its way is lost."""
        assert self.connection
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The thread may be in recv, which keeps the socket open for as long as it lasts.
        connection, self.connection = self.connection, None
        with contextlib.suppress(OSError):
            socket.socket.shutdown(connection, socket.SHUT_RD)
        connection.close()

    def stop(self) -> None:
        self.reading.set()
        # On Linux an accept that waits is not woken by a close.
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive(), "a connection was left open"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.cut()
        self.stop()


def frames(framing: str, stream: bytes) -> list[bytes]:
    """The messages in a stream, read by the rules of the framing and nothing else."""
    return list({"lines": _lines, "length": _lengths, "rfc6587": _octets}[framing](stream))


def _lines(stream: bytes) -> Iterator[bytes]:
    assert not stream or stream.endswith(b"\n")
    yield from stream.split(b"\n")[:-1]


def _lengths(stream: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(stream):
        (length,) = struct.unpack_from(">I", stream, at)
        yield stream[at + 4 : at + 4 + length]
        at += 4 + length
    assert at == len(stream)


def _octets(stream: bytes) -> Iterator[bytes]:
    while stream:
        digits, _, rest = stream.partition(b" ")
        assert digits.isdigit()
        yield rest[: int(digits)]
        assert len(rest) >= int(digits)
        stream = rest[int(digits) :]
