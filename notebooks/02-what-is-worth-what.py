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
# # What is worth what
#
# The article's channel and its mutex differ in four things at once. The channel's actor **takes** one message where the
# other takes all that wait; it **writes** one where the other writes all at once; the **queue** is another; and so is
# the **waiting**: one is woken, the other asks again and again. Whoever chooses between the two wants to know which of
# the four he pays for. And whether he would notice: with his sizes of message, his limits of memory, his own work.
#
# The lab keeps the four apart, as a chain of strategies that each change one thing:
#
# ```text
#             taking          queue         waiting
# mpsc-one/each ── mpsc/each ── swap/each ── swap-yield/each
#                      │            │               │          writing
#                mpsc/batch ── swap/batch ── swap-yield/batch
# ```

# %%
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import fanin

QUICK = os.environ.get("FANIN_QUICK") == "1"
ROUNDS = 3 if QUICK else 8
SHORT = 0.005 if QUICK else 0.05  # seconds that each run times, at the least
CHAIN = [
    "mpsc-one/each", "mpsc/each", "swap/each", "swap-yield/each", "mpsc/batch", "swap/batch", "swap-yield/batch",
]  # fmt: skip
ONE, CHANNEL, SWAP = "mpsc-one/each", "mpsc/batch", "swap/batch"
SHARE = {"rounds": ROUNDS, "min_seconds": SHORT, "progress": False}

# %% [markdown]
# First the instrument. The same strategy, run against itself, is not twice equally fast. How far from 1 must a ratio be
# here and now, to mean anything?

# %%
doctor = fanin.doctor()
print(f"{ROUNDS} rounds on this host resolve a ratio of {doctor.resolves(ROUNDS):.2f} and more;")
print(f"of identical arms 95 in 100 stay within {doctor.noise(ROUNDS):.2f}.")

# %% [markdown]
# What lies within that is not called faster or slower below, whatever its own interval says.
#
# ## The four causes
#
# All seven strategies, at two counts of producers, with the article's one-byte messages.

# %%
chain = fanin.sweep(CHAIN, producers=[8, 64], messages=300 if QUICK else 1000, **SHARE)
why = chain.explain(SWAP)
print(why.sentence)

# %% [markdown]
# A part is a mean over the possible orders in which the causes can be changed one at a time, so the parts multiply to
# the whole exactly. Where one is worth something else depending on the rest it has a star, and the table of conditions
# in `why` says what. The square brackets are 95 % intervals: a cause whose interval holds 1 is undecided, and the
# sentence says so.

# %%
_ = why.plot()
# %% [markdown]
# Filled marks are decided, hollow ones are not. Read the picture from above: the highest cause is what the article's
# speed is mostly made of.

# %%
from math import log

parts = {row["cause"]: row["ratio"] for row in why.overall}
largest = max((cause for cause in parts if cause != "whole"), key=parts.get)
print(f"The largest part is {largest}: {parts[largest]:.1f} times, of {parts['whole']:.1f} times in all.")
drained = log(parts["taking"] * parts["writing"]) / log(parts["whole"])
print(f"Taking and writing in batches, with the channel as it is, are {drained:.0%} of the way, on the log scale.")

# %% [markdown]
# The article's own end of the chain, with an actor that polls instead of being woken:

# %%
print(chain.explain("swap-yield/batch").sentence)

# %% [markdown]
# ## The size of a message
#
# The same three strategies, with messages of one byte to 16 KiB.

# %%
payload = [1, 64, 1024, 16384]
sizes = fanin.sweep(
    [ONE, CHANNEL, SWAP, "swap/vectored"],
    producers=16, messages=20 if QUICK else 200, payload=payload, **SHARE
)  # fmt: skip
_ = sizes.plot("bytes_per_second", x="payload")
# %% [markdown]
# In bytes a second. Where lines meet, the copying and the socket decide, and no longer the queue.

# %%
sizes.compare(over=CHANNEL)

# %%
gain = {row["payload"]: row["ratio"] for row in sizes.compare(over=ONE) if row["strategy"] == CHANNEL}
for size, ratio in gain.items():
    print(f"{size:6,} bytes: batching is worth {ratio:5.1f} times")

# %% [markdown]
# A write costs about the same whether it carries a byte or a few kilobytes. So the larger messages are, the less there
# is to gain by sparing writes.
#
# Which strategy is faster than every other, at which point? A tile is blank where that is undecided.

# %%
_ = fanin.sweep([ONE, CHANNEL, SWAP], [1, 16, 128], 20 if QUICK else 200, [1, 64, 1024], **SHARE).plot_regimes()
# %% [markdown]
# ## Sizes as they come, and your own records
#
# Messages are seldom all of one size. `fanin.mix` sends several, as often as their weights say; `fanin.records` sends
# the lines of a file, or any bytes. Such messages travel with their length, and every byte is compared at the server.

# %%
hits = b"".join(b"10.0.0.%d GET /item/%d 200\n" % (number % 250, number**3 % 9973) for number in range(2000))
with TemporaryDirectory() as folder:
    log = Path(folder, "access.log")
    log.write_bytes(hits)
    records = fanin.records(log)
mixed = fanin.sweep(
    [ONE, CHANNEL, SWAP],
    producers=16, messages=20 if QUICK else 200, payload=[fanin.mix({64: 9, 4096: 1}), records], **SHARE
)  # fmt: skip
mixed.compare(over=CHANNEL)

# %% [markdown]
# ## A limit
#
# A queue without a bound holds whatever comes. What does a bound cost? Producers that find it full wait.

# %%
bounds = ["1 KiB", "16 KiB", "256 KiB", None]
limited = fanin.sweep(SWAP, producers=64, messages=100 if QUICK else 1000, payload=64, capacity=bounds, **SHARE)
for row in limited.summary():
    held = f"{row['capacity']:9,} bytes" if row["capacity"] else "no bound       "
    water = max(limited.filter(capacity=row["capacity"]).column("high_water_bytes"))
    print(f"{held}: {row['ns']:6,.0f} ns a message, at most {water:9,} bytes in the queue")

# %% [markdown]
# The last column is what was there at the worst. From which bound on it costs nothing, the first column shows; a bound
# of that size is a guarantee for free. *Back-pressure* is a notebook of its own: `03-back-pressure`.
#
# ## Your own work
#
# Producers seldom do nothing but send. `work=` has each spend so many nanoseconds of processor time before each
# message.

# %%
work = [0, 1_000, 10_000] if QUICK else [0, 100, 1_000, 10_000, 100_000]
busy = fanin.sweep([ONE, CHANNEL, SWAP], producers=16, messages=50 if QUICK else 100, work=work, **SHARE)
_ = busy.plot_ratio(over=CHANNEL, x="work_ns")
# %%
still = dict.fromkeys((ONE, SWAP))
for row in busy.compare(over=CHANNEL):
    if row["verdict"] in ("faster", "slower"):
        still[row["strategy"]] = max(still[row["strategy"]] or 0, row["work_ns"])
for name, most in still.items():
    said = "at none of those tried" if most is None else f"up to {most:,} ns of work a message, of those tried"
    print(f"{name} differs from {CHANNEL} {said}.")

# %% [markdown]
# Beyond, the producers' own work is all that counts: the choice of a queue is not the choice to think about.
#
# ## What to take home
#
# * Ask for the parts, not for the whole: `sweep.explain()`. What two changes are worth together says nothing of either.
# * Measure with your own messages, `payload=fanin.records("access.log")`, and with your own work.
# * A difference that the host cannot resolve is none. `fanin.doctor()` says what it can, and every comparison asks it.
