"""What the docstrings show is so, and the documentation cannot be built with holes in it."""

import ast
import doctest
import importlib
import importlib.util
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import check_docs
import pytest

import fanin
import pytest_fanin

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    found.name
    for package in (fanin, pytest_fanin)
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not found.name.endswith(("._native", ".__main__"))
)
MODULES.append("pytest_fanin")


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except fanin.MissingExtra as missing:
        pytest.skip(str(missing))
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for example in filter(can_run, doctest.DocTestFinder().find(module)):
        assert runner.run(example).failed == 0, example.name


def can_run(example: doctest.DocTest) -> bool:
    """Not where an example needs an extra that is not here: its text says that it does."""
    if "Needs `fanin[plot]`" not in (example.docstring or ""):
        return True
    if importlib.util.find_spec("matplotlib") is None:
        return False
    importlib.import_module("matplotlib").use("agg")
    return True


@pytest.mark.parametrize("name", ["send", "try_send", "send_many", "send_async"])
def test_examples_of_native_methods_run(name: str) -> None:
    """They are documented where they live, which doctest does not find by itself."""
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    (example,) = doctest.DocTestFinder(recurse=False).find(getattr(fanin.Sink, name), name, module=False, globs={})
    assert example.examples
    assert runner.run(example).failed == 0


def test_what_users_call_has_an_example() -> None:
    for call in (
        fanin.run, fanin.run_async, fanin.sweep, fanin.article, fanin.replay, fanin.strategies, fanin.Server,
        fanin.doctor, fanin.Sweep.compare, fanin.Sweep.explain, fanin.Sweep.scaling,
        fanin.Sink, fanin.Sink.from_socket, fanin.Delivery, fanin.Stats.as_dict, fanin.Sink.flush, fanin.Sink.close,
        fanin.Server.wait_for, fanin.Server.messages, fanin.Server.assert_delivered, fanin.Proxy.cut, fanin.Proxy.hold,
        fanin.Sweep.save, fanin.Sweep.load, fanin.Sweep.summary, fanin.Sweep.plot, fanin.Sweep.filter,
    ):  # fmt: skip
        assert ">>>" in (call.__doc__ or ""), call


def test_only_names_of_inner_modules_need_no_place() -> None:
    """What the build lets pass: a method that is misspelt is none of it."""
    (ignored,) = re.findall(r"^nitpick_ignore_regex = (.*)$", (ROOT / "docs/conf.py").read_text(), re.MULTILINE)
    patterns = [pattern for _, pattern in ast.literal_eval(ignored)]

    def passes(name: str) -> bool:
        return any(re.fullmatch(pattern, name) for pattern in patterns)

    assert passes("asyncio.Task")
    assert passes("fanin.stats.compare.Pairs")
    assert not any(map(passes, ("fanin.Live.lissten", "fanin.Live", "fanin.sweeep", "pytest_fanin.Warming")))


# --- the pages --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """What writes the pages that follow from the code."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_classes_can_do_needs_a_place_too() -> None:
    names = check_docs.public()
    for name in ("Sink", "Sink.send", "Sink.delivery", "Sink.from_socket", "Sweep.compare", "Table.to_pandas"):
        assert name in names
    # A field has its word in the docstring; what a public class lends, or a stranger, has its place elsewhere.
    for name in ("Run.status", "Comparison.to_pandas", "SinkHandler.setLevel", "Sink._native"):
        assert name not in names


def test_every_public_name_has_a_page(generate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    generate.check_names()
    monkeypatch.setattr(fanin, "__all__", [*fanin.__all__, "planted"])
    with pytest.raises(SystemExit, match="planted"):
        generate.check_names()


def test_every_public_name_of_the_plugin_has_a_place(generate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    generate.check_plugin(ROOT / "docs")
    monkeypatch.setattr(pytest_fanin, "__all__", [*pytest_fanin.__all__, "planted"])
    with pytest.raises(SystemExit, match="planted"):
        generate.check_plugin(ROOT / "docs")


def test_columns_commands_and_fixtures_have_their_words(generate: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "| `deliver_ns` |" in generate.rows_table()
    assert "## `fanin recommend`" in generate.cli_page()
    for name in ("fanin_server_factory", "fanin_measure", "--fanin-seed N", "fanin_framing = lines"):
        assert f"| `{name}" in generate.plugin_tables()
    monkeypatch.setattr(generate.rows, "KINDS", generate.rows.KINDS | {"planted": "int"})
    with pytest.raises(SystemExit, match="planted"):
        generate.rows_table()


def test_a_notebook_that_was_not_executed_has_no_page(generate: ModuleType, tmp_path: Path) -> None:
    source, target = tmp_path / "00-planted.py", tmp_path / "page.ipynb"
    source.write_text("# %%\n1 + 1\n")
    with pytest.raises(SystemExit, match=r"00-planted\.ipynb is missing: run `make notebooks`"):
        generate.notebook(source, target)
    source.with_suffix(".ipynb").write_text("executed")
    generate.notebook(source, target)
    assert target.read_text() == "executed"


FILE = re.compile(r"(?<![\w/.])(?:benches|docs|examples|models|notebooks|scripts|src|tests)/[\w./-]*\w\.\w+")
TEXTS = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md")]
TEXTS += [path for path in (ROOT / "docs").glob("[!_n]*/**/*.md") if "generated" not in path.parts]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_files_that_are_named_are_there(path: Path) -> None:
    named = [name for name in FILE.findall(path.read_text()) if "NAME" not in name]
    assert [name for name in named if not (ROOT / name).exists()] == []


PLANTED = """<html><head>
<link rel="stylesheet" href="style.css"><script src="https://cdn.invalid/x.js"></script>
</head><body id="here">
<a href="#here">good</a> <a href="two.html#fanin.run">good</a> <a href="https://elsewhere.invalid">not followed</a>
<a href="three.html">dead</a> <a href="two.html#nowhere">dead</a> <img src="lost.png">
<a href="two.html#fanin.run"><code class="xref py py-func"><span class="pre">fanin.run()</span></code></a>
<code class="xref py py-meth"><span class="pre">fanin.Live.lissten()</span></code> <code>fanin.planted</code>
<code class="xref py py-class"><span class="pre">ValueError</span></code>
</body></html>"""


def test_dead_links_and_strangers_are_found(tmp_path: Path) -> None:
    (tmp_path / "one.html").write_text(PLANTED)
    (tmp_path / "two.html").write_text('<html><body id="fanin.run"></body></html>')
    (tmp_path / "style.css").write_text(
        "@import 'https://cdn.invalid/a.css'; a { background: url(//cdn.invalid/b.png) }"
    )
    assert check_docs.problems(tmp_path, ["run", "sweep"]) == [
        "one.html: loads https://cdn.invalid/x.js",
        "one.html: nothing at three.html",
        "one.html: nothing at two.html#nowhere",
        "one.html: nothing at lost.png",
        "one.html: no such name as fanin.Live.lissten()",
        "style.css: loads https://cdn.invalid/a.css",
        "style.css: loads //cdn.invalid/b.png",
        "no place for fanin.sweep",
    ]
    assert check_docs.problems(tmp_path / "none", []) == [f"{tmp_path / 'none'}: no pages"]
