"""`fanin doctor --report`: what a bug report needs to say of the host. No name, no address, no serial number."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from typing import Any

from . import host

__all__ = ["report"]

PACKAGES = (
    "anywidget", "dask", "distributed", "duckdb", "ipykernel", "ipywidgets", "jupyterlab", "matplotlib", "numpy",
    "pandas", "polars", "pyarrow", "pytest", "tqdm", "uvloop",
)  # fmt: skip
HIDDEN = ("host", "seen", "boot")


def report() -> str:
    """The facts, a line each, and whether three small runs of different kinds deliver here."""
    found = {name: value for name, value in host.host().items() if name not in HIDDEN}
    lines = [("executable", _executable()), *found.items(), ("packages", _packages()), ("in", _surroundings())]
    shown = [
        f"{name.replace('_', ' '):<21} {'the system does not say' if value is None else value}" for name, value in lines
    ]
    return "\n".join([*shown, "", *_trials()])


def _executable() -> str:
    kind = "an environment" if sys.prefix != sys.base_prefix else "no environment"
    return f"{platform.python_implementation()}, {sys.maxsize.bit_length() + 1} bits, in {kind}"


def _packages() -> str:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found) or "none that fanin knows"


def _surroundings() -> str:
    """What stands around the process: a notebook, a loop, a container, threads."""
    kinds = {
        "a notebook": "ipykernel" in sys.modules,
        "a container": os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv"),
        "a terminal": sys.stderr is not None and sys.stderr.isatty(),
    }
    return ", ".join(name for name, holds in kinds.items() if holds) or "none of notebook, container, terminal"


def _trials() -> list[str]:
    """A line a trial."""
    load: dict[str, Any] = {"producers": 4, "messages": 250, "timeout": 20.0}
    trials = {
        "one byte, through a channel": {"strategy": "mpsc/batch", "payload": 1},
        "64 bytes, over lanes": {"strategy": "lanes/vectored", "payload": 64},
        "1 KiB, echoed, by threads": {
            "strategy": "swap/batch", "payload": 1024, "server": "echo", "producers_as": "threads"
        },
    }  # fmt: skip
    return [f"{name}: {_trial(load | knobs)}" for name, knobs in trials.items()]


def _trial(knobs: dict[str, Any]) -> str:
    from .running import run

    try:
        found = run(**knobs)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return f"{found.status}, proof {found.proof}" if found.counterexample is None else f"{found!r}"
