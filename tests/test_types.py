"""What users see of types and help: a typed program passes two checkers, and every public name explains itself."""

import asyncio
import dataclasses
import inspect
import pickle
import pydoc
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
import typed_example

import fanin
import pytest_fanin

EXAMPLE = Path(__file__).with_name("typed_example.py")
DOCS = Path(__file__).parent.parent / "docs"
PUBLIC = [name for name in fanin.__all__ if not name.startswith("__")]
CALLS = [name for name in PUBLIC if inspect.isroutine(getattr(fanin, name))]
CLASSES = [name for name in PUBLIC if isinstance(getattr(fanin, name), type)]


def item(path: str) -> Any:
    found: Any = fanin
    for part in path.split("."):
        found = getattr(found, part)
    return found


def check(*command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], check=False, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy_passes_a_typed_program() -> None:
    pytest.importorskip("mypy")
    check("mypy", "--strict", "--no-error-summary", "--config-file=", str(EXAMPLE))


def test_pyright_passes_a_typed_program() -> None:
    pytest.importorskip("pyright")
    check("pyright", "--pythonpath", sys.executable, str(EXAMPLE))


def test_a_checker_can_fail(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import fanin\n\nfanin.run('swap/batch', producers='four')\nfanin.run('swap/batch').speed\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", str(wrong)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=110)
    assert done.returncode == 1
    assert '"Run" has no attribute "speed"' in done.stdout
    assert 'expected "int"' in done.stdout


def test_the_typed_program_runs() -> None:
    assert typed_example.measured().delivered == 400
    assert asyncio.run(typed_example.in_a_loop()) == "ok"
    assert len(typed_example.swept()) == 16
    assert typed_example.watched()[0] == "done"
    assert "producers" in typed_example.refused()
    assert typed_example.served() == 0
    assert typed_example.sent().written == 4
    assert asyncio.run(typed_example.sent_in_a_loop()) == 1
    assert typed_example.refused_messages() == 0
    assert [message.endswith(b"sold") for message in typed_example.logged()] == [True]
    assert [fault.what for fault in typed_example.cut()] == ["stalled"]
    assert "swap/batch" in typed_example.found()
    assert typed_example.shipped(fanin.Server, fanin.Proxy) == 0
    assert typed_example.faster(pytest_fanin.Lab(check=True)) is None


@pytest.mark.parametrize("name", CALLS)
def test_help_shows_how_to_call(name: str) -> None:
    call = getattr(fanin, name)
    signature = inspect.signature(call)
    assert all(one.annotation is not inspect.Parameter.empty for one in signature.parameters.values())
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(one.kind is not inspect.Parameter.VAR_POSITIONAL for one in signature.parameters.values())
    text = pydoc.plain(pydoc.render_doc(call))
    assert f"{name}(" in text
    for parameter in signature.parameters if name != "run_async" else ():  # its arguments are those of `run`
        assert re.search(rf"^\s+\**{parameter}: ", text, re.MULTILINE) or len(signature.parameters) < 2, parameter


@pytest.mark.parametrize("name", CLASSES)
def test_help_shows_what_a_class_is(name: str) -> None:
    kind = getattr(fanin, name)
    text = pydoc.plain(pydoc.render_doc(kind))
    assert text.splitlines()[2].startswith(f"class {name}(")
    if dataclasses.is_dataclass(kind):
        for field in (field for field in dataclasses.fields(kind) if field.name in vars(kind)["__annotations__"]):
            docs = "\n".join(inspect.getdoc(base) or "" for base in kind.__mro__)
            said = re.search(rf"^\s+(\w+, )*{field.name}: ", docs, re.MULTILINE)
            assert said or field.name.startswith("_") or not documents_fields(kind), field.name


@pytest.mark.parametrize("name", CLASSES)
def test_help_shows_how_a_class_is_made(name: str) -> None:
    signature = inspect.signature(getattr(fanin, name))
    for one in signature.parameters.values():
        assert not one.name.startswith("_"), signature
        assert isinstance(one.annotation, str), f"{one.name}: {one.annotation!r}"
        assert not re.search(r"\b_\w|ForwardRef", one.annotation), signature
        assert one.annotation or one.kind is one.VAR_POSITIONAL


def test_signatures_are_those_of_the_calls() -> None:
    def shown(kind: type) -> list[str]:
        return list(inspect.signature(kind).parameters)

    class Own(fanin.PlanError):
        def __init__(self, number: "int") -> None:
            super().__init__(f"number={number}")

    assert [*map(shown, (fanin.PlanError, fanin.AddressError, Own))] == [["args"], ["args"], ["number"]]
    assert shown(fanin.Disconnected) == ["message", "delivery", "errno"]
    assert str(inspect.signature(fanin.Arrival)).startswith("(connection: 'int', data: 'bytes')")
    sweep = fanin.sweep("swap/batch", 1, rounds=1, min_seconds=0)
    columns, metadata = (one.name for one in inspect.signature(fanin.Sweep).parameters.values())
    assert (columns, metadata) == ("columns", "metadata")
    assert fanin.Sweep({name: sweep.column(name) for name in sweep._stored}, sweep.metadata) == sweep
    assert fanin.Strategies(list(fanin.strategies())) == fanin.strategies()


def documents_fields(kind: type) -> bool:
    return "Attributes:" in (kind.__doc__ or "") or "Args:" in (kind.__doc__ or "")


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_has_an_example_that_runs(name: str) -> None:
    """Its own, or one where it comes from; `test_docs.py` runs them."""
    assert ">>>" in (inspect.getdoc(item(name)) or ""), f"{name}: no example"


@pytest.mark.parametrize("name", pytest_fanin.__all__)
def test_every_public_name_of_the_plugin_has_one_too(name: str) -> None:
    assert ">>>" in (vars(getattr(pytest_fanin, name)).get("__doc__") or ""), name


ERRORS = [name for name in CLASSES if issubclass(getattr(fanin, name), fanin.FaninError)]


@pytest.mark.parametrize("name", ERRORS)
def test_errors_lead_to_a_page_that_is_there(name: str) -> None:
    page, _, place = getattr(fanin, name).page.partition("#")
    text = (DOCS / f"{page}.md").read_text()
    assert place in {heading.lower() for heading in re.findall(r"^## (\w+)$", text, re.MULTILINE)} | {""}
    assert name == "FaninError" or re.search(rf"^## {name}$", (DOCS / "reference/errors.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", ERRORS)
def test_help_says_what_to_do_next(name: str) -> None:
    """Also who has no documentation at hand is helped: a traceback and the command line name this text."""
    kind = getattr(fanin, name)
    assert re.search(r"^What to do next: \w?", inspect.cleandoc(vars(kind)["__doc__"]), re.MULTILINE)
    assert kind._known() == name
    own = type("Own", (kind,), {})
    assert own._known() == name


def test_a_traceback_ends_with_the_page() -> None:
    with pytest.raises(fanin.PlanError) as caught:
        fanin.run("swap/batch", producers=0)
    for error in (caught.value, pickle.loads(pickle.dumps(caught.value))):
        lines = "".join(traceback.format_exception_only(error)).splitlines()
        page = "reference/errors#planerror in fanin's documentation"
        assert lines[-1] == f"what to do next: help(fanin.PlanError), or {page}"
        assert "documentation" not in str(error)
        error.add_note("said by the caller")
        assert error.__notes__[1:] == ["said by the caller"]
