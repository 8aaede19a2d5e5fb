"""Sockets that were connected by others, as targets of a sink."""

from __future__ import annotations

import inspect
import os
import socket
from typing import Any

from . import _check

__all__ = ["defaults", "duplicate", "peer"]


def defaults(kind: type) -> dict[str, Any]:
    """The settings of a sink that is told nothing."""
    parameters = inspect.signature(kind.__new__).parameters.values()
    return {one.name: one.default for one in parameters if one.kind is one.KEYWORD_ONLY}


def peer(sock: socket.socket) -> str:
    """The other end, as a target."""
    if not isinstance(sock, socket.socket):
        raise _check.refuse("sock", sock, "allowed is a connected socket.socket")
    name = sock.getpeername()
    if sock.family == socket.AF_UNIX:
        text = name if isinstance(name, str) else "@" + os.fsdecode(name[1:])
        return f"unix://{text or '@unnamed'}"
    host, port = name[:2]
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"


def duplicate(sock: socket.socket) -> int:
    """A descriptor of its own, not inherited, for the core to take over."""
    return os.dup(sock.fileno())
