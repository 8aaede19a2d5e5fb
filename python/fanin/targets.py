"""What `lanes` is held to, and what it comes to here: `fanin bench --targets`.

Each target is a ratio: what `lanes` takes in parts of what another takes in the same round, so lower is better. Where
the other is `best`, it is whichever of the others has the lowest median.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from . import _check, _format, loads
from .bench import CAPPED, CPU, WALL, Arm, measured, paired, run_arms
from .catalogue import strategies
from .cells import Cell
from .errors import PlanError
from .ratios import Spread
from .sweeps import Sweep

__all__ = ["ROUNDS", "Found", "Targets", "targets"]

ROUNDS = 15
LANES, LANES_CAPPED = Arm("lanes/batch"), Arm("lanes/batch", CAPPED)
SWAP, SWAP_CAPPED = Arm("swap/batch"), Arm("swap/batch", CAPPED)
CEILING, ONE_BY_ONE = Arm("direct/batch"), Arm("mpsc-one/each")
LATENCY = "latency_p50_ns"


@dataclass(frozen=True, slots=True)
class Scene:
    """A load, and who is measured under it."""

    name: str
    load: dict[str, Any]
    arms: tuple[Arm, ...]

    def cells(self) -> list[Cell]:
        """The arms' cells."""
        return [arm.cell(**self.load) for arm in self.arms]


@dataclass(frozen=True, slots=True)
class Target:
    """What must hold in a scene: `arm` takes at most `most` times what `over` takes; None is the best of the others."""

    arm: Arm
    over: Arm | None
    most: float
    metric: str = CPU


@dataclass(frozen=True, slots=True)
class Found:
    """A target, and what was measured.

    Attributes:
        scene: The load.
        metric: What is compared: CPU time a message, time on the wall a message, latency; or memory, idle CPU time.
        arm: What is held to it.
        over: What it is compared with; None for what has a bound of its own.
        most: What it may come to.
        ratio: What it comes to: the median of the rounds.
        lowest: The best round.
        highest: The worst.
        pairs: In how many rounds both ran.
        met: Whether the median keeps to the target; None where nothing was measured.
    """

    scene: str
    metric: str
    arm: str
    over: str | None
    most: float
    ratio: float | None
    lowest: float | None
    highest: float | None
    pairs: int
    met: bool | None


@dataclass(frozen=True, slots=True, repr=False)
class Targets:
    """All targets; prints as a table, the missed ones marked.

    Attributes:
        rows: A row a target.
        sweeps: The runs, a sweep a scene.
    """

    rows: tuple[Found, ...]
    sweeps: tuple[Sweep, ...]

    @property
    def delivered(self) -> bool:
        """Whether every run did."""
        return all(sweep.delivered for sweep in self.sweeps)

    def to_json(self) -> dict[str, Any]:
        """The rows, and the medians of every arm."""
        return {
            "targets": [asdict(row) for row in self.rows],
            "runs": [run for s in self.sweeps for run in s.to_dicts()],
        }

    def __repr__(self) -> str:
        head = ["load", "what", "of", "in parts of", "at most", "median (best … worst)", ""]
        words = {True: "met", False: "missed", None: "not measured"}
        rows = [
            [row.scene, SHORT.get(row.metric, row.metric), row.arm, row.over, row.most, _spread(row), words[row.met]]
            for row in self.rows
        ]
        met = sum(row.met is True for row in self.rows)
        return f"{_format.text_table(head, rows)}\n{met} of {len(self.rows)} targets met"


SHORT = {CPU: "CPU", WALL: "wall", LATENCY: "latency, median"}


def targets(*, only: str | None = None, rounds: int = ROUNDS, seed: int = 0, progress: bool | None = None) -> Targets:
    """Measures every target in interleaved rounds, or those whose load has `only` in its name; some minutes.

    Raises:
        PlanError: An argument is wrong; nothing has run.
        SweepInterrupted: Ctrl-C.
    """
    _check.integer("rounds", rounds, 1, 1000)
    rows: list[Found] = []
    sweeps = []
    alone = [check for check in _by_itself() if _is_asked(check[0], only)]
    asked = [(scene, wanted) for scene, wanted in scenes() if _is_asked(scene.name, only)]
    if not asked and not alone:
        names = dict.fromkeys([scene.name for scene, _ in scenes()] + [check[0] for check in _by_itself()])
        raise PlanError(f"only={only!r}: allowed is a part of one of {', '.join(names)}")
    for scene, wanted in asked:
        sweep = run_arms(scene.cells(), rounds, seed, progress)
        sweeps.append(sweep)
        rows.extend(_found(scene, target, sweep) for target in wanted)
    rows.extend(_measured_alone(check) for check in alone)
    return Targets(tuple(rows), tuple(sweeps))


def scenes() -> list[tuple[Scene, list[Target]]]:
    """The loads, each with what must hold under it. Rivals take part where the package has them."""
    return [_small(), _tiny(), _large(), _alone(), _many(), _ping()]


def _there(*names: str) -> tuple[Arm, ...]:
    """Those of the strategies that this package has."""
    return tuple(Arm(name) for name in names if name in strategies().names)


def _others(*families: str) -> tuple[Arm, ...]:
    """Every sound queue of these families that is taken and written in batches, but `lanes`."""
    return tuple(
        Arm(strategy.name)
        for strategy in strategies()
        if strategy.family in families and strategy.sound and strategy.write == "batch" and strategy.drain == "all"
        if strategy.queue not in ("lanes", "async-swap", "swap-yield")
    )


def _small() -> tuple[Scene, list[Target]]:
    others = (SWAP_CAPPED, *_there("thingbuf/batch", "crossfire/batch", "mpsc-bounded/batch"), ONE_BY_ONE)
    scene = Scene("4 × 64 B", _threads(4, 64, 75_000), (LANES_CAPPED, *others, CEILING))
    most = {"swap/batch": 0.6, "thingbuf/batch": 0.3, "crossfire/batch": 0.25, "mpsc-bounded/batch": 0.1}
    bounds = [Target(LANES_CAPPED, arm, most.get(arm.strategy, 0.01)) for arm in others]
    wall = Target(LANES_CAPPED, None, 1.0, WALL)
    return scene, [*bounds, Target(LANES_CAPPED, CEILING, 1.5), wall]


def _tiny() -> tuple[Scene, list[Target]]:
    channel = Arm("mpsc/batch")
    scene = Scene("4 × 1 B", _threads(4, 1, 200_000), (LANES, SWAP, channel))
    return scene, [Target(LANES, channel, 0.1), Target(LANES, SWAP, 0.25), Target(LANES, None, 1.0, WALL)]


def _large() -> tuple[Scene, list[Target]]:
    others = _others("rivals")
    scene = Scene("4 × 4096 B", _threads(4, 4096, 4000), (LANES_CAPPED, *others, CEILING))
    bounds = [Target(LANES_CAPPED, None, 1.0), Target(LANES_CAPPED, None, 1.0, WALL)] if others else []
    return scene, [*bounds, Target(LANES_CAPPED, CEILING, 1 / 0.85)]


def _alone() -> tuple[Scene, list[Target]]:
    scene = Scene("1 × 64 B", _threads(1, 64, 300_000), (LANES_CAPPED, *_others("tokio", "swap", "rings"), SWAP_CAPPED))
    return scene, [Target(LANES_CAPPED, None, 1.0), Target(LANES_CAPPED, None, 1.0, WALL)]


def _many() -> tuple[Scene, list[Target]]:
    load = _threads(8192, 1, 1000) | {"producers_as": "tasks"}
    others = (*_others("tokio", "swap", "sharded"), *_there("kanal/batch"))
    scene = Scene("8192 × 1000 × 1 B", load, (LANES, *others))
    return scene, [Target(LANES, None, 1.0), Target(LANES, None, 1.0, WALL)]


def _ping() -> tuple[Scene, list[Target]]:
    """A message at a time on a system that has nothing else to do."""
    load = _threads(1, 64, 400) | {"load": loads.open_loop(rate=4000)}
    return Scene("one by one", load, (LANES, ONE_BY_ONE)), [Target(LANES, ONE_BY_ONE, 1.0, LATENCY)]


def _threads(producers: int, payload: int, messages: int) -> dict[str, Any]:
    return {"producers": producers, "payload": payload, "messages": messages}


def _found(scene: Scene, target: Target, sweep: Sweep) -> Found:
    figures = measured(sweep, target.metric)
    over = target.over or _best(figures, target.arm)
    spread, pairs = Spread(None, None, None), 0
    if over is not None:
        ratios = paired(figures, target.arm, over)
        spread, pairs = Spread.of(ratios), len(ratios)
    met = None if spread.median is None else spread.median <= target.most
    name = str(over) if target.over else f"best: {over}"
    return Found(scene.name, target.metric, str(target.arm), name, round(target.most, 3), *spread, pairs, met)


def _best(figures: dict[Arm, dict[tuple[Any, ...], float]], but: Arm) -> Arm | None:
    medians = {arm: Spread.of(values.values()).median for arm, values in figures.items()}
    others = {
        arm: m for arm, m in medians.items() if m is not None and arm.strategy not in (but.strategy, CEILING.strategy)
    }
    return min(others, key=lambda arm: others[arm]) if others else None


def _is_asked(name: str, only: str | None) -> bool:
    return only is None or only.replace("x", "×") in name


Check = tuple[str, str, float, Callable[[], float | None]]


def _by_itself() -> Sequence[Check]:
    """What has a bound of its own: memory with many producers, and CPU time while nothing is sent."""
    return (
        ("8192 × 1000 × 1 B", "memory of the process, MiB", 64.0, _memory),
        ("one message in 0.5 s", "CPU time, share of a core", 0.01, _idle),
    )


def _measured_alone(check: Check) -> Found:
    scene, metric, most, measure = check
    value = measure()
    met = None if value is None else value < most
    return Found(scene, metric, str(LANES), None, most, value, value, value, 1, met)


def _memory() -> float | None:
    """The most that a fresh process ever held, Python included; None where the system does not tell."""
    run = f"fanin.run({LANES.strategy!r}, producers=8192, messages=1000).require_delivery()"
    code = f"import fanin; {run}; print(open('/proc/self/status').read())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout
    found = re.search(r"^VmHWM:\s+(\d+) kB$", said, re.MULTILINE)
    return int(found[1]) / 1024 if found else None


def _idle() -> float | None:
    command = [sys.executable, "-m", "fanin", "run", LANES.strategy, "--producers", "1", "--messages", "4"]
    said = subprocess.run([*command, "--delay", "0.5", "--json"], capture_output=True, text=True, check=False).stdout
    row = json.loads(said) if said else {}
    cpu, wall = row.get("cpu_user_ns", 0) + row.get("cpu_system_ns", 0), row.get("deliver_ns")
    return cpu / wall if wall else None


def _spread(row: Found) -> str:
    return _format.number(row.ratio) if row.pairs == 1 else _format.spread(row.ratio, row.lowest, row.highest)
