"""`fanin send`: what is piped in arrives, and the account says what became of it."""

import json
import os
import re
import shlex
import signal
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from receivers import Receiver, free_port
from test_sink_connect import PEM

import fanin


@pytest.fixture
def host() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def send(shell: list[str]) -> "Send":
    return Send(shell)


class Send:
    """`fanin send`, in a process of its own."""

    def __init__(self, shell: list[str]) -> None:
        self.command = [*shell, "send"]

    def __call__(self, data: bytes, *arguments: str, code: int = 0) -> tuple[str, str]:
        done = subprocess.run([*self.command, *arguments], check=False, input=data, capture_output=True, timeout=60)
        said, error = done.stdout.decode(), done.stderr.decode()
        assert done.returncode == code, (said, error)
        assert "Traceback" not in error
        return said, error


def test_lines(host: Receiver, send: Send) -> None:
    lines = [b"%d " % number + bytes(number % 200) for number in range(20_000)]
    said, error = send(b"\n".join(lines), host.url, "--framing", "lines")
    host.until(lambda: host.received.count(b"\n") == 20_000)
    assert host.frames("lines") == lines
    size = sum(map(len, lines))
    assert re.fullmatch(rf"20,000 messages, {size:,} bytes, in .*: 20,000 written\n", said)
    assert error == ""


def test_bytes_as_they_come(host: Receiver, send: Send) -> None:
    data = bytes(range(256)) * 4000
    send(data, host.url, "--framing", "none")
    host.until(lambda: len(host.received) == len(data))
    assert host.received == data


@pytest.mark.parametrize(("framing", "wire"), [("length", b"\0\0\0\1a\0\0\0\0\0\0\0\2bc"), ("rfc6587", b"1 a0 2 bc")])
def test_each_line_is_a_frame(host: Receiver, send: Send, framing: str, wire: bytes) -> None:
    send(b"a\n\nbc\n", host.url, "--framing", framing)
    host.until(lambda: host.received == wire)


def test_nothing_is_fine(host: Receiver, send: Send) -> None:
    said, _ = send(b"", host.url)
    assert said.startswith("0 messages, 0 bytes, in ")
    assert host.received == b""


def test_an_echo_confirms(send: Send) -> None:
    with fanin.Server("echo") as server:
        said, _ = send(b"one\ntwo\n", server.url, "--confirm", "echo", "--json")
    account = json.loads(said)
    assert (account["accepted"], account["acked"], account["acked_bytes"], account["written"]) == (2, 2, 6, 0)
    assert account["seconds"] > 0


def test_a_slow_pipe_is_passed_on_as_it_comes(host: Receiver, send: Send) -> None:
    with subprocess.Popen([*send.command, host.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        for count in (1, 2):
            process.stdin.write(b"a line\n")
            process.stdin.flush()
            host.until(lambda count=count: host.received == b"a line\n" * count)
        process.stdin.close()
        assert process.wait(20) == 0


@pytest.mark.unix
@pytest.mark.parametrize(("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_a_signal_to_end_sends_what_it_has(host: Receiver, send: Send, number: int, word: str) -> None:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*send.command, host.url], **pipes, text=True) as process:
        assert process.stdin
        process.stdin.write("one\ntwo\n")
        process.stdin.flush()
        host.until(lambda: host.received == b"one\ntwo\n")
        process.send_signal(number)
        # Not by communicate: it would end the input.
        assert process.wait(20) == 128 + number
        assert process.stdout
        assert process.stderr
        assert process.stdout.read().endswith(": 2 written\n")
        assert process.stderr.read() == f"fanin: error: {word}\n"


def test_what_waits_when_it_is_terminated_is_sent(send: Send) -> None:
    with fanin.Server("echo", stall_after=0, stall_for=2.0) as server:
        command = [*send.command, server.url, "--confirm", "echo"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdin
            assert process.stdout
            process.stdin.write(b"one\ntwo\n")
            process.stdin.flush()
            deadline = time.monotonic() + 20
            while not server.report()["opened"] and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.5)  # to have the lines taken
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 143
            assert process.stdout.read().endswith(b": 2 acked\n")


def test_the_line_is_drawn_when_asked_for(host: Receiver, send: Send) -> None:
    command = [*send.command, host.url, "--progress"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.write(b"one\n")
        process.stdin.flush()
        time.sleep(1.2)
        _, error = process.communicate(timeout=20)
    assert b"1 message sent" in error


def test_a_peer_that_resets_is_accounted_for(send: Send) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [*send.command, f"tcp://127.0.0.1:{listener.getsockname()[1]}", "--json"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, **pipes, text=True) as process:
            connection, _ = listener.accept()
            assert process.stdin
            process.stdin.write("some line\n" * 100)
            process.stdin.flush()
            connection.recv(10)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            said, error = process.communicate("some line\n" * 100, timeout=30)
    assert process.returncode == 1
    account = json.loads(said)
    states = ("written", "acked", "in_doubt", "unsent", "dropped")
    assert account["accepted"] == sum(account[state] for state in states)
    assert account["in_doubt"] > 0
    assert error.startswith("fanin: error: ")
    assert "Traceback" not in error


def test_nobody_there_is_3(send: Send) -> None:
    port = free_port()
    said, error = send(b"a\n", f"tcp://127.0.0.1:{port}", code=3)
    assert (said, error.count("\n")) == ("", 1)
    assert str(port) in error


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("nowhere",), "target=nowhere"),
        *((("tcp://127.0.0.1:1", "--timeout", bad), f"timeout={bad}") for bad in ("nan", "inf", "-1")),
        (("tcp://127.0.0.1:1", "--framing", "xml"), "framing='xml'"),
        (("tcp://127.0.0.1:1", "--capacity", "much"), "capacity='much'"),
        (("tcp://127.0.0.1:1", "--reconnect", "at_least_once"), "reconnect"),
        (("tls://127.0.0.1:1", "--cert", "a.pem"), "--key"),
    ],
)
def test_a_bad_argument_is_one_line_and_2(send: Send, arguments: tuple[str, ...], part: str) -> None:
    said, error = send(b"", *arguments, code=2)
    assert said == ""
    assert error.startswith("fanin: error: ")
    assert error.count("\n") == 1
    assert part in error


def test_a_line_that_is_too_long_is_1(host: Receiver, send: Send) -> None:
    said, error = send(b"short\n" + b"x" * 200 + b"\n", host.url, "--max-frame", "100", code=1)
    assert ": 1 written" in said
    assert "100" in error


def test_a_line_without_an_end_is_not_kept_beyond_what_could_be_sent(host: Receiver, send: Send) -> None:
    command = [*send.command, host.url, "--capacity", "1000"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        pipe, process.stdin = process.stdin, None
        assert pipe is not None
        # Nobody reads to the end: there is none.
        with suppress(BrokenPipeError):
            for _ in range(1000):
                pipe.write(bytes(65536))
            pytest.fail("it keeps all of it")
        said, error = process.communicate(timeout=60)
        with suppress(BrokenPipeError):
            pipe.close()
    assert process.returncode == 1
    assert b"1000 bytes" in error, (said, error)


def test_bytes_as_they_come_fit_into_what_there_is(host: Receiver, send: Send) -> None:
    data = bytes(range(256)) * 100
    send(data, host.url, "--framing", "none", "--capacity", "1000")
    host.until(lambda: host.received == data)


def test_full_is_accounted_for(send: Send) -> None:
    with fanin.Server(read_rate=1000) as server:
        lines = b"x" * 1000 + b"\n"
        arguments = ("--on-full", "raise", "--capacity", "2000", "--timeout", "0")
        said, error = send(lines * 30_000, server.url, *arguments, code=1)
    assert re.match(r"[\d,]+ messages?, ", said)
    assert "is full" in error


@pytest.mark.unix
def test_it_runs_with_nothing_to_read_from_or_write_to(host: Receiver, send: Send) -> None:
    command = " ".join(shlex.quote(word) for word in [*send.command, host.url])
    closed = subprocess.run(["sh", "-c", f"{command} <&-"], check=False, capture_output=True, timeout=60)
    assert closed.returncode == 3
    assert closed.stderr.endswith(b"standard input is closed\n")
    mute = subprocess.run(["sh", "-c", f"{command} >&-"], check=False, input=b"line\n", stderr=-1, timeout=60)
    assert (mute.returncode, mute.stderr) == (0, b"")


def test_an_input_that_breaks_leaves_the_account(host: Receiver, send: Send) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = socket.create_connection(listener.getsockname())
        there, _ = listener.accept()
        command = [*send.command, host.url, "--json"]
        with here, subprocess.Popen(command, stdin=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            there.sendall(b"one\ntwo\n")
            host.until(lambda: host.received == b"one\ntwo\n")
            there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            there.close()
            said, error = process.communicate(timeout=60)
    assert process.returncode == 1, (said, error)
    assert json.loads(said)["written"] == 2
    assert error == b"fanin: error: standard input cannot be read: Connection reset by peer\n"


def test_an_input_that_does_not_block_is_read_to_its_end(host: Receiver, send: Send) -> None:
    out, into = os.pipe()
    os.set_blocking(out, False)
    with open(into, "wb", buffering=0) as end:
        with open(out, "rb") as start:
            process = subprocess.Popen([*send.command, host.url], stdin=start, stdout=subprocess.PIPE)
        with process:
            for number in range(3):
                end.write(b"%d\n" % number)
                host.until(lambda: host.received.count(b"\n") == number + 1)  # noqa: B023 - it is over before the next
                assert process.poll() is None
            end.close()
            said, _ = process.communicate(timeout=60)
    assert (process.returncode, host.received) == (0, b"0\n1\n2\n"), said


def test_tls_as_far_as_it_is_asked_for(send: Send) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PEM)
    with Receiver(tls=context) as secure:
        url = secure.url.replace("tcp://", "tls://")
        _, error = send(b"a\n", url, code=3)
        assert "invalid peer certificate" in error
        _, error = send(b"a\n", url, "--ca-file", "/nowhere/ca.pem", code=3)
        assert "ca_file cannot be read" in error
        said, _ = send(b"a\n", url, "--ca-file", str(PEM), "--server-name", "localhost")
        assert ": 1 written" in said
        said, _ = send(b"b\n", url, "--no-verify")
        assert ": 1 written" in said
        secure.until(lambda: secure.received == b"a\nb\n")
