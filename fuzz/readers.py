"""Fuzzes what reads users' files, guided by the lines that each input reaches: `make fuzz` runs it.

    python fuzz/readers.py plan|journal|sweep [CORPUS …] [-max_total_time=60 …]

The rest of the arguments is libFuzzer's. What it fails on it writes into a file, and ends.
"""

import sys
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

with atheris.instrument_imports():
    from readers import READERS


def main() -> None:
    """Runs until it fails, or as long as it was told."""
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, lambda content: READERS[name](content) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
