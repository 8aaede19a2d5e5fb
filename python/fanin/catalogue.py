"""The strategies: every queue with every write policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from . import _format, _native
from ._signature import Shown

__all__ = ["Strategies", "Strategy", "strategies"]


@dataclass(frozen=True, slots=True)
class Strategy:
    """A queue with a write policy, and what is known about it.

    Attributes:
        name: What `run` and `sweep` take, such as `"swap/batch"`.
        queue: What stands between producers and actor.
        write: The actor's policy: `each` writes a message at a time, `batch` all that was drained, `vectored` all of it
            without copying it together first.
        about: One line.
        family: Whom it is related to: `tokio`, `swap`, `sharded`, `rings`; `rivals` are the queues of other crates,
            `oracle` the plainest code that is right, `ceiling` what no queue can beat.
        sound: Whether it delivers what it takes. A rival that is known not to is kept: a run says so as `invalid`.
        drain: How the actor takes: `one` message, or `all` that waits.
        order: What order is kept.
        bounded: Whether it can be given a `capacity`.
        policies: What it can do when it is full: `wait`, `drop_newest`, `drop_oldest`.
        default_capacity: What it holds when it is given none, as `"262144 bytes"`; None for no bound.
        guarantees: What holds.
        cost: What a message costs.
        loses_when: When another is the better choice.
        source: Where it comes from.

    Example:
        >>> import fanin
        >>> swap = fanin.strategies().named("swap/batch")
        >>> swap.queue, swap.write, swap.order, swap.default_capacity
        ('swap', 'batch', 'total', None)
    """

    name: str
    queue: str
    write: str
    about: str
    family: str
    sound: bool
    drain: str
    order: str
    bounded: bool
    policies: tuple[str, ...]
    default_capacity: str | None
    guarantees: str
    cost: str
    loses_when: str
    source: str


def _made(strategies: Iterable[Strategy] = (), /) -> None:
    """How `Strategies` is called."""


class Strategies(tuple[Strategy, ...]):
    """All strategies. Prints as two tables: a strategy is a queue, a slash, and a write policy.

    Example:
        >>> import fanin
        >>> known = fanin.strategies()
        >>> [one.name for one in known if one.queue == "mpsc-one"]
        ['mpsc-one/each', 'mpsc-one/batch', 'mpsc-one/vectored']
    """

    __slots__ = ()
    __signature__: ClassVar[Any] = Shown(_made)

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(strategy.name for strategy in self)

    def named(self, name: str) -> Strategy:
        """The one with that name.

        Raises:
            PlanError: There is none; the message lists the names.
        """
        from . import _check

        return self[self.names.index(_check.strategy("strategy", name, self.names))]

    def __repr__(self) -> str:
        return "\n\n".join(_format.text_table(*table) for table in self._tables())

    def _repr_html_(self) -> str:
        return "\n".join(_format.html_table(*table) for table in self._tables())

    def _tables(self) -> Iterator[tuple[tuple[str, ...], list[tuple[object, ...]]]]:
        """The two halves of the names: queues, then write policies."""
        queues = {s.queue: (s.queue, s.drain, s.order, "yes" if s.bounded else "no", _halves(s)[0]) for s in self}
        yield ("queue", "takes", "order", "capacity", "what it is"), list(queues.values())
        writes = {s.write: (f"…/{s.write}", _halves(s)[1]) for s in self}
        yield ("write", "what it does, for every queue"), list(writes.values())


def _halves(strategy: Strategy) -> tuple[str, str]:
    """What is said of the queue, and of the write policy."""
    queue, _, write = strategy.about.rpartition("; ")
    return queue, write


def strategies() -> Strategies:
    """Every strategy that `run` and `sweep` know.

    Returns:
        A tuple of `Strategy`, which prints as a table.

    Example:
        >>> import fanin
        >>> "swap/batch" in fanin.strategies().names
        True
        >>> fanin.strategies().named("mpsc-one/each").drain
        'one'
    """
    return Strategies(Strategy(**(row | {"policies": _policies(row)})) for row in _native.strategies())


def _policies(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(policy.replace("-", "_") for policy in row["policies"])
