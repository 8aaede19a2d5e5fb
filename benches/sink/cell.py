"""One cell, in a process of its own: an arm under a load. Reads what to do as JSON, and prints what it cost as JSON.

The clock starts when all senders stand ready, and is stopped by the receiver. Memory is the process's high water over
what it had when the messages were made and nothing was open.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import arms
import messages

TASKS_YIELD = 100  # a task gives way after so many messages, as one that waits for something does
LATE = 0.002


def main() -> None:
    """Does what the first argument says."""
    spec = json.loads(sys.argv[1])
    threading.excepthook = _end
    found = KINDS[spec["kind"]](spec)
    print(json.dumps(found))


def _end(failed: threading.ExceptHookArgs) -> None:
    """A thread that fails ends the process: others would wait for it."""
    sys.excepthook(failed.exc_type, failed.exc_value or failed.exc_type(), failed.exc_traceback)
    sys.stderr.flush()
    os._exit(1)


class Meter:
    """What the process uses from `start` to `stop`."""

    def __init__(self) -> None:
        gc.collect()
        self._resident = _kilobytes("VmRSS")
        _forget_peak()

    def start(self) -> None:
        """Now."""
        self.start_ns, self._cpu = time.monotonic_ns(), time.process_time_ns()

    def stop(self) -> dict[str, Any]:
        """When all is closed."""
        cpu = time.process_time_ns() - self._cpu
        peak = (_kilobytes("VmHWM") - self._resident) * 1024
        return {"start_ns": self.start_ns, "cpu_ns": cpu, "peak_bytes": peak}


def _kilobytes(name: str) -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(f"{name}:"))


def _forget_peak() -> None:
    try:
        with open("/proc/self/clear_refs", "w") as peak:
            peak.write("5")
    except OSError:  # the peak of the start is kept then, which is small
        resource.getrusage(resource.RUSAGE_SELF)


def _address(spec: dict[str, Any]) -> tuple[str, int]:
    return "127.0.0.1", spec["port"]


# --- threads ----------------------------------------------------------------------------------------------------------


def of_threads(spec: dict[str, Any]) -> dict[str, Any]:
    """So many threads, each with a share of the messages."""
    count, ring = spec["threads"], messages.ring_of(spec["threads"])
    loops = [_loop(spec, number, ring) for number in range(count)]
    return _together(spec, loops)


def _loop(spec: dict[str, Any], number: int, places: int) -> Callable[[Any], None]:
    """What one thread does with `send`."""
    ring, turns = messages.ring(number, places, spec["size"]), spec["turns"]
    if spec.get("many"):
        ring = list(ring)

        def many(send: Any) -> None:
            for _ in range(turns):
                send(ring)

        return many
    if spec.get("fresh"):
        parts = messages.halves(ring)

        def fresh(send: Any) -> None:
            for _ in range(turns):
                for head, tail in parts:
                    send(head + tail)

        return fresh

    def shared(send: Any) -> None:
        for _ in range(turns):
            for message in ring:
                send(message)

    return shared


def _together(spec: dict[str, Any], loops: list[Callable[[Any], None]]) -> dict[str, Any]:
    """Runs the loops, each in a thread, from one moment on."""
    opens = arms.find(spec["arm"]).open
    meter, own = Meter(), [0] * len(loops)
    arm = opens(_address(spec))
    ready = threading.Barrier(len(loops), action=meter.start)

    def work(number: int, loop: Callable[[Any], None]) -> None:
        ready.wait()
        began = time.thread_time_ns()
        loop(arm.send)
        own[number] = time.thread_time_ns() - began

    threads = [threading.Thread(target=work, args=one) for one in enumerate(loops)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    arm.close()
    return meter.stop() | {"senders_ns": sum(own)}


def of_logging(spec: dict[str, Any]) -> dict[str, Any]:
    """So many threads that log."""
    each = spec["turns"] * messages.ring_of(spec["threads"])

    def loop(number: int) -> Callable[[Any], None]:
        def log(send: Any) -> None:
            for sequence in range(each):
                send(number, sequence)

        return log

    return _together(spec, [loop(number) for number in range(spec["threads"])])


# --- tasks ------------------------------------------------------------------------------------------------------------


def of_tasks(spec: dict[str, Any]) -> dict[str, Any]:
    """So many tasks of one event loop, each with a share of the messages; every one gives way now and then."""
    count, turns = spec["threads"], spec["turns"]
    rings = [messages.ring(number, messages.ring_of(count), spec["size"]) for number in range(count)]
    opens = arms.find(spec["arm"]).open
    meter = Meter()

    async def plain(send: Any, ring: tuple[bytes, ...]) -> None:
        for _ in range(turns):
            for message in ring:
                send(message)
            await asyncio.sleep(0)

    async def awaited(send: Any, ring: tuple[bytes, ...]) -> None:
        for _ in range(turns):
            for message in ring:
                await send(message)
            await asyncio.sleep(0)

    async def run() -> None:
        arm = await opens(_address(spec))
        work = awaited if spec["awaited"] else plain
        meter.start()
        async with asyncio.TaskGroup() as group:
            for ring in rings:
                group.create_task(work(arm.send, ring))
        await arm.close()

    _run(spec, run())
    return meter.stop()


def _run(spec: dict[str, Any], main: Any) -> None:
    if spec.get("loop") == "uvloop":
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)
    else:
        asyncio.run(main)


def of_room(spec: dict[str, Any]) -> dict[str, Any]:
    """An awaited send with room: what one costs in all, and how often the loop turned meanwhile.

    Bursts that fit into the capacity, with a flush between them that is not timed.
    """
    ring, opens = messages.ring(0, messages.LONGEST_RING, spec["size"]), arms.find(spec["arm"]).open
    costs, turned = [], 0
    rounds = 40_000 // len(ring)

    async def run() -> None:
        nonlocal turned
        import fanin

        loop = asyncio.get_running_loop()
        host, port = _address(spec)
        async with fanin.Sink(f"tcp://{host}:{port}", framing="none", capacity="4 MiB") as sink:
            send = sink.send_async
            for _ in range(spec["turns"]):
                seen: list[int] = []
                loop.call_soon(seen.append, 1)
                began = time.perf_counter_ns()
                for _ in range(rounds):
                    for message in ring:
                        await send(message)
                costs.append((time.perf_counter_ns() - began) / (rounds * len(ring)))
                turned += len(seen)
                await sink.flush_async()

    del opens
    meter = Meter()
    meter.start()
    _run(spec, run())
    return meter.stop() | {"await_ns": sorted(costs)[len(costs) // 2], "loop_turns": turned}


# --- latency ----------------------------------------------------------------------------------------------------------


def of_latency(spec: dict[str, Any]) -> dict[str, Any]:
    """A message every 2 ms from one thread, beside another that is busy in Python or beside none."""
    arm = arms.find(spec["arm"]).open(_address(spec))
    over, calls, size = threading.Event(), [], spec["size"]

    def busy() -> None:
        while not over.is_set():
            sum(number * number for number in range(1000))

    threads = [threading.Thread(target=busy)] if spec["busy"] else []
    meter = Meter()
    meter.start()
    for thread in threads:
        thread.start()
    send, clock = arm.send, time.perf_counter_ns
    for _ in range(spec["messages"]):
        time.sleep(LATE)
        message = messages.stamped(size)
        began = clock()
        send(message)
        calls.append(clock() - began)
    over.set()
    for thread in threads:
        thread.join()
    arm.close()
    return meter.stop() | {"call_ns": calls}


def _others_ns() -> int:
    """What all threads but this one have used: to sleep and to look costs this one some 0.1 ms."""
    return time.process_time_ns() - time.thread_time_ns()


def of_idle(spec: dict[str, Any]) -> dict[str, Any]:
    """Nothing for a while, after one message: what an open sink costs then."""
    arm = arms.find(spec["arm"]).open(_address(spec))
    arm.send(messages.ring(0, messages.LONGEST_RING, spec["size"])[0])
    time.sleep(0.3)
    before = _others_ns()
    time.sleep(spec["seconds"])
    idle = _others_ns() - before
    meter = Meter()
    meter.start()
    arm.close()
    return meter.stop() | {"idle_ns": idle}


KINDS = {
    "threads": of_threads,
    "logging": of_logging,
    "tasks": of_tasks,
    "room": of_room,
    "latency": of_latency,
    "idle": of_idle,
}

if __name__ == "__main__":
    main()
