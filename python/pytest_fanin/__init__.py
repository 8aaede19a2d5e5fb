"""What the tests of other programs can use of fanin: a server that knows what arrived, faults, and a measured ratio.

| fixture | what it is |
| --- | --- |
| `fanin_server` | a `fanin.Server`, told by `@pytest.mark.fanin_server(…)` what to be, stopped after the test |
| `fanin_server_factory` | makes such servers, each with its own settings |
| `fanin_proxy_factory` | makes `fanin.Proxy`s: bad lines to a server of yours |
| `fanin_lab` | measures: `fanin_lab.assert_ratio("swap/batch", over="mpsc-one/each", at_least=3)` |

Servers and proxies stand on ports of their own and are safe under pytest-xdist. What measures is not: there each of its
strategies is only run once, and a warning says so.

pytest loads this module for every run of every project that has fanin installed; so it imports fanin, and with it the
extension, only when a fixture is used.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pytest

from .lab import Lab

if TYPE_CHECKING:
    import fanin

__all__ = ["FaninWarning", "Lab", "ProxyFactory", "ServerFactory"]

MARKERS = (
    "fanin_server(mode='discard', **settings): what the fanin_server fixture is to be, as fanin.Server takes it",
    "fanin_measure: this test measures; it is set on every test that uses fanin_lab",
)
CHECKED = "fanin_checked"
NOT_MEASURED = (
    "fanin_lab measured nothing: beside other workers a figure means nothing, so each strategy was run once and only "
    "its delivery was checked; run `pytest -m fanin_measure -n 0` for the ratios"
)


class FaninWarning(UserWarning):
    """Something that a run of tests should say of itself. It is shown in pytest's summary, and fails no test.

    Example:
        >>> from pytest_fanin import FaninWarning
        >>> issubclass(FaninWarning, UserWarning)
        True
    """


class ServerFactory(Protocol):
    """Makes servers that are stopped after the test: `fanin_server_factory(reset_after=4096)`.

    Example:
        >>> import fanin
        >>> from pytest_fanin import ServerFactory
        >>> def test_it(fanin_server_factory: ServerFactory) -> None:
        ...     server = fanin_server_factory("echo", reset_after="4 KiB", faulty=1)
        ...     assert server.mode == "echo"
        ...     server.stop()  # at once; the fixture does it after the test
        >>> test_it(fanin.Server)  # what has no fixture can be called with the class
    """

    def __call__(self, mode: str = "discard", host: str = "127.0.0.1", port: int = 0, **settings: Any) -> fanin.Server:
        """As `fanin.Server`; the framing is by default that of the ini option `fanin_framing`."""


class ProxyFactory(Protocol):
    """Makes proxies that are stopped after the test: `fanin_proxy_factory("tcp://127.0.0.1:514", reset_after=4096)`.

    Example:
        >>> import fanin
        >>> from pytest_fanin import ProxyFactory
        >>> def test_it(fanin_proxy_factory: ProxyFactory) -> None:
        ...     line = fanin_proxy_factory("tcp://127.0.0.1:514", reset_after=(0, 65_536))
        ...     assert line.target == "tcp://127.0.0.1:514"
        ...     line.stop()
        >>> test_it(fanin.Proxy)
    """

    def __call__(self, target: Any, host: str = "127.0.0.1", port: int = 0, **settings: Any) -> fanin.Proxy:
        """As `fanin.Proxy`."""


# --- options ----------------------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds `--fanin-…` and the ini options."""
    group = parser.getgroup("fanin", "many producers, one socket")
    group.addoption("--fanin-strict", action="store_true", help="a ratio that stays undecided fails instead of a skip")
    group.addoption(
        "--fanin-check", action="store_true", help="run what fanin_lab would measure once, and measure nothing"
    )
    group.addoption(
        "--fanin-seed", type=int, default=0, metavar="N", help="the seed of faults that have none; default: 0"
    )
    parser.addini("fanin_framing", "the framing of servers that are given none; default: lines", default="lines")


def pytest_configure(config: pytest.Config) -> None:
    """Registers the markers."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what measures, so that `-m 'not fanin_measure'` leaves it out."""
    for item in items:
        if "fanin_lab" in getattr(item, "fixturenames", ()):
            item.add_marker("fanin_measure")


# --- servers ----------------------------------------------------------------------------------------------------------

Made = TypeVar("Made")
OPEN = pytest.StashKey[list[Any]]()


@pytest.fixture
def fanin_server_factory(request: pytest.FixtureRequest) -> Iterator[ServerFactory]:
    """Makes `fanin.Server`s that are stopped after the test; a failure's report says what they saw."""
    import fanin

    framing = str(request.config.getini("fanin_framing"))
    default = {"framing": int(framing) if framing.isdecimal() else framing, "seed": _seed(request)}

    def make(mode: str = "discard", host: str = "127.0.0.1", port: int = 0, **settings: Any) -> fanin.Server:
        return fanin.Server(mode, host, port, **(default | settings))

    yield from _kept(request, make)


@pytest.fixture
def fanin_proxy_factory(request: pytest.FixtureRequest) -> Iterator[ProxyFactory]:
    """Makes `fanin.Proxy`s that are stopped after the test; a failure's report says what they did."""
    import fanin

    def make(target: Any, host: str = "127.0.0.1", port: int = 0, **settings: Any) -> fanin.Proxy:
        return fanin.Proxy(target, host, port, **({"seed": _seed(request)} | settings))

    yield from _kept(request, make)


@pytest.fixture
def fanin_server(request: pytest.FixtureRequest, fanin_server_factory: ServerFactory) -> fanin.Server:
    """A `fanin.Server`, as `@pytest.mark.fanin_server(…)` has it; by default it discards, and counts lines."""
    marker = request.node.get_closest_marker("fanin_server")
    return fanin_server_factory(*marker.args, **marker.kwargs) if marker else fanin_server_factory()


def _seed(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--fanin-seed"))


def _kept(request: pytest.FixtureRequest, make: Callable[..., Made]) -> Iterator[Callable[..., Made]]:
    """The same, with all that it makes stopped in the end."""
    made: list[Any] = []
    request.node.stash.setdefault(OPEN, []).append(made)

    def keep(*arguments: Any, **settings: Any) -> Made:
        one = make(*arguments, **settings)
        made.append(one)
        return one

    try:
        yield keep
    finally:
        for one in reversed(made):
            one.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds to a failed test's report, and to that of its setup or teardown, what its servers and proxies have seen."""
    report = yield
    if report.failed and (made := _seen(item)):
        report.sections.append(("fanin", "\n".join(map(_told, made))))
    return report


def _seen(item: pytest.Item) -> list[Any]:
    """What the factories made for this test, and what fixtures of the suite's own gave it: those may be a module's."""
    fanin = sys.modules.get("fanin")
    if fanin is None:
        return []
    # By their types: `isinstance` would ask a fixture's value for its class, which may be code of the suite's own.
    kinds = (fanin.Server, fanin.Proxy)
    made = [one for some in item.stash.get(OPEN, []) for one in some]
    given = [one for one in getattr(item, "funcargs", {}).values() if issubclass(type(one), kinds)]
    return list({id(one): one for one in made + given}.values())


def _told(one: Any) -> str:
    try:
        facts = ", ".join(f"{name} {value}" for name, value in one.report().items())
    except Exception as error:  # as in a forked child: the failure that is reported is the test's
        facts = f"it cannot tell: {error}"
    return f"{one!r}\n  {facts}"


# --- measuring --------------------------------------------------------------------------------------------------------


@pytest.fixture
def fanin_lab(request: pytest.FixtureRequest) -> Lab:
    """Measures strategies against each other in this process, and asserts what can be said of it."""
    config = request.config
    beside = hasattr(config, "workerinput")
    if beside:
        config.workeroutput[CHECKED] = True  # type: ignore[attr-defined]  # xdist's
    return Lab(check=beside or config.getoption("--fanin-check"), strict=config.getoption("--fanin-strict"))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Says once, after a run with workers, that nothing was measured. It is recorded, and not raised: `-W error` is
    about the tests, and none of them is at fault."""
    config = node.config
    if not getattr(node, "workeroutput", {}).get(CHECKED) or config.stash.get(SAID, False):
        return
    config.stash[SAID] = True
    message = warnings.WarningMessage(FaninWarning(NOT_MEASURED), FaninWarning, __file__, 1)
    facts = {"warning_message": message, "when": "runtest", "nodeid": "", "location": None}
    config.hook.pytest_warning_recorded.call_historic(kwargs=facts)


SAID = pytest.StashKey[bool]()
