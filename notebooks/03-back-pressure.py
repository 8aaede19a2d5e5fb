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
# # Back-pressure
#
# The article warns of it in passing: with very many workers "the backlog grows, or messages are dropped". Whoever
# receives is slower than those who send, for a moment or for good. Then what is sent must be somewhere. This notebook
# shows where, under a server that is made slow on purpose, and what the three answers to it cost: to let the queue
# grow, to have producers wait, to drop.

# %%
import os

import fanin

QUICK = os.environ.get("FANIN_QUICK") == "1"
SCALE = 4 if QUICK else 1
MIB = 1 << 20
LOAD = {"producers": 8, "messages": 40_000 // SCALE, "payload": 64}
SHARE = {"rounds": 1, "min_seconds": 0, "timeline": True, "progress": False}

# %% [markdown]
# ## No bound
#
# Eight producers send as fast as they can; the server reads 20 MiB a second. `timeline=True` has each run keep what
# stood in its queue over time.

# %%
slow = fanin.sweep(["mpsc/batch", "swap/batch", "lanes/batch"], read_rate=20 * MIB, **LOAD, **SHARE)
_ = slow.plot_backlog()
# %% [markdown]
# The queue fills within moments, as fast as producers can fill it, and empties at the server's pace. Between two drains
# nobody looks, so the lines go straight there. A mark is the peak.

# %%
sent = slow.column("sent")[0] * 64
for run in slow:
    share = run.high_water_bytes / sent
    print(
        f"{run.strategy:12}: produced in {run.produce_seconds * 1e3:4.0f} ms, delivered in "
        f"{run.deliver_seconds * 1e3:4.0f} ms; {run.high_water_bytes / MIB:4.1f} MiB queued at the worst, "
        f"{share:.0%} of all that was sent"
    )

# %% [markdown]
# Producers are done long before their messages are delivered, and know nothing of it. What is missing between the peak
# and all that was sent was in the sockets' buffers, which are a queue too: the system granted

# %%
run = next(iter(slow))
print(f"{run.send_buffer_granted:,} bytes to the actor's socket and {run.receive_buffer_granted:,} to the server's.")

# %% [markdown]
# A queue without a bound turns a slow receiver into memory. It ends when the burst does, or when the memory does.
# Nothing in the program says so meanwhile: every message will arrive, the ledger agrees, and a benchmark that stops
# its clock when the producers are done would show the best speed of all.
#
# ## A bound: producers wait
#
# The same, with a queue that holds at most so much. `wait` is what happens unless one asks for something else.

# %%
bounds = ["64 KiB", "1 MiB", None]
bounded = fanin.sweep("swap/batch", read_rate=20 * MIB, capacity=bounds, **LOAD, **SHARE)
_ = bounded.plot_backlog(by="capacity")
# %%
for run in sorted(bounded, key=lambda run: run.capacity or sent):
    held = f"{run.capacity:9,}" if run.capacity else "no bound "
    print(
        f"{held}: at most {run.high_water_bytes:9,} bytes queued; produced after {run.produce_seconds * 1e3:4.0f} ms, "
        f"delivered after {run.deliver_seconds * 1e3:4.0f} ms"
    )

# %% [markdown]
# *Delivered* is the server's doing: a queue cannot make that faster. What a bound changes is who knows. The tighter it
# is, the closer *produced* comes to *delivered*: producers have become as slow as the server, and can do something
# about it, such as to ask for less.
#
# ## A bound: drop
#
# Sometimes producers must not wait: a live feed is worth nothing when it is late. Then something is left out, and the
# question is what: the message that finds no room (`drop_newest`), or the one that has waited longest (`drop_oldest`).
# Not every queue can do both.

# %%
for strategy in fanin.strategies():
    if strategy.name in ("mpsc/batch", "mpsc-bounded/batch", "swap/batch", "lanes/batch", "ring/batch"):
        print(f"{strategy.queue:12}: {', '.join(strategy.policies)}")

# %%
dropping = fanin.sweep(
    "swap/batch", read_rate=20 * MIB, capacity="256 KiB", on_full=["wait", "drop_newest", "drop_oldest"],
    **LOAD, **SHARE
)  # fmt: skip
_ = dropping.plot_backlog(by="on_full")
# %%
for run in sorted(dropping, key=lambda run: run.dropped):
    print(
        f"{run.on_full:11}: {run.sent:,} sent = {run.delivered:,} delivered + {run.dropped:,} dropped "
        f"({run.dropped / run.sent:.0%}); status {run.status}, proof {run.proof}"
    )

# %% [markdown]
# What was dropped is counted, and the ledger holds the queue to it: what was delivered and what was dropped must come
# to what was sent, each once and in order. A queue that loses a message beyond that is `invalid`, and has no speed.
#
# ## A pause
#
# The server is fast enough, but stops for a fifth of a second: a garbage collection, a full disk. Messages are due at
# a steady rate, whoever is ready.

# %%
rate = 50_000 if QUICK else 100_000
paused = fanin.sweep(
    "swap/batch", producers=8, messages=rate // 10, payload=64,
    load=fanin.open_loop(rate=rate), pause=fanin.pause(0.2, after=0.2), capacity="64 KiB",
    send_buffer=65_536, receive_buffer=65_536, on_full=["wait", "drop_newest", "drop_oldest"], **SHARE
)  # fmt: skip
_ = paused.plot_backlog(by="on_full")
# %% [markdown]
# The buffers of the sockets are made small here, or they would take all that comes in the pause. In the grey stretch
# the queue fills to its bound, and then the three differ. What did those that arrived go through?

# %%
_ = paused.plot_latency(by="on_full")
# %%
for run in sorted(paused, key=lambda run: run.dropped):
    print(
        f"{run.on_full:11}: {run.dropped:6,} dropped; 99 % within {run.latency_p99_ns / 1e6:6.1f} ms, the longest "
        f"{run.latency_max_ns / 1e6:6.1f} ms"
    )

# %% [markdown]
# Who waits, delivers everything, and has it late: every message that was due in the pause has waited for the rest of
# it, and those after it until the backlog is gone. To drop leaves out what would have been late. Whether the newest or
# the oldest go says what arrives after the pause: what was due first, and has waited longest; or what was due last, but
# for what the sockets already held.
#
# ## Memory
#
# A backlog is memory that the program did not have before. Pages that were touched for the first time show it, without
# an allocator that counts:

# %%
for run in sorted([*slow, *bounded], key=lambda run: run.high_water_bytes):
    held = f"bound of {run.capacity:,} bytes" if run.capacity else "no bound"
    print(
        f"{run.strategy:12} {held:25}: {run.page_faults:6,} pages, {run.high_water_bytes / MIB:5.2f} MiB at the worst"
    )

# %% [markdown]
# ## What to take home
#
# * Without a bound a slow receiver is invisible until memory ends. Plot the backlog: `timeline=True`, `plot_backlog()`.
# * A bound does not make a receiver faster. It tells producers the truth about it.
# * Drop only on purpose, count what is dropped, and check that it adds up.
