"""Where the README and the docs quote a factor that we measured, the executed notebook beside it gives the same."""

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

notebooks = pytest.importorskip("execute_notebooks")
nbformat = pytest.importorskip("nbformat")

ROOT = Path(__file__).parent.parent
PROVE = os.environ.get("FANIN_PROVE") == "1"
FIGURES = tomllib.loads(Path(__file__).with_name("figures.toml").read_text())["figure"]
FROM_NOTEBOOKS = [figure for figure in FIGURES if "notebook" in figure]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("index.md"))]
PAGES += [path for folder in ("explanation", "how-to", "tutorials") for path in (ROOT / "docs" / folder).glob("*.md")]
QUOTE = re.compile(r"[\d.]+ to [\d.]+ times")


def quotes(text: str) -> set[str]:
    """The factors that a text quotes, wherever its lines break."""
    return set(QUOTE.findall(" ".join(text.split())))


def printed(notebook: Any) -> str:
    """All that the cells of a notebook printed."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(output.get("text", "") for output in outputs)


def strays(figure: dict[str, Any], text: str, slack: float = 1.0) -> str:
    """How what a notebook printed leaves the range that is quoted, by more than `slack`; nothing, if it does not."""
    found = re.search(figure["printed"], text)
    if found is None:
        return f"{figure['notebook']} prints nothing like {figure['printed']}"
    low, high = map(float, re.findall(r"[\d.]+", figure["quote"]))
    inside = low / slack <= float(found[1]) <= float(found[2]) <= high * slack
    return "" if inside else f"quoted {figure['quote']}, but {figure['notebook']} has {found[0]}"


def test_what_is_quoted_is_listed() -> None:
    listed = {(place, figure["quote"]) for figure in FIGURES for place in figure["quoted_in"]}
    found = {(path.relative_to(ROOT).as_posix(), quote) for path in PAGES for quote in quotes(path.read_text())}
    assert found == listed


@pytest.mark.parametrize("figure", FROM_NOTEBOOKS, ids=lambda figure: figure["quote"])
def test_the_committed_notebook_gives_the_same(figure: dict[str, Any]) -> None:
    path = ROOT / "notebooks" / f"{figure['notebook']}.ipynb"
    assert strays(figure, printed(nbformat.read(path, as_version=4))) == ""


@pytest.mark.skipif(not PROVE, reason="executes in full the notebooks that are quoted; run by `make prove`")
@pytest.mark.parametrize("name", sorted({figure["notebook"] for figure in FROM_NOTEBOOKS}))
def test_a_notebook_executed_anew_gives_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ends of a range are the most and the least of some medians: another execution may go a tenth beyond."""
    monkeypatch.delenv("FANIN_QUICK", raising=False)
    text = printed(notebooks.execute(ROOT / "notebooks" / f"{name}.py"))
    assert [
        found for figure in FROM_NOTEBOOKS if figure["notebook"] == name and (found := strays(figure, text, 1.1))
    ] == []


def test_a_figure_that_strays_is_found() -> None:
    figure = {"quote": "2 to 9 times", "notebook": "00", "printed": r"x: ([\d.]+) to ([\d.]+)"}
    assert strays(figure, "x: 2.0 to 8.9") == ""
    assert strays(figure, "x: 1.9 to 8.9") == "quoted 2 to 9 times, but 00 has x: 1.9 to 8.9"
    assert strays(figure, "x: 1.9 to 9.8", 1.1) == ""
    assert "1.9 to 9.95" in strays(figure, "x: 1.9 to 9.95", 1.1)
    assert "nothing like" in strays(figure, "y: 3 to 4")
    assert quotes("it was 26\nto 124 times here") == {"26 to 124 times"}
