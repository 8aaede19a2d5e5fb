"""What reads the files that users hand in or keep: plans, journals, saved sweeps. Each takes any bytes.

It reads them, or refuses them with the error that it documents and a reason; whatever else it raises is a bug. What was
read is also written and read again, and has to be the same. `tests/corpus` holds files for each; `make fuzz` looks for
more of them.
"""

import json
from collections.abc import Callable
from pathlib import Path

import fanin
from fanin import journal, store
from fanin.plan import Plan

__all__ = ["CORPUS", "READERS"]

CORPUS = Path(__file__).parent / "corpus"


def read_plan(content: bytes) -> bool:
    """Whether it is a plan."""
    try:
        plan = Plan.from_toml(content.decode(errors="replace"))
    except fanin.PlanError as error:
        return refused(error)
    assert Plan.from_toml(plan.to_toml()) == plan
    return True


def read_journal(content: bytes) -> bool:
    """Whether it is a journal."""
    try:
        kept = journal.read("runs.ndjson", content)
    except fanin.JournalError as error:
        return refused(error)
    assert kept.size <= len(content)
    again = journal.read("runs.ndjson", content[: kept.size])
    assert (again.rows, again.plan, again.size) == (kept.rows, kept.plan, kept.size)
    return True


def read_sweep(content: bytes) -> bool:
    """Whether it is a saved sweep."""
    try:
        columns, meta = store.read("sweep.json", content)
    except fanin.PlanError as error:
        return refused(error)
    fanin.Sweep(columns, meta).to_dicts()
    written = json.dumps(store.packed(columns, meta), allow_nan=False)
    assert store.read("sweep.json", written.encode()) == (columns, meta)
    return True


def refused(error: fanin.FaninError) -> bool:
    """No; and it says why."""
    assert str(error)
    return False


READERS: dict[str, Callable[[bytes], bool]] = {"plan": read_plan, "journal": read_journal, "sweep": read_sweep}
