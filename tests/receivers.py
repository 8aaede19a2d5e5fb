"""The other end, for the tests of the sink: plain sockets of Python's own, so nothing of ours vouches for itself."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import fanin


def stalled(receive_buffer: int = 4096) -> socket.socket:
    """A listener that the kernel connects to and nobody reads from."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


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
    while time.monotonic() - since < 0.25:
        for message in (b"f" * 100, b"f"):
            with contextlib.suppress(fanin.Full):
                while True:
                    sink.try_send(message)
                    since = time.monotonic()
        time.sleep(0.01)


class Receiver:
    """Accepts connections one after the other, and keeps what each of them brought."""

    def __init__(
        self, path: Path | None = None, *, echo: bool = False, reading: bool = True, chunk: int = 65536
    ) -> None:
        # Small, so that there is soon no room; much smaller, and the kernel sends by its timers, some windows a second.
        self.listener = socket.socket(socket.AF_UNIX) if path else stalled(65536)
        if path:
            self.listener.bind(str(path))
            self.listener.listen()
        self.url, self.echo, self.chunk = url_of(self.listener), echo, chunk
        self.streams: list[bytearray] = []
        self.reading = threading.Event()
        if reading:
            self.reading.set()
        self.connection: socket.socket | None = None
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.connection, _ = self.listener.accept()
                self.ended.clear()
                self.streams.append(bytearray())
                with contextlib.suppress(OSError), self.connection:
                    self._read(self.connection, self.streams[-1])
                self.ended.set()

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
        return b"".join(self.streams)

    def reset(self) -> None:
        """Breaks the connection: what is on its way is lost."""
        assert self.connection
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # The thread may be in recv, which keeps the socket open for as long as it lasts.
        connection, self.connection = self.connection, None
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RD)
        connection.close()

    def stop(self) -> None:
        self.reading.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
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
