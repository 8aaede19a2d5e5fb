"""Servers and proxies in a whole process: forks, exits, Ctrl-C, other interpreters, and what cannot be copied."""

import copy
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pressing import press_often

import fanin

PROVE = os.environ.get("FANIN_PROVE") == "1"
FORKS = 100 if PROVE else 20


def python(script: str, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments, "-c", script]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout)


def test_handles_are_neither_copied_nor_pickled() -> None:
    """Failure mode 43."""
    with fanin.Server() as server, fanin.Proxy(server) as proxy:
        for handle in (server, proxy):
            for take in (pickle.dumps, copy.copy, copy.deepcopy):
                with pytest.raises(TypeError, match="pass its url"):
                    take(handle)


FORK = """
import os, socket, sys, time, warnings
warnings.simplefilter("ignore")
import fanin

server = fanin.Server("echo", framing="lines")
proxy = fanin.Proxy(server)
client = socket.create_connection((proxy.host, proxy.port))
client.settimeout(20)

for number in range({forks}):
    client.sendall(b"before\\n")
    child = os.fork()
    if child == 0:
        began = time.monotonic()
        for call in (server.report, server.stop, server.count, proxy.report, proxy.cut, proxy.stop,
                     lambda: server.wait_for(10**6, 20), lambda: fanin.run("swap/batch", 2)):
            try:
                call()
            except fanin.Forked:
                pass
            else:
                os._exit(1)
        if time.monotonic() - began > 5:
            os._exit(2)
        # An orderly exit, with finalisers: nothing of the parent's may be touched.
        del server, proxy
        sys.exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, status
    client.sendall(b"after\\n")

server.wait_for(2 * {forks}, 20)
echo = client.makefile("rb")
assert [echo.readline() for _ in range(2 * {forks})] == [b"before\\n", b"after\\n"] * {forks}
server.assert_delivered(expected=[b"before", b"after"] * {forks}, order="total")
assert proxy.report()["faults"] == []
proxy.stop(); server.stop()
print("ok")
"""


@pytest.mark.unix
def test_a_forked_child_is_not_warned_of_what_it_cannot_stop() -> None:
    script = """
import fanin, os, sys
server, proxy = fanin.Server(), fanin.Proxy("tcp://127.0.0.1:9")
if os.fork() == 0:
    del server, proxy
    sys.exit(0)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
proxy.stop()
server.stop()
"""
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", script]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.unix
def test_a_forked_child_touches_nothing() -> None:
    """Failure modes 9 and 10, as far as they are the server's."""
    done = python(FORK.format(forks=FORKS), timeout=110)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")
    print(f"tried: {FORKS} forks")


FORK_BUSY = """
import os, socket, sys, threading, warnings
warnings.simplefilter("ignore")
import fanin

server = fanin.Server(framing="lines")
ended = threading.Event()

def ask():
    while not ended.is_set():
        server.count(), server.report(), server.messages(), server.clear()

def ship():
    while not ended.is_set():
        client.sendall(b"x\\n" * 10)

# Here, and not in a thread: the import that a first connection makes has a lock of Python's own.
client = socket.create_connection((server.host, server.port))
threads = [threading.Thread(target=work) for work in (ask, ask, ship)]
for thread in threads:
    thread.start()
for _ in range({forks}):
    child = os.fork()
    if child == 0:
        try:
            server.count()
        except fanin.Forked:
            # What the parent's threads held is held for ever here; a server of our own has none of it.
            with fanin.Server(framing="lines") as own, socket.create_connection((own.host, own.port)) as near:
                near.sendall(b"child\\n")
                own.wait_for(1, 20)
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
ended.set()
for thread in threads:
    thread.join()
server.stop()
print("ok")
"""


@pytest.mark.unix
def test_a_child_of_a_busy_process_may_have_its_own() -> None:
    """Failure mode 9: the fork comes while other threads hold whatever there is to hold."""
    done = python(FORK_BUSY.format(forks=FORKS), timeout=110)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")
    print(f"tried: {FORKS} forks")


MULTIPROCESSING = """
import multiprocessing, socket, sys, warnings
warnings.simplefilter("ignore")
import fanin

def child(url, number, inherited):
    if inherited is not None:
        try:
            inherited.count()
        except fanin.Forked:
            pass
        else:
            raise SystemExit(3)
    with fanin.Server(framing="lines") as own, fanin.Sink(own.url, framing="lines") as near:
        near.send(b"near")
        near.flush()
        own.wait_for(1, 20)
    with fanin.Sink(url, framing="lines") as far:
        far.send(b"%d 0" % number)

if __name__ == "__main__":
    how, count = sys.argv[1], int(sys.argv[2])
    context = multiprocessing.get_context(how)
    with fanin.Server(framing="lines") as server:
        inherited = server if how == "fork" else None  # what is spawned inherits nothing
        for number in range(count):
            process = context.Process(target=child, args=(server.url, number, inherited))
            process.start()
            process.join()
            assert process.exitcode == 0, process.exitcode
        server.wait_for(count, 20)
        server.assert_delivered(expected=[b"%d 0" % number for number in range(count)], order="total")
    print("ok")
"""


@pytest.mark.parametrize("how", [pytest.param("fork", marks=pytest.mark.unix), "spawn"])
def test_multiprocessing_has_servers_on_both_sides(how: str, tmp_path: Path) -> None:
    """Failure mode 9, by multiprocessing: what is spawned imports the program again, so it is a file."""
    program = tmp_path / "program.py"
    program.write_text(MULTIPROCESSING)
    command = [sys.executable, str(program), how, "50" if PROVE else "4"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=110)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")
    print(f"tried: {command[-1]} processes of multiprocessing")


EXIT = """
import socket, fanin
server = fanin.Server("echo", framing="lines", stall_after=100)
proxy = fanin.Proxy(server, delay=0.5)
clients = [socket.create_connection((one.host, one.port)) for one in (server, proxy) for _ in range(3)]
for client in clients:
    client.sendall(b"x" * 1000)
{hold}
"""


EXITS = int(os.environ.get("FANIN_EXITS", "500")) if PROVE else 10


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("hold", ["", "import builtins; builtins.kept = server, proxy"], ids=["dropped", "kept"])
def test_leaving_with_a_running_server_is_quiet(hold: str) -> None:
    """Failure modes 11 and 12, as far as they are the server's: no hang, no crash, no word."""
    for _ in range(EXITS):
        began = time.monotonic()
        done = python(EXIT.format(hold=hold))
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert time.monotonic() - began < 20
    print(f"tried: {EXITS} exits")


WAITING = """
import time, fanin
with fanin.Server(framing={framing}) as server:
    try:
        print("started", flush=True)
        server.wait_for(1, timeout=100)
    except KeyboardInterrupt:
        print(time.monotonic(), flush=True)
"""


PRESSED = 50 if PROVE else 2


@pytest.mark.unix
@pytest.mark.timeout(600)
@pytest.mark.parametrize("framing", ["'lines'", "lambda data: ([], data)"], ids=["core", "callable"])
def test_ctrl_c_ends_a_wait(framing: str) -> None:
    """Failure mode 14."""
    press_often(WAITING.format(framing=framing), times=PRESSED)


REENTRY = """
import gc, socket, fanin

class Curious:
    def __init__(self): self.me = self
    def __del__(self): server.count(), server.messages(), server.report()

with fanin.Server(framing="lines") as server:
    with socket.create_connection((server.host, server.port)) as client:
        client.sendall(b"x\\n" * 20_000)
    server.wait_for(20_000)
    gc.set_threshold(10)
    for _ in range(20):
        Curious()
        assert len(server.messages()) == 20_000
print("ok")
"""


def test_finalisers_may_ask_while_an_answer_is_made() -> None:
    """Failure mode 16, as far as it is the server's: making objects runs the collector, which runs anything."""
    done = python(REENTRY)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")


ITSELF = """
import socket, fanin

def split(data):
    for ask in (server.count, server.messages, server.clear):
        try:
            ask()
        except fanin.FaninError as error:
            told.append(str(error))
    return data.split(b";")[:-1], data.rpartition(b";")[2]

told = []
with fanin.Server(framing=split) as server:
    with socket.create_connection((server.host, server.port)) as client:
        client.sendall(b"a;b;")
    server.wait_for(2, 20)
    assert server.messages() == [b"a", b"b"]
print(len(told) >= 3, set(told))
"""


def test_a_framing_that_asks_its_own_server_is_told() -> None:
    """Failure mode 16: it would wait for itself."""
    done = python(ITSELF)
    said = "True {'the server was asked by its own framing=, or by what interrupted it'}\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")


SUB = """
import sys, fanin
kind = "{kind}"
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
    one = interpreters.create(kind)
else:
    import _xxsubinterpreters as interpreters
    one = interpreters.create(isolated=kind == "isolated")

with fanin.Server() as server:
    try:
        told = interpreters.run_string(one, "import fanin; fanin.Server().stop()")
    except interpreters.RunFailedError as error:  # until 3.12 it is raised, from 3.13 on returned
        told = error
    print(getattr(getattr(told, "type", None), "__name__", told), flush=True)
    assert server.report()["opened"] == 0
"""


@pytest.mark.parametrize("kind", ["legacy", "isolated"])
def test_a_sub_interpreter_is_told(kind: str) -> None:
    """Failure mode 17: the second interpreter of a process gets an ImportError, and the first goes on, also where the
    second shares its lock with the first. `make pythons` tries it on each Python: they differ in it."""
    done = python(SUB.format(kind=kind), "-W", "ignore")
    assert done.returncode == 0, done.stderr
    assert "ImportError" in done.stdout, done.stdout


@pytest.mark.proc
def test_the_descriptors_are_given_back() -> None:
    folder = Path("/proc/self/fd")
    with fanin.Server() as server, fanin.Proxy(server):
        pass
    before = len(list(folder.iterdir()))
    for _ in range(20):
        with fanin.Server(framing="lines") as server, fanin.Proxy(server):
            pass
    assert len(list(folder.iterdir())) <= before
