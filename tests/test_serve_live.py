"""`fanin serve --live` on a terminal: a panel drawn over itself says what comes, and it ends as a server does."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
ESCAPE = re.compile(r"\x1b\[(\d*)([AKJ])")
PANEL = ["clients", "received", "a read", "echoed"]
PATIENCE = 60


class Terminal:
    """A process at a pseudo-terminal, and what stands there."""

    def __init__(self, command: list[str]) -> None:
        import pty

        self._mine, theirs = pty.openpty()
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, start_new_session=True
        )
        os.close(theirs)
        self.raw = b""

    def wait_for(self, pattern: str) -> None:
        """Reads on until that stands there."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self.text(), re.MULTILINE):
            assert time.monotonic() < deadline, f"no {pattern} in\n{self.text()}"
            self._read()

    def wait_until(self, holds: Callable[[], bool]) -> None:
        """Reads on until that holds, and to the end of what is drawn then."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline, self.text()
            self._read()
        while self._read():
            pass

    def end(self) -> str:
        """Ctrl-C, and what was said on standard error."""
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=PATIENCE)
        while self._read():
            pass
        return said.decode()

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        os.close(self._mine)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._mine], [], [], 0.1)
        try:
            new = os.read(self._mine, 65536) if ready else b""
        except OSError:  # its other end is closed
            new = b""
        self.raw += new
        return bool(new)

    def text(self) -> str:
        """The lines as somebody would see them: up, and clear, as the process asked."""
        lines, at = [""], 0
        for part in re.split(r"(\x1b\[\d*[AKJ]|\r?\n)", self.raw.decode(errors="replace")):
            if escape := ESCAPE.fullmatch(part):
                if escape[2] == "A":
                    at -= int(escape[1])
                elif escape[2] == "K":
                    lines[at] = ""
                else:
                    lines = [*lines[:at], ""]
            elif part.endswith("\n"):
                at += 1
                lines += [""] * (at + 1 - len(lines))
            else:
                lines[at] += part
        return "\n".join(lines)


@pytest.fixture
def terminal(shell: list[str]) -> Iterator[Terminal]:
    shown = Terminal([*shell, "serve", "--mode", "echo", "--live"])
    yield shown
    shown.close()


def test_it_draws_what_comes_over_itself_and_ends_with_an_account(terminal: Terminal) -> None:
    terminal.wait_for(r"^clients +0 open of 0\n(.*\n){2}echoed +0 B")
    found = re.search(r"tcp://([\d.]+):(\d+)", terminal.text())
    assert found
    with socket.create_connection((found[1], int(found[2])), timeout=PATIENCE) as client:
        client.sendall(bytes(100_000))
        left = 100_000
        while left:
            left -= len(client.recv(left))
        terminal.wait_for(r"^clients +1 open of 1\nreceived +100 kB.*\na read .*\nechoed +100 kB")
    terminal.wait_for(r"^clients +0 open of 1$")
    terminal.wait_for(r"^received +100 kB, 0 B/s +[▁-█]*█[▁-█]*▁$")

    terminal.wait_until(lambda: terminal.raw.count(b"\x1b[J") >= 3)
    lines = terminal.text().splitlines()
    assert lines[0].startswith("listening on tcp://")
    assert [line[:12].strip() for line in lines[1:5]] == PANEL
    assert len(lines) == 5, "each panel stands where the last one stood"
    assert terminal.end() == ""
    assert terminal.process.returncode == 0
    assert terminal.text().splitlines()[-1].startswith("in all: ")
    assert "bytes received 100,000" in terminal.text()


@pytest.mark.unix
def test_where_there_is_no_terminal_it_says_lines(shell: list[str]) -> None:
    process = subprocess.Popen([*shell, "serve", "--live"], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    url = re.search(r"tcp://([\d.]+):(\d+)", process.stdout.readline())
    assert url
    with socket.create_connection((url[1], int(url[2])), timeout=PATIENCE) as client:
        client.sendall(bytes(1000))
        line = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=PATIENCE)
    assert line.startswith("1 connection, ")
    assert rest.splitlines()[-1].startswith("in all: ")
    assert "\x1b" not in line + rest
