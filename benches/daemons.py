"""A million messages from 64 threads to the daemons that people run: rsyslog, and Graphite's carbon; are they complete?

    python benches/daemons.py                  # both
    python benches/daemons.py rsyslog --messages 100000 --json

It needs `rsyslogd` (Debian's package rsyslog) and `carbon-cache` (graphite-carbon), installs nothing, and starts them
on the loopback with a configuration and a folder of their own, as the user that runs it. rsyslog takes RFC 5424 with
octets counted, by imtcp, and writes a file, a message a line; carbon takes the line protocol, and writes whisper files.
Both are stopped in their own way, and then what they wrote is read: every message has to be there, once, and at rsyslog
in each thread's order.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fanin

THREADS = 64
PATIENCE = 120.0

RSYSLOG = """
global(workDirectory="{folder}" maxMessageSize="64k")
main_queue(queue.type="Direct")
module(load="imtcp")
template(name="message" type="string" string="%app-name% %msg%\\n")
action(type="omfile" file="{folder}/messages" template="message" ioBufferSize="256k" flushOnTXEnd="off"
       asyncWriting="off")
input(type="imtcp" address="127.0.0.1" port="{port}")
"""

CARBON = """
[cache]
STORAGE_DIR = {folder}
CONF_DIR = {folder}
LOG_DIR = {folder}/log
PID_DIR = {folder}
LOCAL_DATA_DIR = {folder}/whisper
USER =
MAX_CACHE_SIZE = inf
MAX_UPDATES_PER_SECOND = inf
MAX_CREATES_PER_MINUTE = inf
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = {port}
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = 0
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = 0
USE_FLOW_CONTROL = True
LOG_UPDATES = False
LOG_CREATES = False
CARBON_METRIC_INTERVAL = 0
ENABLE_TAGS = False
"""
SCHEMAS = "[all]\npattern = .*\nretentions = 1s:2d\n"


def main() -> int:
    """Asks each daemon; 0 when all is complete, 1 when not, 3 when one is not installed."""
    options = _options()
    found: dict[str, Any] = {}
    for name in options.daemons:
        program = shutil.which(DAEMONS[name].program, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        if program is None:
            print(f"{name}: {DAEMONS[name].program} is not here; on Debian: {DAEMONS[name].install}", file=sys.stderr)
            return 3
        with tempfile.TemporaryDirectory(prefix="fanin-") as folder:
            found[name] = ask(DAEMONS[name], program, Path(folder), options.messages)
        if not options.json:
            print(_text(name, found[name]), flush=True)
    if options.json:
        print(json.dumps(found))
    return 0 if all(one["complete"] for one in found.values()) else 1


def ask(daemon: Daemon, program: str, folder: Path, messages: int) -> dict[str, Any]:
    """Sends as many, an equal share a thread; says how long it took, and what the daemon has of it."""
    each = messages // THREADS
    with daemon.started(program, folder) as port:
        sink = fanin.Sink(f"tcp://127.0.0.1:{port}", framing=daemon.framing)
        with sink:
            began = time.monotonic()
            threads = [threading.Thread(target=daemon.work, args=(sink, number, each)) for number in range(THREADS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            account = sink.flush(PATIENCE)
            seconds = time.monotonic() - began
    wrong = daemon.missing(folder, each)
    counts = {"messages": each * THREADS, "accepted": account.accepted, "written": account.written}
    return counts | {
        "send_seconds": seconds,
        "wrong": wrong,
        "complete": not wrong and account.written == each * THREADS,
    }


class Daemon:
    """What stands at the other end."""

    program = install = framing = ""

    def command(self, program: str, folder: Path, port: int) -> list[str]:
        """Writes the configuration; says how it is started."""
        raise NotImplementedError

    def work(self, sink: fanin.Sink, number: int, each: int) -> None:
        """What one thread sends."""
        raise NotImplementedError

    def missing(self, folder: Path, each: int) -> str:
        """The first thing that is wrong with what it wrote, if anything is."""
        raise NotImplementedError

    @contextmanager
    def started(self, program: str, folder: Path) -> Iterator[int]:
        """It listens; after, it has been stopped and has written everything."""
        port = _free_port()
        output = (folder / "output").open("wb")
        with (
            output,
            subprocess.Popen(self.command(program, folder, port), stdout=output, stderr=output, cwd=folder) as process,
        ):
            try:
                _until(lambda: _listens(port), "it does not listen", process, folder)
                yield port
                self.settle(folder)
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()

    def settle(self, folder: Path) -> None:
        """Waits until it has read what was sent: the end of the connection is all that a sender sees."""
        seen, since = -1, time.monotonic()
        while time.monotonic() - since < 2.0:
            size = sum(path.stat().st_blocks for path in folder.rglob("*") if path.is_file())
            if size != seen:
                seen, since = size, time.monotonic()
            time.sleep(0.1)


class Rsyslog(Daemon):
    """rsyslog with imtcp, octets counted."""

    program, install, framing = "rsyslogd", "apt-get install rsyslog", "rfc6587"

    def command(self, program: str, folder: Path, port: int) -> list[str]:
        """In the foreground, with nothing of the system's own configuration."""
        (folder / "conf").write_text(RSYSLOG.format(folder=folder, port=port))
        return [program, "-n", "-f", str(folder / "conf"), "-i", str(folder / "pid")]

    def work(self, sink: fanin.Sink, number: int, each: int) -> None:
        """Records of RFC 5424."""
        send, head = sink.send, f"<134>1 2026-01-01T00:00:00.000000Z here thread-{number:02} - - -"
        for sequence in range(each):
            send(f"{head} message {sequence:07}".encode())

    def missing(self, folder: Path, each: int) -> str:
        """Each thread's lines, in order."""
        following = dict.fromkeys((f"thread-{number:02}" for number in range(THREADS)), 0)
        with (folder / "messages").open() as lines:
            for line in lines:
                name, *_, sequence = line.split()
                if name not in following:
                    continue  # the daemon's own
                if int(sequence) != following[name]:
                    return f"{name}: {sequence} where {following[name]} should be"
                following[name] += 1
        short = [name for name, count in following.items() if count != each]
        return f"{short[0]}: {following[short[0]]} of {each}" if short else ""


class Carbon(Daemon):
    """carbon-cache with the line protocol."""

    program, install, framing = "carbon-cache", "apt-get install graphite-carbon", "lines"
    start = int(time.time()) - 90_000  # a value a second from here on; whisper keeps two days

    def command(self, program: str, folder: Path, port: int) -> list[str]:
        """In the foreground; a second a point, so that every value has a place of its own."""
        (folder / "log").mkdir()
        (folder / "carbon.conf").write_text(CARBON.format(folder=folder, port=port))
        (folder / "storage-schemas.conf").write_text(SCHEMAS)
        config = ["--config", str(folder / "carbon.conf"), "--nodaemon", "--logdir", str(folder / "log")]
        return [program, *config, "--pidfile", str(folder / "pid"), "start"]

    def work(self, sink: fanin.Sink, number: int, each: int) -> None:
        """A path a thread, a second a value."""
        send = sink.send
        for sequence in range(each):
            send(f"fanin.thread-{number:02} {sequence} {self.start + sequence}".encode())

    def missing(self, folder: Path, each: int) -> str:
        """Every second's value in every thread's file."""
        for number in range(THREADS):
            path = folder / "whisper" / "fanin" / f"thread-{number:02}.wsp"
            found = whisper(path) if path.exists() else {}
            for sequence in range(each):
                value = found.get(self.start + sequence)
                if value != sequence:
                    return f"{path.stem}: {value} where {sequence} should be"
        return ""


def whisper(path: Path) -> dict[int, float]:
    """The points of a whisper file with one archive: its header is 16 and 12 bytes, a point a `u32` and a double."""
    content = path.read_bytes()
    (offset, _, points) = struct.unpack_from("!3L", content, 16)
    return dict(struct.iter_unpack("!Ld", content[offset : offset + 12 * points]))


DAEMONS: dict[str, Daemon] = {"rsyslog": Rsyslog(), "carbon": Carbon()}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _until(holds: Callable[[], bool], otherwise: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    end = time.monotonic() + 30
    while not holds():
        if process.poll() is not None or time.monotonic() > end:
            said = (folder / "output").read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{otherwise} (exit code {process.poll()}): {said}")
        time.sleep(0.1)


def _text(name: str, found: dict[str, Any]) -> str:
    rate = found["messages"] / found["send_seconds"]
    verdict = "complete" if found["complete"] else f"NOT complete: {found['wrong'] or 'not all were written'}"
    sent = f"{found['messages']:,} messages from {THREADS} threads"
    return (
        f"{name}: {sent}, {verdict}; {found['send_seconds']:.1f} s to the kernel, {rate / 1e3:,.0f} thousand a second"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("daemons", nargs="*", choices=[*DAEMONS, []], metavar="DAEMON", help="default: both")
    parser.add_argument("--messages", type=int, default=1_000_000, metavar="N", help="in all; default: %(default)s")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    options.daemons = options.daemons or list(DAEMONS)
    return options


if __name__ == "__main__":
    sys.exit(main())
