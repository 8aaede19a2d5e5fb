"""The sink from asyncio: a send ends at once or waits in its own loop, and a cancelled one was not taken."""

import asyncio
import gc
import random
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from receivers import Receiver, fill, frames, stalled, url_of, wait_for

import fanin

TIGHT: dict[str, Any] = {"framing": "lines", "capacity": 2048, "send_buffer": 4096}


def plain() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def uv() -> asyncio.AbstractEventLoop:
    return pytest.importorskip("uvloop").new_event_loop()  # type: ignore[no-any-return]


Make = Callable[[], asyncio.AbstractEventLoop]
Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(params=[plain, uv])
def make(request: pytest.FixtureRequest) -> Make:
    """Both kinds of loops."""
    kind: Make = request.param
    kind().close()
    return kind


@pytest.fixture
def run(make: Make) -> Run:
    """`asyncio.run`, with either kind of loop."""

    def run_it(main: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=make) as runner:
            return runner.run(main)

    return run_it


@asynccontextmanager
async def crowded(receiver: Receiver, **settings: Any) -> AsyncIterator[fanin.Sink]:
    """A sink without room, whose receiver does not read yet."""
    receiver.reading.clear()
    # More than a kernel whose buffers are full still takes, now and then.
    async with fanin.Sink(receiver.url, **(TIGHT | {"capacity": "64 KiB"} | settings)) as sink:
        fill(sink)
        try:
            yield sink
        finally:
            receiver.reading.set()


async def until(what: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came to be"
        await asyncio.sleep(0.001)


def arrived(receiver: Receiver) -> list[bytes]:
    """What came beside the filling."""
    receiver.ended.wait(20)
    return [line for line in frames("lines", receiver.received) if line.strip(b"f")]


# --- the protocol ----------------------------------------------------------------------------------------------------


def test_with_room_it_ends_in_its_first_step(receiver: Receiver) -> None:
    with fanin.Sink(receiver.url) as sink:
        for step in (lambda one: one.send(None), next, lambda one: next(one.__await__())):
            sending = sink.send_async(b"x")
            with pytest.raises(StopIteration) as ended:
                step(sending)
            assert ended.value.value is None
            with pytest.raises(RuntimeError, match="already awaited"):
                sending.send(None)
        assert sink.delivery.accepted == 3


def test_it_is_a_coroutine_to_everybody(receiver: Receiver, run: Run) -> None:
    async def main() -> None:
        async with fanin.Sink(receiver.url, framing="lines") as sink:
            sending = sink.send_async(b"0")
            assert asyncio.iscoroutine(sending)
            assert isinstance(sending, Coroutine)
            assert isinstance(sending, Awaitable)
            assert await sending is None  # type: ignore[func-returns-value]
            task = asyncio.create_task(sink.send_async(b"1"), name="mine")
            assert "send_async" in repr(task)
            await task
            await asyncio.gather(*(sink.send_async(b"%d" % n) for n in range(2, 10)))
            await asyncio.wait_for(sink.send_async(b"10"), 5)
            await asyncio.shield(sink.send_async(b"11"))
            async with asyncio.TaskGroup() as group:
                group.create_task(sink.send_async(b"12"))

    run(main())
    assert sorted(map(int, arrived(receiver))) == list(range(13))


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="this Python has no eager tasks")
def test_an_eager_task_is_done_when_it_is_made(receiver: Receiver) -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        async with fanin.Sink(receiver.url, framing="lines") as sink:
            assert asyncio.create_task(sink.send_async(b"eager")).done()
        async with crowded(receiver) as sink:
            task = asyncio.create_task(sink.send_async(b"waits"))
            assert not task.done()
            receiver.reading.set()
            await task

    asyncio.run(main())
    assert arrived(receiver) == [b"eager", b"waits"]


def test_nothing_is_taken_before_it_is_awaited(receiver: Receiver) -> None:
    with fanin.Sink(receiver.url) as sink:
        sending = sink.send_async(b"never")
        sending.close()
        with pytest.warns(RuntimeWarning, match="never awaited"):
            sink.send_async(b"forgotten")
        thrown = sink.send_async(b"thrown")
        with pytest.raises(KeyError, match="mine"):
            thrown.throw(KeyError("mine"))
        old = sink.send_async(b"thrown")
        with pytest.raises(KeyError, match="mine"):
            old.throw(KeyError, "mine", None)
        assert sink.delivery.accepted == 0


def test_a_buffer_is_what_it_was_at_the_call(receiver: Receiver, run: Run) -> None:
    async def main() -> None:
        async with fanin.Sink(receiver.url) as sink:
            data = bytearray(b"before")
            sending = sink.send_async(data)
            data[:] = b"after!"
            await sending

    run(main())
    receiver.ended.wait(10)
    assert receiver.received == b"before"


def test_with_room_it_takes_no_turn_of_the_loop(receiver: Receiver, run: Run) -> None:
    async def main() -> int:
        turns = 0

        def turn() -> None:
            nonlocal turns
            turns += 1
            asyncio.get_running_loop().call_soon(turn)

        async with fanin.Sink(receiver.url) as sink:
            asyncio.get_running_loop().call_soon(turn)
            for _ in range(1000):
                await sink.send_async(b"x")
            return turns

    assert run(main()) == 0


def test_what_is_refused_raises_when_awaited(receiver: Receiver, run: Run) -> None:
    async def main() -> None:
        async with fanin.Sink(receiver.url, framing="lines", max_frame=9) as sink:
            with pytest.raises(fanin.MessageError):
                await sink.send_async(b"too long to be sent")
        with pytest.raises(fanin.Closed):
            await sink.send_async(b"x")
        with pytest.raises(fanin.Closed):
            await fanin.Sink(receiver.url).send_async(b"x")
        with pytest.raises(fanin.AddressError):
            async with fanin.Sink("unix:///nowhere"):
                pass

    run(main())


def test_full_raises_where_that_is_the_policy(receiver: Receiver, run: Run) -> None:
    async def main() -> None:
        async with crowded(receiver, on_full="raise") as sink:
            with pytest.raises(fanin.Full):
                await sink.send_async(b"x" * 1000)

    run(main())


# --- waiting ---------------------------------------------------------------------------------------------------------


def test_who_waits_leaves_the_loop_free_and_is_served_in_turn(receiver: Receiver, run: Run) -> None:
    async def main() -> None:
        async with crowded(receiver) as sink:
            tasks = [asyncio.create_task(sink.send_async(b"%04d" % n)) for n in range(300)]
            await until(lambda: sink.stats().waiting == 300)
            receiver.reading.set()
            await asyncio.gather(*tasks)
            assert (await sink.flush_async()).unsent == 0
            assert sink.stats().waits >= 300

    run(main())
    assert arrived(receiver) == [b"%04d" % n for n in range(300)]


def test_what_waits_is_not_awaited_twice(receiver: Receiver, run: Run) -> None:
    """Of two who wait for one send, one would never be woken."""

    async def main() -> None:
        async with crowded(receiver) as sink:
            sending = sink.send_async(b"once")

            async def wait() -> None:
                await sending

            first = asyncio.create_task(wait())
            await until(lambda: sink.stats().waiting == 1)
            with pytest.raises(RuntimeError, match="awaited already"):
                await asyncio.create_task(wait())
            receiver.reading.set()
            await asyncio.wait_for(first, 20)

    run(main())
    assert arrived(receiver) == [b"once"]


def test_a_cancelled_waiter_hands_its_place_on(receiver: Receiver, run: Run) -> None:
    async def main() -> None:
        async with crowded(receiver) as sink:
            tasks = [asyncio.create_task(sink.send_async(b"%04d" % n)) for n in range(100)]
            await until(lambda: sink.stats().waiting == 100)
            for task in tasks[:99]:
                task.cancel()
            receiver.reading.set()
            await asyncio.wait_for(tasks[99], 20)
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(one) for one in outcomes] == [asyncio.CancelledError] * 99 + [type(None)]

    run(main())
    assert arrived(receiver) == [b"0099"]


def test_closing_wakes_every_task(receiver: Receiver, run: Run) -> None:
    async def main() -> list[Any]:
        async with crowded(receiver, close_timeout=0.1) as sink:
            tasks = [asyncio.create_task(sink.send_async(b"x" * 100)) for _ in range(50)]
            await until(lambda: sink.stats().waiting == 50)
            with pytest.raises(fanin.TimedOut):
                await sink.close_async()
            return await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(one) for one in run(main())] == [fanin.Closed] * 50


@pytest.mark.timeout(300)
def test_cancelled_is_not_accepted_and_accepted_is_delivered_once(run: Run) -> None:
    total = 100_000

    async def main(receiver: Receiver) -> tuple[set[int], int]:
        chance, taken, done = random.Random(6), set(), 0
        async with fanin.Sink(receiver.url, framing="lines", capacity=1024, send_buffer=4096) as sink:

            async def send(number: int) -> None:
                nonlocal done
                try:
                    await sink.send_async(b"%06d" % number)
                    taken.add(number)
                finally:
                    done += 1

            for batch in range(0, total, 500):
                tasks = [asyncio.create_task(send(n)) for n in range(batch, batch + 500)]
                for task in chance.sample(tasks, 250):
                    for _ in range(chance.randrange(3)):
                        await asyncio.sleep(0)
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            account = await sink.flush_async()
            assert account.accepted == len(taken)
        return taken, done

    with Receiver(chunk=2048) as receiver:
        taken, done = run(main(receiver))
        numbers = [int(line) for line in arrived(receiver)]
    assert len(numbers) == len(set(numbers)), "one came twice"
    assert set(numbers) == taken
    assert total * 0.3 < len(taken) < total, "some were cancelled in time, and some were not"
    assert done <= total


@pytest.mark.parametrize("ticks", range(21))
def test_wait_for_at_every_turn_of_the_loop(receiver: Receiver, ticks: int) -> None:
    """Room comes, and the caller gives up, so many turns later: it was taken, or it was not, and the caller knows."""

    async def main() -> tuple[set[bytes], int]:
        known: set[bytes] = set()
        async with crowded(receiver) as sink:
            before = sink.delivery.accepted

            async def send(name: bytes) -> None:
                await asyncio.wait_for(sink.send_async(name), 60)
                known.add(name)

            tasks = [asyncio.create_task(send(b"%d" % n)) for n in range(8)]
            await until(lambda: sink.stats().waiting == 8)
            receiver.reading.set()
            await until(lambda: sink.stats().waiting < 8 or known)
            for _ in range(ticks):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            return known, sink.delivery.accepted - before

    known, accepted = asyncio.run(main())
    came = arrived(receiver)
    assert len(came) == len(set(came)) == accepted
    # Before 3.12, wait_for can swallow the outcome of what ended as it was cancelled; the send itself never lies.
    assert known == set(came) if sys.version_info >= (3, 12) else known <= set(came)


def test_a_send_that_was_cancelled_after_it_was_called_is_not_taken(receiver: Receiver, run: Run) -> None:
    """The future is complete, the step has not come yet, and then the cancellation is there first."""

    async def main() -> None:
        async with crowded(receiver) as sink:
            before = sink.delivery.accepted
            tasks = [asyncio.create_task(sink.send_async(b"%d" % n)) for n in range(2)]
            await until(lambda: sink.stats().waiting == 2)
            future = tasks[0]._fut_waiter  # type: ignore[attr-defined]
            future.add_done_callback(lambda _: tasks[0].cancel())
            # The callback of the task comes first, and then ours.
            receiver.reading.set()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            refused = sum(isinstance(one, asyncio.CancelledError) for one in outcomes)
            assert sink.delivery.accepted - before == 2 - refused

    run(main())


def test_a_deadline_of_the_callers_own(receiver: Receiver, run: Run) -> None:
    async def main() -> None:
        async with crowded(receiver) as sink:
            before = sink.delivery
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await sink.send_async(b"late" * 100)
            with pytest.raises(fanin.TimedOut) as caught:
                await sink.flush_async(timeout=0.05)
            assert caught.value.delivery == sink.delivery == before
            assert sink.stats().waiting == 0

    run(main())


def test_opening_flushing_and_closing_leave_the_loop_free(receiver: Receiver, run: Run) -> None:
    async def main() -> None:
        with stalled() as listener:
            sink = fanin.Sink(url_of(listener), reconnect="at_most_once", **TIGHT)
            assert await sink.open_async() is sink
            async with sink:
                tick = asyncio.create_task(asyncio.sleep(0.05))
                sink.send(b"x")
                await sink.flush_async(timeout=20)
                await tick
            assert await sink.close_async() == sink.close()
        async with aclosing(await fanin.Sink(receiver.url).open_async()) as other:
            await other.send_async(b"y")

    run(main())
    receiver.ended.wait(10)
    assert receiver.received == b"y"


# --- loops -----------------------------------------------------------------------------------------------------------


def test_four_loops_and_threads_on_one_sink(make: Make) -> None:
    def loop(sink: fanin.Sink, name: int) -> None:
        async def main() -> None:
            await asyncio.gather(*(one(task) for task in range(20)))

        async def one(task: int) -> None:
            for n in range(50):
                await sink.send_async(b"%d/%d %d" % (name, task, n))

        with asyncio.Runner(loop_factory=make) as runner:
            runner.run(main())

    def thread(sink: fanin.Sink, name: int) -> None:
        for n in range(1000):
            sink.send(b"%d/0 %d" % (name, n))

    with Receiver(chunk=4096) as receiver:
        with fanin.Sink(receiver.url, **TIGHT) as sink:
            works = [(loop, n) for n in range(4)] + [(thread, n) for n in range(4, 8)]
            threads = [threading.Thread(target=work, args=(sink, name)) for work, name in works]
            for one in threads:
                one.start()
            for one in threads:
                one.join(60)
            assert sink.stats().waits > 0
        lines = [line.split() for line in arrived(receiver)]
    assert len(lines) == 8000
    for sender in {who for who, _ in lines}:
        numbers = [int(n) for who, n in lines if who == sender]
        assert numbers == list(range(len(numbers))), sender


def test_a_loop_that_is_closed_makes_no_noise(receiver: Receiver, make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """`asyncio.run` returns with a thousand sends pending: they are cancelled, and nobody rings at a closed door."""

    async def leave(sink: fanin.Sink) -> None:
        for n in range(1000):
            task = asyncio.create_task(sink.send_async(b"%d" % n))
            keep.append(task)
        await until(lambda: sink.stats().waiting == 1000)

    keep: list[asyncio.Task[None]] = []
    receiver.reading.clear()
    with fanin.Sink(receiver.url, **TIGHT) as sink:
        fill(sink)
        before = sink.delivery.accepted
        with asyncio.Runner(loop_factory=make) as runner:
            runner.run(leave(sink))
        assert all(task.cancelled() for task in keep)
        receiver.reading.set()
        sink.flush(timeout=20)
        assert (sink.delivery.accepted, sink.stats().waiting) == (before, 0)
    assert caplog.text == ""


def test_a_loop_that_is_left_behind_is_collected(receiver: Receiver, make: Make) -> None:
    """A loop that is closed, or dropped, with a task that waits: the place in the line goes to whoever is next."""
    receiver.reading.clear()
    with fanin.Sink(receiver.url, **TIGHT) as sink:

        async def wait() -> None:
            await until(lambda: sink.stats().waiting == 1)

        def leave() -> weakref.ref[asyncio.AbstractEventLoop]:
            loop = make()
            fill(sink)
            task = loop.create_task(sink.send_async(b"abandoned"))
            loop.run_until_complete(wait())
            loop.set_exception_handler(lambda *_: None)  # a task that is destroyed says so, as any would
            loop.close()
            del task
            return weakref.ref(loop)

        gone = leave()
        for _ in range(3):
            gc.collect()
        assert gone() is None
        wait_for(lambda: sink.stats().waiting == 0)
        receiver.reading.set()
        sink.send(b"next", timeout=20)
    assert arrived(receiver) == [b"next"]


def test_no_descriptor_is_left_behind(receiver: Receiver, make: Make) -> None:
    def once() -> None:
        async def main() -> None:
            async with fanin.Sink(receiver.url) as sink:
                await sink.send_async(b"x")

        with asyncio.Runner(loop_factory=make) as runner:
            runner.run(main())

    def count() -> int:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir()))

    if not Path("/proc/self/fd").exists():
        pytest.skip("this system does not list descriptors")
    once()
    wait_for(lambda: count() >= 0)
    before = count()
    for _ in range(20):
        once()
    wait_for(lambda: count() <= before + 2)
