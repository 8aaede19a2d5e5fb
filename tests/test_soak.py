"""Memory, descriptors and threads stay where they were while everything comes and goes: ten seconds of `soaking.py`
here; by `make prove` over ten minutes at 120 MiB/s, after five to settle, with one heap and with as many as come."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import soaking

SOAKING = Path(__file__).with_name("soaking.py")
PROVE = os.environ.get("FANIN_PROVE") == "1"


@pytest.mark.proc
@pytest.mark.timeout(2000)
@pytest.mark.parametrize("heaps", ["one heap", "all heaps"] if PROVE else ["one heap"])
def test_nothing_is_left_over(heaps: str) -> None:
    command = [sys.executable, str(SOAKING), *(["900", "120"] if PROVE else ["8", "20"])]
    environment = {name: value for name, value in os.environ.items() if name != "MALLOC_ARENA_MAX"}
    if heaps == "one heap":
        environment["MALLOC_ARENA_MAX"] = "1"
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=1500, env=environment)
    print(f"{done.stdout.rstrip()}, {heaps}")
    assert (done.returncode, done.stderr) == (0, "")
    assert not PROVE or int(done.stdout.split(" MiB/s")[0].split()[-1]) >= 100


def test_a_leak_is_seen() -> None:
    looks = [soaking.Look(second, 10_000_000 + second * 1000, 3, 1, 5_000_000) for second in range(600)]
    assert soaking.growth(looks) == pytest.approx(0.058, abs=0.002)
    assert soaking.growth(looks, "allocated") == 0
    looks = [one._replace(resident=10_000_000 + (one.at % 7 == 0) * 5_000_000) for one in looks]
    assert soaking.growth(looks) == 0, "peaks that come and go are no leak"
