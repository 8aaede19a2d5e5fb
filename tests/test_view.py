"""The live view: what it counts is what was sent, Stop keeps what had ended, and it prints."""

import io
import os
import subprocess
import sys
import threading
import time

import pytest

import fanin
from fanin import view_text
from fanin.view import Live, Moment
from fanin.watch import Watch

LONG = 30.0


def test_it_returns_at_once_and_ends_as_a_sweep_does() -> None:
    begun = time.monotonic()
    view = fanin.live(["mpsc/batch", "swap/batch"], producers=8, rounds=2, min_seconds=0.2)
    assert time.monotonic() - begun < 0.2
    sweep = view.wait(60)
    assert (len(sweep), sweep.delivered, view.status, view.progress) == (4, True, "done", (4, 4))
    assert view.last_run is not None
    assert view.last_run["status"] == "ok"


def test_it_counts_what_was_sent() -> None:
    view = fanin.live("swap/batch", producers=8, messages=1000, payload=64, rounds=1, min_seconds=0.3)
    sweep = view.wait(60)
    sent = sum(sweep.column("sent"))
    counts = view._watch.counts()
    assert (counts["messages"], counts["bytes"], counts["dropped"]) == (sent, sent * 64, 0)
    assert counts["drains"] == sum(sweep.column("batches"))


def test_it_counts_drops_as_they_happen() -> None:
    load = {"producers": 8, "messages": 2000, "payload": 100, "capacity": "16 KiB", "on_full": "drop_newest"}
    view = fanin.live("swap/batch", rounds=1, read_rate=2_000_000, min_seconds=0, **load)
    sweep = view.wait(60)
    assert view.latest is not None
    assert view._watch.counts()["dropped"] == sum(sweep.column("dropped")) > 0
    assert max(moment.backlog_bytes for moment in view.moments) <= 16 * 1024
    assert view.latest.capacity_bytes == 16 * 1024


def test_moments_agree_with_the_run() -> None:
    view: Live[fanin.Sweep] = Live(Watch(fanin.Plan("swap/batch", 8, payload=64, rounds=1, min_seconds=1.0)), 0.05)
    sweep = view.wait(60)
    moving = [moment for moment in view.moments if moment.messages_per_second]
    assert len(moving) >= 4
    assert all(moment.bytes_per_second == pytest.approx(64 * moment.messages_per_second) for moment in moving)
    assert all((moment.batch_bytes or 0) >= 64 for moment in moving)
    seen = max(moment.messages_per_second for moment in moving)
    assert seen > sum(sweep.column("delivered")) / 60  # it is a rate, of this run


def test_the_latency_it_shows_is_that_of_the_run() -> None:
    load = {"capacity": "256 KiB", "on_full": "drop_newest", "read_rate": 50_000_000, "load": fanin.open_loop(rate=1e6)}
    load |= {"receive_buffer": 65_536, "send_buffer": 65_536}
    view = fanin.live("swap/batch", producers=4, messages=250_000, payload=64, rounds=1, **load)
    sweep = view.wait(60)
    seen = sorted(moment.waiting_seconds for moment in view.moments if moment.waiting_seconds)
    (run,) = sweep
    # The queue is full: half of the way is through it, the other half in the write of what was taken.
    assert run.latency_p50_ns is not None
    assert 0.2 <= seen[len(seen) // 2] * 1e9 / run.latency_p50_ns <= 1.5


def test_stop_ends_the_run_and_keeps_what_had_ended() -> None:
    view = fanin.live("swap/batch", producers=8, rounds=100, min_seconds=0.2)
    while view.progress[0] < 2:
        time.sleep(0.01)
    view.stop()
    view.stop()
    sweep = view.wait(10)
    assert view.status == "stopped"
    assert 2 <= len(sweep) < 100
    assert sweep.delivered


def test_stop_ends_a_run_that_would_go_on_for_long() -> None:
    view = fanin.live("swap/batch", producers=8, rounds=1, min_seconds=LONG)
    time.sleep(0.5)
    begun = time.monotonic()
    view.stop()
    assert len(view.wait(10)) == 0
    assert time.monotonic() - begun < 5  # a second, on a machine that is not busy


def test_who_waits_too_short_is_told() -> None:
    view = fanin.live("swap/batch", producers=8, rounds=1, min_seconds=LONG)
    with pytest.raises(TimeoutError, match=r"\.stop\(\) ends it"):
        view.wait(0.1)
    view.stop()
    view.wait(10)


def test_what_fails_is_raised_where_one_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> object:
        raise OSError(24, "too many open files")

    monkeypatch.setattr("fanin._native.run", broken)
    view = fanin.live("swap/batch", producers=1, rounds=1)
    with pytest.raises(OSError, match="too many"):
        view.wait(10)
    assert view.status == "failed"


def test_wrong_arguments_start_nothing() -> None:
    before = threading.active_count()
    with pytest.raises(fanin.PlanError):
        fanin.live("swap/bath")
    with pytest.raises(fanin.PlanError, match="brings its own"):
        fanin.live(fanin.Plan("swap/batch"), producers=3)
    assert threading.active_count() == before


def test_runs_beside_are_not_watched() -> None:
    view = fanin.live("swap/batch", producers=2, rounds=1, min_seconds=LONG)
    beside = fanin.run("swap/batch", 2, 10)
    view.stop()
    view.wait(10)
    assert beside.status == "ok"
    assert fanin.run("swap/batch", 2, 10).status == "ok"  # the stop was that view's


def test_listeners_hear_of_the_end() -> None:
    heard: list[str] = []
    view = fanin.live("swap/batch", producers=2, rounds=1, min_seconds=0.1)
    view.listen(lambda now: heard.append(now.status))
    view.wait(60)
    deadline = time.monotonic() + 10
    while "done" not in heard and time.monotonic() < deadline:
        time.sleep(0.01)
    assert heard[-1] == "done"


def test_looking_takes_no_thread_of_its_own() -> None:
    before = threading.active_count()
    view = fanin.live("swap/batch", producers=2, rounds=1, min_seconds=LONG)
    assert threading.active_count() == before + 1
    view.stop()
    view.wait(10)


def test_a_run_is_looked_at_four_times_a_second_and_oftener() -> None:
    heard: list[float] = []
    view = fanin.live("swap/batch", producers=2, rounds=1, min_seconds=2)
    view.listen(lambda _: heard.append(time.monotonic()))
    view.wait(60)
    assert len(heard) >= 8


@pytest.mark.parametrize("kind", [ZeroDivisionError, SystemExit, KeyboardInterrupt])
def test_a_listener_that_fails_is_told_and_dropped(monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]) -> None:
    told: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    heard: list[str] = []

    def fails(_: Live[fanin.Sweep]) -> None:
        raise kind

    view = fanin.live("swap/batch", producers=2, rounds=2, min_seconds=0.5)
    view.listen(fails)
    view.listen(lambda now: heard.append(now.status))
    assert view.wait(60).delivered
    assert [one.exc_type for one in told] == [kind]
    assert heard[-1] == "done"


def test_a_listener_cannot_wait_for_what_it_holds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    view = fanin.live("swap/batch", producers=2, rounds=1, min_seconds=0.5)
    view.listen(lambda now: now.wait() and None)
    assert view.wait(60).delivered
    assert "call wait() elsewhere" in str(told[0].exc_value)


# --- of a sink --------------------------------------------------------------------------------------------------------


def test_a_sink_is_watched_and_stop_closes_it() -> None:
    with fanin.Server() as server:
        sink = fanin.Sink(server.url, framing="lines", capacity="64 KiB").open()
        view = fanin.live(sink)
        deadline = time.monotonic() + 10
        while len(view.moments) < 3 and time.monotonic() < deadline:
            sink.send(b"x" * 99)
        assert view.label == sink.target
        assert max(moment.messages_per_second for moment in view.moments) > 0
        assert view.latest is not None
        assert view.latest.capacity_bytes == 64 * 1024
        view.stop()
        account = view.wait(30)
        assert sink.closed
        assert view.status == "stopped"
        assert account.complete
        assert sum(account.as_dict()[name] for name in ("written", "acked")) == account.accepted > 0


def test_a_sink_that_is_closed_ends_its_view() -> None:
    with fanin.Server() as server:
        with fanin.Sink(server.url, framing="lines") as sink:
            view = fanin.live(sink)
            sink.send(b"hello")
        assert view.wait(10).accepted == 1
        assert view.status == "done"
        with pytest.raises(fanin.PlanError, match="nothing can be set"):
            fanin.live(sink, producers=3)  # type: ignore[call-overload]


# --- as text ---------------------------------------------------------------------------------------------------------


def moment(**changes: object) -> Moment:
    fields = {
        "seconds": 1.0, "messages_per_second": 12_300_000.0, "bytes_per_second": 787e6, "backlog_bytes": 65_536,
        "capacity_bytes": 262_144, "batch_bytes": 4200.0, "waiting_seconds": 83e-6, "dropped": 1234,
        "dropped_per_second": 10.0,
    }  # fmt: skip
    return Moment(**(fields | changes))  # type: ignore[arg-type]


def test_measures_in_words() -> None:
    said = {name: words for name, words, _ in view_text.measures(moment(), [moment()])}
    assert said == {
        "throughput": "12.3 million/s, 787 MB/s", "queue": "65.5 kB, 25% of 262 kB", "batch": "4.20 kB a drain",
        "latency": "83.0 µs", "dropped": "1,234, 10.0/s",
    }  # fmt: skip
    still = moment(batch_bytes=None, waiting_seconds=None, capacity_bytes=None)
    assert [words for _, words, _ in view_text.measures(still, [still])][1:4] == ["65.5 kB, no bound", "–", "–"]


def test_bars() -> None:
    assert view_text.spark([0, 1, 2, 4, 8]) == "▁▂▃▅█"
    assert view_text.spark([0, 0]) == "▁▁"
    assert len(view_text.spark(list(range(100)))) == view_text.WIDTH


def test_a_screen_draws_over_itself() -> None:
    stream = io.StringIO()
    screen = view_text.Screen(stream)
    screen.draw("one\ntwo")
    screen.draw("three")
    assert stream.getvalue() == "\x1b[2Kone\n\x1b[2Ktwo\n\x1b[J\x1b[2A\x1b[2Kthree\n\x1b[J"
    assert not screen.is_terminal


def test_a_view_prints() -> None:
    view = fanin.live("swap/batch", producers=4, payload=64, rounds=1, min_seconds=0.3)
    view.wait(60)
    time.sleep(0.01)
    lines = repr(view).splitlines()
    assert lines[0] == "swap/batch × 4 × 64 B   1/1 runs   done"
    assert [line.split()[0] for line in lines[1:]] == ["throughput", "queue", "batch", "latency", "dropped", "last"]


def test_a_notebook_without_anywidget_gets_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    view = fanin.live("swap/batch", producers=1, rounds=1, min_seconds=0)
    view.wait(60)
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "fanin.view_widget", raising=False)
    shown = view._repr_mimebundle_()
    assert "pip install 'fanin[live]'" in shown["text/plain"]


def test_a_notebook_gets_a_widget_that_can_stop() -> None:
    pytest.importorskip("anywidget")
    from fanin.view_widget import widget

    view = fanin.live("swap/batch", producers=4, payload=64, rounds=1, min_seconds=LONG)
    made = widget(view)
    deadline = time.monotonic() + 10
    while not made.state["rate"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert made.state["status"] == "running"
    assert made.state["rate"]
    made._handle_custom_msg({"stop": True}, [])
    view.wait(10)
    while made.state["status"] == "running" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert made.state["status"] == "stopped"


# --- in a terminal ---------------------------------------------------------------------------------------------------


def test_top_prints_lines_and_the_table(shell: list[str]) -> None:
    arguments = ["top", "swap/batch", "--producers", "4", "--rounds", "1", "--min-seconds", "1.5"]
    done = subprocess.run([*shell, *arguments], check=False, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Sweep of 1 run")
    assert "million/s" in done.stderr or "thousand/s" in done.stderr


@pytest.mark.unix
def test_top_draws_on_a_terminal_and_ctrl_c_keeps_what_had_ended(shell: list[str]) -> None:
    import pty

    mine, theirs = pty.openpty()
    command = [*shell, "top", "swap/batch", "--producers", "4", "--rounds", "1", "--min-seconds", str(LONG)]
    process = subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, start_new_session=True)
    os.close(theirs)
    drawn = b""
    deadline = time.monotonic() + 60
    while drawn.count(b"throughput") < 3 and time.monotonic() < deadline:
        drawn += os.read(mine, 65536)
    process.send_signal(2)
    out, _ = process.communicate(timeout=30)
    os.close(mine)
    assert process.returncode == 130
    assert b"\x1b[" in drawn
    assert out.startswith(b"Sweep of no runs")
