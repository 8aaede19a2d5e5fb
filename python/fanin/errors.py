"""What fanin raises. Every class here is a `FaninError`, and also the built-in exception that a caller may expect,
where there is one.

```text
FaninError
├── PlanError         ValueError         an argument is wrong; nothing was started
├── JournalError      ValueError         a journal holds something else than what it should
├── HostBusy          TimeoutError       another sweep kept the host for longer than one would wait
├── NotArrived        AssertionError     what was sent has not arrived, as far as a server saw
│   └── ArrivalTimeout TimeoutError      it has not arrived in time
├── NotDelivered      —                  a run lost, doubled, reordered or changed a message
├── SweepInterrupted  KeyboardInterrupt  Ctrl-C; the runs that had ended are in `.sweep`
├── AddressError      OSError            an address cannot be listened on or connected to
├── MessageError      ValueError         a message that a sink could never take; nothing of it was taken
├── Full              queue.Full         a sink has no room, and was told not to wait, or no longer; nothing was taken
├── Closed            RuntimeError       a sink is not open, or no longer; nothing was taken
├── Disconnected      ConnectionError    a sink's connection was lost; the account is in `.delivery`
├── TimedOut          TimeoutError       an opening, a flush or a close took longer than it might; it has the account
├── Forked            RuntimeError       this process is a fork of the one that imported fanin, or made the sink
└── MissingExtra      ImportError        an optional package is not installed
```

They pickle, so that they cross a process pool with what they carry. A traceback ends with the page of the documentation
that says what to do next; the message itself does not have it.
"""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any, ClassVar

from ._signature import Shown

if TYPE_CHECKING:
    from .arrivals import Arrivals
    from .delivery import Delivery
    from .runs import Run
    from .sweeps import Sweep

__all__ = [
    "AddressError",
    "ArrivalTimeout",
    "Closed",
    "Disconnected",
    "FaninError",
    "Forked",
    "Full",
    "HostBusy",
    "JournalError",
    "MessageError",
    "MissingExtra",
    "NotArrived",
    "NotDelivered",
    "PlanError",
    "SweepInterrupted",
    "TimedOut",
]


def _raised(*args: object) -> None:
    """How an error is called that has nothing but its words, and an `OSError` its number before them."""


class FaninError(Exception):
    """The parent of all that fanin raises. `page` names the page of the documentation that says what to do next.

    What to do next: every error has that in its own text, which `help()` shows, and `python -m pydoc` in a shell.

    Example:
        >>> import fanin
        >>> try:
        ...     fanin.run("swap/batch", producers=0)
        ... except fanin.FaninError as error:
        ...     print(type(error).__name__, error.page)
        PlanError reference/errors#planerror
    """

    page = "reference/errors"
    __signature__: ClassVar[Any] = Shown(_raised)

    # A note is shown under the message by whatever prints a traceback. It is made when somebody looks: an exception is
    # often caught and forgotten.
    @property
    def __notes__(self) -> list[str]:
        first = f"what to do next: help(fanin.{self._known()}), or {self.page} in fanin's documentation"
        notes: list[str] = self.__dict__.setdefault("_notes", [first])
        return notes

    @__notes__.setter
    def __notes__(self, notes: list[str]) -> None:
        self.__dict__["_notes"] = notes

    @classmethod
    def _known(cls) -> str:
        """The class that users find it under."""
        return next(base.__name__ for base in cls.__mro__ if base.__module__ == __name__)


class PlanError(FaninError, ValueError):
    """An argument is outside of what is allowed. The message names argument, value and what is; nothing was started.

    What to do next: take what the message allows, or what it says was nearest. `fanin.strategies()` lists
    strategies. A queue without a bound takes no `capacity`; a load that could need more than a quarter of the
    memory wants one, or less to send. Where a single round is longer than the budget, `plan.dry_run()` says how
    long it is.

    Example:
        >>> import fanin
        >>> try:
        ...     fanin.run("swap/batch", producers=0)
        ... except ValueError as error:
        ...     print(error)
        producers=0: allowed are whole numbers from 1 to 65536
    """

    page = "reference/errors#planerror"


class JournalError(FaninError, ValueError):
    """A journal is no journal, is spoilt, holds another plan, or is being written by another sweep.

    What to do next: `resume=True` finishes a journal that is there already, `fanin.Sweep.load` reads what it has,
    and another name begins another.

    Example:
        >>> import fanin, pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "runs.ndjson")
        ...     _ = path.write_text("no journal")
        ...     try:
        ...         fanin.resume(path)
        ...     except fanin.JournalError as error:
        ...         print(error.page)
        how-to/keep-and-resume
    """

    page = "how-to/keep-and-resume"


class HostBusy(FaninError, TimeoutError):  # noqa: N818 - a state, not a mistake
    """Another sweep measured on this host for longer than this one would wait for it.

    What to do next: wait for longer (`wait=`), or end the other sweep; two at once would measure each other.

    Example:
        >>> import fanin
        >>> from fanin import lock
        >>> with lock.measuring(wait=60):  # as another sweep does
        ...     try:
        ...         fanin.sweep("swap/batch", 1, rounds=1, wait=0.1)
        ...     except fanin.HostBusy:
        ...         print("measure later")
        measure later
    """

    page = "reference/errors#hostbusy"


class Forked(FaninError, RuntimeError):  # noqa: N818 - a state, not a mistake
    """This process is a fork of the one that imported fanin, or made the sink, and has none of its threads.

    What to do next: spawn, and import fanin there; or make a sink of the child's own.

    Example:
        >>> import multiprocessing
        >>> spawn = multiprocessing.get_context("spawn")  # and not "fork"
        >>> spawn.get_start_method()
        'spawn'
    """

    page = "explanation/shutdown-and-fork"


class MessageError(FaninError, ValueError):
    """A message that this sink could never take: too long, or with a newline inside a line. Nothing of it was taken.

    What to do next: send another message, or make the sink with a larger `max_frame` or `capacity`, or another
    `framing`.

    Example:
        >>> import fanin
        >>> with fanin.Server() as server, fanin.Sink(server.url, framing="lines") as sink:
        ...     try:
        ...         sink.send(b"two\\nlines")
        ...     except fanin.MessageError:
        ...         print(sink.delivery.accepted)
        0
    """

    page = "reference/errors#messageerror"


class Full(FaninError, queue.Full):  # noqa: N818 - as the queue module has it
    """There is no room, and the sink was told not to wait, or not for longer. Nothing of the message was taken.

    What to do next: the receiver is slower than the program sends: a larger `capacity`, another `on_full`, or less
    to send.

    Example:
        >>> import contextlib, fanin
        >>> with fanin.Server(read_rate=1000) as server:
        ...     sink = fanin.Sink(server.url, capacity=1000, on_full="raise").open()
        ...     try:
        ...         for _ in range(100_000):
        ...             sink.send(bytes(1000))
        ...     except fanin.Full as error:
        ...         print(error.page)
        ...     with contextlib.suppress(fanin.TimedOut):
        ...         _ = sink.close(timeout=0.1)
        how-to/bound-memory
    """

    page = "how-to/bound-memory"


class Closed(FaninError, RuntimeError):  # noqa: N818 - a state, not a mistake
    """The sink is not open: not yet, or no longer. Nothing of the message was taken.

    What to do next: open the sink first, by `with` or `open()`, and send before `close()`.

    Example:
        >>> import fanin
        >>> sink = fanin.Sink("tcp://127.0.0.1:9000")
        >>> try:
        ...     sink.send(b"too early")
        ... except fanin.Closed:
        ...     print("open it first")
        open it first
    """

    page = "reference/errors#closed"


class Disconnected(FaninError, ConnectionError):  # noqa: N818 - a state, not a mistake
    """The sink's connection was lost, and it was not told to make another. `__cause__` is what the system said.

    What to do next: look at `delivery`, and send what is unsent by a new sink; or make the sink with
    `reconnect="at_most_once"` or `"at_least_once"`, and it goes on by itself.

    Attributes:
        delivery: The account at that moment: what was written is in doubt, what was not is unsent. None where the
            raising call had none.
        errno: The system's number, where it gave one.

    Example:
        >>> import fanin
        >>> with fanin.Server(reset_after=5) as server:
        ...     try:
        ...         with fanin.Sink(server.url) as sink:
        ...             while True:
        ...                 sink.send(b"hello")
        ...                 _ = sink.flush(timeout=5)
        ...     except fanin.Disconnected as error:
        ...         print(error.page)
        how-to/survive-a-restart
    """

    page = "how-to/survive-a-restart"

    def __init__(self, message: str, delivery: Delivery | None = None, errno: int | None = None) -> None:
        super().__init__(*((message,) if errno is None else (errno, message)))
        self.delivery = delivery

    def __str__(self) -> str:
        return str(self.args[-1])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.delivery, self.errno), dict(vars(self))


class TimedOut(FaninError, TimeoutError):  # noqa: N818 - a state, not a mistake
    """An opening, a flush or a close took longer than it was given.

    What to do next: wait for longer, or look why the receiver does not read.

    Attributes:
        delivery: The account at that moment; what is `unsent` a flush may still send, and a close has given up.

    Example:
        >>> import fanin
        >>> with fanin.Server(stall_after=0) as server:
        ...     sink = fanin.Sink(server.url, confirm="echo").open()
        ...     sink.send(bytes(1000))
        ...     try:
        ...         sink.close(timeout=0.1)
        ...     except fanin.TimedOut as error:
        ...         print(error.delivery.accepted)
        1
    """

    page = "how-to/bound-memory"

    def __init__(self, message: str, delivery: Delivery | None = None) -> None:
        super().__init__(message)
        self.delivery = delivery

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.delivery), dict(vars(self))


class AddressError(FaninError, OSError):
    """An address does not resolve, is in use, or refuses. `errno` is the system's number where it gave one.

    What to do next: look whether somebody listens there, or the port is taken by another (a `port` of 0 takes a
    free one), or the name is misspelt.

    Example:
        >>> import fanin
        >>> with fanin.Server() as server:
        ...     try:
        ...         fanin.Server(port=server.port)
        ...     except fanin.AddressError as error:
        ...         print(type(error.errno).__name__)
        int
    """

    page = "reference/errors#addresserror"


class MissingExtra(FaninError, ImportError):  # noqa: N818 - a state, not a mistake
    """A method needs a package that fanin itself does without. The message says what to install.

    What to do next: install it, with the program's own Python.

    Example:
        >>> from fanin._extras import need
        >>> try:
        ...     need("no_such_package", "plot")
        ... except ImportError as error:
        ...     print(error)
        this needs no_such_package: pip install 'fanin[plot]' (or no_such_package itself)
    """

    page = "how-to/install"


class NotArrived(FaninError, AssertionError):  # noqa: N818 - a state, not a mistake
    """What was sent has not arrived at a server, once each and in order, as far as was asked for.

    What to do next: the message has the first five that went wrong, and `arrivals` all that is known: what was
    lost, doubled, reordered, and where each producer's stream was last good.

    Attributes:
        arrivals: What arrived, held against what was sent.

    Example:
        >>> import fanin, socket
        >>> with fanin.Server(framing="lines") as server:
        ...     with socket.create_connection((server.host, server.port)) as client:
        ...         client.sendall(b"one\\nthree\\n")
        ...     server.wait_for(2)
        ...     try:
        ...         server.assert_delivered(expected=[b"one", b"two", b"three"])
        ...     except fanin.NotArrived as error:
        ...         print(error.arrivals.lost)
        1
    """

    page = "tutorials/first-test"

    def __init__(self, message: str, arrivals: Arrivals) -> None:
        super().__init__(message, arrivals)
        self.arrivals = arrivals

    def __str__(self) -> str:
        return str(self.args[0])


class ArrivalTimeout(NotArrived, TimeoutError):  # noqa: N818 - a state, not a mistake
    """Not so many messages arrived in time.

    What to do next: look at the client; if it is only slow, give `wait_for` a longer `timeout`.

    Example:
        >>> import fanin
        >>> with fanin.Server(framing="lines") as server:
        ...     try:
        ...         server.wait_for(1, timeout=0.05)
        ...     except TimeoutError as error:
        ...         print(type(error).__name__)
        ArrivalTimeout
    """

    page = "reference/errors#arrivaltimeout"

    # Of its bases only this one makes room for the fields of an OSError; what unpickles may ask for it by name.
    __new__ = TimeoutError.__new__  # type: ignore[assignment]


class NotDelivered(FaninError):  # noqa: N818 - a state, not a mistake
    """A run did not deliver every message exactly once and in order.

    What to do next: `run.counterexample` has the first message that was wrong: the queue or the receiver is at
    fault, not the measurement. A run that timed out has that as its `run.status`, and wants a longer `timeout`, or
    less to send.

    Attributes:
        run: The run, with its counts and its first counter-example.

    Example:
        >>> import fanin
        >>> late = fanin.run("swap/batch", 4, 1000, delay=10, timeout=0.2)
        >>> late.status, late.nanoseconds_per_message
        ('timeout', None)
        >>> try:
        ...     late.require_delivery()
        ... except fanin.NotDelivered as error:
        ...     print(error.run is late)
        True
    """

    page = "explanation/delivery"

    def __init__(self, message: str, run: Run) -> None:
        super().__init__(message, run)
        self.run = run

    def __str__(self) -> str:
        return str(self.args[0])


class SweepInterrupted(FaninError, KeyboardInterrupt):  # noqa: N818 - a state, not a mistake
    """Ctrl-C ended a sweep.

    What to do next: nothing is lost of what had ended; with a `journal` the rest can be made later, by
    `fanin.resume`.

    Attributes:
        sweep: The runs that had ended, as a `Sweep`; it may be empty.

    Example:
        >>> import fanin
        >>> try:
        ...     raise fanin.SweepInterrupted("interrupted after 0 of 4 runs", fanin.sweep("swap/batch", 1, rounds=1))
        ... except KeyboardInterrupt as stop:
        ...     print(len(stop.sweep))
        1
    """

    page = "how-to/keep-and-resume"

    def __init__(self, message: str, sweep: Sweep) -> None:
        super().__init__(message, sweep)
        self.sweep = sweep

    def __str__(self) -> str:
        return str(self.args[0])
