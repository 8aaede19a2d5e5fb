"""Handlers of `logging`: `send(producer, sequence)` logs one line."""

from __future__ import annotations

import logging
import logging.handlers
import queue
from typing import Any

from arms import Open, arm
from messages import TEXT


def logs_to(handler: logging.Handler, close: Any) -> Open:
    """A logger that has this handler and no other."""
    logger = logging.getLogger("fanin.bench")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    info = logger.info

    def send(producer: int, sequence: int) -> None:
        info(TEXT, producer, sequence)

    def closes() -> None:
        logger.removeHandler(handler)
        close()

    return Open(send, closes)


@arm("logging/queue+socket", "QueueHandler, a QueueListener, SocketHandler", wire="length", guess=2e4)
def queued(address: tuple[str, int]) -> Open:
    """The manual's way for programs that must not wait for their log."""
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    target = logging.handlers.SocketHandler(*address)
    listener = logging.handlers.QueueListener(waiting, target)
    listener.start()

    def close() -> None:
        listener.stop()
        target.close()

    return logs_to(logging.handlers.QueueHandler(waiting), close)
