"""`fanin serve` and `fanin proxy`: a server or a line until it is told to stop, and an account of what came."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import _format
from .proxy import Proxy
from .server import Server

__all__ = ["proxy", "serve"]

PERIOD = 1.0
LIVE_PERIOD = 0.2
WATCHED = ("opened", "open", "bytes_received", "faults", "turned_away")


def serve(mode: str, host: str, port: int, *, as_json: bool, live: bool = False, **settings: Any) -> int:
    """Listens, prints a line a second when something came, and a last account on SIGINT or SIGTERM; live, it draws."""
    with _told_to_stop() as stop, Server(mode, host, port, **settings) as server:
        # Before anybody is told where: what comes from then on is news.
        seen = server.report()
        where = {"host": server.host, "port": server.port, "url": server.url, "mode": server.mode}
        _say(as_json, "listening", where, f"listening on {server.url}, {server.mode}; Ctrl-C ends it")
        if live and sys.stdout.isatty() and not as_json:
            _draw(server, stop)
        while not stop.wait(PERIOD):
            now = server.report()
            if any(now[name] != seen[name] for name in WATCHED):
                _say(as_json, "received", now, _line(now, now["bytes_received"] - seen["bytes_received"]))
            seen = now
        server.stop()
        last = server.report()
        if settings.get("framing") is not None:
            last["messages"] = server.count()
        _say(as_json, "stopped", last, _account(last))
    return 0


def _draw(server: Server, stop: threading.Event) -> None:
    """A panel that is drawn over itself until it is told to stop."""
    from .view_text import NAME, SHOWN, Screen, size, spark

    screen, rates, calls = Screen(), [0.0], [0.0]
    seen, then = server.report(), time.monotonic()
    while True:
        now, moment = server.report(), time.monotonic()
        span = max(moment - then, 1e-3)
        reads = now["reads"] - seen["reads"]
        rates.append((now["bytes_received"] - seen["bytes_received"]) / span)
        calls.append((now["bytes_received"] - seen["bytes_received"]) / reads if reads else 0.0)
        rows = [
            ("clients", f"{now['open']:,} open of {now['opened']:,}", ""),
            ("received", f"{size(now['bytes_received'])}, {size(rates[-1])}/s", spark(rates)),
            ("a read", size(calls[-1]), spark(calls)),
            ("echoed", size(now["bytes_echoed"]), ""),
        ]
        screen.draw("\n".join(f"{name:<{NAME}}{said:<{SHOWN}}{bars}".rstrip() for name, said, bars in rows))
        seen, then = now, moment
        if stop.wait(LIVE_PERIOD):
            return


def proxy(target: str, host: str, port: int, *, as_json: bool, **settings: Any) -> int:
    """Listens, prints a line for each thing that it does to a connection, and a last account."""
    with _told_to_stop() as stop, Proxy(target, host, port, **settings) as line:
        where = {"host": line.host, "port": line.port, "url": line.url, "target": line.target}
        _say(as_json, "listening", where, f"listening on {line.url}, before {line.target}; Ctrl-C ends it")
        told = 0
        while not stop.wait(PERIOD):
            told = _tell(line, told, as_json)
        line.stop()
        _tell(line, told, as_json)
        last = line.report()
        last["faults"] = len(last["faults"])
        _say(as_json, "stopped", last, _account(last))
    return 0


def _tell(line: Proxy, told: int, as_json: bool) -> int:
    """Says what was done to connections since the last time; how many such things there were in all."""
    faults = line.report()["faults"]
    for fault in faults[told:]:
        way = f" on its way {fault.way}" if fault.way else ""
        text = f"connection {fault.connection}{way}: {fault.what} after {_format.plural(fault.bytes, 'byte')}"
        _say(as_json, "fault", fault._asdict(), text)
    return len(faults)


@contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """An event that the two signals set; handlers are put back after."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _line(report: dict[str, int], fresh: int) -> str:
    clients = f"{_format.plural(report['opened'], 'connection')}, {report['open']:,} open"
    received = _format.plural(report["bytes_received"], "byte")
    return f"{clients}; {received}, {_format.large(float(fresh))} in the last second"


def _account(report: dict[str, int]) -> str:
    counts = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in report.items())
    return f"in all: {counts}"


def _say(as_json: bool, event: str, facts: dict[str, Any], text: str) -> None:
    print(json.dumps({"event": event} | facts) if as_json else text, flush=True)
