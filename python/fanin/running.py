"""One run: many producers, one actor, one socket; proved at the server, then measured."""

from __future__ import annotations

import atexit
import inspect
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import fields
from typing import Any, ParamSpec, cast

from . import _check, _native
from .cells import Cell, Effort, cell, effort, native
from .errors import Forked
from .loads import CLOSED, Load
from .pauses import Pause
from .plan import Payload
from .runs import Run
from .watch import WATCHING

__all__ = ["execute", "run", "run_async"]

SHUTDOWN_NS = 1_000_000_000
EFFORT = ("bursts", "min_seconds", "timeout", "timeline")
P = ParamSpec("P")


def run(
    strategy: str,
    producers: int = 64,
    messages: int = 1000,
    payload: Payload = 1,
    *,
    capacity: int | str | None = None,
    on_full: str = "wait",
    work: int = 0,
    delay: float = 0.0,
    server: str = "discard",
    read_rate: int | str | None = None,
    pause: Pause | str | None = None,
    receive_buffer: int | str | None = None,
    send_buffer: int | str | None = None,
    producers_as: str = "tasks",
    actor: str = "thread",
    threads: int | None = None,
    load: Load = CLOSED,
    seed: int = 0,
    bursts: int = 1,
    min_seconds: float = 0.0,
    timeout: float | None = None,
    timeline: bool = False,
) -> Run:
    """Runs one burst, or several, through a strategy to a server in this process, and proves what arrived.

    The clock runs from the first send until the server has the last expected byte; checking goes on to the end of the
    stream. All threads are joined before this returns, and Ctrl-C is answered within a tenth of a second.

    Args:
        strategy: A name of `strategies()`, such as `"swap/batch"`.
        producers: How many send, 1 to 65,536.
        messages: How many each of them sends in a burst.
        payload: A message's size in bytes. It decides the proof: 1 is the article's counter (`shuffle`), 2 to 15
            are `tagged`, 16 and more `exact`. Or a `mix(…)` of sizes, or `records(…)` of your own: always `exact`.
        capacity: The most that the queue holds: bytes, or words such as `"256 KiB"` or `"1000 messages"`; None is no
            bound.
        on_full: What becomes of a message that finds no room: producers `"wait"`, or `"drop_newest"` or `"drop_oldest"`
            where the queue can; `Strategy.policies` says what it can.
        work: CPU nanoseconds that a producer spends before each message.
        delay: Seconds that a producer sleeps before each message.
        server: `"discard"`, or `"echo"`, whose answers the actor then reads.
        read_rate: The most bytes that the server reads in a second, such as `"20 MiB/s"`; None is as many as come.
        pause: A `pause(…)` in which the server does not read, once in each burst; None is none.
        receive_buffer: The size to ask for the server's receive buffer, in bytes; None is the system's choice.
        send_buffer: The size to ask for the send buffer of the actor's socket, in bytes; None is the system's choice.
        producers_as: `"tasks"` of a runtime, or operating-system `"threads"`.
        actor: On a `"thread"` of its own, or as a `"task"` among the producers, as in the article.
        threads: The runtime's threads; None is one a core.
        load: `closed_loop()`: each producer sends when its last message was taken. `open_loop(rate=…)`: messages are
            due at given times, which shows latency; it needs a payload of 2 bytes or more, and no `work` or `delay`.
        seed: What `"poisson"` arrivals are drawn from.
        bursts: Repeat the burst at least so often, back to back.
        min_seconds: And until so many seconds have been timed. Bursts are repeated, never enlarged.
        timeout: Seconds after which the run is given up, with the status `timeout`; None is never.
        timeline: Whether to keep the first burst's backlog over time: see `Run.backlog`.

    Returns:
        A `Run`, also when messages were lost: see its `status`, or call its `require_delivery()`.

    Raises:
        PlanError: An argument is wrong; nothing was started.
        Forked: This process is a fork of the one that imported fanin.
        KeyboardInterrupt: Ctrl-C.

    Example:
        >>> import fanin
        >>> run = fanin.run("swap/batch", producers=8, messages=1000)
        >>> run.status, run.delivered, run.lost
        ('ok', 8000, 0)
        >>> run.nanoseconds_per_message > 0
        True
        >>> run = fanin.run("swap/batch", 8, 250, payload=16, load=fanin.open_loop(rate=20_000))
        >>> 0 < run.latency_p50_ns <= run.latency_p99_ns <= run.latency_max_ns
        True
    """
    return execute(*_checked(locals()))


def _with_arguments_of(
    other: Callable[P, Run],
) -> Callable[[Callable[..., Coroutine[Any, Any, Run]]], Callable[P, Coroutine[Any, Any, Run]]]:
    """Has a function say that it takes what another takes."""

    def say(function: Callable[..., Coroutine[Any, Any, Run]]) -> Callable[P, Coroutine[Any, Any, Run]]:
        function.__signature__ = inspect.signature(other)  # type: ignore[attr-defined]
        return cast("Callable[P, Coroutine[Any, Any, Run]]", function)

    return say


@_with_arguments_of(run)
async def run_async(*given: Any, **named: Any) -> Run:
    """`run` for a coroutine: the event loop goes on while the run is under way. Arguments and result are the same.

    A cancelled call ends the run and joins its threads.

    Example:
        >>> import asyncio, fanin
        >>> asyncio.run(fanin.run_async("mpsc/batch", producers=4, messages=100)).status
        'ok'
    """
    arguments = inspect.signature(run).bind(*given, **named)
    arguments.apply_defaults()
    point, how_long, seed = _checked(arguments.arguments)
    return _run(point, await _native.run_async(**native(point, how_long, seed)))


def execute(point: Cell, how_long: Effort, seed: int = 0) -> Run:
    """Runs a checked cell; `seed` is what random arrivals are drawn from. Where somebody watches, it is shown."""
    watch, knobs = WATCHING.get(), native(point, how_long, seed)
    return _run(point, _native.run(**knobs) if watch is None else watch.run(point, knobs))


def _checked(arguments: dict[str, Any]) -> tuple[Cell, Effort, int]:
    """What `run` was given: a cell, how long it is run, and the seed."""
    axes = {name: value for name, value in arguments.items() if name not in (*EFFORT, "seed")}
    seed = _check.integer("seed", arguments["seed"], 0, 2**63 - 1)
    return cell(**axes), effort(**{name: arguments[name] for name in EFFORT}), seed


def _run(point: Cell, row: dict[str, Any]) -> Run:
    """What the core tells, in the words of a `Run`; it may tell more than that keeps."""
    told = row | {"contents": point.column("contents"), "on_full": row["on_full"].replace("-", "_")}
    if told["timeline"] is not None:
        told["timeline"] = " ".join(f"{at}:{size}" for at, size in told["timeline"])
    return Run(**{field.name: told[field.name] for field in fields(Run)})


def _shutdown() -> None:
    """Ends the runtime of `run_async` while the interpreter is whole; a forked child has none."""
    with suppress(Forked):
        _native.shutdown(SHUTDOWN_NS)


atexit.register(_shutdown)
