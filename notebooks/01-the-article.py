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
# # The article, verified
#
# *How to avoid over reliance on `mpsc` channels in Rust* (JuxhinDB, 2024) describes a *fan-in*: many workers each
# enrich items, and one actor, which owns a socket, must pass everything on. The article measures two ways to bring
# the bytes from the workers, which are *producers* everywhere else here, to the actor:
#
# * **mpsc**: every worker sends into a tokio channel; the actor receives one message and writes it, then the next;
# * **mutex**: every worker pushes into a `Vec` behind a `std::sync::Mutex`; the actor swaps that `Vec` for an empty one
#   and writes the whole batch.
#
# At 8192 workers it finds the second 107 times as fast as the first. This notebook asks three questions. What do
# those figures measure? What comes out when every message has to *arrive*? And which part of the design is the gain
# owed to: the lock, or the batches?
#
# All loads below run natively, in Rust. Each run goes over a real socket to a server that checks what comes: every
# message once, and each producer's in order. A run that fails the check has no speed here.

# %%
import os

import fanin

QUICK = os.environ.get("FANIN_QUICK") == "1"
WORKERS = [8, 64] if QUICK else [1, 8, 64, 512]
ROUNDS = 2 if QUICK else 3
SQUARE = ["mpsc/each", "mpsc/batch", "swap/each", "swap/batch"]
WAITING = ["swap-yield/batch", "async-swap/batch"]  # the article's polling, and its tokio mutex
STRATEGIES = ["mpsc-one/each", *SQUARE, *([] if QUICK else WAITING)]
ONE_BY_ONE, CHANNEL, SWAP = "mpsc-one/each", "mpsc/batch", "swap/batch"

fanin.strategies()

# %% [markdown]
# A *strategy* is a queue with a write policy. `mpsc-one/each` is the article's channel: take one, write one.
# `swap/batch` is its mutex, with an actor that sleeps while there is nothing. What the article does not have is the
# step between the two, `mpsc/batch`: the same channel, but the actor takes all that waits and writes it at once.
#
# ## The published figures
#
# Mean microseconds for 1000 one-byte messages a worker.

# %%
fanin.published()

# %% [markdown]
# The last row deserves a second look: 8192 workers send 8,192,000 messages.

# %%
last = fanin.published().to_dicts()[-1]
messages = last["workers"] * 1000
for name in ("mutex", "mpsc"):
    print(f"{name}: {last[f'{name}_us'] * 1000 / messages:.1f} ns a message")

# %% [markdown]
# Less than a nanosecond, for a lock, a push, and a share of a write to a socket: that is a few cycles of a
# processor. Either this is very good, or the clock stopped before the work was done.
#
# ## What that benchmark measures
#
# `fanin.replay` does again what the published benchmark does, and counts at the server what arrives. *mutex* stops
# its clock when the first worker is done, not the last, and its actor never clears the `Vec` that it has written,
# so that old bytes go out again. *mpsc* stops its clock when the workers have queued everything, and aborts the
# actor with the channel still full. Neither reads the echo.

# %%
replays = fanin.replay(WORKERS, repeats=5, progress=False)
for row in replays:
    share = row["delivered"] / row["expected"]
    clock = f"{row['seconds'] * 1e6:8.0f} µs"
    print(f"{row['design']:5} × {row['workers']:3}: {clock}, {share:10.3f} of what was sent arrived")

# %% [markdown]
# Where this says 1.000, as many bytes arrived as were sent. How often is that?

# %%
right = sum(row["delivered"] == row["expected"] for row in replays)
print(f"{right} of {len(replays)} runs")

# %% [markdown]
# The clock of such a run says nothing about delivery: it says how far the program had come when somebody looked.
#
# ## The same, verified
#
# Now the clock runs until the server has the last byte, and the check goes on to the end of the stream. Every
# strategy is run at every count once a round, in shuffled order, so that what disturbs the machine for a while
# disturbs all alike.

# %%
answer = fanin.article(workers=WORKERS, strategies=STRATEGIES, rounds=ROUNDS, progress=False)
answer

# %%
_ = answer.plot()
# %% [markdown]
# Left, what was published, and below it what arrives when that is repeated; the green line is where all would have
# arrived, once each. Right, the verified runs: a line for each strategy, in a band from its lowest round to its
# highest. Dashed lines write a message at a time. Colours are queues.
#
# ## The square of queue and write
#
# The article changes two things at once: the queue, and how the actor writes. With the two apart there are four
# corners, and each side of the square is a question of its own. Ratios are taken within a round.

# %%
square = answer.sweep.filter(strategy=SQUARE)
_ = square.plot()
# %% [markdown]
# **Writing in batches**, with the queue as it is:

# %%
for queue in ("mpsc", "swap"):
    print(square.ratio(f"{queue}/batch", over=f"{queue}/each"), "\n")

# %% [markdown]
# **The queue**, with the writing as it is:

# %%
for write in ("each", "batch"):
    print(square.ratio(f"swap/{write}", over=f"mpsc/{write}"), "\n")

# %% [markdown]
# And taking all that waits, while still writing one by one:

# %%
answer.sweep.ratio("mpsc/each", over=ONE_BY_ONE)

# %% [markdown]
# Together, from the rounds just run: *batching* is `mpsc/batch` over `mpsc-one/each`, *queue* is `swap/batch` over
# `mpsc/batch`, *whole* is both.

# %%
factors = answer.factors()
for name in ("batching", "queue", "whole"):
    ratios = factors.column(name)
    print(f"{name}: {min(ratios):.1f} to {max(ratios):.1f} times as fast")

# %% [markdown]
# ## Where the choice stops to matter
#
# The producers so far did nothing but send. The article's workers look up a location, a name, a banner. `work=`
# makes each producer spend so many nanoseconds of processor time before each message.

# %%
work = fanin.sweep(
    [ONE_BY_ONE, CHANNEL, SWAP],
    producers=64,
    messages=100,
    work=[0, 100, 1_000, 10_000] if QUICK else [0, 100, 1_000, 10_000, 100_000],
    rounds=ROUNDS,
    progress=False,
)
_ = work.plot(x="work_ns")
# %%
print(work.ratio(CHANNEL, over=ONE_BY_ONE), "\n")
print(work.ratio(SWAP, over=CHANNEL))

# %% [markdown]
# A ratio of 1 is a choice that does not matter. Read down each table: it shows from which work on the producers,
# and no longer the fan-in, decide how fast it goes.
#
# `delay=` lets each producer sleep before each message, as one that waits for an answer from elsewhere does. Then a
# few messages come at a time, and the processor's time tells more than the clock's.

# %%
delay = fanin.sweep(
    [ONE_BY_ONE, CHANNEL, SWAP],
    producers=64,
    messages=10,
    delay=[0, 0.001, 0.01],
    rounds=ROUNDS,
    progress=False,
)
print(delay.summary(over=ONE_BY_ONE))

# %%
for run in sorted(delay.filter(round=0), key=lambda run: (run.delay_ns, run.strategy)):
    cpu = run.cpu_seconds * 1e9 / run.delivered
    print(f"{run.delay_ns / 1e6:4.0f} ms, {run.strategy:13}: {cpu:7,.0f} ns of processor time a message")

# %% [markdown]
# ## What to take home
#
# * Ask what arrived before asking how fast. A benchmark of a fan-in that does not count at the receiver measures
#   something else.
# * Change one thing at a time. The square above tells the write policy from the queue; the published table cannot.
# * Put your own work in. The tables of the last section say whether the choice is yours to make at all.
#
# The same with all 14 counts of producers: `fanin article`, or `fanin.article()`.
