"""Which strategy to take for a load: a short sweep on it, and what that allows to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import _check, _format
from .catalogue import Strategy, strategies
from .loads import CLOSED, open_loop
from .measure import measure
from .plan import Plan
from .stats.pairs import Cells
from .stats.regimes import regimes
from .sweeps import Sweep
from .table import Table

__all__ = ["Recommendation", "recommend"]

FINALISTS = 4
FIRST_ROUNDS = 2
ROUNDS = 9
SECONDS = 0.05
BURST_BYTES = 8 << 20
LONGEST_BURST = 1.0
LEFT_OUT = ("ceiling", "oracle")


@dataclass(frozen=True, slots=True, repr=False)
class Recommendation:
    """What to take, and how sure that is. Prints as a few lines.

    Attributes:
        strategy: What to take; None where the measurement cannot tell.
        ratio: How many times as good it is as the next: the geometric mean of the rounds; None without a winner.
        low: The lower end of the 95 % interval of that.
        high: The upper end.
        next: The best of the others.
        reason: In words.
        metric: What was compared: `nanoseconds_per_message`, or for a rate `latency_p99_ns`.
        finalists: The strategies of the last rounds, the best first.
        sweep: The runs of the last rounds.
        first: The runs that chose the finalists. They have no part in the ratio: who was lucky there would be twice.

    Example:
        >>> import fanin
        >>> answer = fanin.recommend(producers=2, payload=64, capacity="64 KiB", rounds=2)
        >>> answer.metric
        'nanoseconds_per_message'
    """

    strategy: str | None
    ratio: float | None
    low: float | None
    high: float | None
    next: str | None
    reason: str
    metric: str
    finalists: tuple[str, ...]
    sweep: Sweep
    first: Sweep

    def to_json(self) -> dict[str, Any]:
        """All of it, for `json.dumps`."""
        names = ("strategy", "ratio", "low", "high", "next", "reason", "metric")
        found = {name: getattr(self, name) for name in names} | {"finalists": list(self.finalists)}
        return found | {"runs": self.sweep.to_dicts(), "first_runs": self.first.to_dicts()}

    def _table(self) -> Table:
        figures = Cells.of(self.sweep, self.metric)
        logs = {key.strategy: sorted(found.values()) for key, found in figures.logs.items()}
        shown = [name for name in self.finalists if logs.get(name)]
        return Table(("strategy", "loses when"), tuple((n, strategies().named(n).loses_when) for n in shown))

    def __repr__(self) -> str:
        return f"{self.strategy or 'no one strategy'}: {self.reason}\n{_format.text_table(*self._shown())}"

    def _shown(self) -> tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]:
        table = self._table()
        return table.columns, table.rows

    def _repr_html_(self) -> str:
        return _format.html_table(*self._shown(), f"{self.strategy or 'no one strategy'}: {self.reason}")


def recommend(
    *,
    producers: int = 64,
    payload: int = 64,
    rate: float | None = None,
    ordered: bool = False,
    capacity: int | str | None = None,
    rounds: int = ROUNDS,
    seed: int = 0,
    progress: bool | None = None,
) -> Recommendation:
    """Names the strategy for a load, from a short sweep on it; or says that it cannot tell.

    Every sound strategy that can carry the load runs twice. The best four then run `rounds` times more, interleaved,
    and only those rounds count: a strategy is named if it is faster than each of the others by an interval of its own.

    Args:
        producers: How many send.
        payload: A message's size in bytes.
        rate: Messages a second, all producers together: the 99 % latency decides. None is as fast as it goes: the
            time a message decides.
        ordered: Whether there has to be one order for all producers' messages, not only for each producer's.
        capacity: The most that the queue may hold: bytes, or words such as `"256 KiB"`. Queues without a bound are left
            out then. None takes every queue as it is when it is not told.
        rounds: How often the finalists run.
        seed: What the order of the rounds is drawn from.
        progress: Whether to draw a bar on stderr; None does so on a terminal and in a notebook.

    Returns:
        A `Recommendation`.

    Raises:
        PlanError: An argument is wrong, or no strategy can carry the load; nothing has run.
        SweepInterrupted: Ctrl-C; the runs that had ended are in its `.sweep`.

    Example:
        >>> import fanin
        >>> answer = fanin.recommend(producers=4, payload=64, capacity="256 KiB", rounds=2)
        >>> answer.strategy in (None, *answer.finalists)
        True
    """
    _check.integer("rounds", rounds, 2, 1000)
    load = _load(producers, payload, rate, capacity)
    able = [strategy.name for strategy in strategies() if _suits(strategy, bool(ordered), capacity is not None)]
    metric = "nanoseconds_per_message" if rate is None else "latency_p99_ns"
    first = measure(Plan(able, rounds=FIRST_ROUNDS, seed=seed, **load), progress=progress)
    best = _best(first, metric)[:FINALISTS]
    if not best:
        why = (
            f"none of {_format.plural(len(able), 'strategy').replace('strategys', 'strategies')} kept up with the load"
        )
        return Recommendation(None, None, None, None, None, why, metric, (), first, first)
    last = measure(Plan(best, rounds=rounds, seed=seed + 1, **load), progress=progress)
    return _judged(last, first, metric)


def _load(producers: int, payload: int, rate: float | None, capacity: int | str | None) -> dict[str, Any]:
    """The load as a plan takes it: a burst that is long enough to tell, and no longer than it must be."""
    count = _check.integer("producers", producers, 1, 65_536)
    size = _check.integer("payload", payload, 1, 16 << 20)
    total = (
        BURST_BYTES // (size + 48)
        if rate is None
        else _check.real("rate", rate, 1e9, "messages a second") * LONGEST_BURST
    )
    how = CLOSED if rate is None else open_loop(rate=rate)
    load = {"producers": count, "payload": size, "capacity": capacity, "load": how}
    return load | {"messages": max(10, int(total) // count), "min_seconds": SECONDS, "timeout": 60.0}


def _suits(strategy: Strategy, ordered: bool, bounded: bool) -> bool:
    """Whether it may be named: sound, in the order and with the bound that was asked for, written as suits it."""
    if strategy.family in LEFT_OUT or not strategy.sound or strategy.write == "vectored":
        return False
    if strategy.write != ("each" if strategy.drain == "one" else "batch"):
        return False
    return (strategy.order == "total" or not ordered) and (strategy.bounded or not bounded)


def _best(sweep: Sweep, metric: str) -> list[str]:
    """The strategies that kept up, the best first."""
    logs = Cells.of(sweep, metric).logs
    kept = {key.strategy: sum(found.values()) / len(found) for key, found in logs.items() if found}
    late = {
        strategy
        for strategy, status in zip(sweep.column("strategy"), sweep.column("status"), strict=True)
        if status != "ok"
    }
    return sorted(kept.keys() - late, key=lambda name: kept[name])


def _judged(last: Sweep, first: Sweep, metric: str) -> Recommendation:
    order = tuple(_best(last, metric))
    (row,) = regimes(last, metric)
    what = "the time a message" if metric == "nanoseconds_per_message" else "the 99 % latency"
    if row["winner"] is None:
        return Recommendation(None, None, None, None, None, _tie(order, what), metric, order, last, first)
    how = _format.interval(row["ratio"], row["low"], row["high"])
    reason = f"{how} times as good as {row['next']} by {what}, and better than each of the others"
    return Recommendation(
        row["winner"], row["ratio"], row["low"], row["high"], row["next"], reason, metric, order, last, first
    )


def _tie(order: Sequence[str], what: str) -> str:
    if len(order) < 2:
        return f"only {order[0]} kept up in every round" if order else "none kept up in every round"
    others = " and ".join(filter(None, [", ".join(order[:-1]), order[-1]]))
    return f"{others} are not told apart by {what}; take the one whose guarantees suit, or measure longer (rounds=)"
