"""A panic of the sink's actor, as Python sees it: whoever waits is told, and nothing hangs.

The places to panic are in no wheel: this builds the module once more, with the Cargo feature `planted`, in `make prove`
only. What the core does is shown without Python in `src/sink/thread.rs`.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROVE = os.environ.get("FANIN_PROVE") == "1"

SCRIPT = """
import asyncio, faulthandler, os, socket, sys, threading, time
import fanin

place = sys.argv[1]
faulthandler.dump_traceback_later(60, exit=True)
with socket.create_server(("127.0.0.1", 0)) as one:
    port = one.getsockname()[1]
told, outcomes = [], {}
settings = {"framing": "lines", "confirm": "echo", "reconnect": "at_least_once", "backoff": (0.01, 0.02)}
sink = fanin.Sink(f"tcp://127.0.0.1:{port}", capacity=100, on_error=told.append, **settings)
sink.open(timeout=0)
sink.send(bytes(60))

def outcome(call):
    try:
        return call()
    except BaseException as error:
        return error

def wait(name, call):
    outcomes[name] = outcome(call)

def echo():
    while True:
        connection, _ = listener.accept()
        while data := connection.recv(1000):
            connection.sendall(data)

calls = {f"send {n}": lambda: sink.send(bytes(60)) for n in range(4)}
calls["send_many"] = lambda: sink.send_many([bytes(60)] * 3)
calls["send_async"] = lambda: asyncio.run(sink.send_async(bytes(60)))
calls["flush"] = sink.flush
calls["flush_async"] = lambda: asyncio.run(sink.flush_async())
threads = [threading.Thread(target=wait, args=item) for item in calls.items()]
for thread in threads:
    thread.start()
while sink.stats().waiting < 6:
    time.sleep(0.001)
os.environ["FANIN_PLANTED"] = place
listener = socket.create_server(("127.0.0.1", port))
threading.Thread(target=echo, daemon=True).start()
for thread in threads:
    thread.join(30)
    assert not thread.is_alive(), outcomes

def is_told(error):
    return isinstance(error, fanin.FaninError) and "panicked" in str(error)

if place == "finish":
    assert not any(isinstance(one, BaseException) for one in outcomes.values()), outcomes
    assert is_told(outcome(sink.close))
assert place == "finish" or all(map(is_told, outcomes.values())), outcomes
for call in (lambda: sink.send(b"x"), lambda: sink.try_send(b"x"), sink.flush, sink.open, sink.close, sink.close):
    error = outcome(call)
    assert is_told(error) or isinstance(error, fanin.Closed) and sink.closed, error
account = sink.delivery
assert account.accepted == account.acked + account.written + account.in_doubt + account.unsent + account.dropped
sink._told.join(10)
assert not sink._told.is_alive()
print("told")
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package with a module that can panic."""
    build = ["cargo", "build", "--quiet", "--locked", "--lib", "--features", "python,planted"]
    folder = ROOT / "target" / "planted"
    subprocess.run([*build, "--target-dir", folder], cwd=ROOT, check=True, timeout=900)
    home = tmp_path_factory.mktemp("planted")
    shutil.copytree(ROOT / "python" / "fanin", home / "fanin", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    shutil.copy(folder / "debug" / "libfanin.so", home / "fanin" / "_native.abi3.so")
    return home


@pytest.mark.skipif(not PROVE, reason="it builds the module once more: make prove")
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("place", ["connect", "send", "receive", "flush", "turn", "finish"])
def test_a_panic_of_the_actor_is_told_to_all_who_wait(package: Path, place: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(package)}
    command = [sys.executable, "-c", SCRIPT, place]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=100)
    assert (done.returncode, done.stdout) == (0, "told\n"), done.stderr
    assert f"planted in {place}" in done.stderr
    assert "Fatal" not in done.stderr


def test_no_wheel_has_a_place_to_panic() -> None:
    """It is the release's features that the wheel is built with, and these are not among them."""
    features = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["maturin"]["features"]
    cargo = tomllib.loads((ROOT / "Cargo.toml").read_text())["features"]
    assert "planted" in cargo
    assert "default" not in cargo
    assert not any("planted" in [name, *cargo[name]] for name in features)
