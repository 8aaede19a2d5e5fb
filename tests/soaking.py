"""Everything comes and goes for a while: producers, tasks, sinks, connections, servers, proxies. Memory stays flat.

    python tests/soaking.py [SECONDS] [MIB_PER_SECOND]

Some threads send all the while through a sink that stays, at a steady rate; beside it one scene after the other is set
up and taken down, some of which end in a fault. In the end nothing of them may be left: no descriptor, no thread.
Memory is looked at between the scenes, once the first third of the time is over, and its trend over the rest is told
as a share of what is used. What was seen is kept in a place that is made beforehand, or it would be seen to grow.

What the system sees as resident is held flat under `MALLOC_ARENA_MAX=1` alone. glibc gives threads up to eight heaps a
core, and each of them grows to what was ever needed in it at once: with threads that come and go, that takes long to
settle. What is allocated in all heaps together, as glibc tells it, is held flat however many there are.
"""

import array
import asyncio
import contextlib
import ctypes
import gc
import os
import random
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import fanin

MESSAGE = bytes(range(256)) * 64
STEADY = MESSAGE[:4096]
AT_ONCE = 64
PRODUCERS = 4


class Heaps(ctypes.Structure):
    """What glibc tells of all its heaps: `struct mallinfo2`."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "used", "free", "keepcost")
    )


TELL_HEAPS = getattr(ctypes.CDLL(None), "mallinfo2", None)
if TELL_HEAPS is not None:
    TELL_HEAPS.restype = Heaps


class Look(NamedTuple):
    """What the process uses, at a time."""

    at: float
    resident: int
    descriptors: int
    threads: int
    allocated: int = 0


def look() -> Look:
    """Now. A thread that was joined may take a moment to be gone from the system's list."""
    gc.collect()
    own = Path("/proc/self")
    resident = int((own / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    heaps = TELL_HEAPS() if TELL_HEAPS is not None else Heaps()
    allocated = heaps.used + heaps.hblkhd
    return Look(time.monotonic(), resident, len(os.listdir(own / "fd")), len(os.listdir(own / "task")), allocated)


class Looks:
    """Looks, kept in as much memory as they will take."""

    def __init__(self, most: int = 8192) -> None:
        self._columns = [array.array("d", bytes(8 * most)) for _ in Look._fields]
        self._count = 0

    def keep(self, one: Look) -> None:
        """One more."""
        for column, value in zip(self._columns, one, strict=True):
            column[self._count] = value
        self._count += 1

    def all(self) -> list[Look]:
        """All of them."""
        rows = zip(*(column[: self._count] for column in self._columns), strict=True)
        return [Look(at, *map(int, rest)) for at, *rest in rows]


def growth(looks: list[Look], of: str = "resident") -> float:
    """By how much memory grows over the time of the looks, as a share: the median of slopes, which no peak bends."""
    sizes = [getattr(one, of) for one in looks]
    slopes = [
        (sizes[later] - sizes[one]) / (looks[later].at - looks[one].at)
        for one in range(len(looks))
        for later in range(one + 1, len(looks))
    ]
    middle = statistics.median(sizes)
    return statistics.median(slopes) * (looks[-1].at - looks[0].at) / middle if middle else 0.0


def left_over(one: Look) -> tuple[int, int]:
    """What is to be as it was in the end."""
    return one.descriptors, one.threads


# --- what comes and goes ---------------------------------------------------------------------------------------------


def threads_come_and_go(draw: random.Random) -> None:
    """A sink of its own for a few threads, none of which sends for long."""
    with fanin.Server(framing="length", record="1 MiB") as server:
        sink = fanin.Sink(server.url, framing="length", capacity="256 KiB").open()
        for _ in range(3):
            run([lambda: [sink.send(MESSAGE[: draw.randrange(4096)]) for _ in range(50)]] * 8)
        delivery = sink.close(timeout=60)
        assert delivery.written == 3 * 8 * 50, delivery
        server.wait_for(delivery.written, timeout=60)


def tasks_come_and_go(draw: random.Random) -> None:
    """Two hundred tasks, some of which are cancelled while they wait."""

    async def send(sink: fanin.Sink) -> None:
        for _ in range(5):
            await sink.send_async(MESSAGE[:1024])

    async def all_of_them() -> None:
        async with fanin.Sink(server.url, framing="length", capacity="16 KiB") as sink:
            tasks = [asyncio.create_task(send(sink)) for _ in range(200)]
            await asyncio.sleep(0)
            for task in draw.sample(tasks, 50):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    with fanin.Server(read_rate="8 MiB/s") as server:
        asyncio.run(all_of_them())


def the_line_is_cut(draw: random.Random) -> None:
    """A connection that is reset again and again; what is confirmed has come, and all is."""
    with fanin.Server("echo") as server, fanin.Proxy(server, reset_after=(1, 200_000), faulty=5, seed=1) as line:
        settings = {"confirm": "echo", "reconnect": "at_least_once", "backoff": (0.001, 0.01)}
        sink = fanin.Sink(line.url, framing="length", **settings).open()
        run([lambda: [sink.send(MESSAGE[: draw.randrange(8192)]) for _ in range(50)]] * 4)
        assert sink.close(timeout=60).acked == 200


def the_peer_goes(_: random.Random) -> None:
    """A sink that fails, with threads that wait in it."""
    with fanin.Server(reset_after="64 KiB", receive_buffer=4096) as server:
        sink = fanin.Sink(server.url, capacity="64 KiB", send_buffer=4096).open()

        def send() -> None:
            with contextlib.suppress(fanin.FaninError):
                while True:
                    sink.send(MESSAGE)

        run([send] * 8)
        with contextlib.suppress(fanin.FaninError):
            sink.close(timeout=60)


def strangers_come_and_go(draw: random.Random) -> None:
    """Clients that announce too much, send half a message, or nothing."""
    with fanin.Server("echo", framing="length", max_frame="64 KiB") as server:
        for _ in range(50):
            with socket.create_connection((server.host, server.port)) as client, contextlib.suppress(OSError):
                client.sendall(draw.choice([b"\xff\xff\xff\xff", b"\0\0\0\x09half", b"", b"\0\0\0\x01a" * 100]))


SCENES = (threads_come_and_go, tasks_come_and_go, the_line_is_cut, the_peer_goes, strangers_come_and_go)


def run(work: list[Callable[[], object]]) -> None:
    """Each in a thread of its own, to the end; raises what one of them raised."""
    failed: list[BaseException] = []

    def guarded(one: Callable[[], object]) -> None:
        try:
            one()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for error in failed:
        raise error


# --- what stays ------------------------------------------------------------------------------------------------------


class Load:
    """Threads that send through a sink that stays, at a rate; each is followed by another after a while."""

    def __init__(self, sink: fanin.Sink, rate: float) -> None:
        self.sink, self.rate, self.bytes = sink, rate, [0] * PRODUCERS
        self.ended, self.going = threading.Event(), threading.Event()
        self.going.set()
        self.began = time.monotonic()
        self.threads = [threading.Thread(target=self.follow, args=(number,)) for number in range(PRODUCERS)]
        for thread in self.threads:
            thread.start()

    def follow(self, number: int) -> None:
        """One thread after the other, each for some three seconds."""
        while not self.ended.is_set():
            run([lambda: self.send(number)])

    def send(self, number: int) -> None:
        """As much as is due, and what could not be sent in time later."""
        until = time.monotonic() + 2 + number / 2
        while time.monotonic() < until and not self.ended.is_set():
            self.going.wait()
            if self.bytes[number] > (time.monotonic() - self.began) * self.rate / PRODUCERS:
                time.sleep(0.005)
                continue
            self.sink.send_many([STEADY] * AT_ONCE)
            self.bytes[number] += AT_ONCE * len(STEADY)

    def look(self) -> Look:
        """What the process uses when nothing is on its way: how much that is depends on how busy the machine is."""
        self.going.clear()
        time.sleep(0.02)
        self.sink.flush(timeout=60)
        looked = look()
        self.going.set()
        return looked

    def stop(self) -> int:
        """Ends it; how many bytes were sent."""
        self.ended.set()
        for thread in self.threads:
            thread.join()
        return sum(self.bytes)


def soak(seconds: float, rate: float) -> list[Look]:
    """Scene after scene beside the load; the looks between them."""
    draw, looks, scenes = random.Random(1), Looks(), 0
    with fanin.Server() as server:
        sink = fanin.Sink(server.url, capacity="1 MiB").open()
        load = Load(sink, rate)
        until = time.monotonic() + seconds
        while time.monotonic() < until or scenes < len(SCENES):
            SCENES[scenes % len(SCENES)](draw)
            scenes += 1
            if scenes % len(SCENES) == 0:
                looks.keep(load.look())
            time.sleep(0.1)
        took, sent = time.monotonic() - load.began, load.stop()
        assert sink.close(timeout=60).written_bytes == sent
    rate = f"{sent >> 20} MiB at {sent / took / 2**20:.0f} MiB/s"
    print(f"soaked: {took:.0f} s, {scenes} scenes, {sent // len(STEADY):,} messages, {rate}", end=", ")
    return looks.all()


def main(seconds: float = 10, mib_per_second: float = 20) -> None:
    """Tells how it went; fails when something was left over, when memory grew, or when it was too slow."""
    for scene in SCENES:  # what is made once is made
        scene(random.Random(0))
    before = look()
    began = time.monotonic()
    looks = soak(seconds, mib_per_second * 2**20)
    deadline = time.monotonic() + 20
    while left_over(after := look()) != left_over(before) and time.monotonic() < deadline:
        time.sleep(0.05)
    settled = [one for one in looks if one.at - began > seconds / 3] or looks
    grown, allocated = growth(settled), growth(settled, "allocated")
    print(
        f"memory {after.resident / 2**20:.1f} MiB, grew by {grown:.2%}, "
        f"allocated {looks[-1].allocated / 2**20:.2f} MiB, grew by {allocated:.2%}, "
        f"descriptors {before.descriptors} and {after.descriptors}, threads {before.threads} and {after.threads}"
    )
    assert left_over(after) == left_over(before), "something was left over"
    # A short run sees a few scenes only, and which memory is kept for later ones depends on the last of them.
    most = 0.01 if seconds >= 300 else 0.5
    assert allocated <= most, "more and more is allocated"
    assert grown <= most or os.environ.get("MALLOC_ARENA_MAX") != "1", "memory grows"


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
