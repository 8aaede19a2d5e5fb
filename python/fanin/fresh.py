"""Rounds spread over fresh processes: what differs from one start of a program to the next is then in the spread.

Where a program's memory comes to lie, and what the system makes of its threads, is drawn anew with each process, and
stays as it is while that lives. Rounds of one process cannot show it; so where a difference is to be confirmed, the
processes, and not the rounds, are what an interval rests on.

A process is a new interpreter that is handed a block over a pipe and hands back each run as it ends. It is in a session
of its own, so that Ctrl-C reaches only who waits for it, and ends when its pipe does.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from .errors import FaninError
from .progress import Progress

if TYPE_CHECKING:
    from .measure import Block, Keeper

__all__ = ["number", "run_fresh", "serve"]

START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from fanin.fresh import serve; serve()"


def number(round_: int, rounds: int, processes: int) -> int:
    """Which of the processes makes a round: they take as many each, in order.

    >>> [number(round_, 7, 3) for round_ in range(7)]
    [0, 0, 0, 1, 1, 2, 2]
    """
    return round_ * processes // rounds


def run_fresh(whole: Block, keeper: Keeper, rounds: int, processes: int) -> None:
    """Runs a block, its rounds spread over fresh processes; keeps each run as it ends."""
    for process in range(processes):
        visits = tuple(place for place in whole.visits if number(place.round, rounds, processes) == process)
        if visits:
            _run_one(replace(whole, visits=visits, process=process), keeper)


def _run_one(block: Block, keeper: Keeper) -> None:
    command = [sys.executable, "-c", START, json.dumps(sys.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as child:
        try:
            assert child.stdout is not None
            _hand_over(child, block)
            _take(child.stdout, keeper)
        except EOFError:
            raise FaninError(f"a fresh process ended before its runs did, with code {child.wait()}") from None
        finally:
            child.kill()


def _hand_over(child: subprocess.Popen[bytes], block: Block) -> None:
    assert child.stdin is not None
    # A process that has ended already says so at its other pipe.
    with suppress(BrokenPipeError):
        child.stdin.write(pickle.dumps(block))
        child.stdin.close()


def _take(pipe: IO[bytes], keeper: Keeper) -> None:
    """What the process hands back, until it says that it is done."""
    while True:
        what, *told = pickle.load(pipe)
        if what == "row":
            keeper.row(*told)
        elif what == "host":
            keeper.host(*told)
        elif what == "now":
            keeper.bar.now(*told)
        elif what == "error":
            raise told[0]
        else:
            return


# --- the other side ---------------------------------------------------------------------------------------------------


class Sender:
    """Stands for a keeper and its bar: hands on what they are told."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe, self.bar = pipe, _Bar(self)

    def send(self, *what: Any) -> None:
        """Writes a message, whole."""
        self._pipe.write(pickle.dumps(what))
        self._pipe.flush()

    def host(self, name: str, metadata: Any) -> None:
        """A machine that measures."""
        self.send("host", name, dict(metadata))

    def row(self, found: Sequence[Any]) -> None:
        """A run that has ended."""
        self.send("row", found)


class _Bar(Progress):
    def __init__(self, sender: Sender) -> None:
        super().__init__(show=False)
        self._sender = sender

    def now(self, label: str) -> None:
        """Says what is running."""
        self._sender.send("now", label)


def serve() -> None:
    """Takes a block from the standard input, and hands its runs to the standard output."""
    from .measure import side_by_side

    # What else prints, prints elsewhere.
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sender = Sender(pipe)
    try:
        side_by_side(pickle.load(sys.stdin.buffer), sender)
    except BrokenPipeError:
        os._exit(1)  # nobody waits any more
    except Exception as error:
        sender.send("error", error)
    else:
        sender.send("done")
