"""Plain clients of a server or a proxy, by the standard library; and framings that the core does not know."""

import socket
import time
from typing import Any

import fanin

__all__ = ["connect", "flood", "netlines", "netstrings", "send", "settle"]


def connect(server: fanin.Server | fanin.Proxy) -> socket.socket:
    """A connection that does not wait for ever."""
    if server.url.startswith("unix://"):
        client = socket.socket(socket.AF_UNIX)
        client.connect(server.host)
    else:
        client = socket.create_connection((server.host, server.port))
    client.settimeout(20)
    return client


def send(server: fanin.Server, data: bytes) -> None:
    """On a connection of its own."""
    with connect(server) as client:
        client.sendall(data)


def flood(client: socket.socket, data: bytes) -> None:
    """Sends until the other side has had enough."""
    while True:
        client.sendall(data)


def settle(server: fanin.Server | fanin.Proxy, **wanted: int) -> dict[str, Any]:
    """Waits until it reports these numbers."""
    deadline = time.monotonic() + 20
    while any(server.report()[name] != value for name, value in wanted.items()):
        assert time.monotonic() < deadline, server.report()
        time.sleep(0.002)
    return server.report()


def netstrings(data: bytes) -> tuple[list[bytes], bytes]:
    """A framing that the core does not know."""
    messages = []
    while b":" in data:
        size, _, rest = data.partition(b":")
        if len(rest) <= int(size):
            break
        messages.append(rest[: int(size)])
        data = rest[int(size) + 1 :]
    return messages, data


def netlines(data: bytes) -> tuple[list[bytes], bytes]:
    """What the core calls lines."""
    *messages, rest = data.split(b"\n")
    return messages, rest
