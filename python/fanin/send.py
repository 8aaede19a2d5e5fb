"""`fanin send`: standard input to a socket."""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from . import _check, _format, errors, progress
from ._stderr import complain

if TYPE_CHECKING:
    from .delivery import Delivery
    from .sink import Sink

__all__ = ["send"]

OK, NOT_DELIVERED, INTERRUPTED, TERMINATED = 0, 1, 130, 143
PIECE = 256 * 1024
PERIOD = 0.5


def send(
    target: str,
    settings: dict[str, Any],
    timeout: float,
    *,
    progress: bool | None,
    as_json: bool,
    source: BinaryIO | None = None,
) -> int:
    """Sends all that comes, prints an account, and returns the exit code.

    What the sink had taken when the connection is lost, or Ctrl-C or SIGTERM comes, is in the account, and what was not
    read stays in the pipe. What was read and not taken yet, a piece of 256 KiB at the most, is in neither.
    """
    from .sink import Sink

    timeout = _check.timeout("timeout", timeout)
    if source is None and sys.stdin is None:
        raise OSError(errno.EBADF, "standard input is closed")
    sink, began, trouble, code = Sink(target, **settings), time.monotonic(), "", OK
    try:
        with _sigterm_raises():
            sink.open()
            with _line(sink, began, progress):
                longest = min(sink.stats().capacity_bytes, settings.get("max_frame", sys.maxsize))
                _pass_on(source or sys.stdin.buffer, sink, longest, whole=settings["framing"] == "none")
            delivery = sink.close(timeout)
    except _TerminatedError:
        delivery, trouble, code = _ended(sink, timeout), "terminated", TERMINATED
    except KeyboardInterrupt:
        delivery, trouble, code = _ended(sink, timeout), "interrupted", INTERRUPTED
    except (errors.Disconnected, errors.TimedOut) as error:
        delivery, trouble, code = error.delivery or sink.delivery, str(error), NOT_DELIVERED
        _ended(sink, 0.0)
    except (errors.MessageError, errors.Full, _UnreadableError) as error:
        delivery, trouble, code = _ended(sink, timeout), str(error), NOT_DELIVERED
    if code == OK and delivery.in_doubt + delivery.unsent:
        code = NOT_DELIVERED
    _account(delivery, time.monotonic() - began, as_json=as_json)
    if trouble:
        complain(f"fanin: error: {trouble}")
    return code


def _pass_on(source: BinaryIO, sink: Sink, longest: int, *, whole: bool) -> None:
    """Takes what there is, so that a slow pipe is passed on as it comes.

    Each line is a message, or each `whole` piece. A line is not kept beyond the `longest` that the sink would take.
    """
    read = _reader(source)
    rest: list[bytes] = []
    held = 0
    while piece := read(min(PIECE, longest) if whole else PIECE):
        if whole:
            sink.send(piece)
            continue
        head, newline, tail = piece.rpartition(b"\n")
        if not newline:
            rest.append(piece)
            held += len(piece)
            if held > longest:
                break  # the send below says so
            continue
        lines = head.split(b"\n")
        if rest:
            lines[0] = b"".join(rest) + lines[0]
        sink.send_many(lines)
        rest, held = [tail] if tail else [], len(tail)
    if rest:
        sink.send(b"".join(rest))


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM came."""


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """The first SIGTERM raises, where nobody has asked for something else; a second one ends the process as ever."""
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def told(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise _TerminatedError

    signal.signal(signal.SIGTERM, told)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


class _UnreadableError(Exception):
    """Standard input cannot be read, or no longer."""


def _reader(source: BinaryIO) -> Callable[[int], bytes]:
    """Reads what there is, and tells apart what the input's errors are and what the sink's."""
    take: Any = getattr(source, "read1", source.read)
    raw: Any = getattr(source, "raw", None)

    def read(most: int) -> bytes:
        try:
            piece: bytes = take(most)
            if piece or raw is None or not _may_be_empty(raw):
                return piece
            # What does not block looks the same while it is empty as at its end; the raw file tells them apart.
            while (found := raw.read(most)) is None:
                select.select([raw], [], [])
            return bytes(found)
        except OSError as error:
            raise _UnreadableError(f"standard input cannot be read: {error.strerror or error}") from error

    return read


def _may_be_empty(raw: Any) -> bool:
    """Whether somebody, who need not be us, has told the file not to block."""
    try:
        return not os.get_blocking(raw.fileno())
    except (AttributeError, OSError, ValueError):  # no file of the system's, or none that could be told
        return False


def _ended(sink: Sink, timeout: float) -> Delivery:
    """Closes, whatever comes of it."""
    try:
        return sink.close(timeout)
    except errors.FaninError:
        return sink.delivery


@contextmanager
def _line(sink: Sink, began: float, show: bool | None) -> Iterator[None]:
    """A line on stderr that is written over twice a second."""
    if not progress.wanted(show):
        yield
        return
    over = threading.Event()

    def draw() -> None:
        while not over.wait(PERIOD):
            sys.stderr.write(f"\r{_now(sink.stats(), time.monotonic() - began):78}")
            sys.stderr.flush()

    thread = threading.Thread(target=draw, name="fanin-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        sys.stderr.write(f"\r{'':78}\r")


def _now(stats: Any, seconds: float) -> str:
    taken = stats.delivery
    sent = taken.written + taken.acked
    rate = _format.large(sent / seconds if seconds else None)
    return f"{_format.plural(sent, 'message')} sent, {rate} a second, {taken.unsent:,} waiting"


def _account(delivery: Delivery, seconds: float, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(delivery.as_dict() | {"seconds": round(seconds, 6)}), flush=True)
        return
    states = ("written", "acked", "in_doubt", "unsent", "dropped")
    parts = [f"{getattr(delivery, name):,} {name.replace('_', ' ')}" for name in states if getattr(delivery, name)]
    taken = f"{_format.plural(delivery.accepted, 'message')}, {_format.plural(delivery.accepted_bytes, 'byte')}"
    print(f"{taken}, in {_format.seconds(seconds)}: {', '.join(parts) or 'nothing'}", flush=True)
