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
# # The playground
#
# Pick a strategy and a load; each change makes a run, which is verified at the server, and adds a point to the picture.
# Needs `fanin[live,plot]`. The knobs are there where a kernel runs; a page of the documentation has only what came of
# them.

# %%
import io
import os

import ipywidgets as widgets
from IPython.display import Image
from matplotlib.figure import Figure

import fanin

QUICK = os.environ.get("FANIN_QUICK") == "1"
SECONDS = 0.05 if QUICK else 0.3
KEPT = 24  # points in the picture

# %% [markdown]
# ## The knobs
#
# A *strategy* is a queue with a write policy. The *receiver* reads as fast as it can, or at a rate; with a *capacity*
# and a slow receiver the queue is full, and *when full* says what becomes of a message.

# %%
names = [name for name in fanin.strategies().names if name.split("/")[0] not in ("direct", "locked")]
strategy = widgets.Dropdown(options=names, value="swap/batch", description="strategy")
producers = widgets.SelectionSlider(options=[1, 2, 4, 8, 16, 32, 64, 128, 256, 512], value=64, description="producers")
payload = widgets.SelectionSlider(options=[1, 8, 16, 64, 256, 1024, 4096], value=64, description="payload, B")
capacity = widgets.SelectionSlider(
    options=[("no bound", 0), ("16 KiB", 16384), ("64 KiB", 65536), ("256 KiB", 262144), ("1 MiB", 1 << 20)],
    value=0, description="capacity",
)  # fmt: skip
receiver = widgets.SelectionSlider(
    options=[("5 MB/s", 5_000_000), ("50 MB/s", 50_000_000), ("500 MB/s", 500_000_000), ("full speed", 0)],
    value=0, description="receiver",
)  # fmt: skip
on_full = widgets.Dropdown(options=["wait", "drop_newest", "drop_oldest"], value="wait", description="when full")
knobs = [strategy, producers, payload, capacity, receiver, on_full]
answer, picture = widgets.HTML(), widgets.Image(format="png")
runs: list[fanin.Run] = []

# %% [markdown]
# ## A run a change
#
# What cannot be run says why: not every queue has a bound, or can drop.


# %%
def load() -> dict[str, object]:
    """The load that the knobs describe; slow receivers get fewer messages, so that no change takes long."""
    rate = receiver.value or None
    seconds = 0.2 if rate else 1.0
    most = int((rate or 1e9) * seconds / (producers.value * payload.value))
    bounds = {"capacity": capacity.value or None, "on_full": on_full.value, "read_rate": rate}
    return {"messages": max(1, min(1000, most)), "min_seconds": 0 if rate else SECONDS, "timeout": 20} | bounds


def draw() -> bytes:
    """The runs so far, in the order in which they were made, as a picture."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.add_subplot()
    shown = runs[-KEPT:]
    speeds = [run.messages_per_second or float("nan") for run in shown]
    axes.plot(range(len(shown)), speeds, color="#999999", linewidth=1, zorder=1)
    for name in dict.fromkeys(run.strategy for run in shown):
        at = [place for place, run in enumerate(shown) if run.strategy == name]
        axes.scatter(at, [speeds[place] for place in at], label=name, zorder=2)
    axes.set(yscale="log", ylabel="messages a second", xlabel="run", xticks=range(len(shown)))
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=110)
    return drawn.getvalue()


def change(_: object = None) -> None:
    """Makes a run, and shows what came of it."""
    try:
        run = fanin.run(strategy.value, producers.value, payload=payload.value, **load())
    except fanin.PlanError as error:
        answer.value = f"<p>This cannot be run: {error}</p>"
        return
    runs.append(run)
    answer.value = run._repr_html_()
    picture.value = draw()


for knob in knobs:
    knob.continuous_update = False
    knob.observe(change, names="value")
change()
widgets.VBox([widgets.HBox([widgets.VBox(knobs), answer]), picture])

# %% [markdown]
# ## The same, turned by a program
#
# A widget changes by hand, or like this.

# %%
producers.value = 8
strategy.value = "mpsc-one/each"
strategy.value = "mpsc/batch"
[f"{run.strategy}, {run.producers} producers: {run.status}" for run in runs]

# %% [markdown]
# A slow receiver and a bound: producers wait in line, and nothing is lost. And with drops: what is missing was dropped
# on purpose, and counted.

# %%
strategy.value, receiver.value, capacity.value = "swap/batch", 50_000_000, 65536
waited = runs[-1]
on_full.value = "drop_newest"
dropped = runs[-1]
waited.status, waited.dropped, dropped.status, dropped.sent == dropped.delivered + dropped.dropped

# %%
Image(draw(), width=800)
