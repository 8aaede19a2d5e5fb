"""One measurement at a time on a host: a file lock that every sweep takes for as long as it measures.

The lock is advisory, belongs to an open file, and goes with the process that held it, however that ends. It is in the
directory for temporary files: containers that do not share one do not see each other.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import HostBusy

__all__ = ["measuring", "path"]

FILE = "fanin-measuring.lock"
POLL = 0.02


def path() -> Path:
    """Where the lock is."""
    from tempfile import gettempdir

    return Path(gettempdir(), FILE)


@contextmanager
def measuring(wait: float) -> Iterator[None]:
    """Holds the host; waits for it up to so many seconds, and answers Ctrl-C meanwhile.

    Raises:
        HostBusy: Another sweep has it still.
    """
    file = _open()
    try:
        _take(file, time.monotonic() + wait, wait)
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


def _take(file: int, deadline: float, wait: float) -> None:
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise HostBusy(f"another sweep holds {path()} for more than {wait:g} seconds; see `wait`") from None
            time.sleep(POLL)
        else:
            return
