"""The benchmark of the sink runs, every kind of its cells, and does not believe what has not arrived."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ONE_OF_EACH = "threads,many,tasks,room,logging,latency,idle"
ARMS = "sink,sink/many,sink/tasks,sink/async,logging/sink,simple-queue/1024,list/call_soon,logging/queue+socket"


@pytest.fixture(scope="module")
def receiver() -> Path:
    """The benchmark's other end, as `cargo test` builds it."""
    cargo = shutil.which("cargo")
    assert cargo, "cargo is not on the PATH"
    command = [cargo, "build", "--quiet", "--locked", "--offline", "--example", "receiver"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=110)
    return ROOT / "target" / "debug" / "examples" / "receiver"


def bench(receiver: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, ROOT / "benches" / "sink", *arguments],
        check=False, capture_output=True, text=True, timeout=110, env=os.environ | {"FANIN_RECEIVER": str(receiver)},
    )  # fmt: skip


def test_every_kind_of_cell_is_measured(receiver: Path, tmp_path: Path) -> None:
    pytest.importorskip("uvloop")
    kept = tmp_path / "rows.ndjson"
    small = ["--rounds", "1", "--seconds", "0.06", "--samples", "20"]
    done = bench(receiver, "--only", ONE_OF_EACH, "--arms", ARMS, *small, "--json", "--save", str(kept))
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["faults"] == []
    rows = [json.loads(line) for line in kept.read_text().splitlines()]
    assert {row["kind"] for row in rows} == {"threads", "tasks", "room", "logging", "latency", "idle"}
    assert {row["arm"] for row in rows} == set(ARMS.split(","))
    again = bench(receiver, "--report", str(kept))
    assert again.returncode == 0, again.stderr
    assert "SimpleQueue ≤ 1024, 8 threads" in again.stdout
    assert "latency of one message every 2 ms" in again.stdout


def test_a_run_that_lost_has_no_figures(receiver: Path, tmp_path: Path) -> None:
    kept = tmp_path / "rows.ndjson"
    small = ["--rounds", "1", "--seconds", "0.06"]
    bench(receiver, "--only", "large", "--arms", "sink,simple-queue/1024", *small, "--save", str(kept))
    rows = [json.loads(line) for line in kept.read_text().splitlines()]
    assert [row["fault"] for row in rows] == [None, None]
    rows[0]["fault"] = "one is missing"
    kept.write_text("\n".join(map(json.dumps, rows)))
    done = bench(receiver, "--report", str(kept))
    assert done.returncode == 1
    assert "NOT DELIVERED" in done.stdout
    assert "shared objects of 1 KiB" not in done.stdout
