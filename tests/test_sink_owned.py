"""Whom a sink keeps alive and whom it does not: its owner, callbacks, arguments, a program that ends, a child."""

import gc
import subprocess
import sys
import time
import warnings
import weakref

import pytest
from receivers import Receiver, wait_for

import fanin

# --- whom it keeps alive ---------------------------------------------------------------------------------------------


class Owner:
    """A sink whose callback is a method of who has it."""

    def __init__(self, url: str, told: list[object]) -> None:
        self.told = told
        settings = {"on_drop": self.note, "on_error": self.note, "on_reconnect": self.note}
        self.sink = fanin.Sink(url, framing="lines", **settings)

    def note(self, event: object) -> None:
        self.told.append(event)


@pytest.mark.parametrize("is_open", [False, True])
def test_who_owns_a_sink_and_is_called_back_by_it_is_collected(receiver: Receiver, is_open: bool) -> None:
    owner = Owner(receiver.url, [])
    if is_open:
        owner.sink.open()
        owner.sink.send(b"what it took")
        told = owner.sink._told
    alive = [weakref.ref(owner), weakref.ref(owner.sink)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del owner
        gc.collect()
    assert [one() for one in alive] == [None, None]
    assert [one.category for one in caught] == [ResourceWarning] * is_open
    if is_open:
        receiver.until(lambda: receiver.received == b"what it took\n")
        assert told
        told.join(20)
        assert not told.is_alive()


def test_who_is_gone_is_told_what_was_left_to_tell(receiver: Receiver) -> None:
    told: list[object] = []
    receiver.reading.clear()
    owner = Owner(receiver.url, told)
    owner.sink.open()
    owner.sink.send(b"in flight")
    wait_for(lambda: receiver.connection)
    thread = owner.sink._told
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del owner
        gc.collect()
    receiver.reset()
    receiver.reading.set()
    assert thread
    thread.join(20)
    fanin._exits._orphans.clear()  # it would be told again when these tests end
    # The peer may have read all, and the close been over, before it broke the connection.
    assert all(isinstance(event, fanin.Disconnected) for event in told)
    assert len(told) <= 1


OWNED = """
import sys, fanin

class Owner:
    def __init__(self):
        self.sink = fanin.Sink(sys.argv[1], framing="lines", on_error=self.note, on_drop=self.note).open()
    def note(self, event):
        print(event)

owner = Owner()
for n in range(20_000):
    owner.sink.send(b"%d" % n)
{end}
"""


@pytest.mark.parametrize("end", ["", "del owner", "del owner; import gc; gc.collect()", "owner = owner.sink.send"])
def test_an_owned_sink_is_flushed_at_exit(receiver: Receiver, end: str) -> None:
    command = [sys.executable, "-c", OWNED.format(end=end), receiver.url]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    receiver.until(lambda: receiver.received.count(b"\n") == 20_000)


STUCK = """
import sys, threading, time, fanin

def on_drop(_):
    threading.Event().wait(60)

sinks = [fanin.Sink(sys.argv[1], capacity=1000, on_full="drop_newest", on_drop=on_drop, close_timeout=0.1).open()
         for _ in range(10)]
for sink in sinks:
    while not sink.delivery.dropped:
        sink.send(bytes(900))
time.sleep(0.2)
print(time.monotonic(), flush=True)
"""


def test_callbacks_that_hang_do_not_keep_a_program_from_ending() -> None:
    with Receiver(reading=False) as receiver:
        command = [sys.executable, "-c", STUCK, receiver.url]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
        ended = time.monotonic()
        receiver.reading.set()
    assert done.returncode == 0, done.stderr
    # Two seconds for all of them, and some for a busy machine.
    assert ended - float(done.stdout) < 12


# --- a lock at a fork ------------------------------------------------------------------------------------------------

HELD = """
import os, threading, fanin
from fanin import _moments

held, done = threading.Event(), threading.Event()

def hold():
    with _moments.beginning():
        held.set()
        done.wait(60)

thread = threading.Thread(target=hold)
thread.start()
held.wait()
with fanin.Server() as server:
    if (child := os.fork()) == 0:
        with fanin.Sink(server.url) as own:
            own.send(b"x")
            own.flush(timeout=20)
        os._exit(7)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
done.set()
thread.join()
"""


@pytest.mark.unix
def test_a_child_opens_its_own_while_its_parent_was_opening() -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", HELD]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "7\n", "")


# --- what calls cost in references -----------------------------------------------------------------------------------


def test_what_is_refused_costs_no_reference(receiver: Receiver) -> None:
    data, wrong = bytearray(b"some bytes"), object()
    before = [sys.getrefcount(one) for one in (data, wrong)]
    with fanin.Sink(receiver.url, framing="lines", max_frame=5) as sink:
        for _ in range(200):
            for call in (sink.send, sink.try_send, sink.write, lambda one: sink.send_many([one])):
                with pytest.raises(fanin.MessageError):
                    call(data)
                with pytest.raises(TypeError):
                    call(wrong)  # type: ignore[arg-type]
            with pytest.raises(fanin.MessageError):
                sink.send_async(data).send(None)
        gc.collect()
        after = [sys.getrefcount(one) for one in (data, wrong)]
        data.append(0)  # no buffer of it is held
    assert after == before
