"""What about a host disturbs its numbers: a short form of what is known of it, and what to worry about."""

from __future__ import annotations

from typing import Any

from .. import _native, host

__all__ = ["cores", "facts", "worries"]

BUSY_LOAD = 0.5
BUSY_PRESSURE = 5.0
STEADY_GOVERNOR = "performance"
FAR = 250  # nanoseconds; cores that share a cache are below 150


def facts() -> dict[str, Any]:
    """Cores and how long a cache line takes from one to another and back, load, pressure, frequency, sockets, kernel,
    versions; None where the system does not say."""
    known = host.host()
    load, pressure = known["load_average"], known["cpu_pressure"]
    return {
        "cpu": known["cpu_model"],
        "cores": cores(),
        "load": None if load is None else round(load, 2),
        "cpu_pressure": None if pressure is None else 100 * pressure,
        "cache_line_ns": _native.line_round_trip(),
        "governor": known["cpu_governor"],
        "turbo": None if known["cpu_boost"] is None else known["cpu_boost"] == "1",
        "virtual": known["virtual"],
        "send_buffer": known["send_buffer"],
        "receive_buffer": known["receive_buffer"],
        "kernel": f"{known['system']} {known['kernel']} {known['architecture']}",
        "python": known["python"],
        "fanin": known["fanin"],
        "build_profile": known.get("build_profile"),
    }


def cores() -> int:
    """The cores that this process may use."""
    return host.cores()


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
    if (known.get("cache_line_ns") or 0) > FAR:
        took = f"a cache line takes {known['cache_line_ns']} ns to another core and back: they are far apart"
        found.append(f"{took}, and what they share is dear; on a virtual machine that may change")
    if known["cores"] < 4:
        found.append(f"{known['cores']} cores: producers, actor and server share them, and contention cannot show")
    if known["build_profile"] not in (None, "release"):
        found.append(f"the core is a {known['build_profile']} build")
    return found
