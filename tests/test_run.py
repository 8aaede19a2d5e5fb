"""One run: what it says, and what it refuses to say."""

import asyncio
import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import fanin

Make = Callable[..., fanin.Run]
NUMBERS = (
    "produce_seconds",
    "deliver_seconds",
    "burst_seconds",
    "nanoseconds_per_message",
    "messages_per_second",
    "bytes_per_second",
)


@pytest.mark.parametrize("strategy", fanin.strategies().names)
@pytest.mark.parametrize("payload", [1, 4, 64])
def test_every_strategy_delivers(strategy: str, payload: int) -> None:
    run = fanin.run(strategy, producers=16, messages=200, payload=payload)
    assert (run.status, run.counterexample) == ("ok", None)
    assert (run.sent, run.delivered, run.bytes) == (3200, 3200, 3200 * payload)
    assert (run.lost, run.duplicated, run.reordered, run.corrupted) == (0, 0, 0, 0)
    assert run.proof == {1: "shuffle", 4: "tagged", 64: "exact"}[payload]
    assert f"{run.queue}/{run.write}" == strategy


def test_a_run_tells_what_was_asked_and_what_was_seen() -> None:
    run = fanin.run("swap/batch", 4, 100, 32, work=10, delay=1e-6, server="echo", producers_as="threads", bursts=3)
    asked = (run.producers, run.messages, run.payload, run.work_ns, run.delay_ns, run.server, run.producers_as)
    assert asked == (4, 100, 32, 10, 1000, "echo", "threads")
    assert (run.bursts, run.sent, run.capacity) == (3, 1200, None)
    assert run.produce_seconds is not None
    assert run.deliver_seconds is not None
    assert 0 < run.deliver_seconds < 10
    assert run.threads >= 1
    assert run.cpu_seconds > 0
    assert run.context_switches >= 0


def test_a_burst_is_repeated_and_never_enlarged() -> None:
    run = fanin.run("swap/batch", producers=1, messages=10, min_seconds=0.05)
    assert run.bursts > 1
    assert run.sent == run.bursts * 10
    assert run.deliver_seconds is not None
    assert run.deliver_seconds >= 0.05
    assert run.burst_seconds == pytest.approx(run.deliver_seconds / run.bursts)


@pytest.mark.parametrize("options", [{"actor": "task"}, {"threads": 1}, {"producers_as": "threads"}])
def test_every_placing_delivers(options: dict[str, Any]) -> None:
    assert fanin.run("mpsc/batch", producers=8, messages=500, **options).require_delivery().delivered == 4000


def test_a_run_that_takes_too_long_has_a_status_and_no_speed() -> None:
    run = fanin.run("swap/batch", producers=2, messages=1_000_000, delay=0.01, timeout=0.1)
    assert run.status == "timeout"
    assert [getattr(run, name) for name in NUMBERS] == [None] * len(NUMBERS)


def test_run_async_leaves_the_loop_running() -> None:
    async def both() -> tuple[fanin.Run, int]:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0.001)

        counting = asyncio.create_task(count())
        run = await fanin.run_async("swap/batch", producers=4, messages=20, delay=0.002)
        counting.cancel()
        return run, turns

    run, turns = asyncio.run(both())
    assert run.status == "ok"
    assert turns > 5


def test_run_async_can_be_cancelled() -> None:
    async def give_up() -> None:
        async with asyncio.timeout(0.1):
            await fanin.run_async("swap/batch", producers=4, messages=1_000_000, delay=0.01)

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())
    assert asyncio.run(fanin.run_async("swap/batch", 2, 10)).status == "ok"


# --- the record ------------------------------------------------------------------------------------------------------


def test_the_rates(make_run: Make) -> None:
    run = make_run(producers=8, ns=100, payload=4, bytes=32_000, bursts=2)
    assert run.nanoseconds_per_message == 100
    assert run.messages_per_second == pytest.approx(1e7)
    assert run.bytes_per_second == pytest.approx(4e7)
    assert (run.deliver_seconds, run.produce_seconds, run.burst_seconds) == (0.0008, 0.0004, 0.0004)
    assert (run.cpu_seconds, run.context_switches) == (5e-6, 7)


@pytest.mark.parametrize("status", ["invalid", "timeout"])
def test_no_number_without_delivery(make_run: Make, status: str) -> None:
    run = make_run(status=status, lost=3, delivered=7997, counterexample="producer 2: message 7 is missing")
    assert [getattr(run, name) for name in NUMBERS] == [None] * len(NUMBERS)
    assert run.produce_ns is run.deliver_ns is None
    with pytest.raises(fanin.NotDelivered, match=r"7,997 of 8,000.*3 lost.*message 7 is missing") as caught:
        run.require_delivery()
    assert caught.value.run is run
    assert "message 7 is missing" in repr(run)
    assert "message 7 is missing" in run._repr_html_()
    assert "a second" not in repr(run)


def test_a_run_reads_well(make_run: Make) -> None:
    assert repr(make_run()) == (
        "<Run swap/batch, 8 producers × 1,000 × 1 byte: "
        "100 ns a message, 10.0 million messages a second; proof shuffle>"
    )
    assert "<table>" in make_run()._repr_html_()
    assert make_run().require_delivery() == make_run()


def test_a_run_is_frozen_hashable_and_travels(make_run: Make) -> None:
    run = make_run()
    with pytest.raises(dataclasses.FrozenInstanceError):
        run.lost = 0  # type: ignore[misc]
    assert not hasattr(run, "__dict__")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(run, protocol)) == run
    assert copy.deepcopy(run) == run
    assert len({run, make_run()}) == 1


def test_the_native_run_has_the_fields_of_the_record() -> None:
    run = fanin.run("swap/batch", 1, 1)
    for field in dataclasses.fields(run):
        value = getattr(run, field.name)
        assert type(value).__name__ in str(field.type).replace("None", "NoneType"), field.name
    assert set(run.to_dict()) == {f.name for f in dataclasses.fields(run)} | set(NUMBERS[3:])


# --- strategies ------------------------------------------------------------------------------------------------------


def test_strategies_say_what_they_are() -> None:
    every = fanin.strategies()
    assert {"mpsc-one/each", "mpsc/batch", "swap/batch", "swap-yield/batch", "async-swap/batch"} <= set(every.names)
    assert len(set(every.names)) == len(every)
    for strategy in every:
        assert strategy.name == f"{strategy.queue}/{strategy.write}"
        assert strategy.drain in ("one", "all")
        assert isinstance(strategy.bounded, bool)
        texts = (
            strategy.about,
            strategy.order,
            strategy.guarantees,
            strategy.cost,
            strategy.loses_when,
            strategy.source,
        )
        assert all(isinstance(text, str) and text for text in texts)
    assert pickle.loads(pickle.dumps(every)) == every
    for shown in (repr(every), every._repr_html_()):
        assert all(strategy.queue in shown and f"…/{strategy.write}" in shown for strategy in every)
    assert max(map(len, repr(every).splitlines())) < 150


def test_a_strategy_is_found_by_name() -> None:
    assert fanin.strategies().named("mpsc-one/each").drain == "one"
    with pytest.raises(fanin.PlanError, match="did you mean swap/batch"):
        fanin.strategies().named("swap/bach")
