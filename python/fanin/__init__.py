"""Many producers, one socket: fan-in strategies, verified at the receiver and measured side by side.

```python
import fanin

run = fanin.run("swap/batch", producers=64, messages=1000, payload=1)
run.status  # "ok": every message arrived exactly once and in order
run.nanoseconds_per_message

sweep = fanin.sweep(["mpsc-one/each", "mpsc/batch", "swap/batch"], producers=[1, 8, 64], rounds=5)
sweep.plot()

fanin.article(quick=True)  # the published claim, and what is verified
```

The core is Rust; this package needs no other Python package to run. `fanin[plot]` draws, `fanin[frames]` brings pandas
and polars, `fanin[progress]` a finer bar.
"""

from ._native import __version__
from .article import Article, article, published, replay
from .errors import AddressError, FaninError, Forked, MissingExtra, NotDelivered, PlanError, SweepInterrupted
from .run import Run, run, run_async
from .server import Server
from .strategies import Strategies, Strategy, strategies
from .sweep import Sweep, sweep
from .table import Table

__all__ = [
    "AddressError",
    "Article",
    "FaninError",
    "Forked",
    "MissingExtra",
    "NotDelivered",
    "PlanError",
    "Run",
    "Server",
    "Strategies",
    "Strategy",
    "Sweep",
    "SweepInterrupted",
    "Table",
    "__version__",
    "article",
    "published",
    "replay",
    "run",
    "run_async",
    "strategies",
    "sweep",
]
