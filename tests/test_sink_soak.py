"""The sink under everything at once: it must finish. Scaled down here, in full by `make prove`."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from receivers import Receiver, frames, stalled, url_of, wait_for

import fanin

PROVE = os.environ.get("FANIN_PROVE") == "1"

# Threads that send, callbacks that send and look, a finaliser that sends while something is sent, a signal handler that
# sends whatever it interrupts, and the collector forced all the while: each of them would hang on a lock that is held
# while Python code runs, or that is waited for while the interpreter is held.
SOAK = """
import faulthandler, gc, signal, sys, threading, fanin

url, threads, each = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
faulthandler.dump_traceback_later(float(sys.argv[4]), exit=True)
sys.setswitchinterval(1e-6)
told = {"drops": 0, "errors": 0, "finalised": 0, "signals": 0}

def on_drop(drop):
    told["drops"] += drop.messages
    gc.collect(0)
    sink.stats()

def on_error(error):
    told["errors"] += 1
    sink.delivery

class Dying:
    def __del__(self):
        told["finalised"] += 1
        sink.try_send(b"f")

def on_alarm(*_):
    told["signals"] += 1
    sink.send(b"s")
    sink.send_many([b"s", b"s"])

sink = fanin.Sink(url, framing="lines", capacity="64 KiB", on_full="drop_oldest", on_drop=on_drop, on_error=on_error)
sink.open()
signal.signal(signal.SIGALRM, on_alarm)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)

def load(number):
    for n in range(each):
        sink.send(b"%d %d" % (number, n))
        if n % 100 == 0:
            cycle = [Dying()]
            cycle.append(cycle)
            sink.send_many([b"%d" % n, bytearray(b"m"), memoryview(b"m")])
        if n % 1000 == 0:
            gc.collect()

running = [threading.Thread(target=load, args=(n,)) for n in range(threads)]
for thread in running:
    thread.start()
for thread in running:
    thread.join()
signal.setitimer(signal.ITIMER_REAL, 0)
gc.collect()
account = sink.close(timeout=60)
assert account.accepted == account.written + account.dropped, account
assert account.accepted >= threads * each
assert told["drops"] == account.dropped, (told, account)
assert told["finalised"] and told["signals"], told
print(account.written)
"""


@pytest.mark.timeout(1800)
def test_everything_at_once_finishes() -> None:
    threads, each, limit = ("64", "100000", "1500") if PROVE else ("64", "500", "90")
    with Receiver() as receiver:
        done = subprocess.run(
            [sys.executable, "-c", SOAK, receiver.url, threads, each, limit],
            check=False, capture_output=True, text=True, timeout=1700,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        wait_for(receiver.ended.is_set)
        assert len(frames("lines", receiver.received)) == int(done.stdout)


WAITING = """
import faulthandler, gc, signal, sys, threading, time, fanin

url, threads, each = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
faulthandler.dump_traceback_later(float(sys.argv[4]), exit=True)
sys.setswitchinterval(1e-6)
count = [0]

def on_alarm(*_):
    count[0] += 1
    sink.send(b"from a signal handler")

class Dying:
    def __del__(self):
        count[0] += 1
        sink.send(b"from a finaliser")

sink = fanin.Sink(url, framing="lines", capacity=2048).open()
signal.signal(signal.SIGALRM, on_alarm)
signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)

def load(number):
    for n in range(each):
        sink.send(b"%d %d" % (number, n))
        if n % 50 == 0:
            Dying()

running = [threading.Thread(target=load, args=(n,)) for n in range(threads)]
for thread in running:
    thread.start()
for n in range(each):
    sink.send(b"main %d" % n)
for thread in running:
    thread.join()
signal.setitimer(signal.ITIMER_REAL, 0)
account = sink.close(timeout=60)
assert account.complete and account.accepted == (threads + 1) * each + count[0], (account, count)
assert sink.stats().waits > 0
print(account.written)
"""


@pytest.mark.timeout(1800)
def test_waiting_beside_handlers_and_finalisers_that_wait_finishes() -> None:
    threads, each, limit = ("64", "10000", "1500") if PROVE else ("16", "500", "90")
    with Receiver(chunk=4096) as receiver:
        done = subprocess.run(
            [sys.executable, "-c", WAITING, receiver.url, threads, each, limit],
            check=False, capture_output=True, text=True, timeout=1700,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        wait_for(receiver.ended.is_set)
        assert len(frames("lines", receiver.received)) == int(done.stdout)


def resident() -> int:
    """The memory of this process, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="this system does not tell")
def test_eight_threads_beside_a_peer_that_does_not_read_stay_within_the_capacity() -> None:
    outcomes: list[type[BaseException]] = []

    def load(sink: fanin.Sink) -> None:
        try:
            while True:
                sink.send(os.urandom(4096))
        except fanin.FaninError as error:
            outcomes.append(type(error))

    with stalled() as listener:
        before = resident()
        sink = fanin.Sink(url_of(listener), capacity="8 MiB", send_buffer=4096).open()
        threads = [threading.Thread(target=load, args=(sink,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        wait_for(lambda: sink.stats().waiting == 8)
        sizes = []
        for _ in range(20):
            time.sleep(0.05)
            sizes.append(resident())
        assert max(sizes) - min(sizes) < 2**20, "it grows while everybody waits"
        assert max(sizes) - before < 2 * 8 * 2**20 + 16 * 2**20
        assert sink.stats().held_bytes <= 8 * 2**20
        began = time.monotonic()
        with pytest.raises(fanin.TimedOut):
            sink.close(timeout=0.2)
        for thread in threads:
            thread.join(20)
        assert time.monotonic() - began < 10
    assert outcomes == [fanin.Closed] * 8


def test_callbacks_may_use_the_sink_and_what_they_raise_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[object] = []
    called: list[fanin.Dropped] = []
    monkeypatch.setattr(threading, "excepthook", lambda facts: raised.append(facts.exc_value))

    def on_drop(drop: fanin.Dropped) -> None:
        assert threading.current_thread().name == "fanin-told"
        called.append(drop)
        sink.send(b"x")
        raise KeyError("mine")

    with stalled() as listener:
        sink = fanin.Sink(
            url_of(listener), capacity=1000, on_full="drop_newest", send_buffer=4096, on_drop=on_drop, close_timeout=0.1
        )
        sink.open()
        while len(called) < 2:
            sink.send(bytes(500))
        with contextlib.suppress(fanin.TimedOut):
            sink.close()
    assert len(raised) == len(called)
    assert isinstance(raised[0], KeyError)
    assert all(isinstance(error, (KeyError, fanin.Closed)) for error in raised)


def test_a_callback_may_close_the_sink() -> None:
    closed = threading.Event()

    def on_error(error: fanin.FaninError) -> None:
        errors.append(error)
        with pytest.raises(fanin.Disconnected):
            sink.close()
        closed.set()

    errors: list[fanin.FaninError] = []
    with Receiver() as receiver:
        sink = fanin.Sink(receiver.url, on_error=on_error).open()
        wait_for(lambda: receiver.connection)
        receiver.reset()
        assert closed.wait(20)
    assert sink.closed
    assert isinstance(errors[0], fanin.Disconnected)
    sink.close()


def test_a_reconnection_is_told() -> None:
    told: list[object] = []
    with Receiver() as receiver:
        settings = {"reconnect": "at_most_once", "backoff": (0.01, 0.02), "framing": "lines"}
        with fanin.Sink(receiver.url, on_reconnect=told.append, on_error=told.append, **settings) as sink:
            wait_for(lambda: receiver.connection)
            receiver.reset()
            wait_for(lambda: len(told) >= 2)
            sink.send(b"after")
            assert sink.stats().reconnects == 1
        wait_for(lambda: receiver.received.endswith(b"after\n"))
    assert isinstance(told[0], fanin.FaninError)
    assert isinstance(told[1], fanin.Reconnected)
    assert told[1].attempts == 1
