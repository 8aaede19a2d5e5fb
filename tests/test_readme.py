"""What the README shows can be done: its Python runs, and its files and targets are there."""

import ast
import asyncio
import inspect
import logging
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import newcomer
import pytest
from newcomer import alike

import fanin
from fanin import cli

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


def test_its_python_about_the_lab_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
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
    shown = re.findall(r"^print\(.*\)  # ([^;\n]+)", code, re.MULTILINE)
    assert len(shown) == 2
    assert [alike(line) for line in capsys.readouterr().out.splitlines()] == [alike(line) for line in shown]


def test_the_demo_ends_as_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    (recipe,) = re.findall(r"^\t@\$\(DEMO\)/bin/fanin (article .*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe == "article --quick --out out"
    less = "article --workers 1,8,64,512 --messages 20 --rounds 2 --out out"
    assert cli.main(less.split()) == 0
    said = alike("".join(capsys.readouterr()))
    table, end = newcomer.shown(README)
    assert alike(table) in said
    assert said.endswith(alike(end))
    assert Path("out/article.png").exists()


@contextmanager
def listeners(folder: Path) -> Iterator[dict[str, str]]:
    """Where the README's sinks go to, and who stands there instead."""
    with (
        fanin.Server(framing="lines") as lines,
        fanin.Server("echo", host=f"unix://{folder}/app.sock", framing="length") as echo,
        fanin.Server(framing="rfc6587") as log,
    ):
        yield {"tcp://127.0.0.1:9000": lines.url, "unix:///run/app.sock": echo.url, "tcp://loghost:514": log.url}


@pytest.mark.unix
def test_its_python_about_the_sink_runs(tmp_path: Path) -> None:
    (code,) = (block for block in BLOCKS if "fanin.Sink" in block)
    root = logging.getLogger()
    before = list(root.handlers)
    with listeners(tmp_path) as places:
        for shown, here in places.items():
            assert shown in code
            code = code.replace(shown, here)
        names = {"fanin": fanin, "logging": logging, "records": [b"one", b"two"]}
        made = eval(compile(code, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
        assert inspect.iscoroutine(made)
        asyncio.run(made)
        for handler in [handler for handler in root.handlers if handler not in before]:
            root.removeHandler(handler)
            handler.close()
    sink = names["sink"]
    assert isinstance(sink, fanin.Sink)
    assert sink.delivery.acked == 1


def test_its_links_lead_to_files() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    # A notebook is executed from its text; `test_notebooks.py` asks whether it was.
    sources = [link.replace(".ipynb", ".py") for link in links]
    assert [link for link in sources if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_the_versions_it_needs_are_those_of_the_package(page: str) -> None:
    """Who has an older one is told before, not by the compiler."""
    rust = tomllib.loads((ROOT / "Cargo.toml").read_text())["package"]["rust-version"]
    python = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")
    text = (ROOT / page).read_text()
    assert re.search(rf"Rust (≥ )?{re.escape(rust)}\b", text)
    assert re.search(rf"Python (≥ )?{re.escape(python)}\b", text)


def test_its_targets_are_there() -> None:
    targets = set(re.findall(r"`?make ([a-z-]+)", README))
    assert {"demo", "test", "docs"} <= targets
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert targets - known == set()
