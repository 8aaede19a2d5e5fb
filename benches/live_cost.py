"""What does it cost to be watched? The same short run with a live view and without, side by side; and its own time.

python benches/live_cost.py [quartets [word [seconds]]]

A run lasts 0.06 s if nothing else is said: many short ones tell more of a noisy host, but each has the start of a view
in it, which a longer one spreads. With a word, only the loads whose names hold it; the word `same` has both arms
unwatched, which shows what the host makes of nothing.

A quartet is watched, alone, alone, watched, or the other way round as is drawn: what the host does meanwhile falls out
of its ratio as far as it goes on evenly. Both arms run on a thread beside the main one, as in a notebook, whose kernel
has threads of its own, and the main one waits for it in the same way: a further thread, or one more that wakes, changes
how a system with few cores places the others.

The ratio is taken of the time a message, as proved at the server, and of the actor's processor time a message, which
the host disturbs less: all that a run pays for being watched is paid by its actor. The view looks five times a second
and its state is packed for a notebook each time, as the widget does; what that takes is a bound of what it can take
from the run, however it is placed. `cargo bench --bench gauge` has the price of a gauge a drain.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from math import log
from random import Random
from typing import Any

import fanin
from fanin.stats import intervals
from fanin.view_widget import state

LOADS = {
    "swap/batch, 64 producers, 64 B": ("swap/batch", 64, 64),
    "mpsc-one/each, 8 producers, 1 B": ("mpsc-one/each", 8, 1),
    "lanes/batch, 8 producers, 64 B": ("lanes/batch", 8, 64),
}
SECONDS = 0.06
# With the seconds of a run.
Load = tuple[str, int, int, float]
# The time a message, the actor's processor time a message, and the share of a core that the looks used.
Costs = tuple[float, float, float]


def watched(load: Load) -> Costs:
    """Under a view."""
    strategy, producers, payload, seconds = load
    used = 0.0

    def look(now: fanin.Live[Any]) -> None:
        nonlocal used
        begun = time.thread_time()
        json.dumps(state(now))
        used += time.thread_time() - begun

    view = fanin.live(strategy, producers=producers, payload=payload, rounds=1, min_seconds=seconds)
    begun = time.perf_counter()
    view.listen(look)
    (run,) = view.wait()
    return *costs(run), used / (time.perf_counter() - begun)


def alone(load: Load) -> Costs:
    """With nobody looking."""
    strategy, producers, payload, seconds = load
    plan = fanin.Plan(strategy, producers, payload=payload, rounds=1, min_seconds=seconds)
    with ThreadPoolExecutor(1) as beside:
        sweep = beside.submit(plan.run, progress=False)
        while not sweep.done():
            wait([sweep], 0.05)
        (run,) = sweep.result()
    return *costs(run), 0.0


def costs(run: fanin.Run) -> tuple[float, float]:
    """What a message took, and the actor for it."""
    run.require_delivery()
    actor = (run.cpu_actor_user_ns or 0) + (run.cpu_actor_system_ns or 0)
    return run.nanoseconds_per_message or 0.0, actor / run.delivered


def quartets(load: Load, count: int, arm: Callable[[Load], Costs], random: Random) -> Iterator[tuple[float, ...]]:
    """For each quartet the logarithms of both ratios, and the looks' share of a core."""
    for _ in range(count):
        order = random.choice([(arm, alone, alone, arm), (alone, arm, arm, alone)])
        found = [(call, call(load)) for call in order]
        looked = [figures for call, figures in found if call is arm]
        # Where both arms are one, the outer two stand against the inner two.
        halves = [[found[i][1] for i in (0, 3)], [found[i][1] for i in (1, 2)]]
        first, second = halves if order[0] is arm else halves[::-1]
        logs = [sum(log(a[i] / b[i]) for a, b in zip(first, second, strict=True)) / 2 for i in (0, 1)]
        yield *logs, sum(figures[2] for figures in looked) / len(looked)


def said(name: str, logs: list[float]) -> str:
    """The mean ratio, with its interval."""
    ratio = intervals.of_mean(logs).exp()
    return f"  {name} {ratio.middle:.4f} times [{ratio.low:.4f}, {ratio.high:.4f}]"


def main(count: int = 300, word: str = "", seconds: float = SECONDS) -> None:
    """Prints some lines a load."""
    random, same = Random(0), word == "same"
    for name, load in LOADS.items():
        if same or word in name:
            found = list(quartets((*load, seconds), count, alone if same else watched, random))
            time_logs, actor_logs, shares = (list(column) for column in zip(*found, strict=True))
            print(f"{name}: {'the same twice' if same else 'watched over alone'}, {count} quartets")
            print(said("time a message        ", time_logs), said("actor's processor time", actor_logs), sep="\n")
            if not same:
                print(f"  the view looks with {sum(shares) / count:.3%} of a core", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:3], *map(float, sys.argv[3:4]))
