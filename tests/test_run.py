"""One run: what it says, and what it refuses to say."""

import asyncio
import copy
import dataclasses
import pickle
import re
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
    "cpu_nanoseconds_per_message",
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
    words = r"timeout: [\d,]+ of 2,000,000 bytes had arrived after 0\.1 s; .* not counted: give a longer timeout="
    assert re.search(words, repr(run))
    with pytest.raises(fanin.NotDelivered, match=words):
        run.require_delivery()
    later = dataclasses.replace(run, sent=6_000_016)
    assert "after 0.1 s 3 bursts of 2,000,000 bytes had arrived, and not all of another" in repr(later)
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


# --- loads, capacities, drops ----------------------------------------------------------------------------------------

LATENCIES = tuple(f"latency_{name}_ns" for name in ("min", "p50", "p90", "p99", "max"))


@pytest.mark.parametrize("arrivals", ["constant", "poisson"])
def test_an_open_load_has_latencies(arrivals: str) -> None:
    run = fanin.run("swap/batch", 4, 500, 16, load=fanin.open_loop(10_000, arrivals), bursts=2, seed=5)
    assert run.require_delivery().delivered == run.latency_count == 4000
    assert (run.load, run.rate, run.arrivals) == ("open", 10_000, arrivals)
    times = [getattr(run, name) for name in LATENCIES]
    assert times == sorted(times)
    assert 0 < times[0] <= times[-1] < 10e9
    assert run.latency_p999_ns is None, "only 4 of 4000 are longer"
    assert run.achieved_rate is not None
    assert 0 < run.achieved_rate < 11_000
    assert run.late_starts is not None
    assert run.late_starts <= 4000
    assert (run.latency_histogram or "").startswith("HIST")
    assert "latency 50 % " in repr(run)
    assert "latency" in run._repr_html_()
    assert pickle.loads(pickle.dumps(run)) == run


def test_a_rate_that_nothing_keeps_is_saturated_and_proved() -> None:
    run = fanin.run("mpsc/batch", 4, 5000, 16, load=fanin.open_loop(1e9))
    assert (run.status, run.delivered, run.lost) == ("saturated", 20_000, 0)
    assert run.require_delivery() is run
    assert [name for name in (*NUMBERS, *LATENCIES) if getattr(run, name) is None] == []
    assert run.achieved_rate is not None
    assert run.achieved_rate < 0.99e9
    assert "saturated: " in repr(run)


@pytest.mark.parametrize("on_full", ["drop_newest", "drop_oldest"])
@pytest.mark.parametrize("capacity", [64, "4 messages"])
def test_what_is_dropped_is_counted(on_full: str, capacity: int | str) -> None:
    load = fanin.open_loop(1e6)
    run = fanin.run("swap/batch", 4, 2000, 16, capacity=capacity, on_full=on_full, load=load).require_delivery()
    assert run.sent == 8000 == run.delivered + run.dropped
    assert (run.lost, run.on_full, run.latency_count) == (0, on_full, run.delivered)
    assert (run.capacity, run.capacity_unit) == ((64, "bytes") if capacity == 64 else (4, "messages"))


def test_a_closed_load_drops_too() -> None:
    run = fanin.run("swap/batch", 4, 2000, 16, capacity=64, on_full="drop_newest", read_rate=100_000_000)
    assert run.require_delivery().sent == run.delivered + run.dropped
    assert (run.load, run.rate, run.arrivals, run.read_rate) == ("closed", None, None, 100_000_000)
    assert run.latency_count is run.latency_histogram is run.achieved_rate is run.late_starts is None


def test_a_server_that_reads_slowly_takes_its_time() -> None:
    run = fanin.run("swap/batch", 1, 1000, 1000, read_rate=5_000_000)
    assert run.require_delivery().bytes_per_second is not None
    assert run.bytes_per_second < 20_000_000  # type: ignore[operator]


@pytest.mark.parametrize(
    ("words", "size"),
    [("4096 bytes", (4096, "bytes")), ("256 KiB", (262_144, "bytes")), (" 1MiB ", (1 << 20, "bytes")),
     ("1 message", (1, "messages")), ("1000messages", (1000, "messages"))],
)  # fmt: skip
def test_a_capacity_in_words(words: str, size: tuple[int, str]) -> None:
    run = fanin.run("swap/batch", 2, 10, capacity=words)
    assert (run.capacity, run.capacity_unit) == size


def test_each_part_has_its_costs() -> None:
    run = fanin.run("swap/batch", 4, 5000)
    parts = [run.cpu_producers_user_ns, run.cpu_producers_system_ns, run.cpu_actor_user_ns, run.cpu_actor_system_ns]
    assert None not in parts
    assert run.largest_batch_bytes <= run.high_water_bytes
    assert run.wakeups <= run.batches + run.bursts
    among = fanin.run("swap/batch", 4, 5000, actor="task")
    assert among.cpu_actor_user_ns is among.cpu_producers_user_ns is None
    assert among.cpu_server_user_ns >= 0


def test_run_async_takes_them_too() -> None:
    load = fanin.open_loop(20_000)
    run = asyncio.run(fanin.run_async("swap/batch", 4, 100, 16, load=load, capacity="1000 messages"))
    assert (run.latency_count, run.capacity_unit) == (400, "messages")


def test_what_a_queue_can_do_when_full_it_does() -> None:
    for strategy in {strategy.queue: strategy for strategy in fanin.strategies()}.values():
        for policy in strategy.policies:
            capacity = None if policy == "wait" else 100
            assert fanin.run(strategy.name, 1, 10, 16, capacity=capacity, on_full=policy).on_full == policy


# --- the record ------------------------------------------------------------------------------------------------------


def test_the_rates(make_run: Make) -> None:
    run = make_run(producers=8, ns=100, payload=4, bytes=32_000, bursts=2)
    assert run.nanoseconds_per_message == 100
    assert run.messages_per_second == pytest.approx(1e7)
    assert run.bytes_per_second == pytest.approx(4e7)
    assert (run.deliver_seconds, run.produce_seconds, run.burst_seconds) == (0.0008, 0.0004, 0.0004)
    assert (run.cpu_seconds, run.context_switches) == (5e-6, 7)


def test_a_saturated_run_is_delivered(make_run: Make, make_sweep: Callable[..., fanin.Sweep]) -> None:
    run = make_run(status="saturated", load="open", rate=1e9, arrivals="constant", achieved_rate=1e7)
    assert run.require_delivery().nanoseconds_per_message == 100
    sweep = make_sweep()
    slow = fanin.Sweep(sweep._stored | {"status": ("saturated", *sweep.column("status")[1:])}, {})
    assert slow.delivered
    assert "all delivered, 1 saturated" in repr(slow)
    assert {row["status"] for row in slow.summary()} == {"ok", "1 saturated"}


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
