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
# # Latency
#
# How long does a message take from when it was due to when the server has it? A *closed* load, in which each producer
# sends when its last message was taken, cannot say: when the system stalls, nobody sends, and the stall is one message
# long. An *open* load sends at given times, whatever the system does. Latency then counts from the intended time, and a
# stall is as long for everybody who came in it as it was.

# %%
import os

import fanin

QUICK = os.environ.get("FANIN_QUICK") == "1"
SECONDS = 0.2 if QUICK else 1.0  # how long a run's schedule is
PRODUCERS, PAYLOAD = 8, 64
ONE, CHANNEL, SWAP = "mpsc-one/each", "mpsc/batch", "swap/batch"


def messages(rate: float, seconds: float = SECONDS) -> int:
    """How many each producer sends at a rate."""
    return round(rate * seconds / PRODUCERS)


# %% [markdown]
# ## A stall is seen
#
# The server stops reading once, for a tenth of the time. That is no average: most messages never notice.

# %%
rate = 2_000
stalled = fanin.run(
    SWAP, PRODUCERS, messages(rate, 4 * SECONDS), PAYLOAD,
    load=fanin.open_loop(rate=rate), pause=fanin.pause(0.2 * SECONDS, after=SECONDS),
)  # fmt: skip
stalled

# %%
late = stalled.latencies
share = 0.2 / 4
print(f"The pause was {share:.0%} of the run. Half of all messages took {late.percentile(50) / 1e3:,.0f} µs or less;")
print(f"one in {1 / share:.0f} was due in it; the 99th percentile is {late.percentile(99) / 1e6:,.0f} ms.")

# %% [markdown]
# A closed load would have had each producer wait once: so many messages late, and no more.

# %%
print(f"{PRODUCERS} of {stalled.sent:,}: {PRODUCERS / stalled.sent:.2%}. The 99th percentile would have shown nothing.")

# %% [markdown]
# That is called *coordinated omission*: who measures waits along with what is measured. It cannot be put right
# afterwards, only by not asking the system when to send.
#
# ## Up to what rate?
#
# Below some rate the latency is that of the way; above it messages come faster than they go, and the latency is only
# how long the run was. A run that does not keep its rate to 99 % is `saturated`, and plots no speed.

# %%
rates = [10_000, 100_000] if QUICK else [5_000, 20_000, 80_000, 320_000, 1_000_000]
cases = [
    {"load": fanin.open_loop(rate=rate), "messages": messages(rate), "strategies": [ONE, CHANNEL, SWAP]}
    for rate in rates
]
first, *others = cases
steps = fanin.sweep(
    [ONE, CHANNEL, SWAP], PRODUCERS, first["messages"], PAYLOAD, load=first["load"], cases=others,
    rounds=2 if QUICK else 3, min_seconds=0, progress=False,
)  # fmt: skip
for rate in rates:
    for name in (ONE, CHANNEL, SWAP):
        runs = list(steps.filter(rate=float(rate), strategy=name))
        kept = sum(run.status == "ok" for run in runs)
        typical = sorted(run.latency_p50_ns for run in runs)[len(runs) // 2]
        tail = sorted(run.latency_p99_ns for run in runs)[len(runs) // 2]
        said = f"{rate:9,} a second, {name:13}: kept in {kept} of {len(runs)} rounds"
        print(f"{said}; half within {typical / 1e3:9,.0f} µs, 99 % within {tail / 1e3:9,.0f} µs")

# %% [markdown]
# Read down for each strategy: the rate from which no round is kept is its limit here. Some rounds are lost to whatever
# else the machine does: one pause of ten milliseconds at the end of a run of a second is a hundredth of it.
#
# ## Does batching cost latency?
#
# One might think that who writes in batches makes messages wait for the batch. But the actor here takes what is there
# and writes it at once: it waits for nobody. When one message is there, the batch is one message.

# %%
calm = 10_000 if QUICK else 20_000
where = {"producers": PRODUCERS, "payload": PAYLOAD, "min_seconds": 0, "progress": False}
beside = fanin.sweep(
    [ONE, CHANNEL, SWAP], messages=messages(calm), load=fanin.open_loop(rate=calm), rounds=3 if QUICK else 5, **where
)
_ = beside.plot_latency()
# %% [markdown]
# From the median on the left to the longest on the right; each tick is a tenth of the messages of the one before. A
# line is all rounds together, its band goes from the best round to the worst, and it ends where fewer than ten messages
# are left to speak for it; the hollow mark is the longest of all.

# %%
for name in (ONE, CHANNEL, SWAP):
    runs = list(beside.filter(strategy=name))
    batch = sum(run.delivered for run in runs) / sum(run.batches for run in runs)
    whole = runs[0].latencies
    for run in runs[1:]:
        whole += run.latencies
    middle, tail = whole.percentiles([50, 99])
    print(
        f"{name:13}: {batch:5.2f} messages a batch; half within {middle / 1e3:5.0f} µs, "
        f"99 % within {tail / 1e3:7,.0f} µs"
    )

# %% [markdown]
# Batches grow when there is a backlog, which is when they help: the actor catches up. The medians, compared round by
# round; `faster` would be the shorter latency:

# %%
beside.compare(over=ONE, metric="latency_p50_ns")

# %% [markdown]
# ## Constant or Poisson
#
# Independent users do not come at even distances. In a Poisson process of the same rate some come together, and wait
# for each other.

# %%
arrivals = [fanin.open_loop(rate=calm, arrivals=kind) for kind in ("constant", "poisson")]
uneven = fanin.sweep(SWAP, messages=messages(calm), load=arrivals, rounds=3 if QUICK else 5, **where)
_ = uneven.plot_latency(by="arrivals")
# %% [markdown]
# ## How good is the clock?
#
# One thread sends for all producers, at absolute times: a late send does not move the next. How late was it itself?

# %%
for run in beside.filter(round=0):
    print(
        f"{run.strategy:13}: {run.late_starts:,} of {run.sent:,} sends began more than 100 µs late, the worst "
        f"{run.worst_lateness_ns / 1e3:,.0f} µs"
    )

# %% [markdown]
# On a machine with few cores this thread competes with those it measures. What it was late is in the latencies, since
# they count from the intended time: they are never too short.
#
# ## What to take home
#
# * Ask for latency with an open load: `load=fanin.open_loop(rate=…)`. A closed one leaves out what matters.
# * Look at the status before the number. `saturated` says how long the run was.
# * An actor that takes what is there has nobody wait for a batch. One that waits until a batch is full does.
