"""The notebooks run in a real kernel, and what is committed beside each is what it says."""

import time
from pathlib import Path
from typing import Any

import pytest

notebooks = pytest.importorskip("execute_notebooks")
jupytext = pytest.importorskip("jupytext")
nbformat = pytest.importorskip("nbformat")

SECONDS_EACH = 30  # some 8 on a machine that does nothing else
SOURCES = notebooks.sources()
each = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
taken: dict[str, float] = {}


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


def test_there_are_notebooks() -> None:
    assert SOURCES


@each
def test_notebook_runs(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FANIN_QUICK", "1")
    start = time.monotonic()
    notebook = notebooks.execute(source)
    taken[source.stem] = time.monotonic() - start
    assert any(cell.get("outputs") for cell in notebook.cells)


def test_notebooks_are_quick() -> None:
    assert sum(taken.values()) < SECONDS_EACH * len(SOURCES), taken


@each
def test_committed_notebook_is_its_source(source: Path) -> None:
    assert differs(source) == "", "run `make notebooks`"


def test_other_sources_are_noticed(tmp_path: Path) -> None:
    source = tmp_path / "00-planted.py"
    source.write_text("# %% [markdown]\n# A title\n\n# %%\n1 + 1\n")
    assert "missing" in differs(source)
    nbformat.write(jupytext.read(source), source.with_suffix(".ipynb"))
    assert "not been executed" in differs(source)
    nbformat.write(notebooks.settle(notebooks.execute(source)), source.with_suffix(".ipynb"))
    assert differs(source) == ""
    source.write_text(source.read_text().replace("1 + 1", "1 + 2"))
    assert "other cells" in differs(source)


def test_an_error_in_a_cell_is_an_error(tmp_path: Path) -> None:
    source = tmp_path / "00-planted.py"
    source.write_text("# %%\n1 / 0\n")
    with pytest.raises(Exception, match="ZeroDivisionError"):
        notebooks.execute(source)


def test_folders_of_this_machine_are_not_written() -> None:
    said = notebooks.settle_text(f"{notebooks.ROOT}/out/a.png {Path.home()}/b /tmp/ipykernel_17/42.py:3: Warning")
    assert said == "./out/a.png ~/b <cell>:3: Warning"
