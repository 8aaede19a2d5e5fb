# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The sink
#
# A Python program has many threads, or tasks, and one connection that all of them write to: a log host, a metrics
# server, a client that wants results as they come. `fanin.Sink` is that fan-in as a part to use: `send` copies the
# bytes and returns, a native thread writes what has come together, and the account says what became of every message.
#
# This notebook sets it beside what a program would do without it, each written as well as we can, and lets things go
# wrong: a busy interpreter, a receiver that reads nothing, one that dies.

# %%
import asyncio
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import fanin

QUICK = os.environ.get("FANIN_QUICK") == "1"
# The rivals of `make bench-sink`, one function each.
sys.path.insert(0, str(Path("../benches/sink").resolve()))
import arms

# %% [markdown]
# ## In five lines
#
# The other end is a server of the package that echoes, so that the echo can confirm.

# %%
with fanin.Server("echo") as server, fanin.Sink(server.url, framing="lines", confirm="echo") as sink:
    sink.send(b"from any thread")
    sink.send_many([b"many", b"at once"])
    account = sink.flush(timeout=5)
account

# %% [markdown]
# *Acked* is what came back, byte for byte. Without `confirm` there is only *written*: the kernel took it.
#
# ## Beside its rivals
#
# Threads send messages of 64 bytes. The clock runs until the server has counted the last byte. Rounds are shuffled;
# what did not arrive in full would have no figure.

# %%
RIVALS = ["sink", "simple-queue/1024", "simple-queue/bounded", "queue.Queue/10000", "lock/sendall"]
THREADS = [1, 8] if QUICK else [1, 8, 64]
ROUNDS = 1 if QUICK else 5
SECONDS = 0.1 if QUICK else 0.3

for name in RIVALS:
    print(f"{name:22}{arms.find(name).about}")


# %%
def once(name: str, threads: int, each: int) -> float:
    """Messages a second, or an error if the server did not count every byte."""
    message, ready = b"x" * 64, threading.Barrier(threads + 1)
    with fanin.Server() as server:
        arm = arms.find(name).open((server.host, server.port))

        def work() -> None:
            send = arm.send
            ready.wait()
            for _ in range(each):
                send(message)

        started = [threading.Thread(target=work) for _ in range(threads)]
        for thread in started:
            thread.start()
        ready.wait()
        began = time.monotonic()
        for thread in started:
            thread.join()
        arm.close()
        wanted = 64 * each * threads
        while server.report()["bytes_received"] < wanted:
            assert time.monotonic() - began < 60, "not all arrived"
            time.sleep(0.0005)
        seconds = time.monotonic() - began
    assert server.report()["bytes_received"] == wanted
    return each * threads / seconds


cells = [(name, threads) for name in RIVALS for threads in THREADS]
burst = {cell: once(*cell, 2000) * SECONDS for cell in cells}
found: dict = {cell: [] for cell in cells}
shuffled = random.Random(0)
for _ in range(ROUNDS):
    for name, threads in shuffled.sample(cells, len(cells)):
        found[name, threads].append(once(name, threads, max(int(burst[name, threads] / threads), 100)))

print(f"{'million messages a second':26}" + "".join(f"{count:>3} threads" for count in THREADS))
for name in RIVALS:
    rates = (sorted(found[name, threads])[ROUNDS // 2] / 1e6 for threads in THREADS)
    print(f"{name:26}" + "".join(f"{rate:11.2f}" for rate in rates))

# %% [markdown]
# No call beats the `put` of `SimpleQueue`: a `send` takes half as long again. But that one's consumer needs the
# interpreter as well, and so takes time from those who put, while the sink's writer never does; and it has no bound:
# whatever the senders are ahead piles up. What else the program does is in its way too. That is the next question.
# `make bench-sink` asks many more, and checks each message.
#
# ## Beside a busy thread
#
# One message every 2 ms, while another thread computes in Python. How long until it has *arrived*? The receiver is a
# process of its own; both read the same clock.

# %%
RECEIVER = """
import socket, sys, time
with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    connection, _ = listener.accept()
took, data = [], b""
while piece := connection.recv(65536):
    now, data = time.monotonic_ns(), data + piece
    while len(data) >= 64:
        took.append(now - int.from_bytes(data[:8], "little"))
        data = data[64:]
print(*took)
"""


def late(name: str, messages: int) -> list[float]:
    """Microseconds from just before the call to the arrival, sorted."""
    over = threading.Event()

    def busy() -> None:
        while not over.is_set():
            sum(number * number for number in range(1000))

    with subprocess.Popen([sys.executable, "-c", RECEIVER], stdout=subprocess.PIPE, text=True) as process:
        arm = arms.find(name).open(("127.0.0.1", int(process.stdout.readline())))
        computing = threading.Thread(target=busy)
        computing.start()
        for _ in range(messages):
            time.sleep(0.002)
            arm.send(time.monotonic_ns().to_bytes(8, "little") + bytes(56))
        over.set()
        computing.join()
        arm.close()
        took = process.stdout.readline()
    assert len(took.split()) == messages
    return sorted(int(word) / 1000 for word in took.split())


MESSAGES = 150 if QUICK else 1000
print(f"{'µs until arrival, beside a busy thread':40}{'median':>10}{'99 %':>10}")
for name in ("sink", "simple-queue/1024", "lock/sendall", "call_soon_threadsafe"):
    took = late(name, MESSAGES)
    print(f"{name:40}{took[len(took) // 2]:10,.0f}{took[int(0.99 * len(took))]:10,.0f}")

# %% [markdown]
# A consumer in Python has to get the interpreter back from the thread that computes, which takes up to the switch
# interval of 5 ms, each time. The sink's actor never needs it. (`lock/sendall` is quick to arrive, since the sender
# writes itself; but it gives the interpreter up for that, and waits as long to get it back: its *calls* take 5 ms.)
#
# ## Threads and tasks together
#
# One sink, eight threads, and two event loops of a hundred tasks each. A task's `send_async` costs a call where there
# is room, and waits without blocking its loop where there is none. What arrived is read back and checked.


# %%
def recorded(listener: socket.socket, stream: bytearray) -> None:
    connection, _ = listener.accept()
    with connection:
        while piece := connection.recv(1 << 16):
            stream += piece


async def tasks(sink: fanin.Sink, first: int, each: int) -> None:
    async def work(number: int) -> None:
        for sequence in range(each):
            await sink.send_async(b"%d %d" % (number, sequence))

    async with asyncio.TaskGroup() as group:
        for number in range(first, first + 100):
            group.create_task(work(number))


def thread(sink: fanin.Sink, number: int, each: int) -> None:
    for sequence in range(each):
        sink.send(b"%d %d" % (number, sequence))


EACH = 100 if QUICK else 1000
stream = bytearray()
with socket.create_server(("127.0.0.1", 0)) as listener:
    reading = threading.Thread(target=recorded, args=(listener, stream))
    reading.start()
    # So small that everybody has to wait now and then.
    with fanin.Sink(f"tcp://127.0.0.1:{listener.getsockname()[1]}", framing="lines", capacity="4 KiB") as sink:
        senders = [threading.Thread(target=thread, args=(sink, number, EACH)) for number in range(8)]
        senders += [threading.Thread(target=asyncio.run, args=(tasks(sink, first, EACH),)) for first in (100, 200)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        print(sink.flush(timeout=10))
        stats = sink.stats()
    reading.join()

seen: dict = {}
for line in stream.splitlines():
    number, sequence = map(int, line.split())
    assert sequence == seen.get(number, -1) + 1, "each sender's messages arrive once, and in its order"
    seen[number] = sequence
print(f"{len(seen)} senders, each with {EACH} messages in order; {stats.waits:,} sends had to wait for room")

# %% [markdown]
# ## A receiver that reads nothing
#
# The kernel's buffers fill up, then the sink's capacity does, and there it ends: memory stays what it is. What happens
# to the next message is the program's choice.

# %%
with socket.create_server(("127.0.0.1", 0)) as listener:
    url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    for on_full in ("wait", "raise", "drop_newest", "drop_oldest"):
        sink = fanin.Sink(url, framing="length", capacity="1 MiB", on_full=on_full).open()
        try:
            for _ in range(20_000):
                sink.send(bytes(1024), timeout=0.2)
            outcome = "all were taken"
        except fanin.Full as full:
            outcome = f"{type(full).__name__} after {sink.delivery.accepted:,}"
        held = sink.stats().high_water_bytes
        try:
            account = sink.close(timeout=0.1)
        except fanin.TimedOut as late_close:
            account = late_close.delivery
        print(f"{on_full:12} {outcome}; at most {held:,} bytes held; {account}")

# %% [markdown]
# Each close ended within its time, and said what was left. (A sender that does not wait can be ahead of the actor, and
# so find the capacity used up while the kernel has room: what was held may then still be written.)
#
# ## A receiver that dies
#
# It reads a little, then resets the connection. What the kernel had taken is lost without a trace there, and nobody is
# told how much: that is why it is *in doubt*. By default the loss is raised, with the account.


# %%
def dying(listener: socket.socket, connections: int) -> None:
    for _ in range(connections):
        connection, _ = listener.accept()
        connection.recv(1000)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


with socket.create_server(("127.0.0.1", 0)) as listener:
    threading.Thread(target=dying, args=(listener, 1)).start()
    sink = fanin.Sink(f"tcp://127.0.0.1:{listener.getsockname()[1]}", framing="lines").open()
    try:
        while True:
            sink.send(b"x" * 100)
    except fanin.Disconnected as lost:
        print(f"{type(lost).__name__}: {lost}")
        account = lost.delivery
    print(account)
    states = account.written + account.acked + account.in_doubt + account.unsent + account.dropped
    print(f"accepted {account.accepted:,} = {states:,} in all its states")

# %% [markdown]
# With `reconnect="at_most_once"` the sink connects again, and sends on with whole messages; what is in doubt stays in
# doubt and is not sent twice. Here the receiver dies three times and then lives.

# %%
told = []
with socket.create_server(("127.0.0.1", 0)) as listener:

    def dies_then_lives() -> None:
        dying(listener, 3)
        recorded(listener, survived)

    survived = bytearray()
    living = threading.Thread(target=dies_then_lives)
    living.start()
    target = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    options = {"framing": "lines", "reconnect": "at_most_once", "backoff": (0.01, 0.1)}
    with fanin.Sink(target, **options, on_reconnect=told.append) as sink:
        number = 0
        while len(told) < 3:
            sink.send(b"%d" % number)
            number += 1
            time.sleep(0.0005)
        for more in range(number, number + 100):
            sink.send(b"%d" % more)
        account = sink.flush(timeout=10)
    living.join()

print(account)
numbers = [int(line) for line in survived.splitlines()]
assert numbers == sorted(set(numbers)), "none twice, none out of order, none cut"
assert numbers[-100:] == list(range(number, number + 100)), "after the last death all arrive"
print(f"{len(told)} reconnects; the survivor has {len(numbers):,} of {number + 100:,}, the last is {numbers[-1]:,}")

# %% [markdown]
# ## Logging
#
# `SinkHandler` is the sink as a handler of `logging`: it formats where the program logs, waits for nobody, raises
# nothing, and counts what it could not keep.

# %%
import logging

with fanin.Server() as server:
    handler = fanin.SinkHandler(server.url, framing="rfc6587")
    log = logging.Logger("shop")
    log.addHandler(handler)
    for number in range(1000):
        log.warning("sold %d of %s", number, "apples")
    handler.close()
print(handler.delivery())
print(f"{handler.dropped} dropped; {server.report()['bytes_received']:,} bytes arrived")

# %% [markdown]
# ## What to take home
#
# * Ask for the account. `written` is what the kernel took; only a confirmation says what arrived.
# * A bound is part of the design: say how much may wait, and what happens to the next one.
# * Where Python is busy, what must leave on time should not need Python to leave.
