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
    "Arrival",
    "ArrivalTimeout",
    "Arrivals",
    "Article",
    "Checkup",
    "Closed",
    "ClosedLoop",
    "Comparison",
    "Delivery",
    "Disconnected",
    "Dropped",
    "DryRun",
    "Explanation",
    "FaninError",
    "Forked",
    "Full",
    "HostBusy",
    "JournalError",
    "LineFault",
    "Live",
    "MessageError",
    "MissingExtra",
    "Mix",
    "Moment",
    "NotArrived",
    "NotDelivered",
    "OpenLoop",
    "Pause",
    "Plan",
    "PlanError",
    "Proxy",
    "Recommendation",
    "Reconnected",
    "Records",
    "Run",
    "Scaling",
    "Server",
    "Sink",
    "SinkHandler",
    "Stats",
    "Strategies",
    "Strategy",
    "Sweep",
    "SweepInterrupted",
    "SyslogFormatter",
    "Table",
    "TimedOut",
    "__version__",
    "article",
    "closed_loop",
    "concat",
    "doctor",
    "live",
    "mix",
    "open_loop",
    "pause",
    "published",
    "recommend",
    "records",
    "replay",
    "resume",
    "run",
    "run_async",
    "strategies",
    "sweep",
]

if TYPE_CHECKING:
    from ._inbox import Arrival
    from ._told import Dropped, Reconnected
    from .advice import Recommendation, recommend
    from .answer import Article, article, published, replay
    from .arrivals import Arrivals
    from .catalogue import Strategies, Strategy, strategies
    from .contents import Mix, Records, mix, records
    from .delivery import Delivery, Stats
    from .dry_run import DryRun
    from .errors import (
        AddressError,
        ArrivalTimeout,
        Closed,
        Disconnected,
        FaninError,
        Forked,
        Full,
        HostBusy,
        JournalError,
        MessageError,
        MissingExtra,
        NotArrived,
        NotDelivered,
        PlanError,
        SweepInterrupted,
        TimedOut,
    )
    from .handler import SinkHandler
    from .loads import ClosedLoop, OpenLoop, closed_loop, open_loop
    from .measure import resume, sweep
    from .pauses import Pause, pause
    from .plan import Plan
    from .proxy import LineFault, Proxy
    from .running import run, run_async
    from .runs import Run
    from .server import Server
    from .sink import Sink
    from .stats.compare import Comparison
    from .stats.explain import Explanation
    from .stats.noise import Checkup, doctor
    from .stats.scaling import Scaling
    from .sweeps import Sweep, concat
    from .syslog import SyslogFormatter
    from .table import Table
    from .view import Live, Moment, live
else:
    _HOMES = {
        "_told": "Dropped Reconnected",
        "_inbox": "Arrival",
        "advice": "Recommendation recommend",
        "answer": "Article article published replay",
        "arrivals": "Arrivals",
        "catalogue": "Strategies Strategy strategies",
        "delivery": "Delivery Stats",
        "contents": "Mix Records mix records",
        "dry_run": "DryRun",
        "errors": "AddressError ArrivalTimeout Closed Disconnected FaninError Forked Full HostBusy JournalError"
        " MessageError MissingExtra NotArrived NotDelivered PlanError SweepInterrupted TimedOut",
        "handler": "SinkHandler",
        "loads": "ClosedLoop OpenLoop closed_loop open_loop",
        "measure": "resume sweep",
        "pauses": "Pause pause",
        "plan": "Plan",
        "running": "run run_async",
        "proxy": "LineFault Proxy",
        "runs": "Run",
        "server": "Server",
        "sink": "Sink",
        "stats.compare": "Comparison",
        "stats.explain": "Explanation",
        "stats.noise": "Checkup doctor",
        "stats.scaling": "Scaling",
        "sweeps": "Sweep concat",
        "syslog": "SyslogFormatter",
        "table": "Table",
        "view": "Live Moment live",
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
