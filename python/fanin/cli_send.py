"""What carries a shell's bytes: `fanin send`."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from collections.abc import Callable
from typing import Any

__all__ = ["COMMANDS"]

Command = tuple[str, str, str, Callable[[Namespace], int], Callable[[ArgumentParser], None]]
PASSED = (
    "framing", "confirm", "reconnect", "on_full", "capacity", "max_frame", "connect_timeout", "ca_file", "server_name",
    "verify",
)  # fmt: skip


def _send(options: Namespace) -> int:
    from .send import send

    settings: dict[str, Any] = {name: getattr(options, name) for name in PASSED if getattr(options, name) is not None}
    if (options.cert is None) != (options.key is None):
        from . import _check

        missing = "key" if options.key is None else "cert"
        raise _check.refuse(missing, None, "--cert and --key go together")
    if options.cert is not None:
        settings["client_cert"] = (options.cert, options.key)
    return send(options.target, settings, options.timeout, progress=options.progress, as_json=options.json)


def _size(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdecimal() else text


def _arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("target", help="tcp://host:port, unix:///path or tls://host:port")
    about = "lines (default), length or rfc6587: each line is a message; none: bytes as they come"
    add("--framing", default="lines", metavar="KIND", help=about)
    add("--confirm", metavar="KIND", help="echo: the other end sends everything back, and this proves what arrived")
    about = "off (default), at_most_once, or at_least_once with --confirm echo"
    add("--reconnect", metavar="KIND", help=about)
    add("--on-full", metavar="WHAT", help="wait (default), drop_newest or drop_oldest")
    add("--capacity", type=_size, metavar="SIZE", help="the most that is kept: bytes, '4 MiB'; default: 4 MiB")
    add("--max-frame", type=int, metavar="BYTES", help="the longest message; default: what the capacity holds")
    add("--connect-timeout", type=float, metavar="S", help="the most time to connect; default: 10")
    add(
        "--timeout",
        type=float,
        default=30.0,
        metavar="S",
        help="the most time for what is left at the end; default: 30",
    )
    add("--ca-file", metavar="PEM", help="the authorities to trust with tls://; default: the system's")
    add("--server-name", metavar="NAME", help="whom the other end's certificate has to name; default: the host")
    about = "take any certificate: anybody who can answer in the host's place reads along"
    add("--no-verify", dest="verify", action="store_false", default=None, help=about)
    add("--cert", metavar="PEM", help="a certificate to show; with --key")
    add("--key", metavar="PEM", help="its private key")
    add("--progress", action=BooleanOptionalAction, help="a line on stderr; default: on a terminal")


COMMANDS: tuple[Command, ...] = (
    (
        "send",
        "standard input to a socket, with an account at the end",
        "send tcp://127.0.0.1:9000 --framing lines",
        _send,
        _arguments,
    ),
)
