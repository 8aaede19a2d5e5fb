"""What the rows say: the targets with what was reached, and the arms side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Any

import plan
from plan import Cell, Row, Target

FIELDS = tuple(Cell.__dataclass_fields__)


class Rows:
    """All rows, found by block and cell."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self.all = list(rows)
        self._of: dict[tuple[str, Cell], dict[Any, Row]] = {}
        for row in self.all:
            place = (row["block"], Cell(**{name: row[name] for name in FIELDS}))
            if not row["fault"]:
                self._of.setdefault(place, {})[(row.get("run", 0), row["round"])] = row

    def of(self, block: str, cell: Cell) -> dict[Any, Row]:
        """A cell's rows by round."""
        return self._of.get((block, cell), {})

    def faults(self) -> list[Row]:
        """What did not deliver."""
        return [row for row in self.all if row["fault"]]


def values(rows: Rows, target: Target) -> list[float]:
    """What was reached, a value a round; against a rival, where the round has both."""
    ours = rows.of(target.block, target.ours)
    if target.rival is None:
        return [target.metric(row) for row in ours.values()]
    theirs = rows.of(target.block, target.rival)
    return [target.metric(row) / target.metric(theirs[key]) for key, row in ours.items() if key in theirs]


def verdicts(rows: Rows) -> list[dict[str, Any]]:
    """Each target that was measured."""
    found = []
    for target in plan.TARGETS:
        got = values(rows, target)
        if got:
            reached = target.reached(median(got))
            ends = {"median": median(got), "low": min(got), "high": max(got), "rounds": len(got)}
            asked = {"least": target.least, "most": target.most, "stretch": target.stretch, "unit": target.unit}
            found.append({"measure": target.about, "reached": reached} | ends | asked)
    return found


def text(rows: Rows) -> str:
    """All of it for people."""
    parts = [_targets(verdicts(rows)), _rates(rows, "threads"), _rates(rows, "tasks"), _rates(rows, "logging")]
    parts += [_latency(rows), _faults(rows.faults())]
    return "\n\n".join(part for part in parts if part)


def _targets(found: Sequence[dict[str, Any]]) -> str:
    lines = [("measure", "reached", "rounds", "target", "stretch", "")]
    for one in found:
        unit = one["unit"]
        got = f"{_number(one['median'])} [{_number(one['low'])}, {_number(one['high'])}] {unit}"
        asked = f"≥ {one['least']:g}" if one["least"] is not None else f"≤ {one['most']:.4g}"
        stretch = "" if one["stretch"] is None else f"{one['stretch']:g}"
        lines.append(
            (one["measure"], got, str(one["rounds"]), f"{asked} {unit}", stretch, "" if one["reached"] else "MISSED")
        )
    return _columns(lines) if found else ""


def _rates(rows: Rows, kind: str) -> str:
    """Messages a second by arm and load, with processor time and peak."""
    lines = [("arm", "load", "million/s", "spread", "CPU ns", "receiver ns", "peak MB", "rounds")]
    for block, cells in plan.BLOCKS.items():
        for cell in cells:
            of = list(rows.of(block, cell).values()) if cell.kind == kind else []
            if of:
                lines.append((cell.arm, str(cell).partition(", ")[2], *_figures(of)))
    return _columns(lines) if len(lines) > 1 else ""


def _figures(of: Sequence[Row]) -> tuple[str, ...]:
    rates = [plan.rate(row) / 1e6 for row in of]
    costs = [_number(median(map(metric, of))) for metric in (plan.cpu, plan.receiver, plan.peak)]
    return (_number(median(rates)), f"{_number(min(rates))} … {_number(max(rates))}", *costs, str(len(of)))


def _latency(rows: Rows) -> str:
    lines = [("latency of one message every 2 ms, µs", "", "p50", "p99", "call p50", "call p99", "rounds")]
    asked: list[Callable[[Row], float]] = [
        plan.quantile(name, share) for name in ("took_ns", "call_ns") for share in (0.5, 0.99)
    ]
    for cell in plan.BLOCKS["latency"]:
        of = list(rows.of("latency", cell).values())
        if of:
            figures = [_number(median(map(metric, of))) for metric in asked]
            lines.append((cell.arm, "beside busy Python" if cell.busy else "idle", *figures, str(len(of))))
    return _columns(lines) if len(lines) > 1 else ""


def _faults(faults: Sequence[Row]) -> str:
    return "\n".join(f"NOT DELIVERED: {row['arm']}, {row['threads']} threads: {row['fault']}" for row in faults)


def _number(value: float) -> str:
    places = 0 if value >= 100 or value == 0 else 1 if value >= 10 else 2
    return f"{value:,.{places}f}"


def _columns(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines = [lines[0], ["-" * width for width in widths], *lines[1:]]
    aligned = ((cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join("  ".join(line).rstrip() for line in aligned)
