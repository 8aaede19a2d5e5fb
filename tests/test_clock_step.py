"""The clock is set while we run, by a day forth and a day back: nothing that waits or measures is to notice.

The process's own: a library of a few lines stands before the C library, and says another time of day from a moment on.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CC = shutil.which("cc")
DAY = 86_400

LIBRARY = r"""
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long shift;

void step(long seconds) { __atomic_add_fetch(&shift, seconds, __ATOMIC_SEQ_CST); }

int clock_gettime(clockid_t clock, struct timespec *now) {
    int outcome = syscall(SYS_clock_gettime, clock, now);
    if (outcome == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += __atomic_load_n(&shift, __ATOMIC_SEQ_CST);
    return outcome;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec fine;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &fine);
    now->tv_sec = fine.tv_sec;
    now->tv_usec = fine.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *kept) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (kept) *kept = now.tv_sec;
    return now.tv_sec;
}
"""

SCRIPT = """
import asyncio, ctypes, faulthandler, socket, sys, threading, time, fanin

faulthandler.dump_traceback_later(90, exit=True)
library, by = ctypes.CDLL(sys.argv[1]), int(sys.argv[2])

def stepped(call):
    # How long a call takes in whose midst the clock is set.
    wall, began = time.time(), time.monotonic()
    setting = threading.Timer(0.1, library.step, (ctypes.c_long(by),))
    setting.start()
    outcome = call()
    took = time.monotonic() - began
    setting.join()
    assert abs(time.time() - wall - by) < 1000, "the clock was not set"
    assert took > 0.1, (call, "it ended before the clock was set")
    return outcome, took

def late(call, kind, seconds=0.3):
    def attempt():
        try:
            call()
        except kind:
            return True
    is_late, took = stepped(attempt)
    assert is_late and seconds - 0.05 <= took < 20, (is_late, took)

load = fanin.open_loop(rate=10_000)
run, took = stepped(lambda: fanin.run("swap/batch", 2, 3000, payload=64, load=load))
assert run.status in ("ok", "saturated") and run.latency_max_ns < 60e9 and took < 60, run
run, took = stepped(lambda: fanin.run("lanes/batch", 2, 1000, min_seconds=0.2))
assert run.status == "ok" and run.deliver_ns < 60e9 and took < 60, run

with fanin.Server(framing="lines") as server:
    late(lambda: server.wait_for(1, timeout=0.3), AssertionError)

listener = socket.create_server(("127.0.0.1", 0))
url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
sink = fanin.Sink(url, capacity="64 KiB", send_buffer=4096).open()
try:
    while True:
        sink.send(bytes(1000), timeout=0.3)
except fanin.Full:
    pass
late(lambda: sink.send(bytes(1000), timeout=0.3), fanin.Full)
late(lambda: sink.flush(timeout=0.3), fanin.TimedOut)
late(lambda: asyncio.run(sink.flush_async(timeout=0.3)), fanin.TimedOut)
late(lambda: sink.close(timeout=0.3), fanin.TimedOut)

with fanin.Sink(url, write_timeout=0.3, capacity="64 KiB", send_buffer=4096) as sink:
    def fill():
        while True:
            sink.send(bytes(1000))
    late(fill, fanin.Disconnected)
    try:
        sink.close()
    except fanin.Disconnected:
        pass

listener.close()
sink = fanin.Sink(url, reconnect="at_most_once", backoff=(0.05, 0.1))
late(lambda: sink.open(timeout=0.3), fanin.TimedOut)
before = sink.stats().failed_attempts
while sink.stats().failed_attempts < before + 5:
    time.sleep(0.01)
sink.close(timeout=5)
print("ok")
"""


@pytest.mark.skipif(CC is None or not sys.platform.startswith("linux"), reason="stands before the C library of Linux")
@pytest.mark.parametrize("by", [DAY, -DAY], ids=["a day forth", "a day back"])
def test_a_clock_that_is_set_changes_nothing(by: int, tmp_path: Path) -> None:
    assert CC
    source, library = tmp_path / "clock.c", tmp_path / "clock.so"
    source.write_text(LIBRARY)
    subprocess.run([CC, "-shared", "-fPIC", "-O1", "-o", library, source], check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, library, str(by)], env={**os.environ, "LD_PRELOAD": str(library)},
        check=False, capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", ""), done.stderr
