"""A program that uses the public names as a typed program would. It is checked by mypy and pyright, and it runs."""

from __future__ import annotations

from typing import assert_type

import fanin
from pytest_fanin import Lab, ProxyFactory, ServerFactory


def measured() -> fanin.Run:
    """One run."""
    run = fanin.run("swap/batch", producers=4, messages=100, payload=16, capacity="64 KiB", on_full="wait")
    assert_type(run, fanin.Run)
    assert_type(run.nanoseconds_per_message, float | None)
    assert_type(run.latency_p99_ns, int | None)
    assert_type(run.require_delivery(), fanin.Run)
    return run


async def in_a_loop() -> str:
    """One run beside an event loop."""
    run = await fanin.run_async("mpsc/batch", 2, 100)
    assert_type(run, fanin.Run)
    return run.status


def swept() -> fanin.Sweep:
    """A plan, carried out and asked."""
    plan = fanin.Plan(["mpsc/batch", "swap/batch"], producers=[1, 2], rounds=2, min_seconds=0, load=fanin.closed_loop())
    assert_type(plan.producers, tuple[int, ...])
    assert_type(plan.dry_run(), fanin.DryRun)
    sweep = plan.run(progress=False)
    assert_type(sweep, fanin.Sweep)
    assert_type(sweep.compare(over="mpsc/batch"), fanin.Comparison)
    assert_type(sweep.summary(), fanin.Table)
    for run in sweep:
        assert_type(run, fanin.Run)
    return sweep + sweep


def watched() -> tuple[str, float]:
    """The live view."""
    view = fanin.live("swap/batch", producers=2, rounds=1, min_seconds=0)
    assert_type(view, fanin.Live[fanin.Sweep])
    assert_type(view.wait(60), fanin.Sweep)
    assert_type(view.latest, fanin.Moment | None)
    return view.status, view.latest.seconds if view.latest else 0.0


def refused() -> str:
    """An error, by its class and by the built-in one."""
    try:
        fanin.run("swap/batch", producers=0)
    except fanin.PlanError as error:
        return str(error)
    except ValueError:
        raise
    return ""


def served() -> int:
    """A server that stands alone."""
    with fanin.Server("echo") as server:
        assert_type(server.port, int)
        assert_type(server.report(), dict[str, int])
        return server.report()["opened"]


def found() -> list[str]:
    """What the package knows of itself."""
    strategies = fanin.strategies()
    assert_type(strategies.named("swap/batch"), fanin.Strategy)
    return [strategy.name for strategy in strategies if strategy.bounded]


def shipped(fanin_server_factory: ServerFactory, fanin_proxy_factory: ProxyFactory) -> int:
    """What the plugin's factories make."""
    server = fanin_server_factory("echo", framing="lines", reset_after="4 KiB")
    line = fanin_proxy_factory(server, delay=0.01)
    assert_type(server, fanin.Server)
    assert_type(line, fanin.Proxy)
    arrived = server.assert_delivered(0, timeout=1)
    assert_type(arrived, fanin.Arrivals)
    line.stop()
    server.stop()
    return arrived.lost


def faster(fanin_lab: Lab) -> fanin.Comparison | None:
    """What the plugin measures with."""
    found = fanin_lab.assert_ratio("swap/batch", over="mpsc/batch", at_least=1, producers=2, messages=10)
    assert_type(found, fanin.Comparison | None)
    return found
