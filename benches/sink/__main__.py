"""The sink beside its rivals: many producers, one socket, delivery checked by a receiver in its own process.

    make bench-sink
    python benches/sink --quick
    python benches/sink --only threads,latency --rounds 3 --save rows.ndjson
    python benches/sink --report rows.ndjson more.ndjson

The cells of a block are interleaved in shuffled rounds, each run in a fresh process; ratios are taken within a round. A
run that lost, doubled, reordered or changed a message has no figures.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import link
import rounds
import table
from plan import BLOCKS, Cell

OK, NOT_DELIVERED, BAD = 0, 1, 2


def main() -> int:
    """Runs what was asked for, or reads what was saved; prints the tables."""
    options = _options()
    if options.report:
        found = table.Rows(row for path in options.report for row in _read(path))
    elif not link.RECEIVER.exists():
        print("the receiver is not built: cargo build --release --example receiver", file=sys.stderr)
        return BAD
    else:
        found = table.Rows(_measure(options))
    if options.json:
        print(json.dumps({"targets": table.verdicts(found), "faults": found.faults()}))
    else:
        print(table.text(found))
    return NOT_DELIVERED if found.faults() else OK


def _measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Every row, shown as it comes and kept where asked."""
    stamp, made = time.time_ns(), []
    kept = options.save.open("a") if options.save else None

    def chosen(block: str, cell: Cell) -> bool:
        return block in options.only and (not options.arms or cell.arm in options.arms)

    try:
        for row in rounds.rows(chosen, options.rounds, options.seconds, options.samples, options.seed):
            row |= {"run": stamp}
            made.append(row)
            if kept:
                print(json.dumps(row), file=kept, flush=True)
            print(f"\r{row['block']} {row['round'] + 1}/{options.rounds}: {row['arm']:30}", end="", file=sys.stderr)
    except KeyboardInterrupt:
        print("\ninterrupted; this is what there is", file=sys.stderr)
    finally:
        print(f"\r{'':60}\r", end="", file=sys.stderr)
        if kept:
            kept.close()
    return made


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benches/sink", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--only", type=_blocks, default=list(BLOCKS), metavar="BLOCK,…", help=f"of {', '.join(BLOCKS)}; default: all")
    add("--arms", type=lambda text: text.split(","), metavar="ARM,…", help="only these arms")
    add("--rounds", type=int, metavar="N", help="default: 5; with --quick: 2")
    add("--seconds", type=float, metavar="S", help="how long a burst is timed, about; default: 0.4; with --quick: 0.15")
    add("--samples", type=int, metavar="N", help="messages of a run for latency; default: 500; with --quick: 200")
    add("--seed", type=int, default=0, metavar="N", help="what the order is drawn from")
    add("--quick", action="store_true", help="all of it in a minute or two, believed less")
    add("--save", type=Path, metavar="FILE", help="append each row to FILE as it comes")
    add("--report", type=Path, nargs="+", metavar="FILE", help="measure nothing: read the rows that were saved")
    add("--json", action="store_true", help="print the targets as JSON")
    options = parser.parse_args()
    quick = {"rounds": 2, "seconds": 0.15, "samples": 200}
    for name, full in {"rounds": 5, "seconds": 0.4, "samples": 500}.items():
        if getattr(options, name) is None:
            setattr(options, name, quick[name] if options.quick else full)
    return options


def _blocks(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in BLOCKS:
            raise argparse.ArgumentTypeError(f"{name}: allowed are {', '.join(BLOCKS)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
