"""What this host is, and what disturbs it: read from the system, and None where the system does not say."""

from __future__ import annotations

import os
import platform
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import _native

__all__ = ["facts", "worries"]

BUSY_LOAD = 0.5
BUSY_PRESSURE = 5.0
STEADY_GOVERNOR = "performance"
FREQUENCY = Path("/sys/devices/system/cpu")


def facts() -> dict[str, Any]:
    """Cores, load, pressure, frequency, sockets, kernel and versions."""
    return {
        "cpu": _cpu(),
        "cores": cores(),
        "load": _load(),
        "cpu_pressure": _pressure(),
        "governor": _governor(),
        "turbo": _turbo(),
        "virtual": _virtual(),
        **_buffers(),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        **_build(),
    }


def cores() -> int:
    """The cores that this process may use."""
    with suppress(AttributeError, OSError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def worries(known: dict[str, Any]) -> list[str]:
    """What about a host makes its numbers worse than they need be."""
    found = []
    load, pressure, governor = known["load"], known["cpu_pressure"], known["governor"]
    if load is not None and load > BUSY_LOAD * known["cores"]:
        found.append(f"the load is {load:.1f} on {known['cores']} cores: others compete for them")
    if pressure is not None and pressure > BUSY_PRESSURE:
        found.append(f"for {pressure:.0f} % of the last 10 s some thread waited for a core")
    if governor is not None and governor != STEADY_GOVERNOR:
        found.append(f"the frequency governor is {governor}; {STEADY_GOVERNOR} is steadier")
    if known["turbo"]:
        found.append("turbo is on: the frequency depends on the temperature and on the other cores")
    if known["cores"] < 4:
        found.append(f"{known['cores']} cores: producers, actor and server share them, and contention cannot show")
    if known["build_profile"] not in (None, "release"):
        found.append(f"the core is a {known['build_profile']} build")
    return found


def _cpu() -> str | None:
    for line in _lines("/proc/cpuinfo"):
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return value.strip()
    return platform.processor() or None


def _load() -> float | None:
    with suppress(OSError, AttributeError):
        return round(os.getloadavg()[0], 2)
    return None


def _pressure() -> float | None:
    """For how much of the last 10 s some thread that could run had no core, in percent."""
    for line in _lines("/proc/pressure/cpu"):
        kind, *parts = line.split()
        shares = dict(part.split("=", 1) for part in parts if "=" in part)
        if kind == "some" and "avg10" in shares:
            with suppress(ValueError):
                return float(shares["avg10"])
    return None


def _governor() -> str | None:
    found = {line for path in FREQUENCY.glob("cpu[0-9]*/cpufreq/scaling_governor") for line in _lines(path)}
    return ", ".join(sorted(found)) or None


def _turbo() -> bool | None:
    for name, on in (("intel_pstate/no_turbo", "0"), ("cpufreq/boost", "1")):
        for line in _lines(FREQUENCY / name):
            return line.strip() == on
    return None


def _virtual() -> bool | None:
    flags = [line for line in _lines("/proc/cpuinfo") if line.startswith("flags")]
    return "hypervisor" in flags[0].split() if flags else None


def _buffers() -> dict[str, int | None]:
    """What a connection over loopback is granted, in bytes."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as peer:
            sizes = [peer.getsockopt(socket.SOL_SOCKET, name) for name in (socket.SO_SNDBUF, socket.SO_RCVBUF)]
    except OSError:
        return {"send_buffer": None, "receive_buffer": None}
    return dict(zip(("send_buffer", "receive_buffer"), sizes, strict=True))


def _build() -> dict[str, str | None]:
    known = _native.build_info()
    return {"fanin": _native.__version__, "build_profile": known.get("profile"), "rustc": known.get("rustc")}


def _lines(path: str | Path) -> list[str]:
    """A small file's lines; none where it cannot be read."""
    try:
        return Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return []
