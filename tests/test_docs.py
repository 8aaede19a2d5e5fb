"""What the docstrings show is so."""

import doctest
import importlib
import pkgutil

import pytest

import fanin

MODULES = sorted(
    found.name.removeprefix("fanin.")
    for found in pkgutil.walk_packages(fanin.__path__, "fanin.")
    if not found.name.endswith(("._native", ".__main__"))
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    module = importlib.import_module(f"fanin.{name}")
    failed, _ = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert failed == 0


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
        fanin.Sink, fanin.Sink.from_socket, fanin.Delivery, fanin.Stats.as_dict,
    ):  # fmt: skip
        assert ">>>" in (call.__doc__ or ""), call
