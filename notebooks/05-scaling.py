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
# # Scaling
#
# "It scales" may mean two things. More *workers that run at the same time* do more: that is a question about cores, and
# the Universal Scalability Law answers it. More *producers*, most of which wait, still get along: that is a question
# about a queue with thousands at its door. And then there is a third one, how to measure on more than one machine.

# %%
import os

import fanin

QUICK = os.environ.get("FANIN_QUICK") == "1"
ROUNDS = 2 if QUICK else 5
SHORT = 0.005 if QUICK else 0.05
ONE, CHANNEL, SWAP, LANES = "mpsc-one/each", "mpsc/batch", "swap/batch", "lanes/batch"
SHARE = {"rounds": ROUNDS, "min_seconds": SHORT, "progress": False}

# %% [markdown]
# ## More cores
#
# Gunther's law says what `N` workers do beside each other:
#
# ```text
# rate · N / (1 + contention · (N - 1) + coherence · N · (N - 1))
# ```
#
# *Contention* is the share that only one can do at a time; *coherence* what each pair costs by keeping up with each
# other. With coherence there is a count beyond which more workers do less.
#
# Three unknowns need six counts at the least, and workers beyond the cores do not run at the same time. Where that is
# not to be had, the lab says so instead of fitting a curve to noise:

# %%
few = fanin.sweep([CHANNEL, SWAP], producers=[1, 2], messages=200 if QUICK else 1000, payload=64, **SHARE)
few.scaling()

# %% [markdown]
# That is the answer of the machine on which this was run. What a law looks like where there are cores, made up with a
# known truth and 3 % of noise, and fitted by the same code:

# %%
from random import Random

from fanin.stats.scaling import Law, fit

truth, noise = Law(rate=1e6, contention=0.08, coherence=0.004), Random(1)
counts = [1, 2, 4, 6, 8, 12, 16, 24, 32]
found = fit(counts, [truth.at(count) * noise.gauss(1, 0.03) for count in counts])
print(
    f"contention {found.contention:.3f} (true {truth.contention}), "
    f"coherence {found.coherence:.4f} (true {truth.coherence})"
)
print(f"the most is done by {found.peak:.0f} workers (in truth {truth.peak:.0f})")

# %% [markdown]
# ## More producers
#
# Producers are tasks of a runtime, and there may be far more of them than cores. Most wait, for their turn or for
# something to send. What does their number cost?

# %%
many = [1, 16, 256] if QUICK else [1, 8, 64, 512, 4096]
crowd = fanin.sweep([ONE, CHANNEL, SWAP, LANES], producers=many, messages=16 if QUICK else 64, payload=64, **SHARE)
_ = crowd.plot()
# %%
_ = crowd.plot_ratio(over=CHANNEL)
# %% [markdown]
# A ratio whose interval holds 1 is hollow: undecided. The order of the queues at one producer need not be that at
# thousands, and the numbers say how far it changes:

# %%
wide = {row["producers"]: {} for row in crowd.summary()}
for row in crowd.summary():
    wide[row["producers"]][row["strategy"]] = row["ns"]
for count, times in wide.items():
    order = sorted(times, key=times.get)
    print(f"{count:5,} producers: " + ", ".join(f"{name} {times[name]:,.0f} ns" for name in order))

# %% [markdown]
# ## Tasks or threads
#
# A producer may be a thread of the operating system instead. Then the system's scheduler, and not the runtime's, says
# whose turn it is.

# %%
kinds = fanin.sweep(
    [CHANNEL, SWAP, LANES], producers=[4, 32] if QUICK else [4, 32, 256], messages=100 if QUICK else 500, payload=64,
    producers_as=["tasks", "threads"], **SHARE
)  # fmt: skip
kinds.compare(over=CHANNEL)

# %%
for kind in ("tasks", "threads"):
    runs = list(kinds.filter(strategy=SWAP, producers_as=kind))
    switches = sum(run.context_switches for run in runs) / sum(run.delivered for run in runs)
    print(f"{SWAP} with {kind:7}: {switches:.3f} context switches a message")

# %% [markdown]
# ## More machines
#
# A sweep takes any executor of `concurrent.futures`. What is handed out is a *block*: all strategies of one point, side
# by side, so that a ratio never crosses machines. And a machine measures one block at a time, whoever asks: two sweeps
# at once would measure each other. Here are two workers of Dask on this one machine; on a cluster the only difference
# is the address in `Client(…)`.

# %%
from dask.distributed import Client, LocalCluster

with (
    LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
    Client(cluster) as client,
):
    # Not pure: else Dask takes equal submissions for one.
    spread = fanin.sweep(
        [CHANNEL, SWAP], producers=[1, 8] if QUICK else [1, 8, 64], messages=200, payload=64,
        executor=client.get_executor(pure=False), **SHARE
    )  # fmt: skip
spread.compare(over=CHANNEL)

# %%
print(f"{len(spread)} runs on {len(set(spread.column('host')))} machine, of which the sweep knows:")
for facts in spread.metadata["hosts"].values():
    print(", ".join(f"{name} {facts[name]}" for name in ("cores_usable", "system", "fanin")))

# %% [markdown]
# ## Fresh processes
#
# Where memory comes to lie, and what the system makes of the threads, is drawn when a process starts, and stays. Rounds
# of one process never see it. `confirm=` spreads them over fresh ones, and then the processes, and no longer the
# rounds, are what an interval rests on: the last question before one believes a small difference.

# %%
fresh = fanin.sweep(
    [CHANNEL, SWAP], producers=8, messages=500, payload=64, confirm=ROUNDS + 1,
    **SHARE | {"rounds": 2 * (ROUNDS + 1)}
)  # fmt: skip
fresh.compare(over=CHANNEL)

# %% [markdown]
# ## What to take home
#
# * Contention needs cores to show. Where there are not enough, no law is better than a wrong one.
# * Compare at your own number of producers: the order of the queues depends on it.
# * Spread a large plan over machines with `executor=`, and settle a small difference with `confirm=`.
