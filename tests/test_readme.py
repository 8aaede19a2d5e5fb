"""What the README shows can be done: its Python runs, and its files and targets are there."""

import re
from pathlib import Path

import pytest

import fanin

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
# Less of the same, so that it takes seconds.
LESS = {
    "producers=[1, 8, 64, 512], rounds=5": "producers=[1, 8], rounds=2, min_seconds=0",
    'rounds="auto", budget="2min"': "rounds=1, min_seconds=0",
    "messages=10_000": "messages=500",
    "fanin.live(plan)": "view = fanin.live(plan)",
}


def test_its_python_about_the_lab_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    code = "\n".join(block for block in BLOCKS if "fanin.Sink" not in block)
    for whole, part in LESS.items():
        assert whole in code, f"the README no longer says {whole}"
        code = code.replace(whole, part)
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert isinstance(names["view"], fanin.Live)
    assert names["view"].wait(60).delivered
    assert Path("runs.ndjson").exists()


def test_its_links_lead_to_files() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    # A notebook is executed from its text; `test_notebooks.py` asks whether it was.
    sources = [link.replace(".ipynb", ".py") for link in links]
    assert [link for link in sources if not (ROOT / link).exists()] == []


def test_its_targets_are_there() -> None:
    targets = set(re.findall(r"`?make ([a-z-]+)", README))
    assert {"demo", "test", "docs"} <= targets
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert targets - known == set()
