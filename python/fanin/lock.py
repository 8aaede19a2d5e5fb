"""One measurement at a time on a host: a file lock that every sweep takes for as long as it measures.

The lock is advisory, belongs to an open file, and goes with the process that held it, however that ends. It is in the
directory for temporary files: containers that do not share one do not see each other. On a system without such locks,
as Windows, nothing is held: there it is the user who runs one sweep at a time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import HostBusy

try:
    import fcntl
except ImportError:
    HAS_LOCKS = False
else:
    HAS_LOCKS = True

__all__ = ["claim", "measuring", "path"]

FILE = "fanin-measuring.lock"
POLL = 0.02
TELL = 25  # so many polls are half a second


def path() -> Path:
    """Where the lock is."""
    from tempfile import gettempdir

    return Path(gettempdir(), FILE)


@contextmanager
def measuring(wait: float, busy: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Holds the host; waits for it up to so many seconds, and answers Ctrl-C meanwhile.

    Where there is no place for the file, on a system that can only be read, it holds nothing.

    Args:
        wait: The seconds.
        busy: Called now and then while there is something to wait for; what it raises ends the wait.

    Raises:
        HostBusy: Another sweep has it still.
    """
    if not HAS_LOCKS:
        yield
        return
    try:
        file = _open()
    except OSError:
        yield
        return
    try:
        _take(file, wait, busy)
        yield
    finally:
        os.close(file)


def _open() -> int:
    # Opened without O_CREAT where it is there: in a sticky directory systems refuse that to all but the owner.
    try:
        return os.open(path(), os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        file = os.open(path(), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        os.fchmod(file, 0o666)  # whatever the umask: other users measure too
        return file


def _take(file: int, wait: float, busy: Callable[[], None]) -> None:
    deadline = time.monotonic() + wait
    tries = 0
    while not claim(file):
        if time.monotonic() >= deadline:
            raise HostBusy(f"another sweep holds {path()} for more than {wait:g} seconds; see `wait`")
        if tries % TELL == 0:
            busy()
        tries += 1
        time.sleep(POLL)


def claim(file: int) -> bool:
    """Holds an open file, if nobody else does; on a system without such locks nobody ever does."""
    if HAS_LOCKS:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
