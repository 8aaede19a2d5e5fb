"""The machine and the build, for whoever reads the numbers later; and how busy the machine is right now.

What a system does not tell is None.
"""

from __future__ import annotations

import os
import platform
import time
from functools import cache
from pathlib import Path
from typing import Any

from . import _native

__all__ = ["cores", "host", "name", "now", "weather"]


def name() -> str:
    """What the machine is called."""
    return platform.node() or "unnamed"


def host() -> dict[str, Any]:
    """All that is known of the machine and the build, as words and numbers."""
    load, pressure = weather()
    return dict(_lasting()) | {
        "cores_usable": cores(),
        "cpu_governor": _line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "load_average": load,
        "cpu_pressure": pressure,
        "seen": now(),
    }


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def now() -> str:
    """The time, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def weather() -> tuple[float | None, float | None]:
    """The load average of the last minute; the share of the last ten seconds in which a task waited for a core."""
    try:
        load = os.getloadavg()[0]
    except (OSError, AttributeError):
        load = None
    return load, _pressure()


@cache
def _lasting() -> tuple[tuple[str, Any], ...]:
    system = {
        "host": name(),
        "system": platform.system(),
        "kernel": platform.release(),
        "architecture": platform.machine(),
        "libc": " ".join(platform.libc_ver()).strip() or None,
        "cpu_model": _field("/proc/cpuinfo", "model name") or platform.processor() or None,
        "cores": os.cpu_count(),
        "cpu_boost": _boost(),
        "virtual": _virtual(),
        "cpu_smt": _line("/sys/devices/system/cpu/smt/active"),
        "clock_source": _line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "clock_resolution": time.get_clock_info("perf_counter").resolution,
        "memory_bytes": _memory(),
        "boot": _boot(),
        "aslr": _line("/proc/sys/kernel/randomize_va_space"),
        "python": platform.python_version(),
        "python_compiler": platform.python_compiler(),
        "fanin": _native.__version__,
        "runtime_threads": os.cpu_count(),
    }
    build = {f"build_{key}": value for key, value in _native.build_info().items()}
    return tuple((system | _socket_buffers() | build).items())


def _socket_buffers() -> dict[str, Any]:
    """What a TCP connection to this machine gets when it asks for nothing, and what it may ask for."""
    import socket

    limits = {
        "most_send_buffer": _number("/proc/sys/net/core/wmem_max"),
        "most_receive_buffer": _number("/proc/sys/net/core/rmem_max"),
    }
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname(), timeout=1) as client,
            server.accept()[0] as accepted,
        ):
            sent = client.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            received = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    except OSError:
        return limits | {"send_buffer": None, "receive_buffer": None}
    return limits | {"send_buffer": sent, "receive_buffer": received}


def _pressure() -> float | None:
    first = _line("/proc/pressure/cpu")
    try:
        return float(first.split("avg10=")[1].split()[0]) / 100 if first else None
    except (IndexError, ValueError):
        return None


def _boost() -> str | None:
    """`1` where a core may run faster than its rated frequency, `0` where not."""
    for path, on in (("intel_pstate/no_turbo", "0"), ("cpufreq/boost", "1")):
        if (found := _line(f"/sys/devices/system/cpu/{path}")) is not None:
            return "1" if found == on else "0"
    return None


def _virtual() -> bool | None:
    """Whether it is a guest."""
    flags = _field("/proc/cpuinfo", "flags")
    return None if flags is None else "hypervisor" in flags.split()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError, AttributeError):
        return None


def _boot() -> str | None:
    """A short name for this start of the machine, that does not tell its serial number."""
    from hashlib import sha256

    started = _line("/proc/sys/kernel/random/boot_id")
    return sha256(started.encode()).hexdigest()[:8] if started else None


def _line(path: str) -> str | None:
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            return file.readline().strip() or None
    except OSError:
        return None


def _number(path: str) -> int | None:
    line = _line(path)
    return int(line) if line and line.isdecimal() else None


def _field(path: str, name: str) -> str | None:
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), None)
