"""For tasks of one event loop: `open` is a coroutine, `close` gives one; `send` is awaited where it is one."""

from __future__ import annotations

import asyncio
from typing import Any

from arms import Open, arm
from rivals_queues import MOST


@arm("list/call_soon", "list.append, and one call_soon that writes the list joined", guess=3e6)
async def flushed_soon(address: tuple[str, int]) -> Open:
    """The fastest that pure Python has: no task waits, nothing is bounded."""
    loop = asyncio.get_running_loop()
    _, writer = await asyncio.open_connection(*address)
    waiting: list[bytes] = []
    append, soon, write = waiting.append, loop.call_soon, writer.write

    def flush() -> None:
        write(b"".join(waiting))
        waiting.clear()

    def send(message: bytes) -> None:
        if not waiting:
            soon(flush)
        append(message)

    async def close() -> None:
        await asyncio.sleep(0)
        await _drained(writer)

    return Open(send, close)


@arm("asyncio.Queue/10000", "asyncio.Queue(10000); a task drains and joins", guess=6e5)
async def bounded(address: tuple[str, int]) -> Open:
    """What the manual suggests, with a writer that batches."""
    _, writer = await asyncio.open_connection(*address)
    queue: asyncio.Queue[Any] = asyncio.Queue(10_000)
    get, get_nowait, qsize = queue.get, queue.get_nowait, queue.qsize

    async def work() -> None:
        ended = False
        while not ended:
            batch = [await get()]
            batch.extend(get_nowait() for _ in range(min(qsize(), MOST - 1)))
            ended = batch[-1] is None
            writer.write(b"".join(batch[:-1] if ended else batch))
            await writer.drain()

    task = asyncio.create_task(work())

    async def close() -> None:
        await queue.put(None)
        await task
        await _drained(writer)

    return Open(queue.put, close)


@arm("StreamWriter", "StreamWriter.write and drain, a message at a time", guess=2e5)
async def streamed(address: tuple[str, int]) -> Open:
    """What most programs do."""
    _, writer = await asyncio.open_connection(*address)
    write, drain = writer.write, writer.drain

    async def send(message: bytes) -> None:
        write(message)
        await drain()

    async def close() -> None:
        await _drained(writer)

    return Open(send, close)


async def _drained(writer: asyncio.StreamWriter) -> None:
    writer.transport.set_write_buffer_limits(0)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
