"""The sink, in the same clothes as its rivals."""

from __future__ import annotations

from typing import Any

from arms import Open, arm

import fanin

CAPACITY = "4 MiB"


def _sink(address: tuple[str, int], **more: Any) -> Any:
    return fanin.Sink(f"tcp://{address[0]}:{address[1]}", **({"framing": "none", "capacity": CAPACITY} | more))


@arm("sink", "fanin.Sink, 4 MiB, send", guess=6e6)
def threads(address: tuple[str, int]) -> Open:
    """From threads."""
    sink = _sink(address)
    sink.open()
    return Open(sink.send, sink.close)


@arm("sink/many", "fanin.Sink, send_many of 100", guess=2e7)
def many(address: tuple[str, int]) -> Open:
    """A list at a time."""
    sink = _sink(address)
    sink.open()
    return Open(sink.send_many, sink.close)


@arm("sink/tasks", "fanin.Sink, send from tasks", guess=6e6)
async def plain(address: tuple[str, int]) -> Open:
    """From tasks that do not wait for room."""
    sink = _sink(address)
    await sink.open_async()
    return Open(sink.send, sink.close_async)


@arm("sink/async", "fanin.Sink, awaited send_async", guess=2e6)
async def awaited(address: tuple[str, int]) -> Open:
    """From tasks that wait for room."""
    sink = _sink(address)
    await sink.open_async()
    return Open(sink.send_async, sink.close_async)


@arm("logging/sink", "fanin.SinkHandler", wire="rfc6587", guess=1e5)
def handler(address: tuple[str, int]) -> Open:
    """As a handler of logging."""
    from rivals_logs import logs_to

    made = fanin.SinkHandler(f"tcp://{address[0]}:{address[1]}", framing="rfc6587", capacity=CAPACITY)
    return logs_to(made, made.close)
