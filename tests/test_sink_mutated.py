"""Buffers that another thread changes all the while: each message is one of their states, and never a mixture."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from receivers import Receiver

import fanin

SIZES = [1, 100, 5000, 60_000]
STATES = [bytes([number]) for number in range(256)]


@contextmanager
def changing(buffers: list[bytearray]) -> Iterator[list[int]]:
    """Each buffer is all of one byte, and of another as soon as the interpreter changes threads. Counts rounds."""
    going = True
    rounds: list[int] = []

    def change() -> None:
        while going:
            rounds.append(len(rounds))
            for state in STATES:
                for buffer in buffers:
                    buffer[:] = state * len(buffer)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=change)
    thread.start()
    try:
        yield rounds
    finally:
        going = False
        thread.join()
        sys.setswitchinterval(before)


def one_by_one(sink: fanin.Sink, buffers: list[bytearray]) -> None:
    for buffer in buffers:
        sink.send(buffer)


def as_views(sink: fanin.Sink, buffers: list[bytearray]) -> None:
    for buffer in buffers:
        sink.send(memoryview(buffer))


def many(sink: fanin.Sink, buffers: list[bytearray]) -> None:
    sink.send_many(buffers)


def each(sink: fanin.Sink, buffers: list[bytearray]) -> None:
    sink.send_many(buffer for buffer in buffers)


def awaited(sink: fanin.Sink, buffers: list[bytearray]) -> None:
    async def main() -> None:
        await asyncio.gather(*(sink.send_async(buffer) for buffer in buffers))

    asyncio.run(main())


def is_one_state(message: bytes) -> bool:
    """Whether all its bytes are equal."""
    return message == message[:1] * len(message)


@pytest.mark.parametrize("call", [one_by_one, as_views, many, each, awaited])
def test_each_message_is_one_state_of_its_buffer(call: Callable[[fanin.Sink, list[bytearray]], None]) -> None:
    """Also of those that wait for room: a capacity of little more than the largest."""
    buffers, turns = [bytearray(size) for size in SIZES], 0
    with Receiver() as receiver:
        with fanin.Sink(receiver.url, framing="length", capacity=70_000, send_buffer=4096) as sink:
            with changing(buffers) as changes:
                while turns < 200 or len(changes) < 3:
                    call(sink, buffers)
                    turns += 1
            assert sink.stats().waits > 0, "nobody waited"
        receiver.ended.wait(20)
        came = receiver.frames("length")
    assert sorted(map(len, came)) == sorted(SIZES * turns)
    assert [message[:20] for message in came if not is_one_state(message)] == []
    assert len({message[0] for message in came}) > 3, "it did not change"


def test_who_copies_byte_by_byte_sees_mixtures() -> None:
    """The control: it is what the sink's copy has to be safe from."""
    buffer = bytearray(60_000)
    with changing([buffer]):
        while is_one_state(bytes(byte for byte in buffer)):
            pass
