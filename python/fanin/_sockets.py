"""Sockets that were connected by others, as targets of a sink."""

from __future__ import annotations

import inspect
import os
import socket
import sys
from typing import Any

from . import _check

__all__ = ["complete", "peer"]

CONNECTING = {"backoff", "connect_timeout"}
UNIX = getattr(socket, "AF_UNIX", None)  # not on Windows
LONGEST_PATH = 107
FAMILIES = (socket.AF_INET, socket.AF_INET6, UNIX)


def complete(kind: type, settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with the defaults of those that are not given; one that there is not raises, as in any call."""
    parameters = inspect.signature(kind.__new__).parameters.values()
    defaults = {one.name: one.default for one in parameters if one.kind is one.KEYWORD_ONLY}
    for name in settings.keys() - defaults.keys():
        raise TypeError(f"{kind.__name__}.from_socket() got an unexpected keyword argument {name!r}")
    for name in CONNECTING & settings.keys():
        raise _check.refuse(name, settings[name], "allowed is none: the socket is connected, and never again")
    return defaults | settings


def peer(sock: socket.socket) -> str:
    """The other end, as a target."""
    if not isinstance(sock, socket.socket):
        raise _check.refuse("sock", sock, "allowed is a connected socket.socket")
    if _speaks_tls(sock):
        raise _check.refuse("sock", sock, "a sink would write past its TLS, in the clear: connect to tls://HOST:PORT")
    if sock.family not in FAMILIES:
        raise _check.refuse("sock", sock, "allowed are stream sockets of TCP and Unix")
    name = sock.getpeername()
    if sock.family == UNIX:
        text = name if isinstance(name, str) else "@" + os.fsdecode(name[1:])
        if not text.startswith(("@", "/")):
            # The name that it was bound to in that process's folder, which mostly is this one's.
            text = os.path.abspath(text) if text else "@unnamed"
        if len(os.fsencode(text)) > LONGEST_PATH:  # it is connected: this is but its name
            text = "@unnamed"
        return f"unix://{text}"
    host, port = name[:2]
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"


def _speaks_tls(sock: socket.socket) -> bool:
    """Whether it is one of `ssl`, which is not imported for the question."""
    ssl = sys.modules.get("ssl")
    return ssl is not None and isinstance(sock, ssl.SSLSocket)
