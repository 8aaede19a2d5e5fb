"""A queue of the standard library, and a thread that takes from it and writes."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from queue import Empty, Queue, SimpleQueue
from typing import Any

from arms import Open, arm

MOST = 1024
BOUND = 65_536  # messages: 4 MiB of 64 bytes
PERIOD = 0.001
PARTS = 1024  # the system's limit for one sendmsg


def connect(address: tuple[str, int]) -> socket.socket:
    """A plain socket, without Nagle's delay."""
    link = socket.create_connection(address)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def consume(address: tuple[str, int], take: Callable[[], Iterable[Any]], write: Callable[[Any, list[Any]], Any]) -> Any:
    """A thread that takes a list and writes it, until that ends in None; returns what waits for it."""
    link = connect(address)

    def work() -> None:
        while True:
            batch = list(take())
            ended = batch and batch[-1] is None
            if ended:
                batch.pop()
            if batch:
                write(link, batch)
            if ended:
                link.close()
                return

    thread = threading.Thread(target=work)
    thread.start()
    return thread.join


def joined(link: socket.socket, batch: list[bytes]) -> None:
    """One copy, one call."""
    link.sendall(b"".join(batch))


def gathered(link: socket.socket, batch: list[bytes]) -> None:
    """No copy: the system gathers. What it did not take is sent after."""
    for start in range(0, len(batch), PARTS):
        parts = batch[start : start + PARTS]
        sent, size = link.sendmsg(parts), sum(map(len, parts))
        if sent < size:
            link.sendall(b"".join(parts)[sent:])


def taker(queue: SimpleQueue[Any], most: int | None) -> Callable[[], list[Any]]:
    """Waits for one, then takes what else is there, up to so many. One consumer: `qsize` are certainly there."""
    get, qsize, ends = queue.get, queue.qsize, object()

    def take() -> list[Any]:
        batch = [get()]
        more = qsize()
        batch.extend(islice(iter(get, ends), more if most is None else min(more, most - 1)))
        return batch

    return take


def _simple(address: tuple[str, int], most: int | None, write: Callable[[Any, list[Any]], Any]) -> Open:
    queue: SimpleQueue[Any] = SimpleQueue()
    ended = consume(address, taker(queue, most), write)

    def close() -> None:
        queue.put(None)
        ended()

    return Open(queue.put, close)


@arm("simple-queue/1024", "SimpleQueue; the consumer drains at most 1024, joins, sendall", guess=5e6)
def simple_1024(address: tuple[str, int]) -> Open:
    """The honest rival."""
    return _simple(address, MOST, joined)


@arm("simple-queue/1024/loop", "the same, drained by a loop of get_nowait until it is empty", guess=5e6)
def simple_loop(address: tuple[str, int]) -> Open:
    """As it is mostly written."""
    queue: SimpleQueue[Any] = SimpleQueue()
    get, get_nowait = queue.get, queue.get_nowait

    def take() -> list[Any]:
        batch = [get()]
        try:
            while len(batch) < MOST:
                batch.append(get_nowait())
        except Empty:
            pass
        return batch

    ended = consume(address, take, joined)

    def close() -> None:
        queue.put(None)
        ended()

    return Open(queue.put, close)


@arm("simple-queue/1024/sendmsg", "the same with sendmsg", guess=4e6)
def simple_sendmsg(address: tuple[str, int]) -> Open:
    """Saves the copy, pays for the list of parts."""
    return _simple(address, MOST, gathered)


@arm("simple-queue/all", "SimpleQueue; the consumer drains all, joins, sendall", guess=4e6)
def simple_all(address: tuple[str, int]) -> Open:
    """Large batches, and large copies."""
    return _simple(address, None, joined)


@arm("simple-queue/bounded", "SimpleQueue bounded by its qsize, drained by at most 1024", guess=2e6)
def simple_bounded(address: tuple[str, int]) -> Open:
    """The best bound that pure Python has: a look before each put, a nap when full."""
    queue: SimpleQueue[Any] = SimpleQueue()
    ended = consume(address, taker(queue, MOST), joined)
    put, qsize, sleep = queue.put, queue.qsize, time.sleep

    def send(message: bytes) -> None:
        while qsize() >= BOUND:
            sleep(PERIOD)
        put(message)

    def close() -> None:
        put(None)
        ended()

    return Open(send, close)


@arm("deque/polled", "deque.append; the consumer polls every millisecond, joins", guess=4e6)
def polled(address: tuple[str, int]) -> Open:
    """The cheapest put there is, and a consumer that nobody wakes."""
    waiting: deque[Any] = deque()
    pop = waiting.popleft

    def take() -> list[Any]:
        while not waiting:
            time.sleep(PERIOD)
        return [pop() for _ in range(len(waiting))]

    ended = consume(address, take, joined)

    def close() -> None:
        waiting.append(None)
        ended()

    return Open(waiting.append, close)


@arm("queue.Queue/10000", "queue.Queue(10000), drained, joined", guess=2e5)
def bounded(address: tuple[str, int]) -> Open:
    """What the manual suggests, with a consumer that batches."""
    queue: Queue[Any] = Queue(10_000)
    get, get_nowait = queue.get, queue.get_nowait

    def take() -> list[Any]:
        batch = [get()]
        try:
            while len(batch) < MOST:
                batch.append(get_nowait())
        except Empty:
            pass
        return batch

    ended = consume(address, take, joined)

    def close() -> None:
        queue.put(None)
        ended()

    return Open(queue.put, close)


@arm("lists/condition", "two lists swapped under a Condition", guess=3e5)
def swapped(address: tuple[str, int]) -> Open:
    """The article's second design, in Python."""
    ready, waiting = threading.Condition(threading.Lock()), []

    def send(message: bytes | None) -> None:
        with ready:
            waiting.append(message)
            ready.notify()

    def take() -> list[Any]:
        nonlocal waiting
        with ready:
            while not waiting:
                ready.wait()
            batch, waiting = waiting, []
        return batch

    ended = consume(address, take, joined)

    def close() -> None:
        send(None)
        ended()

    return Open(send, close)
