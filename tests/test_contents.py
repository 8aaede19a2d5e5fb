"""Messages that differ in size, servers that pause, buffers of a given size, and the backlog over time."""

import dataclasses
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fanin
from fanin import Plan

LINES = [b"GET /", b"", b"POST /form", b"\xff\x00 binary", b"a longer line than all those before it"]
MIX = fanin.mix({16: 5, 64: 4, 5000: 1})


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_bytes(b"\n".join(LINES) + b"\n")
    return path


# --- what messages hold ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["mpsc-one/each", "mpsc/batch", "swap/vectored", "lanes/batch", "ring/batch"])
def test_records_arrive_byte_for_byte(strategy: str) -> None:
    run = fanin.run(strategy, 3, messages=5, payload=fanin.records(LINES))
    assert (run.status, run.proof, run.delivered) == ("ok", "exact", 15)
    assert run.bytes == 3 * sum(16 + len(line) for line in LINES)
    assert run.contents.startswith("records, 5 records, ")
    assert run.payload == round(sum(map(len, LINES)) / 5)
    assert run.contents in repr(run)


def test_a_mix_has_the_sizes_that_were_asked_for() -> None:
    run = fanin.run("swap/batch", 4, messages=10_007, payload=MIX)
    assert (run.status, run.proof, run.contents) == ("ok", "exact", "50 % of 16 B, 40 % of 64 B, 10 % of 5,000 B")
    assert run.bytes / run.delivered == pytest.approx(16 * 0.5 + 64 * 0.4 + 500, rel=2e-3)
    assert run.payload == 534


def test_both_work_with_an_open_load_with_drops_and_bounds() -> None:
    open_ = fanin.run("mpsc/batch", 4, 250, payload=MIX, load=fanin.open_loop(rate=50_000))
    assert (open_.delivered, open_.latency_count) == (1000, 1000)
    how: dict[str, Any] = {"capacity": "4 messages", "on_full": "drop_oldest", "read_rate": 1_000_000}
    dropping = fanin.run("swap/batch", 4, payload=fanin.records(LINES), **how)
    assert (dropping.status, dropping.sent) == ("ok", dropping.delivered + dropping.dropped)
    bounded = fanin.run("swap/batch", 4, payload=MIX, capacity=8192)
    assert bounded.status == "ok"
    assert bounded.high_water_bytes <= 8192


def test_a_file_is_its_lines(log: Path) -> None:
    records = fanin.records(log)
    assert list(records.data) == LINES
    assert records == fanin.records(str(log)) != fanin.records(LINES[:4])
    assert records.digest == fanin.records(LINES).digest
    assert repr(records) == f"<Records access.log, 5 records, {records.digest}>"
    log.write_bytes(b"no end")
    assert fanin.records(log).data == (b"no end",)


def test_they_are_frozen_and_travel(log: Path) -> None:
    for contents in (MIX, fanin.records(LINES), fanin.records(log)):
        assert pickle.loads(pickle.dumps(contents)) == contents
        assert len({contents, pickle.loads(pickle.dumps(contents))}) == 1
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(contents, dataclasses.fields(contents)[0].name, "else")


def plan(log: Path) -> Plan:
    payload = [64, MIX, fanin.records(LINES), fanin.records(log)]
    return Plan(["swap/batch", "direct/batch"], 2, 20, payload=payload, rounds=2, min_seconds=0)


def test_a_plan_holds_them_and_comes_back(log: Path, tmp_path: Path) -> None:
    mixed = plan(log)
    assert Plan.from_toml(mixed.to_toml()) == mixed
    assert Plan.read(mixed.save(tmp_path / "plan.toml")).digest == mixed.digest
    assert Plan.from_dict(json.loads(json.dumps(mixed.to_dict()))) == mixed
    assert [left.reason for left in mixed.left_out] == [
        "payload=a mix or records: direct lays out records of one size"
    ] * 3
    dry = mixed.dry_run()
    assert json.dumps(dry.to_json())
    assert "50 % of 16 B" in repr(dry)


def test_a_changed_file_is_noticed(log: Path) -> None:
    text = plan(log).to_toml()
    log.write_bytes(b"something else\n")
    with pytest.raises(fanin.PlanError, match="it has changed"):
        Plan.from_toml(text)
    log.unlink()
    with pytest.raises(FileNotFoundError):
        Plan.from_toml(text)


def test_a_sweep_of_them_is_compared_saved_and_resumed(log: Path, tmp_path: Path) -> None:
    sweep = plan(log).run(journal=tmp_path / "runs.ndjson", progress=False)
    assert sweep.delivered
    assert len(set(sweep.column("contents"))) == 4
    assert fanin.Sweep.load(sweep.save(tmp_path / "sweep.json")) == sweep
    assert fanin.Sweep.load(tmp_path / "runs.ndjson") == sweep == fanin.resume(tmp_path / "runs.ndjson")
    assert len(sweep.compare(over="swap/batch").notes) > 0
    pytest.importorskip("matplotlib").use("agg")
    names = {text.get_text() for text in sweep.filter(strategy="swap/batch").plot().texts}
    assert any("50 % of 16 B" in name for name in names)


WRONG: list[tuple[Any, str]] = [
    ({}, "1 to 64"),
    ([(15, 1)], "16 to"),
    ({64: 0}, "above 0"),
    ({64: "many"}, "as a weight"),
    ({64: float("nan")}, "as a weight"),
    ({64: 1, 65: 1e-8}, "ten-thousandth"),
    ({1 << 30: 1}, "from 16"),
    (dict.fromkeys(range(16, 81), 1), "1 to 64"),
    ("64", "mix("),
    (7, "mix("),
    ([(1, 2, 3)], "mix("),
]


@pytest.mark.parametrize(("sizes", "part"), WRONG)
def test_a_mix_that_is_none_is_told(sizes: Any, part: str) -> None:
    with pytest.raises(fanin.PlanError, match="payload=") as caught:
        fanin.mix(sizes)
    assert part in str(caught.value)


@pytest.mark.parametrize("source", [b"text", ["text"], [1], 7, None, [], [b"x" * (9 << 20)]])
def test_records_that_are_none_are_told(source: Any) -> None:
    with pytest.raises(fanin.PlanError, match="payload="):
        fanin.records(source)


HOSTILE = [
    "{mix = 3}", "{mix = [[64]]}", "{mix = [[64, 1, 2]]}", "{mix = [['64', 1]]}", "{mix = [], x = 1}", "{file = 3}",
    "{records = ['!'], name = 'a'}", "{records = [3], name = 'a'}", "{records = 'QQ==', name = 'a'}",
    "{records = ['QQ=='], name = 3}", "'64*'", "'*9'", "'64*9+'", "'9999999999*1'",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_a_file_that_says_something_else_is_told(text: str) -> None:
    with pytest.raises(fanin.PlanError, match="payload"):
        Plan.from_toml(f"strategies = 'swap/batch'\npayload = {text}")


def test_words_for_both(log: Path) -> None:
    assert Plan("swap/batch", payload=["16*5+64*4+5000", f"@{log}"]).payload == (MIX, fanin.records(log))


# --- a server that pauses, buffers, a backlog -------------------------------------------------------------------------


def test_a_pause_is_seen_in_time_and_backlog() -> None:
    run = fanin.run("swap/batch", 4, 20_000, payload=64, pause=fanin.pause(0.2, after_bytes=65_536), timeline=True)
    assert run.status == "ok"
    assert run.deliver_seconds is not None
    assert run.deliver_seconds >= 0.2
    assert (run.pause_ns, run.pause_after_ns, run.pause_after_bytes) == (200_000_000, None, 65_536)
    times, sizes = zip(*run.backlog, strict=True)
    assert list(times) == sorted(times)
    assert 0 < len(times) <= 200
    assert max(sizes) <= run.high_water_bytes


def test_without_asking_there_is_no_timeline() -> None:
    run = fanin.run("swap/batch", 2, 10)
    assert (run.timeline, run.backlog) == (None, ())


def test_buffers_are_told_as_granted() -> None:
    run = fanin.run("swap/batch", 2, 100, receive_buffer=32_768, send_buffer=16_384)
    assert (run.receive_buffer, run.send_buffer) == (32_768, 16_384)
    assert run.receive_buffer_granted >= 32_768
    assert run.send_buffer_granted is not None
    assert run.send_buffer_granted >= 16_384
    free = fanin.run("swap/batch", 2, 100)
    assert (free.receive_buffer, free.send_buffer) == (None, None)
    assert free.receive_buffer_granted > 0


def test_costs_are_counted() -> None:
    run = fanin.run("mpsc-one/each", 2, 500)
    assert run.writes == 1000
    assert run.server_reads > 0
    assert run.page_faults >= 0
    assert run.batches <= 1000


PAUSES = ["100 ms after 700 ms", "0.1 s after 0.7 s", {"seconds": 0.1, "after": 0.7}, fanin.pause(0.1, after=0.7)]


@pytest.mark.parametrize("pause", PAUSES)
def test_pauses_in_words(pause: Any) -> None:
    assert Plan("swap/batch", pause=[None, pause]).pause == (None, fanin.pause(0.1, 0.7))
    made = Plan("swap/batch", pause=pause, receive_buffer=[None, 4096], timeline=True, confirm=2)
    assert Plan.from_toml(made.to_toml()) == made
    assert fanin.run("swap/batch", 1, 1, pause="1 s after 65536 bytes").pause_after_bytes == 65_536


@pytest.mark.parametrize("pause", ["long", "1 s", "1 s after 1.5 bytes", 3, True, {"seconds": 1}, {"after": 1}, {}])
def test_pauses_that_are_none_are_told(pause: Any) -> None:
    with pytest.raises(fanin.PlanError, match="pause="):
        Plan("swap/batch", pause=pause)


def test_a_pause_begins_somewhere() -> None:
    for when in ({}, {"after": 1, "after_bytes": 1}):
        with pytest.raises(fanin.PlanError, match="when it begins"):
            fanin.pause(1, **when)  # type: ignore[arg-type]


# --- from a shell ----------------------------------------------------------------------------------------------------


def test_from_a_shell(log: Path, shell: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    from fanin.cli import main

    how = ["--pause", "10 ms after 0 ms", "--send-buffer", "65536", "--receive-buffer", "65536", "--timeline", "--json"]
    assert main(["run", "swap/batch", "--producers", "2", "--messages", "50", "--payload", f"@{log}", *how]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["status"], row["pause_ns"], row["send_buffer"]) == ("ok", 10_000_000, 65_536)
    assert row["contents"].startswith("access.log, 5 records")
    assert row["timeline"]
    assert (
        main(["sweep", "swap/batch", "--producers", "2", "--payload", "64,64*9+4096*1", "--rounds", "2", "--json"]) == 0
    )
    swept = json.loads(capsys.readouterr().out)
    assert set(swept["columns"]["contents"]) == {None, "90 % of 64 B, 10 % of 4,096 B"}


# --- rounds in fresh processes ---------------------------------------------------------------------------------------

CONFIRM = Plan(["mpsc/batch", "swap/batch"], 2, 100, rounds=6, confirm=3, min_seconds=0)


def test_rounds_are_spread_over_fresh_processes(tmp_path: Path) -> None:
    sweep = CONFIRM.run(journal=tmp_path / "runs.ndjson", progress=False)
    assert sweep.column("process") == (0,) * 4 + (1,) * 4 + (2,) * 4
    assert sweep.column("round") == tuple(number for number in range(6) for _ in range(2))
    (row,) = sweep.compare(over="mpsc/batch")
    assert row["pairs"] == 3
    assert "rest on fresh processes, 3 of them" in repr(sweep.compare(over="mpsc/batch"))
    assert fanin.Sweep.load(tmp_path / "runs.ndjson") == sweep == fanin.resume(tmp_path / "runs.ndjson")
    plain = dataclasses.replace(CONFIRM, confirm=0, rounds=2).run(progress=False)
    both = fanin.concat([sweep, plain, sweep])
    assert both.column("process") == (*sweep.column("process"), *[None] * 4, *(p + 3 for p in sweep.column("process")))


def test_a_confirmed_sweep_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "runs.ndjson"
    whole = CONFIRM.run(journal=path, progress=False)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:9]))
    again = fanin.resume(path, progress=False)
    assert again.column("process") == whole.column("process")
    assert len(again) == 12


def test_an_error_in_a_fresh_process_is_raised_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fanin.fresh.START", "import sys; sys.stdin.buffer.read(1); sys.exit(7)")
    with pytest.raises(fanin.FaninError, match="with code"):
        CONFIRM.run(progress=False)
    broken = "import pickle, sys; pickle.dump(('error', ValueError('planted')), sys.stdout.buffer)"
    monkeypatch.setattr("fanin.fresh.START", broken)
    with pytest.raises(ValueError, match="planted"):
        CONFIRM.run(progress=False)


def test_confirming_needs_rounds_and_no_executor() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with pytest.raises(fanin.PlanError, match="confirm=7"):
        dataclasses.replace(CONFIRM, confirm=7)
    with ThreadPoolExecutor(1) as pool, pytest.raises(fanin.PlanError, match="confirm=3"):
        CONFIRM.run(executor=pool, progress=False)


def test_intervals_rest_on_processes(simulate: Callable[..., Any]) -> None:
    """Processes that differ as wholes: many rounds of few processes are no reason to be sure."""
    from fanin.stats.compare import compare

    sweep = simulate({"mpsc/batch": 100, "swap/batch": 100}, rounds=40, noise=0.01, drift=0)
    shift = {0: 1.2, 1: 1.1, 2: 0.95, 3: 1.15}

    def moved(row: dict[str, Any]) -> dict[str, Any]:
        process = row["round"] // 10
        factor = shift[process] if row["strategy"] == "swap/batch" else 1.0
        return row | {"process": process, "nanoseconds_per_message": row["nanoseconds_per_message"] * factor}

    (fresh,) = compare(sweep.changed(moved), "mpsc/batch")
    (rounds,) = compare(sweep.changed(lambda row: moved(row) | {"process": None}), "mpsc/batch")
    assert (fresh["pairs"], fresh["verdict"]) == (4, "undecided")
    assert (rounds["pairs"], rounds["verdict"]) == (40, "slower")


@pytest.mark.parametrize("capacity", ["64 KiB", "4 messages"])
def test_the_longest_finds_room_in_a_queue_that_divides_its_capacity(capacity: str) -> None:
    for strategy in ("sharded/batch", "ring/batch", "swap/batch", "lanes/batch"):
        run = fanin.run(strategy, 4, 50, payload=fanin.mix({100: 1, 40_000: 1}), capacity=capacity)
        assert run.status == "ok", (strategy, run)
