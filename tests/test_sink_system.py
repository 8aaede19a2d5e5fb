"""The sink and the system around it: signals, broken pipes, scarce time and memory, thousands who wait."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from receivers import Receiver, fill, stalled, url_of
from test_sink_connect import PEM, python, tls

import fanin

PROVE = os.environ.get("FANIN_PROVE") == "1"

# --- signals ---------------------------------------------------------------------------------------------------------

PIPES = """
import os, signal, sys
import fanin
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
if sys.argv[1] == "plainly":
    reading, writing = os.pipe()
    os.close(reading)
    os.write(writing, b"this is death")
sink = fanin.Sink(sys.argv[1], ca_file=sys.argv[2] or None).open()
try:
    while True:
        sink.send(bytes(10_000))
except fanin.Disconnected as lost:
    print(lost.delivery.accepted > 0)
"""


@pytest.mark.parametrize("kind", ["tcp", "unix", "tls"])
def test_nobody_dies_of_a_peer_that_is_gone(kind: str, tmp_path: Path) -> None:
    """Whatever the process does about SIGPIPE: its default is death."""
    path = tmp_path / "pipe.sock" if kind == "unix" else None
    for turn in range(4):
        with Receiver(path, tls=tls() if kind == "tls" else None) as receiver:
            url = receiver.url.replace("tcp://127.0.0.1", "tls://localhost") if kind == "tls" else receiver.url
            command = [sys.executable, "-c", PIPES, url, str(PEM) if kind == "tls" else ""]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
                receiver.until(lambda receiver=receiver: len(receiver.received) > 100_000)
                receiver.reset() if turn % 2 else receiver.cut()
                said, error = process.communicate(timeout=60)
            assert (process.returncode, said) == (0, "True\n"), error
        if path:
            path.unlink()


def test_a_broken_pipe_is_death_for_whoever_is_not_careful() -> None:
    """So that the test above can fail."""
    done = subprocess.run([sys.executable, "-c", PIPES, "plainly", ""], check=False, capture_output=True)
    assert done.returncode == -signal.SIGPIPE


STORM = """
import signal, sys
import fanin
alarms = 0

def on_alarm(*_):
    global alarms
    alarms += 1

signal.signal(signal.SIGALRM, on_alarm)
url, blocked = sys.argv[1], sys.argv[2] == "blocked"
settings = {"framing": "length", "confirm": "echo", "capacity": 65536, "send_buffer": 1}
with fanin.Sink(url, **settings) as sink:
    if blocked:  # here: then it is the actor whose calls are interrupted
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    sent = 0
    while sent < int(sys.argv[3]) or alarms <= 10:
        sink.send(b"%d" % sent * 100)
        sent += 1
    account = sink.flush(timeout=60)
    signal.setitimer(signal.ITIMER_REAL, 0)
print(sent, account.acked)
"""


@pytest.mark.parametrize("who", ["open", "blocked"])
def test_a_storm_of_signals_is_not_there(who: str) -> None:
    """A thousand alarms a second, while the kernel takes some hundred bytes at a time."""
    with Receiver(echo=True, chunk=1000) as receiver:
        sent, acked = map(int, python(STORM, receiver.url, who, "5000").split())
        assert acked == sent >= 5000
        receiver.ended.wait(10)
        assert receiver.frames("length") == [b"%d" % n * 100 for n in range(sent)]


# --- memory ----------------------------------------------------------------------------------------------------------


def resident() -> int:
    """The memory of this process, in bytes; nothing where the system does not tell."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0


BURST = """
import os, sys, time
import fanin

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

message, whole = bytes(int(sys.argv[2])), 128 << 20
with fanin.Sink(sys.argv[1], capacity="256 MiB") as sink:
    sink.send(message)
    sink.flush()
    time.sleep(0.2)
    before = resident()
    for _ in range(whole // len(message)):
        sink.send(message)
    burst = resident()
    print("burst", flush=True)
    sink.flush(timeout=60)
    deadline = time.monotonic() + 40
    while resident() > before * 1.1 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert burst > before + whole // 2, (before, burst)
    assert resident() <= before * 1.1, (before, burst, resident())
    assert sink.stats().memory_bytes < 4 << 20
    # And what is held when it ends.
    for _ in range(whole // len(message)):
        sink.send(message)
while resident() > before * 1.1 and time.monotonic() < deadline:
    time.sleep(0.1)
assert resident() <= before * 1.1, (before, burst, resident())
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not tell")
@pytest.mark.parametrize("size", [100, 10_000, 1_000_000])
def test_the_memory_of_a_burst_is_given_back(size: int) -> None:
    with Receiver(reading=False) as receiver:
        command = [sys.executable, "-c", BURST, receiver.url, str(size)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout
            assert process.stdout.readline() == "burst\n", process.stderr and process.stderr.read()
            receiver.reading.set()
            _, error = process.communicate(timeout=100)
        assert (process.returncode, error) == (0, "")


def test_tasks_that_come_and_go_leave_nothing() -> None:
    turns = 100 if PROVE else 6

    def size() -> tuple[int, int, int]:
        return resident(), len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

    async def main(sink: fanin.Sink) -> list[tuple[int, int, int]]:
        sizes = []
        for _ in range(turns):
            async with asyncio.TaskGroup() as group:
                for _ in range(8192):
                    group.create_task(sink.send_async(b"x" * 20))
            await sink.flush_async()
            sizes.append(size())
        return sizes

    if not Path("/proc/self/statm").exists():
        pytest.skip("this system does not tell")
    with Receiver() as receiver:
        with fanin.Sink(receiver.url, framing="lines", capacity=4096) as sink:
            sizes = asyncio.run(main(sink))
            assert sink.stats().waits > 0
        receiver.until(lambda: receiver.received.count(b"\n") == turns * 8192)
    # What the first turns have taken, and the receiver keeps, is 21 bytes a message; the rest comes and goes.
    half = turns // 2
    grown = sizes[-1][0] - sizes[half][0] - (turns - half) * 8192 * 21 * 2
    assert grown < max(2 << 20, sizes[half][0] // 50), sizes
    assert [sizes[-1][n] - sizes[half][n] for n in (1, 2)] == [0, 0]


# --- thousands who wait ----------------------------------------------------------------------------------------------


def test_thousands_of_tasks_and_many_threads_are_woken_by_a_close() -> None:
    threads, tasks = 64, 8192
    outcomes: list[type[BaseException] | None] = []
    woken: list[float] = []

    def send(sink: fanin.Sink) -> None:
        try:
            sink.send(bytes(2000))
        except fanin.FaninError as error:
            outcomes.append(type(error))
            woken.append(time.monotonic())

    async def wait(sink: fanin.Sink) -> list[object]:
        return await asyncio.gather(*(sink.send_async(bytes(2000)) for _ in range(tasks)), return_exceptions=True)

    async def main(sink: fanin.Sink) -> tuple[list[object], float]:
        waiting = asyncio.create_task(wait(sink))
        while sink.stats().waiting < threads + tasks:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
        began = time.monotonic()
        with suppress(fanin.TimedOut):
            await sink.close_async(timeout=0.1)
        return await waiting, began

    with stalled() as listener:
        sink = fanin.Sink(url_of(listener), capacity="64 KiB", send_buffer=4096).open()
        fill(sink)
        accepted = sink.delivery.accepted
        running = [threading.Thread(target=send, args=(sink,)) for _ in range(threads)]
        for one in running:
            one.start()
        results, began = asyncio.run(main(sink))
        ended = time.monotonic()
        for one in running:
            one.join(20)
    assert outcomes == [fanin.Closed] * threads
    assert {type(result) for result in results} == {fanin.Closed}
    assert sink.delivery.accepted == accepted
    # A second on a machine with nothing else to do.
    assert max(ended, *woken) - began < 5


# --- others who are busy ---------------------------------------------------------------------------------------------


def test_an_echo_is_confirmed_beside_threads_that_are_busy_and_callbacks_that_sleep() -> None:
    """The actor needs nobody of Python: neither the interpreter, nor the thread that calls back."""
    over, called = threading.Event(), threading.Event()

    def spin() -> None:
        while not over.is_set():
            sum(range(1000))

    def on_drop(_: fanin.Dropped) -> None:
        called.set()
        over.wait(60)

    busy = [threading.Thread(target=spin) for _ in range(2)]
    with fanin.Server("echo") as server:
        settings = {"framing": "length", "confirm": "echo", "on_full": "drop_newest", "capacity": 10_000}
        sink = fanin.Sink(server.url, on_drop=on_drop, **settings).open()
        while not called.is_set():
            sink.send(bytes(5000))
        for one in busy:
            one.start()
        try:
            for _ in range(20):
                sink.send(b"beside")
                account = sink.flush(timeout=20)
            assert account.accepted == account.acked + account.dropped
        finally:
            over.set()
        for one in busy:
            one.join(20)
        sink.close()


def test_a_message_of_four_gibibytes_is_refused_before_it_is_looked_at(receiver: Receiver) -> None:
    """Reading it would take seconds, and copying it four gibibytes of memory."""
    mmap = pytest.importorskip("mmap")
    calls: list[Callable[[memoryview], object]] = []
    with fanin.Sink(receiver.url, framing="length") as sink:
        calls += [sink.send, sink.try_send, lambda data: sink.send_many([b"first", data])]
        calls += [sink.write, lambda data: sink.send_async(data).send(None)]
        for length, words in ((2**32 - 1, "capacity of 4194304 bytes"), (2**32, "max_frame"), (2**32 + 1, "max_frame")):
            with mmap.mmap(-1, length) as huge, memoryview(huge) as view:
                before = resident()
                for call in calls:
                    with pytest.raises(fanin.MessageError, match=words):
                        call(view)
                assert resident() - before < 100 << 20
        assert sink.delivery.accepted == 3
    receiver.ended.wait(10)
    assert receiver.frames("length") == [b"first"] * 3
