"""The causes between two strategies, as steps that change one thing each, and the orders that those steps can take.

```text
            taking          queue         waiting
mpsc-one/each ── mpsc/each ── swap/each ── swap-yield/each
                     │            │               │          writing
               mpsc/batch ── swap/batch ── swap-yield/batch
```

From left to right the actor takes all that waits in place of one message, takes it out of two swapped vectors in place
of a channel, and yields in place of parking; downwards it writes in batches in place of a write a message. One cannot
write in a batch what was taken one at a time, so `mpsc-one` has no batches: whatever its policy, it writes a message at
a time, and an order that goes through `mpsc-one/batch` would credit the taking with what the writing does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .._check import one_of, refuse

__all__ = ["CHAIN", "NAMES", "WRITING", "Order", "Step", "needed", "orders", "stand_in"]

CHAIN = ("mpsc-one", "mpsc", "swap", "swap-yield")
LINKS = ("taking", "queue", "waiting")
WRITING = "writing"
WRITES = ("each", "batch", "vectored")
ONE = CHAIN[0]
NAMES = {
    "taking": ("taking all", "taking one"),
    "queue": ("the queue", "the queue"),
    "waiting": ("the waiting", "the waiting"),
    WRITING: ("writing in batches", "writing each"),
}
KNOWN = tuple(f"{queue}/{write}" for queue in CHAIN for write in WRITES)


class Step(NamedTuple):
    """One cause at work: all that differs between two strategies."""

    cause: str
    before: str
    after: str

    @property
    def name(self) -> str:
        """The cause in words, in the direction of this step."""
        forth, back = NAMES[self.cause]
        if self.cause == WRITING:
            write = self.after.partition("/")[2]
            return {"each": back, "vectored": "writing vectored"}.get(write, forth)
        return forth if _place(self.after) > _place(self.before) else back

    @property
    def where(self) -> str:
        """What stays as it is during the step."""
        queue, _, write = self.before.partition("/")
        return f"with {queue}" if self.cause == WRITING else f"writing {write}"


Order = tuple[Step, ...]


def orders(strategy: str, over: str, *, every: bool = False) -> tuple[Order, ...]:
    """Every way from `over` to `strategy` in steps of one cause: those that are possible, or all on paper.

    >>> for order in orders("swap/batch", "mpsc-one/each"):
    ...     print(" → ".join(step.after for step in order))
    mpsc/each → mpsc/batch → swap/batch
    mpsc/each → swap/each → swap/batch
    """
    one_of("strategy", strategy, KNOWN)
    one_of("over", over, KNOWN)
    if strategy == over:
        raise refuse("strategy", strategy, "allowed is another one than over")
    start, end = _place(over), _place(strategy)
    before, after = over.partition("/")[2], strategy.partition("/")[2]
    queues = CHAIN[start : end + 1] if start <= end else CHAIN[end : start + 1][::-1]
    turns = range(len(queues)) if before != after else (0,)
    found = [_order(queues, turn, before, after) for turn in turns]
    possible = [order for order in found if every or not _degenerate(order)]
    return tuple(possible or found)


def needed(order: Order) -> tuple[str, ...]:
    """The strategies on an order's way."""
    return (order[0].before, *(step.after for step in order))


def stand_in(strategy: str, ran: Sequence[str]) -> str | None:
    """The strategy as it ran; for `mpsc-one` also one with another policy, since it writes each message in any case."""
    if strategy in ran:
        return strategy
    others = [f"{ONE}/{write}" for write in WRITES] if strategy.startswith(f"{ONE}/") else []
    return next((name for name in others if name in ran), None)


def _order(queues: Sequence[str], turn: int, before: str, after: str) -> Order:
    """Along the queues, with the policy changed at one of them."""
    steps: list[Step] = []
    for place, queue in enumerate(queues):
        if place > 0:
            write = before if place <= turn else after
            steps.append(Step(_link(queues[place - 1], queue), f"{queues[place - 1]}/{write}", f"{queue}/{write}"))
        if place == turn and before != after:
            steps.append(Step(WRITING, f"{queue}/{before}", f"{queue}/{after}"))
    return tuple(steps)


def _degenerate(order: Order) -> bool:
    """Whether a policy is changed where it makes no difference, or a batch is meant where there is none."""
    return any(step.cause == WRITING and step.before.startswith(f"{ONE}/") for step in order)


def _link(queue: str, other: str) -> str:
    return LINKS[min(CHAIN.index(queue), CHAIN.index(other))]


def _place(strategy: str) -> int:
    return CHAIN.index(strategy.partition("/")[0])
