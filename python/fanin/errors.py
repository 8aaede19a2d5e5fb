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
├── Forked            RuntimeError       this process is a fork of the one that imported fanin
└── MissingExtra      ImportError        an optional package is not installed
```

They pickle, so that they cross a process pool with what they carry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .arrivals import Arrivals
    from .runs import Run
    from .sweeps import Sweep

__all__ = [
    "AddressError",
    "ArrivalTimeout",
    "FaninError",
    "Forked",
    "HostBusy",
    "JournalError",
    "MissingExtra",
    "NotArrived",
    "NotDelivered",
    "PlanError",
    "SweepInterrupted",
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
    """This process is a fork of the one that imported fanin, without its threads. Spawn, and import fanin there."""


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
