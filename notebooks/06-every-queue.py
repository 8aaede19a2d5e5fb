# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Every queue
#
# The article compares two ways to bring bytes from many producers to one socket. There are more: tokio's bounded
# channel, locks around arenas, lock-free stacks, rings, and the channels of other crates that its readers would name.
# This notebook puts all of them beside each other and asks: which wins where, by how much, and where does the
# favourite lose?
#
# A run goes over a real socket to a server that proves what arrived. A queue that loses or reorders messages has no
# speed here.

# %%
import os

import fanin
from fanin.bench import CAPPED, bench

QUICK = os.environ.get("FANIN_QUICK") == "1"
PAYLOADS = [1, 64] if QUICK else [1, 64, 4096]
PRODUCERS = [1, 64] if QUICK else [1, 8, 64, 256]
ROUNDS = 2 if QUICK else 3
FEW = ["lanes/batch", "swap/batch", "mpsc/batch"]
MAP = [*FEW, *([] if QUICK else ["sharded/batch", "ring/batch", "kanal/batch", "crossfire/batch"])]
SLOW = ("async-swap", "swap-yield")  # the article's, in notebook 01
BATCHED = [s for s in fanin.strategies() if s.write == "batch" and s.drain == "all" and s.sound]
QUEUES = [s.name for s in BATCHED if s.family not in ("oracle", "ceiling") and s.queue not in SLOW]
CHOSEN = FEW if QUICK else QUEUES

for family in dict.fromkeys(s.family for s in fanin.strategies()):
    queues = {s.queue: s.about.rpartition("; ")[0] for s in fanin.strategies() if s.family == family}
    print(family, *(f"  {queue}: {about}" for queue, about in queues.items()), sep="\n")

# %% [markdown]
# `direct` is the ceiling: one thread writes what all producers would have sent, and shares nothing. What a queue costs
# beyond it is the price of the fan-in.
#
# ## Side by side
#
# Four threads send as fast as they can. CPU time counts everybody: producers, actor, and the server with its proof. It
# is steadier than the time on the wall; that stands beside it, because waking late saves CPU time too. Queues that have
# no bound unless they are given one run twice: as they are, and with room for 256 KiB, as the bounded ones have.

# %%
table = bench([*CHOSEN, "direct/batch"], payloads=PAYLOADS, rounds=ROUNDS, progress=False)
table

# %% [markdown]
# The distance to the ceiling, for the best queue of each size:

# %%
for payload in table.payloads:
    rows = [row for row in table.table(payload) if row["status"] == "ok" and row["strategy"] != "direct/batch"]
    best = rows[0]
    name = best["strategy"] + (f", {CAPPED}" if best["capacity"] else "")
    print(f"{payload:5} bytes: {name} takes {best['ceilings']:.2f} times the ceiling's CPU time")

# %% [markdown]
# ## By payload and producers
#
# Now the producers are tasks, as in the article, and there are more of them. One queue or two of each family take part:
# of two that hardly differ neither could win. At each point all strategies run side by side, once a round.

# %%
sweep = fanin.sweep(
    MAP,
    producers=PRODUCERS,
    messages=500,
    payload=PAYLOADS,
    rounds=2 if QUICK else 9,
    min_seconds=0.01 if QUICK else 0.03,
    progress=False,
)
print(len(sweep), "runs,", "all delivered" if sweep.delivered else "not all delivered")

# %% [markdown]
# The map of regimes: a tile names the strategy that is faster than *every* other, by an interval of its own, and by how
# much it leads the next. A blank tile is a choice that this host cannot decide.

# %%
_ = sweep.plot_regimes()
# %%
for row in sweep.regimes():
    where = f"{row['producers']:4} producers × {row['payload']:5} bytes"
    lead = (
        "undecided" if row["winner"] is None else f"{row['winner']}, {row['ratio']:.2f} times as fast as {row['next']}"
    )
    print(f"{where}: {lead}")

# %% [markdown]
# The same by CPU time, which tells who does the least work:

# %%
_ = sweep.plot_regimes("cpu_nanoseconds_per_message")
# %% [markdown]
# ## Where the favourite loses
#
# `lanes` gives every producer a byte stream of its own. These are the points at which another strategy is faster than
# it, and the interval says so:

# %%
beaten = [row for row in sweep.compare("lanes/batch") if row["verdict"] == "faster"]
for row in beaten:
    where = f"{row['producers']:4} producers × {row['payload']:5} bytes"
    print(f"{where}: {row['strategy']} {row['ratio']:.2f} times as fast [{row['low']:.2f}, {row['high']:.2f}]")
print(f"{len(beaten)} of {len(sweep.compare('lanes/batch'))} comparisons")

# %% [markdown]
# What it says of itself:

# %%
print(fanin.strategies().named("lanes/batch").loses_when)

# %% [markdown]
# ## For your load
#
# A map of somebody else's load decides nothing about yours. `fanin.recommend` makes a short sweep on a load that you
# describe. It names a strategy only if that is better than each of the others, and says so when it cannot tell.

# %%
fanin.recommend(producers=8, payload=256, capacity="256 KiB", rounds=2 if QUICK else 9, progress=False)

# %% [markdown]
# Where one order for all producers is needed, the queues that only keep each producer's are left out:

# %%
fanin.recommend(producers=8, payload=256, ordered=True, rounds=2 if QUICK else 9, progress=False)
