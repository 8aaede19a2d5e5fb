"""What fanin raises. Every class here is a `FaninError`, and also the built-in exception that a caller may expect.

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
├── TimedOut          TimeoutError       a flush or a close took longer than it might; the account is in `.delivery`
├── Forked            RuntimeError       this process is a fork of the one that imported fanin, or made the sink
└── MissingExtra      ImportError        an optional package is not installed
```

They pickle, so that they cross a process pool with what they carry.
"""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

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


class FaninError(Exception):
    """The parent of all that fanin raises."""


class PlanError(FaninError, ValueError):
    """An argument is outside of what is allowed. The message names argument, value and what is; nothing was started."""


class JournalError(FaninError, ValueError):
    """A journal is no journal, is spoilt, holds another plan, or is being written by another sweep."""


class HostBusy(FaninError, TimeoutError):  # noqa: N818 - a state, not a mistake
    """Another sweep measured on this host for longer than this one would wait for it."""


class Forked(FaninError, RuntimeError):  # noqa: N818 - a state, not a mistake
    """This process is a fork of the one that imported fanin, or made the sink, and has none of its threads.

    Spawn, and import fanin there; or make a sink of the child's own.
    """


class MessageError(FaninError, ValueError):
    """A message that this sink could never take: too long, or with a newline inside a line. Nothing of it was taken."""


class Full(FaninError, queue.Full):  # noqa: N818 - as the queue module has it
    """There is no room, and the sink was told not to wait, or not for longer. Nothing of the message was taken."""


class Closed(FaninError, RuntimeError):  # noqa: N818 - a state, not a mistake
    """The sink is not open: not yet, or no longer. Nothing of the message was taken."""


class Disconnected(FaninError, ConnectionError):  # noqa: N818 - a state, not a mistake
    """The sink's connection was lost, and it was not told to make another. `__cause__` is what the system said.

    Attributes:
        delivery: The account at that moment: what was written is in doubt, what was not is unsent. None where the
            raising call had none.
        errno: The system's number, where it gave one.
    """

    def __init__(self, message: str, delivery: Delivery | None = None, errno: int | None = None) -> None:
        super().__init__(*((message,) if errno is None else (errno, message)))
        self.delivery = delivery

    def __str__(self) -> str:
        return str(self.args[-1])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.delivery, self.errno)


class TimedOut(FaninError, TimeoutError):  # noqa: N818 - a state, not a mistake
    """A flush or a close took longer than it was given.

    Attributes:
        delivery: The account at that moment; what is `unsent` a flush may still send, and a close has given up.
    """

    def __init__(self, message: str, delivery: Delivery | None = None) -> None:
        super().__init__(message)
        self.delivery = delivery

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.delivery)


class AddressError(FaninError, OSError):
    """An address does not resolve, is in use, or refuses. `errno` is the system's number where it gave one."""


class MissingExtra(FaninError, ImportError):  # noqa: N818 - a state, not a mistake
    """A method needs a package that fanin itself does without. The message says what to install."""


class NotArrived(FaninError, AssertionError):  # noqa: N818 - a state, not a mistake
    """What was sent has not arrived at a server, once each and in order, as far as was asked for.

    Attributes:
        arrivals: What arrived, held against what was sent.
    """

    def __init__(self, message: str, arrivals: Arrivals) -> None:
        super().__init__(message, arrivals)
        self.arrivals = arrivals

    def __str__(self) -> str:
        return str(self.args[0])


class ArrivalTimeout(NotArrived, TimeoutError):  # noqa: N818 - a state, not a mistake
    """Not so many messages arrived in time."""


class NotDelivered(FaninError):  # noqa: N818 - a state, not a mistake
    """A run did not deliver every message exactly once and in order.

    Attributes:
        run: The run, with its counts and its first counter-example.
    """

    def __init__(self, message: str, run: Run) -> None:
        super().__init__(message, run)
        self.run = run

    def __str__(self) -> str:
        return str(self.args[0])


class SweepInterrupted(FaninError, KeyboardInterrupt):  # noqa: N818 - a state, not a mistake
    """Ctrl-C ended a sweep.

    Attributes:
        sweep: The runs that had ended, as a `Sweep`; it may be empty.
    """

    def __init__(self, message: str, sweep: Sweep) -> None:
        super().__init__(message, sweep)
        self.sweep = sweep

    def __str__(self) -> str:
        return str(self.args[0])
