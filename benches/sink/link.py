"""The two processes of a run: the receiver, which stays, and a cell, which is made for each run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import arms

HERE = Path(__file__).parent
BUILT = HERE.parent.parent / "target" / "release" / "examples" / "receiver"
RECEIVER = Path(os.environ.get("FANIN_RECEIVER", BUILT))
RECORDS = {"threads": "ring", "tasks": "ring", "room": "ring", "idle": "ring", "logging": "text", "latency": "stamp"}
MOST_SECONDS = 60


class Receiver:
    """The receiver's process, as a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen([RECEIVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._answer().split()[1])
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def order(self, line: str) -> str:
        """One order, and its answer."""
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> str:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the receiver has ended")
        return line.strip()


def run(receiver: Receiver, spec: dict[str, Any], expected: int, ring: int) -> dict[str, Any]:
    """One run of a cell: what it cost, what arrived, and whether that is all, once, in order."""
    wire, producers = arms.find(spec["arm"]).wire, spec.get("threads", 1)
    shape = f"size={spec['size']} producers={producers} ring={ring} messages={expected}"
    receiver.order(f"expect {wire} {RECORDS[spec['kind']]} {shape}")
    command = [sys.executable, HERE / "cell.py", json.dumps(spec | {"port": receiver.port})]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=MOST_SECONDS)
    except subprocess.TimeoutExpired:
        return {"fault": f"not done in {MOST_SECONDS} s"}
    if done.returncode:
        return {"fault": f"the cell ended with {done.returncode}: {done.stderr.strip()[-2000:]}"}
    receiver.order("wait 10")
    arrived = json.loads(receiver.order("end 5"))
    found = json.loads(done.stdout) | arrived
    if not found["fault"] and (arrived["messages"] != expected or arrived["open"]):
        found["fault"] = f"{arrived['messages']} messages of {expected} arrived; {arrived['open']} connections open"
    found["seconds"] = (found["last_ns"] - found["start_ns"]) / 1e9
    return found
