"""What does it cost to be watched? The same run with a live view and without, side by side.

python benches/live_cost.py [rounds [word]]

With a word, only the loads whose names hold it.

In each round both are run, in an order that is drawn; the ratio is of their throughput, as proved at the server. The
view is asked five times a second and its state is packed for a notebook each time, as the widget does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from math import exp, log
from random import Random
from statistics import fmean, stdev

import fanin
from fanin.view_widget import state

LOADS = {
    "swap/batch, 64 producers, 64 B": ("swap/batch", 64, 64),
    "mpsc-one/each, 8 producers, 1 B": ("mpsc-one/each", 8, 1),
    "lanes/batch, 8 producers, 64 B": ("lanes/batch", 8, 64),
}
SECONDS = 1.0
Load = tuple[str, int, int]


def watched(load: Load) -> float:
    """Nanoseconds a message, under a view."""
    strategy, producers, payload = load
    view = fanin.live(strategy, producers=producers, payload=payload, rounds=1, min_seconds=SECONDS)
    view.listen(lambda now: json.dumps(state(now)))
    (run,) = view.wait()
    return run.require_delivery().nanoseconds_per_message or 0.0


def alone(load: Load) -> float:
    """Nanoseconds a message, with nobody looking; through a sweep, as the other."""
    strategy, producers, payload = load
    (run,) = fanin.sweep(strategy, producers, payload=payload, rounds=1, min_seconds=SECONDS, progress=False)
    return run.require_delivery().nanoseconds_per_message or 0.0


def compare(load: Load, rounds: int, random: Random) -> list[float]:
    """For each round the logarithm of how many times as long a message takes when watched."""
    logs = []
    for _ in range(rounds):
        arms = random.sample([watched, alone], 2)
        times = {arm: arm(load) for arm in arms}
        logs.append(log(times[watched] / times[alone]))
    return logs


def said(logs: Sequence[float]) -> str:
    """The mean ratio, and what the rounds' spread leaves open."""
    from fanin.stats.intervals import t_quantile

    middle = fmean(logs)
    reach = t_quantile(0.975, len(logs) - 1) * stdev(logs) / len(logs) ** 0.5
    return f"{exp(middle):.3f} times as long when watched [{exp(middle - reach):.3f}, {exp(middle + reach):.3f}]"


def main(rounds: int = 12, word: str = "") -> None:
    """Prints a line a load."""
    random = Random(0)
    for name, load in LOADS.items():
        if word in name:
            print(f"{name}: {said(compare(load, rounds, random))}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:3])
