"""Ctrl-C in a process that is away in a long call: at a random time, and how long it takes until it is answered."""

import os
import signal
import statistics
import subprocess
import sys
import time
from random import Random

__all__ = ["press_often"]

PROVE = os.environ.get("FANIN_PROVE") == "1"


def press(script: str, arguments: tuple[str, ...], after: float) -> float:
    """Starts a script, which says that it started and later, by the monotonic clock, when it was interrupted.

    Returns the seconds in between.
    """
    command = [sys.executable, "-c", script, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "started\n"
        time.sleep(after)
        pressed = time.monotonic()
        process.send_signal(signal.SIGINT)
        try:
            stdout, stderr = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, stderr) == (0, ""), f"pressed after {after} s"
    return float(stdout) - pressed


def press_often(script: str, *arguments: str, times: int) -> None:
    """Presses at as many random times, which the script seeds, and says how quick the answers were."""
    chance = Random(script)
    took = [press(script, arguments, chance.uniform(0.03, 0.5)) for _ in range(times)]
    middle = statistics.median(took)
    print(f"tried: {times} Ctrl-C")
    print(f"answered: {middle * 1000:.0f} ms at the median, {max(took) * 1000:.0f} ms at the most")
    # A tenth of a second on a machine with nothing else to do; a busy one gets some slack.
    assert max(took) < 1, took
    assert middle < (0.1 if PROVE else 0.5), took
