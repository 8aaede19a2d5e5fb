"""What this host can resolve: identical arms, run side by side as a sweep does, and how far apart they seem.

Whatever differs between identical arms is noise. The spread of their paired log-ratios is that of any comparison made
here, so it says beforehand how far from 1 a ratio has to be to mean something: after five rounds, after twenty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from math import exp, fsum, log, sqrt
from random import Random
from typing import Any

from .. import _check, _format
from . import host, intervals

__all__ = ["Checkup", "doctor", "known", "known_noise", "measure"]

ARM = {"strategy": "mpsc/batch", "producers": 8, "messages": 1000, "payload": 1}
LEVEL, POWER = 0.95, 0.80
SECONDS = 0.05
QUICK, FULL = (6, 3), (20, 4)  # rounds, arms
_latest: list[Checkup] = []


@dataclass(frozen=True, slots=True, repr=False)
class Checkup:
    """What `doctor` found. Frozen; pickles.

    Attributes:
        spread: The standard deviation of the log-ratio of two identical runs in one round.
        rounds: How many rounds it was measured in.
        arms: How many identical arms took part.
        worst: The ratio of the two arms whose means lie farthest apart: 1 in a perfect world.
        false_alarms: In how many of the `comparisons` between identical arms the 95 % interval left out 1.
        comparisons: How many pairs of arms there are.
        facts: The host: cores, load, pressure, how long a cache line takes to another core and back, governor, buffers,
            kernel, versions; None where it does not say.
        worries: What makes its numbers worse than they need be.

    Example:
        >>> import fanin
        >>> checkup = fanin.doctor()
        >>> checkup.spread > 0, checkup.facts["cores"] >= 1
        (True, True)
    """

    spread: float
    rounds: int
    arms: int
    worst: float
    false_alarms: int
    comparisons: int
    facts: dict[str, Any] = field(hash=False)
    worries: tuple[str, ...] = ()

    def noise(self, rounds: int = 5) -> float:
        """The ratio that identical arms stay within in 95 % of comparisons over so many rounds."""
        pairs = max(2, _check.integer("rounds", rounds, 1, 10**9))
        return exp(intervals.t_quantile((1 + LEVEL) / 2, pairs - 1) * self.spread / sqrt(pairs))

    def resolves(self, rounds: int = 5) -> float:
        """The smallest ratio that four of five comparisons over so many rounds would call decided."""
        pairs = max(2, _check.integer("rounds", rounds, 1, 10**9))
        reach = intervals.t_quantile((1 + LEVEL) / 2, pairs - 1) + intervals.t_quantile(POWER, pairs - 1)
        return exp(reach * self.spread / sqrt(pairs))

    def to_json(self) -> dict[str, Any]:
        """All of it, for `json.dumps`."""
        floors = {f"{name}_{n}": getattr(self, name)(n) for name in ("noise", "resolves") for n in (5, 20)}
        return asdict(self) | floors | {"worries": list(self.worries)}

    def _rows(self) -> list[tuple[str, str]]:
        found = [
            ("smallest effect resolved", ", ".join(f"{self.resolves(n):.3g} times in {n} rounds" for n in (5, 20))),
            ("identical arms stay within", ", ".join(f"{self.noise(n):.3g} times in {n} rounds" for n in (5, 20))),
            (
                "measured",
                f"{self.arms} identical arms, {self.rounds} rounds; the farthest apart {self.worst:.3g} times",
            ),
            ("looked different", f"{self.false_alarms} of {_format.plural(self.comparisons, 'pair')}"),
        ]
        return found + [_fact(name, value) for name, value in self.facts.items()]

    def __repr__(self) -> str:
        lines = [f"{name:<27} {text}" for name, text in self._rows()]
        return "\n".join([*lines, *(f"! {worry}" for worry in self.worries)])

    def _repr_html_(self) -> str:
        return _format.html_table(("this host", ""), self._rows()) + _format.html_notes(self.worries)


def doctor(quick: bool = True, *, again: bool = False, seed: int = 0) -> Checkup:
    """Measures identical arms, and says the smallest effect that this host resolves now, and what disturbs it.

    The process remembers the result: plots shade it, and comparisons take it into account.

    Args:
        quick: 6 rounds of 3 arms, in some 2 s; otherwise 20 rounds of 4, in some 8 s.
        again: Measure also where the process has measured before.
        seed: What the order within the rounds is drawn from.

    Returns:
        A `Checkup`.

    Example:
        >>> import fanin
        >>> checkup = fanin.doctor()
        >>> checkup.noise(20) < checkup.noise(5)
        True
    """
    rounds, arms = QUICK if quick else FULL
    if again or not _latest or _latest[-1].rounds < rounds:
        before = host.facts()  # a checkup is a load too
        _latest[:] = [measure(_one_run, rounds, arms, before, seed)]
    return _latest[-1]


def known() -> Checkup | None:
    """What the process remembers."""
    return _latest[-1] if _latest else None


def known_noise(noise: float | Checkup | None) -> Callable[[int], float] | None:
    """What ratio so many pairs cannot resolve: as given, else as remembered."""
    found = known() if noise is None else noise
    if found is None:
        return None
    if isinstance(found, Checkup):
        return found.noise
    floor = _check.between("noise", found, 1, 1000)
    return lambda _: floor


def measure(
    run: Callable[[], float], rounds: int, arms: int, facts: dict[str, Any] | None = None, seed: int = 0
) -> Checkup:
    """A checkup with runs of one's own: `run` returns what one run took."""
    random, times = Random(seed), []
    run()  # the first one warms caches, and the allocator
    for _ in range(rounds):
        row = [0.0] * arms
        for arm in random.sample(range(arms), arms):
            row[arm] = log(run())
        times.append(row)
    facts = host.facts() if facts is None else facts
    pairs = [[row[a] - row[b] for row in times] for a, b in combinations(range(arms), 2)]
    alarms = sum(_apart(intervals.of_mean(pair, LEVEL)) for pair in pairs)
    worst = exp(max(abs(intervals.mean(pair)) for pair in pairs))
    return Checkup(_spread(times), rounds, arms, worst, alarms, len(pairs), facts, tuple(host.worries(facts)))


def _spread(times: Sequence[Sequence[float]]) -> float:
    """The deviation of a pair's log-ratio: by √2 more than that of one arm from its round's mean."""
    arms = len(times[0])
    squares = [(value - intervals.mean(row)) ** 2 for row in times for value in row]
    return sqrt(2 * fsum(squares) / (len(times) * (arms - 1)))


def _apart(interval: intervals.Interval) -> bool:
    return interval.low is not None and interval.high is not None and not interval.low <= 0 <= interval.high


def _one_run() -> float:
    from ..running import run

    time = run(**ARM, min_seconds=SECONDS).require_delivery().nanoseconds_per_message  # type: ignore[arg-type]
    assert time is not None
    return time


# What a fact is called, and how its value reads; the others are called what they are.
WORDS = {
    "load": ("load average", "{:.1f}"),
    "cpu_pressure": ("some thread lacked a core", "{:.0f} % of the last 10 s"),
    "cache_line_ns": ("cache line there and back", "{:,} ns"),
    "governor": ("frequency governor", "{}"),
    "turbo": ("turbo is on", "{}"),
    "virtual": ("a virtual machine", "{}"),
    "send_buffer": ("send buffer", "{:,} bytes"),
    "receive_buffer": ("receive buffer", "{:,} bytes"),
    "build_profile": ("build", "{}"),
}


def _fact(name: str, value: object) -> tuple[str, str]:
    called, form = WORDS.get(name, (name.replace("_", " "), "{}"))
    if value is None:
        return called, "the system does not say"
    return called, form.format({True: "yes", False: "no"}[value] if isinstance(value, bool) else value)
