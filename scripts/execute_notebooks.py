"""Execute the notebooks: each `notebooks/NN-name.py` (jupytext's percent format) in a real kernel.

python scripts/execute_notebooks.py [name …]            in full: writes the executed `.ipynb` beside each,
                                                        free of what changes from machine to machine and says nothing
python scripts/execute_notebooks.py --check [name …]    in their quick mode: writes nothing, and ends with 1 if a cell
                                                        fails or an `.ipynb` is not what its text says
"""

import argparse
import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Jupyter's folders where the platform keeps such things (without this it warns), and this environment's kernel before
# one that the user has installed.
os.environ.update(JUPYTER_PLATFORM_DIRS="1", JUPYTER_PREFER_ENV_PATH="1")

import jupytext
import nbclient
import nbformat
from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
SECONDS_PER_CELL = 120
# Encrypted where the kernel can; it warns on its stderr otherwise.
CONFIG = Config(KernelManager={"transport_encryption": "auto"})


def sources() -> list[Path]:
    """The notebooks as text, in order."""
    return sorted(FOLDER.glob("[0-9]*.py"))


def execute(source: Path) -> Any:
    """Run a notebook from its text and return it with its outputs; an error in a cell raises `CellExecutionError`."""
    notebook = jupytext.read(source)
    notebook.metadata["kernelspec"] = dict(KERNEL)
    client = nbclient.NotebookClient(
        notebook,
        config=CONFIG,
        timeout=SECONDS_PER_CELL,
        kernel_name=KERNEL["name"],
        resources={"metadata": {"path": str(source.parent)}},
        record_timing=False,
    )
    client.execute()
    return notebook


@dataclass
class Taken:
    """What an execution came to."""

    notebook: Any
    seconds: float
    # Of the processor, by the kernel and what it started: next to nothing else can make it more.
    processor_seconds: float


def execute_quickly(source: Path) -> Taken:
    """The same in the quick mode, and what it took; other executions of this process have to be over."""
    os.environ["FANIN_QUICK"] = "1"
    start, before = time.monotonic(), children()
    try:
        notebook = execute(source)
    finally:
        del os.environ["FANIN_QUICK"]
    return Taken(notebook, time.monotonic() - start, children() - before)


def children() -> float:
    """Processor seconds of the children that have ended; 0 where the system does not count them."""
    used = os.times()
    return used.children_user + used.children_system


def cells(notebook: Any) -> list[tuple[str, str]]:
    """What a notebook says, without its outputs."""
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def differs(source: Path) -> str:
    """In what the `.ipynb` beside a source is not what the source says; nothing, if it is."""
    written = source.with_suffix(".ipynb")
    if not written.exists():
        return f"{written.name} is missing"
    notebook = nbformat.read(written, as_version=4)
    if cells(notebook) != cells(jupytext.read(source)):
        return f"{written.name} has other cells than {source.name}"
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    if any(output.output_type == "error" for output in outputs):
        return f"{written.name} holds an error"
    return "" if outputs else f"{written.name} has not been executed"


def settle(notebook: Any) -> Any:
    """Keep of a notebook what it says: no random cell ids, no versions, no folders and addresses of this machine."""
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        for output in cell.get("outputs", []):
            settle_output(output)
    return notebook


def settle_output(output: Any) -> None:
    """Take this machine out of the texts of an output."""
    for holder in (output, output.get("data", {})):
        for kind, text in holder.items():
            if isinstance(text, str) and (kind == "text" or kind.startswith("text/")):
                holder[kind] = settle_text(text)


def settle_text(text: str) -> str:
    """Name folders as a reader elsewhere would, and no addresses in memory."""
    text = re.sub(r"\bat 0x[0-9a-f]+", "at 0x…", text)
    text = re.sub(r"/\S*/ipykernel_\d+/\d+\.py", "<cell>", text).replace(str(ROOT), ".")
    home = str(Path.home())
    return text.replace(home, "~") if len(home) > 1 else text


def check(chosen: list[Path]) -> int:
    """Execute them quickly; 1 if what is committed beside one is not its text. A cell that fails raises."""
    found = [said for source in chosen if (said := differs(source))]
    print(*(f"{said}: run `make notebooks`" for said in found), sep="\n", file=sys.stderr, end="\n" if found else "")
    for source in chosen:
        print(f"  {source.name}: {execute_quickly(source).seconds:.1f} s", flush=True)
    return bool(found)


def main() -> int:
    """Execute the notebooks named, or all, and write them or check them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="name")
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    chosen = [source for source in sources() if not asked.names or source.stem in asked.names]
    if asked.check:
        return check(chosen)
    for source in chosen:
        print(f"  {source.name}", flush=True)
        nbformat.write(settle(execute(source)), source.with_suffix(".ipynb"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
