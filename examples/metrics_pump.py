"""A metrics pump: many threads measure, one connection carries it to Graphite, in its line protocol.

    python examples/metrics_pump.py                        # to a receiver of its own
    python examples/metrics_pump.py --target tcp://graphite:2003

A program must not stand still because its metrics do: when the other end is slow or away, the oldest values give way,
and are counted. A late value is worth nothing: what was in doubt when a connection was lost is not sent again.
"""

from __future__ import annotations

import argparse
import socketserver
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import fanin

THREADS = 8


class Metrics:
    """What a program would use: `metrics.gauge("till.queue", 7)`, from any thread."""

    def __init__(self, target: str, prefix: str) -> None:
        self._prefix = prefix
        self.lost: Counter[str] = Counter()
        self.sink = fanin.Sink(
            target,
            framing="lines",
            capacity="1 MiB",
            on_full="drop_oldest",
            reconnect="at_most_once",
            # Called on a thread of its own, when something was dropped: not once a value.
            on_drop=lambda dropped: self.lost.update(messages=dropped.messages, bytes=dropped.bytes),
        )

    def gauge(self, path: str, value: float, when: float | None = None) -> None:
        """One value. It never waits."""
        stamp = int(time.time() if when is None else when)
        self.sink.send(f"{self._prefix}.{path} {value} {stamp}".encode())


def work(metrics: Metrics, number: int, values: int) -> None:
    """What the program does, and measures."""
    for step in range(values):
        metrics.gauge(f"worker-{number}.step", step)


class Receiver(socketserver.StreamRequestHandler):
    """Stands in for Graphite: keeps how many values came for each path, and the last one."""

    counts: ClassVar[Counter[str]] = Counter()
    last: ClassVar[dict[str, float]] = {}

    def handle(self) -> None:
        """A connection, a value a line."""
        for line in self.rfile:
            path, value, stamp = line.decode().split()
            assert abs(int(stamp) - time.time()) < 600
            self.counts[path] += 1
            self.last[path] = float(value)


@contextmanager
def receiver() -> Iterator[str]:
    """A receiver of our own, by its address."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
    # The server has joined its connections' threads: all that came has been counted.


def pump(target: str, values: int) -> fanin.Delivery:
    """Eight threads that measure, and what became of it."""
    metrics = Metrics(target, "example")
    with metrics.sink:
        threads = [threading.Thread(target=work, args=(metrics, number, values)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    account = metrics.sink.stats().delivery
    print(f"{account.accepted} values taken, {account.written} written, {account.dropped} dropped")
    return account


def main(options: argparse.Namespace) -> None:
    """To a receiver of our own, or to the one that was named."""
    if options.target:
        pump(options.target, options.values)
        return
    with receiver() as target:
        account = pump(target, options.values)
    arrived = Receiver.counts.total()
    print(f"{arrived} values arrived, for {len(Receiver.counts)} paths")
    assert arrived == account.written
    # The newest are never the ones that give way.
    assert set(Receiver.last.values()) == {options.values - 1}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--target", metavar="URL", help="such as tcp://graphite:2003; default: a receiver of its own")
    parser.add_argument("--values", type=int, default=20_000, metavar="N", help="a thread; default: %(default)s")
    main(parser.parse_args())
