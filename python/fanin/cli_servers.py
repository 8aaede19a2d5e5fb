"""The other end and the line to it, from a shell: `fanin serve` and `fanin proxy`."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any

__all__ = ["COMMANDS"]

Command = tuple[str, str, str, Callable[[Namespace], int], Callable[[ArgumentParser], None]]

#: The faults that a server and a line share, and what each says of itself.
SHARED: tuple[tuple[str, str, str], ...] = (
    ("read_rate", "RATE", "the most bytes a second of a connection: 65536, or '1 MiB/s'"),
    ("stall_after", "PLACE", "from there on nothing is read any more"),
    ("stall_for", "S", "but only for so many seconds"),
    ("reset_after", "PLACE", "reset the connection there"),
    ("close_after", "PLACE", "close it there"),
    ("half_close_after", "PLACE", "end the stream to the other side there, and read on"),
    ("refuse", "N", "turn so many connections away first"),
    ("faulty", "N", "only the first so many connections have the faults"),
    ("seed", "N", "what every place that is a range is drawn from; default: 0"),
    ("max_connections", "N", "the most at once; default: 4096"),
)
SERVER: tuple[tuple[str, str, str], ...] = (
    ("delay", "S", "seconds to wait before each read"),
    ("echo_delay", "S", "seconds by which the echo comes later"),
    ("echo_fault", "WHAT", "one byte of the echo is wrong: flip, double or drop"),
    ("echo_fault_after", "PLACE", "which byte; default: 0-4095"),
    ("receive_buffer", "SIZE", "the size to ask for, of a connection's receive buffer"),
    ("idle_timeout", "S", "reset a connection that brought nothing, or no whole message, for so long"),
    ("framing", "KIND", "count messages: lines, length, rfc6587, or a number of bytes"),
    ("max_frame", "SIZE", "the largest message; default: 16 MiB"),
)
PROXY: tuple[tuple[str, str, str], ...] = (
    ("way", "WAY", "which way the faults are: up (default), down or both"),
    ("delay", "S", "seconds by which every byte comes later"),
    ("byte_fault", "WHAT", "one byte is wrong: flip, double or drop"),
    ("byte_fault_after", "PLACE", "which byte; default: 0-4095"),
    (
        "schedule",
        "STEPS",
        "what happens to the whole line, seconds after the first connection: 0.5:hold,1.5:resume,2:cut",
    ),
)
PLACES = "a PLACE is a number of bytes, '4 KiB', or a range such as 0-65536 from which each connection draws its own"


def _place(text: str) -> Any:
    first, dash, last = text.partition("-")
    return (_size(first), _size(last)) if dash else _size(text)


def _size(text: str) -> int | str:
    return int(text) if text.isascii() and text.strip().isdecimal() else text


def _schedule(text: str) -> list[tuple[Any, str]]:
    steps = [step.partition(":") for step in text.split(",")]
    return [(float(at), word) for at, _, word in steps]


_schedule.__name__ = "schedule"

KINDS: dict[str, Callable[[str], Any]] = {
    "PLACE": _place, "SIZE": _size, "RATE": _size, "KIND": _size, "N": int, "S": float, "WHAT": str, "WAY": str,
    "STEPS": _schedule,
}  # fmt: skip


def _add(parser: ArgumentParser, options: tuple[tuple[str, str, str], ...]) -> None:
    for name, kind, about in options:
        parser.add_argument(f"--{name.replace('_', '-')}", type=KINDS[kind], metavar=kind, help=about)


def _given(options: Namespace, names: tuple[tuple[str, str, str], ...]) -> dict[str, Any]:
    """What was asked for; the rest is left to the defaults of the classes."""
    return {name: getattr(options, name) for name, _, _ in names if getattr(options, name) is not None}


def _serve(options: Namespace) -> int:
    from .serve import serve

    faults = _given(options, SHARED + SERVER)
    return serve(options.mode, options.host, options.port, as_json=options.json, live=options.live, **faults)


def _proxy(options: Namespace) -> int:
    from .serve import proxy

    return proxy(options.target, options.host, options.port, as_json=options.json, **_given(options, SHARED + PROXY))


def _where(parser: ArgumentParser) -> None:
    about = "name or address to listen on, or unix:///path; default: %(default)s"
    parser.add_argument("--host", default="127.0.0.1", metavar="HOST", help=about)
    parser.add_argument("--port", type=int, default=0, metavar="PORT", help="0, the default, takes a free one")


def _serve_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--mode", default="discard", metavar="MODE", help="discard (default) or echo")
    parser.add_argument("--live", action="store_true", help="draw what comes, five times a second, on a terminal")
    _where(parser)
    group: Any = parser.add_argument_group("faults and limits", PLACES)
    _add(group, SHARED + SERVER)


def _proxy_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("target", help="whom to connect to: tcp://host:port or unix:///path")
    _where(parser)
    group: Any = parser.add_argument_group("faults and limits", PLACES)
    _add(group, SHARED + PROXY)


COMMANDS: tuple[Command, ...] = (
    (
        "serve",
        "the article's server, faulty if asked to, until Ctrl-C or SIGTERM (both end it with code 0)",
        "serve --mode echo --port 8080 --reset-after 0-65536",
        _serve,
        _serve_arguments,
    ),
    (
        "proxy",
        "a bad line to a server, until Ctrl-C or SIGTERM (both end it with code 0)",
        "proxy tcp://127.0.0.1:5140 --port 5141 --delay 0.05 --schedule 1:hold,3:resume,5:cut",
        _proxy,
        _proxy_arguments,
    ),
)
