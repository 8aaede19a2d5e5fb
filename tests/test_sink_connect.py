"""How a sink comes by its connection: every address, TLS, who is away or never answers, what is left when it fails."""

import errno
import os
import random
import shutil
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from receivers import Receiver, free_port, stalled, url_of, wait_for

import fanin

# A key that protects nothing, and its certificate for localhost, signed by itself.
PEM = Path(__file__).parent / "localhost.pem"
QUICK: dict[str, Any] = {"backoff": (0.001, 0.01), "framing": "lines"}


def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    return context


def python(script: str, *arguments: str, under: tuple[str, ...] = (), timeout: float = 100) -> str:
    """What a script of its own process says; it must end well."""
    command = [*under, sys.executable, "-X", "faulthandler", "-c", script, *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


# --- who is away -----------------------------------------------------------------------------------------------------


def test_a_hundred_refusals_are_told_and_outlived() -> None:
    """A port that nobody listens on, and then somebody does: nothing is lost, and each refusal was told."""
    told: list[fanin.FaninError] = []
    port = free_port()
    sink = fanin.Sink(f"tcp://127.0.0.1:{port}", reconnect="at_most_once", on_error=told.append, **QUICK)
    assert sink.open(timeout=0) is sink
    sink.send(b"kept")
    wait_for(lambda: sink.stats().failed_attempts >= 100)
    assert not sink.stats().connected
    with Receiver(port=port) as receiver:
        sink.open(timeout=20)
        account = sink.close()
        receiver.until(lambda: receiver.received == b"kept\n")
    assert (account.accepted, account.written) == (1, 1)
    assert len(told) >= 100
    assert all(isinstance(error, fanin.AddressError) and error.errno == errno.ECONNREFUSED for error in told)


def test_a_hundred_connections_that_are_reset_at_once() -> None:
    with fanin.Server("echo", refuse=100) as server:
        settings = {"confirm": "echo", "reconnect": "at_least_once"} | QUICK
        with fanin.Sink(server.url, **settings) as sink:
            sink.send(b"in the end")
            assert sink.flush(timeout=60).acked == 1
            stats = sink.stats()
    assert stats.losses + stats.failed_attempts == 100


@pytest.mark.parametrize("unsent", [0, 3])
def test_a_close_does_not_wait_for_the_next_attempt(unsent: int) -> None:
    sink = fanin.Sink(f"tcp://127.0.0.1:{free_port()}", reconnect="at_most_once", backoff=(50, 60))
    assert sink.open(timeout=0) is sink
    wait_for(lambda: sink.stats().failed_attempts == 1)
    for _ in range(unsent):
        sink.send(b"x")
    began = time.monotonic()
    if unsent:
        with pytest.raises(fanin.TimedOut) as caught:
            sink.close(timeout=0.2)
        assert caught.value.delivery
        assert caught.value.delivery.unsent == unsent
    else:
        assert sink.close(timeout=40) == fanin.Delivery()
    assert time.monotonic() - began < 20


# --- what is left when it fails --------------------------------------------------------------------------------------

SCARCE = """
import asyncio, errno, os, resource, sys, threading
import fanin

resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
taken = []

def exhaust():
    while True:
        try:
            taken.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            return

def count(what):
    # The directory that is listed is one more, and there may be none left for it.
    return len(os.listdir(f"/proc/self/{what}"))

def attempt():
    sink = fanin.Sink(sys.argv[1])
    try:
        sink.open()
    except OSError as error:
        assert isinstance(error, fanin.AddressError) and error.errno == errno.EMFILE, repr(error)
        assert sink.closed and not sink._is_open
        return False
    sink.send(b"x")
    sink.close()
    return True

assert attempt()
# Whatever it is that cannot be had, from the first descriptor that it needs to the last.
exhaust()
failed = 0
while not attempt():
    failed += 1
    os.close(taken.pop())
while taken:
    os.close(taken.pop())
assert failed >= 3, failed
while count("task") > 1:
    pass
left = count("fd")

async def main():
    sink = fanin.Sink(sys.argv[1])
    exhaust()
    try:
        await sink.open_async()
    except OSError as error:
        assert error.errno == errno.EMFILE, repr(error)
    else:
        print("it opened out of nothing")
    while taken:
        os.close(taken.pop())
    try:
        sink.close()
    except fanin.FaninError:
        pass

asyncio.run(main())
while count("task") > 1:
    pass
assert count("fd") == left, (count("fd"), left)
print("ok")
"""


@pytest.mark.unix
@pytest.mark.proc
def test_without_descriptors_it_says_so_and_keeps_none(receiver: Receiver) -> None:
    assert python(SCARCE, receiver.url) == "ok\n"


@pytest.mark.proc
@pytest.mark.parametrize(
    "target",
    ["tcp://127.0.0.1:{port}", "unix:///nowhere/at/all", "tcp://no-such-host.invalid:9", "tcp://999.1.1.1:9"],
    ids=["refused", "no path", "no name", "no address"],
)
def test_no_thread_is_left_of_an_attempt_that_failed(target: str) -> None:
    def threads() -> int:
        return len(os.listdir("/proc/self/task"))

    before = threads()
    for _ in range(5):
        with pytest.raises(fanin.AddressError):
            fanin.Sink(target.format(port=free_port()), on_error=lambda _: None).open()
    wait_for(lambda: threads() <= before)


# --- names -----------------------------------------------------------------------------------------------------------

# As another host sees names: a file of names, or a server for them that never answers. In namespaces of its own.
ALONE = ("unshare", "--map-root-user", "--mount", "--net")


def can_be_alone() -> bool:
    if not shutil.which("unshare") or not shutil.which("mount"):
        return False
    command = [*ALONE, "sh", "-c", "mount --bind /etc/hosts /etc/hosts"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


alone = pytest.mark.skipif(not can_be_alone(), reason="this system gives no namespaces of its own")

ASIDE = """
import fcntl, os, socket, struct, subprocess, sys, tempfile, time
import fanin

def instead(path, text):
    with tempfile.NamedTemporaryFile("w", delete=False) as file:
        file.write(text)
    subprocess.run(["mount", "--bind", file.name, path], check=True)
    os.unlink(file.name)

# The loopback is down in a fresh namespace.
with socket.socket() as sock:
    fcntl.ioctl(sock, 0x8914, struct.pack("16sh14x", b"lo", 0x1 | 0x40))
"""

SEVERAL = (
    ASIDE
    + """
instead("/etc/hosts", "127.0.0.9 several.test\\n127.0.0.8 several.test\\n127.0.0.1 several.test\\n")
with socket.create_server(("127.0.0.1", 0)) as listener:
    port = listener.getsockname()[1]
    with fanin.Sink(f"tcp://several.test:{port}") as sink:
        sink.send(b"the third")
        connection, _ = listener.accept()
        sink.close()
        assert connection.recv(100, socket.MSG_WAITALL) == b"the third"
try:
    fanin.Sink(f"tcp://several.test:{port}").open()
except fanin.AddressError as error:
    print(error.errno, "several.test" in str(error))
"""
)


@pytest.mark.unix
@alone
def test_every_address_of_a_name_is_tried() -> None:
    assert python(SEVERAL, under=ALONE) == f"{errno.ECONNREFUSED} True\n"


MUTE = (
    ASIDE
    + """
import asyncio
instead("/etc/resolv.conf", "nameserver 127.0.0.1\\noptions timeout:30 attempts:1\\n")
instead("/etc/nsswitch.conf", "hosts: dns\\n")
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind(("127.0.0.1", 53))

def late(call, kind):
    began = time.monotonic()
    try:
        call()
    except kind as error:
        took = time.monotonic() - began
        assert 0.4 < took < 15, took
        return error
    raise AssertionError("it opened")

error = late(fanin.Sink("tcp://nobody.test:9", connect_timeout=0.5).open, fanin.AddressError)
print(error.errno, error)
late(lambda: fanin.Sink("tcp://nobody.test:9", reconnect="at_most_once").open(0.5), fanin.TimedOut)
late(lambda: asyncio.run(fanin.Sink("tcp://nobody.test:9", connect_timeout=0.5).open_async()), fanin.AddressError)
sink = fanin.Sink("tcp://nobody.test:9", reconnect="at_most_once", close_timeout=0.5)
sink.open(timeout=0).send(b"never")
assert names.recv(1000), "it did not ask"
"""
)


@pytest.mark.unix
@alone
def test_a_name_that_is_never_answered_is_not_waited_for() -> None:
    """Not by open, and not at the interpreter's exit."""
    began = time.monotonic()
    command = [*ALONE, sys.executable, "-c", MUTE]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 25
    assert done.stdout.startswith(f"{errno.ETIMEDOUT} [Errno {errno.ETIMEDOUT}] could not connect"), done.stdout
    assert "at exit: tcp://nobody.test:9: " in done.stderr
    assert "1 unsent" in done.stderr


def test_localhost_is_found_where_it_listens() -> None:
    families = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
    known = {family for family, *_ in socket.getaddrinfo("localhost", None, type=socket.SOCK_STREAM)}
    tried = 0
    for family in known & families.keys():
        try:
            listener = socket.create_server((families[family], 0), family=family)
        except OSError:
            continue
        with listener:
            sink = fanin.Sink(f"tcp://localhost:{listener.getsockname()[1]}", framing="lines").open()
            connection, _ = listener.accept()
            with connection:
                sink.send(b"hello")
                assert connection.recv(6, socket.MSG_WAITALL) == b"hello\n"
                assert sink.close().written == 1
        tried += 1
    assert tried, "there is no localhost"


# --- TLS -------------------------------------------------------------------------------------------------------------


def test_tls_to_a_server_of_pythons_own() -> None:
    data = random.Random(1).randbytes(300_000)
    with Receiver(echo=True, tls=tls()) as receiver:
        url = receiver.url.replace("tcp://127.0.0.1", "tls://localhost")
        with fanin.Sink(url, framing="length", confirm="echo", ca_file=PEM) as sink:
            sink.send_many([data[n : n + 1000] for n in range(0, len(data), 1000)])
            assert sink.flush(timeout=20).acked == 300
        receiver.ended.wait(10)
        assert b"".join(receiver.frames("length")) == data


def test_who_cannot_prove_who_it_is_is_spoken_to_only_where_that_was_asked_for() -> None:
    with Receiver(tls=tls()) as receiver:
        url = receiver.url.replace("tcp://", "tls://")
        with pytest.raises(fanin.AddressError, match="invalid peer certificate"):
            fanin.Sink(url).open()
        with pytest.raises(fanin.AddressError, match="not valid for name"):
            fanin.Sink(url, ca_file=PEM, server_name="elsewhere.test").open()
        with fanin.Sink(url, verify=False) as sink:
            sink.send(b"whoever you are")
        receiver.until(lambda: receiver.received == b"whoever you are")


@pytest.mark.parametrize(
    ("settings", "kind", "words"),
    [
        ({"ca_file": "/nowhere/ca.pem"}, FileNotFoundError, ("ca_file cannot be read", "'/nowhere/ca.pem'")),
        ({"ca_file": Path(__file__).parent}, IsADirectoryError, ("ca_file cannot be read",)),
        ({"ca_file": __file__}, fanin.PlanError, ("ca_file=", "test_sink_connect.py", "no certificate in PEM")),
        ({"client_cert": ("/nowhere/c", PEM)}, FileNotFoundError, ("certificate cannot be read", "'/nowhere/c'")),
        ({"client_cert": (PEM, __file__)}, fanin.PlanError, ("key=", "no private key in PEM")),
        ({"ca_file": PEM, "verify": False}, fanin.PlanError, ("ca_file=", "nobody is to be trusted")),
        ({"verify": 0}, fanin.PlanError, ("verify=0", "True and False")),
        ({"server_name": "a b"}, fanin.PlanError, ("server_name=a b", "host names")),
    ],
)  # fmt: skip
def test_what_tls_cannot_use_is_told_when_it_is_made(
    settings: dict[str, Any], kind: type[BaseException], words: tuple[str, ...]
) -> None:
    for make in (fanin.Sink, fanin.SinkHandler):
        with pytest.raises(kind) as caught:
            make("tls://localhost:9", **settings)
        assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [{"ca_file": PEM}, {"verify": False}, {"server_name": "localhost"}, {"client_cert": (PEM, PEM)}],
    ids=["ca_file", "verify", "server_name", "client_cert"],
)
def test_who_asks_for_tls_is_not_given_a_line_in_the_clear(settings: dict[str, Any]) -> None:
    with pytest.raises(fanin.PlanError, match="allowed for tls://HOST:PORT only"):
        fanin.Sink("tcp://localhost:9", **settings)
    here, there = socket.socketpair()
    with here, there, pytest.raises(fanin.PlanError, match="allowed for tls://HOST:PORT only"):
        fanin.Sink.from_socket(here, **settings)


# --- who ends its side, and who does not -----------------------------------------------------------------------------


def test_a_peer_that_ends_its_stream_counts_as_gone_though_it_reads_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sink = fanin.Sink(url_of(listener), framing="lines").open()
        connection, _ = listener.accept()
        with connection:
            sink.send(b"one")
            assert connection.recv(4, socket.MSG_WAITALL) == b"one\n"
            sink.flush(timeout=20)
            connection.shutdown(socket.SHUT_WR)
            wait_for(lambda: not sink._is_open)
            with pytest.raises(fanin.Disconnected, match="the other end closed the connection") as caught:
                sink.send(b"two")
    # Written, and nobody can say whether it was read.
    account = caught.value.delivery
    assert account
    assert (account.accepted, account.in_doubt, account.written) == (1, 1, 0)
    with pytest.raises(fanin.Disconnected):
        sink.close()


def test_a_peer_that_does_not_end_its_side_is_waited_for_a_second_at_most() -> None:
    with stalled() as listener:
        for timeout, least in ((10.0, 0.9), (0.1, 0.0)):
            sink = fanin.Sink(url_of(listener)).open()
            connection, _ = listener.accept()
            with connection:
                sink.send(b"x")
                sink.flush(timeout=20)
                began = time.monotonic()
                assert sink.close(timeout).complete
                assert least <= time.monotonic() - began < 9
