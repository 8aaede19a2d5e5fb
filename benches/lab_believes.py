"""Can the lab be believed? Two answers from this host, by the means that every sweep uses.

1. Identical arms, compared 200 times: how often is one called faster or slower than the other? At most one in ten may.
2. Arms that differ twofold: how long until they are told apart? Within 60 s.

    make bench-lab
    python benches/lab_believes.py --comparisons 50 --json

The differing arms are one strategy with twice the work a message: the truth is known, and is no queue's.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from math import log
from random import Random
from typing import Any

import fanin
from fanin.stats import intervals
from fanin.stats.verdicts import DECIDED, verdict

ARM = {"strategy": "mpsc/batch", "producers": 8, "messages": 200}
ROUNDS = 5
BUDGET = 60.0
MOST_ALARMS = 0.10
APART_ROUNDS = 20
WORK_NS = 20_000  # so much that all else is small beside it: twice the work is twice the time


def main() -> int:
    """Asks both, and returns 0 if both hold."""
    options = _options()
    host = fanin.doctor(again=True)
    print(f"{host!r}\n", file=sys.stderr)
    alike = identical(options.comparisons, options.seconds)
    apart = told_apart(options.seconds)
    found = {"identical": alike, "twice": apart, "noise_5": host.noise(5), "load": host.facts["load"]}
    holds = alike["share"] <= MOST_ALARMS and apart["verdict"] == "slower" and apart["seconds"] <= BUDGET
    print(json.dumps(found) if options.json else _text(found, holds))
    return 0 if holds else 1


def identical(comparisons: int, seconds: float) -> dict[str, Any]:
    """The verdicts on arms that are the same, each comparison over its own rounds."""
    words = Counter(_compare(_arm(seconds), _arm(seconds), seed) for seed in range(comparisons))
    decided = sum(words[word] for word in DECIDED)
    return {"comparisons": comparisons, "decided": decided, "share": decided / comparisons, "verdicts": dict(words)}


def told_apart(seconds: float) -> dict[str, Any]:
    """An arm, and one with twice its work, in as many rounds as were planned: looking earlier would see too much."""
    began, random = time.monotonic(), Random(0)
    once, twice = _arm(seconds, work=WORK_NS), _arm(seconds, work=2 * WORK_NS)
    ratio = intervals.of_mean([_pair(twice, once, random) for _ in range(APART_ROUNDS)]).exp()
    ends = {"ratio": ratio.middle, "low": ratio.low, "high": ratio.high}
    return {"verdict": verdict(ratio), "rounds": APART_ROUNDS, "seconds": time.monotonic() - began} | ends


def _compare(one: Callable[[], float], other: Callable[[], float], seed: int) -> str:
    random = Random(seed)
    return verdict(intervals.of_mean([_pair(one, other, random) for _ in range(ROUNDS)]).exp())


def _pair(mine: Callable[[], float], theirs: Callable[[], float], random: Random) -> float:
    """One round in an order from the seed: the logarithm of how many times as fast mine was."""
    if random.random() < 0.5:
        own = mine()
        return theirs() - own
    base = theirs()
    return base - mine()


def _arm(seconds: float, **more: Any) -> Callable[[], float]:
    def run() -> float:
        found = fanin.run(**ARM, **more, min_seconds=seconds).require_delivery()
        return log(found.nanoseconds_per_message or 1)

    return run


def _text(found: dict[str, Any], holds: bool) -> str:
    alike, apart = found["identical"], found["twice"]
    words = ", ".join(f"{count} {word}" for word, count in sorted(alike["verdicts"].items()))
    ratio = f"{apart['ratio']:.3g} [{apart['low']:.3g}, {apart['high']:.3g}]"
    asked = f"identical arms, {alike['comparisons']} comparisons of {ROUNDS} rounds"
    spent = f"{apart['rounds']} rounds, {apart['seconds']:.1f} s"
    return "\n".join(
        [
            f"{asked}: {alike['share']:.1%} decided ({words})",
            f"twice the work: {apart['verdict']}, {ratio} times as fast; {spent}",
            "both hold" if holds else "that does NOT hold",
        ]
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--comparisons", type=int, default=200, metavar="N", help="of identical arms; default: 200")
    parser.add_argument("--seconds", type=float, default=0.05, metavar="S", help="timed a run; default: 0.05")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
