"""The notebooks run in a real kernel, and what is committed beside each is what it says."""

import os
from pathlib import Path

import pytest

notebooks = pytest.importorskip("execute_notebooks")
jupytext = pytest.importorskip("jupytext")
nbformat = pytest.importorskip("nbformat")

# The quick mode is for ten seconds on two cores that do nothing else, which is at most twenty of the processor; and of
# time, on a machine that does much else, several times as long.
SECONDS_EACH = 10
PROCESSOR_SECONDS_EACH = 2 * SECONDS_EACH
BUSY = 6
SOURCES = notebooks.sources()
differs = notebooks.differs
each = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


def test_there_are_notebooks() -> None:
    assert SOURCES


@each
def test_notebook_runs_and_is_quick(source: Path) -> None:
    taken = notebooks.execute_quickly(source)
    assert any(cell.get("outputs") for cell in taken.notebook.cells)
    assert taken.processor_seconds < PROCESSOR_SECONDS_EACH, taken.processor_seconds
    assert taken.seconds < BUSY * SECONDS_EACH, taken.seconds


def test_what_an_execution_takes_is_seen(tmp_path: Path) -> None:
    source = tmp_path / "00-planted.py"
    source.write_text(
        "# %%\nimport os, time\nassert os.environ['FANIN_QUICK'] == '1'\n\n# %%\n"
        "end = time.process_time() + 1\nwhile time.process_time() < end:\n    pass\n\n# %%\ntime.sleep(1)\n"
    )
    taken = notebooks.execute_quickly(source)
    assert taken.processor_seconds > 1
    assert taken.seconds > 2
    assert "FANIN_QUICK" not in os.environ


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


def test_a_check_wants_what_is_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "00-planted.py"
    source.write_text("# %%\n1 + 1\n")
    assert notebooks.check([source]) == 1
    assert "00-planted.ipynb is missing: run `make notebooks`" in capsys.readouterr().err
    nbformat.write(notebooks.settle(notebooks.execute(source)), source.with_suffix(".ipynb"))
    assert notebooks.check([source]) == 0


def test_an_error_in_a_cell_is_an_error(tmp_path: Path) -> None:
    source = tmp_path / "00-planted.py"
    source.write_text("# %%\n1 / 0\n")
    with pytest.raises(Exception, match="ZeroDivisionError"):
        notebooks.execute(source)


def test_folders_of_this_machine_are_not_written() -> None:
    said = notebooks.settle_text(f"{notebooks.ROOT}/out/a.png {Path.home()}/b /tmp/ipykernel_17/42.py:3: Warning")
    assert said == "./out/a.png ~/b <cell>:3: Warning"
