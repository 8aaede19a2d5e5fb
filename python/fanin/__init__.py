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

# Type checkers know this name; `typing` itself would double the time of the import.
TYPE_CHECKING = False

__all__ = [
    "AddressError",
    "Article",
    "Checkup",
    "ClosedLoop",
    "Comparison",
    "DryRun",
    "Explanation",
    "FaninError",
    "Forked",
    "HostBusy",
    "JournalError",
    "MissingExtra",
    "NotDelivered",
    "OpenLoop",
    "Plan",
    "PlanError",
    "Recommendation",
    "Run",
    "Scaling",
    "Server",
    "Strategies",
    "Strategy",
    "Sweep",
    "SweepInterrupted",
    "Table",
    "__version__",
    "article",
    "closed_loop",
    "concat",
    "doctor",
    "open_loop",
    "published",
    "recommend",
    "replay",
    "resume",
    "run",
    "run_async",
    "strategies",
    "sweep",
]

if TYPE_CHECKING:
    from .advice import Recommendation, recommend
    from .answer import Article, article, published, replay
    from .catalogue import Strategies, Strategy, strategies
    from .dry_run import DryRun
    from .errors import (
        AddressError,
        FaninError,
        Forked,
        HostBusy,
        JournalError,
        MissingExtra,
        NotDelivered,
        PlanError,
        SweepInterrupted,
    )
    from .loads import ClosedLoop, OpenLoop, closed_loop, open_loop
    from .measure import resume, sweep
    from .plan import Plan
    from .runs import Run, run, run_async
    from .server import Server
    from .stats.compare import Comparison
    from .stats.explain import Explanation
    from .stats.noise import Checkup, doctor
    from .stats.scaling import Scaling
    from .sweeps import Sweep, concat
    from .table import Table
else:
    _HOMES = {
        "advice": "Recommendation recommend",
        "answer": "Article article published replay",
        "catalogue": "Strategies Strategy strategies",
        "dry_run": "DryRun",
        "errors": "AddressError FaninError Forked HostBusy JournalError MissingExtra NotDelivered PlanError"
        " SweepInterrupted",
        "loads": "ClosedLoop OpenLoop closed_loop open_loop",
        "measure": "resume sweep",
        "plan": "Plan",
        "runs": "Run run run_async",
        "server": "Server",
        "stats.compare": "Comparison",
        "stats.explain": "Explanation",
        "stats.noise": "Checkup doctor",
        "stats.scaling": "Scaling",
        "sweeps": "Sweep concat",
        "table": "Table",
    }

    def __getattr__(name: str) -> object:
        """Imports what is asked for first when it is: the import of the package stays cheap."""
        from importlib import import_module

        if name in _HOMES:
            return import_module(f"{__name__}.{name}")
        for home, names in _HOMES.items():
            if name in names.split():
                return globals().setdefault(name, getattr(import_module(f"{__name__}.{home}"), name))
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
