"""Execute the notebooks: each `notebooks/NN-name.py` (jupytext's percent format) in a real kernel.

python scripts/execute_notebooks.py [name …]

writes the executed `.ipynb` beside each, free of what changes from machine to machine and says nothing.
"""

import os
import re
import sys
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


def main(names: list[str]) -> None:
    """Execute the notebooks named, or all, and write them."""
    for source in sources():
        if not names or source.stem in names:
            print(f"  {source.name}", flush=True)
            nbformat.write(settle(execute(source)), source.with_suffix(".ipynb"))


if __name__ == "__main__":
    main(sys.argv[1:])
