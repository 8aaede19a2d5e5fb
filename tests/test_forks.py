"""A fork while another thread holds a lock of ours: the child would wait for it for ever, if it asked for it.

A thread of Python's cannot hold the lock of a sink's queue then: it takes it and gives it back without leaving the
interpreter, which `os.fork` needs. The sink's own thread may hold it: `test_sink_life.py` forks under load.
"""

import subprocess
import sys

import pytest

# What a child does with what it inherited: `Forked` from each call, the quickest of three within 10 ms.
CHILD = """
import faulthandler, os, socket, sys, threading, time, fanin

def refused(*calls):
    for call in calls:
        took = []
        for _ in range(3):
            began = time.monotonic()
            try:
                call()
            except fanin.Forked:
                took.append(time.monotonic() - began)
        assert len(took) == 3 and min(took) < 0.01, (call, took)

def fork(child):
    one = os.fork()
    if one == 0:
        faulthandler.dump_traceback_later(30, exit=True)
        child()
        sys.exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(one, 0)[1]) == 7
"""

FRAMING = """
inside, go = threading.Event(), threading.Event()

def split(data):
    inside.set()
    go.wait()
    return [data], b""

def child():
    refused(server.count, server.clear, server.messages, server.report, lambda: server.wait_for(2, 60))

server = fanin.Server(framing=split)
with socket.create_connection((server.host, server.port)) as client:
    client.sendall(b"x")
    asking = threading.Thread(target=server.wait_for, args=(1, 60))
    asking.start()
    inside.wait()
    fork(child)
    go.set()
    asking.join()
    assert server.count() == 1
server.stop()
print("ok")
"""

OPENING = """
from fanin import _moments

held, go = threading.Event(), threading.Event()

def hold():
    with _moments.beginning():
        held.set()
        go.wait()

def child():
    refused(sink.open, sink.close, sink.flush, sink.stats, lambda: sink.send(b"x"), lambda: never.open())
    with fanin.Sink(server.url, framing="lines") as own:
        own.send(b"child")
        assert own.flush(timeout=20).written == 1

server = fanin.Server(framing="lines")
never = fanin.Sink(server.url, framing="lines")
with fanin.Sink(server.url, framing="lines") as sink:
    holding = threading.Thread(target=hold)
    holding.start()
    held.wait()
    fork(child)
    go.set()
    holding.join()
    sink.send(b"parent")
server.wait_for(2, 20)
server.assert_delivered(expected=[b"child", b"parent"])
server.stop()
print("ok")
"""


@pytest.mark.unix
@pytest.mark.parametrize("script", [FRAMING, OPENING], ids=["a framing at work", "a sink being opened"])
def test_a_fork_while_another_thread_holds_a_lock(script: str) -> None:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", CHILD + script]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")
