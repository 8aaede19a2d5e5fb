"""The examples run, each in a process of its own, and say what they should."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / name, *arguments],
        check=False, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_the_articles_own_use() -> None:
    if importlib.util.find_spec("dnstwist") is None:  # to import it would set a timeout for all sockets of this process
        pytest.skip("dnstwist is not installed")
    said = run("domain_stream.py", "--limit", "1500")
    assert re.match(r"1000 tasks sent 1500 names like example.com; 1500 arrived, \d+ with an address", said)


def test_a_metrics_pump() -> None:
    said = run("metrics_pump.py", "--values", "2000")
    assert "16000 values taken" in said
    assert "8 paths" in said


def test_a_logging_set_up() -> None:
    said = run("logging_setup.py")
    assert "1005 records written, 0 dropped\n1005 arrived, 4 with a traceback, whole" in said
    assert re.search(r"^<134>1 \d{4}-\d\d-\d\dT\S+Z \S+ shop \d+ shop.till-\d - sold 0 of apples$", said, re.MULTILINE)


def test_every_example_is_run() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(
        re.findall(r'run\("(\w+\.py)"', Path(__file__).read_text())
    )
