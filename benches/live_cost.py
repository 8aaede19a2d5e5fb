"""What does it cost to be watched? One run, in turns with a view that looks and without; and the looks' own time.

python benches/live_cost.py [runs [word]]

A run lasts 8 s. With a word, only the loads whose names hold it; the word `same` has nobody look in either turn, which
shows what the host makes of nothing.

From one run to the next a message of `mpsc-one/each` may take four times as long, by where the system has put its
threads; so both arms are in one run, in turns of 80 ms, in pairs whose first is drawn. What the host does meanwhile
falls out of their ratio as far as it goes on evenly. In a turn with a view it looks once, and packs its state for a
notebook as the widget does; that state is as long as it ever gets. That is 2.5 times as often as a view looks, so the
ratio is brought to its five looks a second: what a look costs a turn, it costs 0.2 s.

What is always on, watched or not, is the gauge that the actor raises at each drain; `cargo bench --bench gauge` has the
price of that. The thread that looks is the one that waits for the run, so there is no other to pay for.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from math import exp, log
from random import Random

import fanin
from fanin import _native
from fanin.cells import native
from fanin.stats import intervals
from fanin.view import KEPT, PERIOD, Live
from fanin.view_widget import state
from fanin.watch import Watch

LOADS = {
    "swap/batch, 64 producers, 64 B": ("swap/batch", 64, 64),
    "mpsc-one/each, 8 producers, 1 B": ("mpsc-one/each", 8, 1),
    "lanes/batch, 8 producers, 64 B": ("lanes/batch", 8, 64),
}
SECONDS = 8.0
SLICES = 2  # of 40 ms, in which who waits for a run looks up
TURN = SLICES * 0.04


class Turns:
    """Asked now and then during a run: looks in some turns and not in others, and keeps what each brought."""

    def __init__(self, random: Random, looks: bool) -> None:
        plan = fanin.Plan("swap/batch", 1, rounds=1, min_seconds=0)
        self.view: Live[fanin.Sweep] = Live(Watch(plan))
        self.view.wait()
        for _ in range(KEPT):
            self.view._note()
        self.gauge = _native.Gauge()
        self.random, self.looks, self.calls, self.used = random, looks, 0, 0.0
        self.kept: list[tuple[float, float, bool]] = []

    def look(self) -> None:
        """Begins the next turn, if this one is over."""
        turn, within = divmod(self.calls, SLICES)
        self.calls += 1
        if within:
            return
        watched = self.random.random() < 0.5 if turn % 2 == 0 else not self.kept[-1][2]
        self.kept.append((time.monotonic(), self.gauge.read()["messages"], watched))
        if watched and self.looks:
            begun = time.thread_time()
            self.view._note()
            json.dumps(state(self.view))
            self.used += time.thread_time() - begun

    def ratios(self) -> Iterator[float]:
        """For each pair, the logarithm of the time a message in the turn with a look over that without."""
        turns = [((b[1] - a[1]) / (b[0] - a[0]), a[2]) for a, b in zip(self.kept, self.kept[1:], strict=False)]
        for (one, watched), (other, _) in zip(turns[::2], turns[1::2], strict=False):
            if one and other:
                yield log(other / one) if watched else log(one / other)


def run(load: tuple[str, int, int], random: Random, looks: bool) -> tuple[list[float], float]:
    """The pairs of one run, and the share of a core that looks take at a view's rate."""
    strategy, producers, payload = load
    plan = fanin.Plan(strategy, producers, payload=payload, rounds=1, min_seconds=SECONDS)
    turns, found = Turns(random, looks), []
    knobs = native(plan.cells[0], plan.effort, 0)
    beside = threading.Thread(target=lambda: found.append(_native.run(gauge=turns.gauge, look=turns.look, **knobs)))
    beside.start()
    beside.join()
    assert found[0]["status"] == "ok", found
    watched = sum(kept[2] for kept in turns.kept)
    return list(turns.ratios()), turns.used / watched / PERIOD


def main(count: int = 20, word: str = "") -> None:
    """Prints some lines a load."""
    random, same = Random(0), word == "same"
    for name, load in LOADS.items():
        if same or word in name:
            pairs, shares = zip(*(run(load, random, not same) for _ in range(count)), strict=True)
            logs = [one for each in pairs for one in each]
            mean = intervals.of_mean(logs)
            low, middle, high = (exp(at * TURN / PERIOD) for at in (mean.low, mean.middle, mean.high))
            print(f"{name}: {'the same twice' if same else 'watched over alone'}, {len(logs)} pairs in {count} runs")
            print(f"  time a message {middle:.4f} times [{low:.4f}, {high:.4f}]")
            if not same:
                print(f"  looks take {sum(shares) / count:.3%} of a core", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:3])
