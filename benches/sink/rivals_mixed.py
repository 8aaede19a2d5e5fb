"""Queues between threads and an event loop: a thread puts, a task takes and writes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from arms import Open, arm
from rivals_queues import MOST, joined
from rivals_queues import consume as consume_in_thread

BOUND = 10_000


def _with_task(address: tuple[str, int], made: Callable[[], Any]) -> Open:
    """A loop in a thread of its own; a task there takes up to 1024 and writes them joined."""
    ready, holder = threading.Event(), []

    async def main() -> None:
        queue = made()
        taken = queue.async_q
        first, more, size = taken.get, taken.get_nowait, taken.qsize
        _, writer = await asyncio.open_connection(*address)
        holder.append(queue.sync_q.put)
        ready.set()
        ended = False
        while not ended:
            batch = [await first()]
            for _ in range(min(size(), MOST - 1)):
                batch.append(more())
            ended = batch[-1] is None
            writer.write(b"".join(batch[:-1] if ended else batch))
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    ready.wait()
    put = holder[0]

    def close() -> None:
        put(None)
        thread.join()

    return Open(put, close)


@arm("janus/10000", "janus.Queue(10000): threads put, a task takes", guess=1e5)
def of_janus(address: tuple[str, int]) -> Open:
    """A queue with two faces."""
    import janus

    return _with_task(address, lambda: janus.Queue(BOUND))


@arm("culsans/10000", "culsans.Queue(10000): threads put, a task takes", guess=1e5)
def of_culsans(address: tuple[str, int]) -> Open:
    """A younger queue with two faces."""
    import culsans

    return _with_task(address, lambda: culsans.Queue(BOUND))


@arm("aiologic", "aiologic.SimpleQueue: threads put, a thread takes", guess=5e5)
def of_aiologic(address: tuple[str, int]) -> Open:
    """The fastest of these when a thread takes from it. It has no bound."""
    import aiologic

    queue: Any = aiologic.SimpleQueue()
    get = queue.green_get

    def take() -> list[Any]:
        batch = [get()]
        for _ in range(min(len(queue), MOST - 1)):
            batch.append(get())
        return batch

    put, ended = queue.put, consume_in_thread(address, take, joined)

    def close() -> None:
        put(None)
        ended()

    return Open(put, close)


@arm("call_soon_threadsafe", "loop.call_soon_threadsafe(transport.write, message)", guess=1e5)
def threadsafe(address: tuple[str, int]) -> Open:
    """What the manual says a thread shall do."""
    loop, ready, holder = asyncio.new_event_loop(), threading.Event(), []

    async def connect() -> None:
        holder.extend(await loop.create_connection(asyncio.Protocol, *address))
        ready.set()

    def work() -> None:
        loop.run_until_complete(connect())
        loop.run_forever()
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait()
    transport, soon = holder[0], loop.call_soon_threadsafe

    def send(message: bytes) -> None:
        soon(transport.write, message)

    def end() -> None:
        transport.close()
        wait_closed()

    def wait_closed() -> None:
        if transport.get_write_buffer_size():
            loop.call_later(0.001, wait_closed)
        else:
            loop.call_soon(loop.stop)

    def close() -> None:
        soon(end)
        thread.join()

    return Open(send, close)
