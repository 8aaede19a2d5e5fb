"""The pytest plugin, in suites of its own: what a project sees that has fanin installed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

# So that it is here before a suite is, which forgets what modules it loaded; the extension is loaded once a process.
import fanin  # noqa: F401

pytest_plugins = ["pytester"]


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """A suite in which every warning is an error, with no plugin but ours and those named."""
    pytester.makeini("[pytest]\naddopts = -W error -p no:asyncio -p no:xdist -p no:cacheprovider\n")
    return pytester


def run(suite: pytest.Pytester, test: str, *arguments: str) -> pytest.RunResult:
    """In this process, which takes a tenth of the time of one of its own."""
    suite.makepyfile(test)
    return suite.runpytest_inprocess(*arguments)


def run_apart(suite: pytest.Pytester, test: str, *arguments: str) -> pytest.RunResult:
    """In a process of its own: where it is about what a process loads, or a suite changes what is loaded."""
    suite.makepyfile(test)
    return suite.runpytest_subprocess(*arguments, timeout=100)


SHIP = """
import socket

def ship(server, *messages):
    with socket.create_connection((server.host, server.port)) as client:
        client.sendall(b"".join(message + b"\\n" for message in messages))
"""


# --- servers ---------------------------------------------------------------------------------------------------------


def test_a_server_tells_what_arrived(suite: pytest.Pytester) -> None:
    test = """
    def test_it(fanin_server):
        ship(fanin_server, b"a 0", b"a 1")
        fanin_server.wait_for(2, timeout=20)
        fanin_server.assert_delivered(2)
        fanin_server.assert_delivered(expected=[b"a 0", b"a 1"], order="total")

    def test_another(fanin_server):
        assert fanin_server.count() == 0
    """
    run(suite, SHIP + dedent(test)).assert_outcomes(passed=2)


def dedent(text: str) -> str:
    from textwrap import dedent

    return dedent(text)


SAMPLE = """
RECORDS = [b"record %d" % n for n in range(1000)]

class MyShipper:
    def start(self, *address):
        self.address = address

    def ship(self, n):
        with socket.create_connection(self.address) as client:
            client.sendall(b"".join(record + b"\\n" for record in RECORDS[:n]))

my_shipper = MyShipper()

def test_my_shipper(fanin_server):
    records = {records}
    my_shipper.start(fanin_server.host, fanin_server.port); my_shipper.ship(1000)
    fanin_server.wait_for(1000, timeout=60)
    fanin_server.assert_delivered(1000)
    fanin_server.assert_delivered(expected=records, order="per-producer")

def test_it_says_what_was_lost(fanin_server):
    records = {records}
    my_shipper.start(fanin_server.host, fanin_server.port); my_shipper.ship(999)
    fanin_server.assert_delivered(expected=records, order="per-producer", timeout=0.5)
"""


@pytest.mark.parametrize("records", ["RECORDS", '{"mine": RECORDS}'], ids=["list", "dict"])
def test_records_of_one_producer_are_a_list_or_have_its_name(suite: pytest.Pytester, records: str) -> None:
    result = run(suite, SHIP + SAMPLE.replace("{records}", records))
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*NotArrived: 999 of 1,000 messages arrived: lost 1,*", "*message 999 did not come"])


def test_what_the_readme_shows_runs(suite: pytest.Pytester) -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text()
    (block,) = (block for block in re.findall(r"```python\n(.*?)```", readme, re.DOTALL) if "fanin_server" in block)
    shipper = SAMPLE.partition("def test")[0].replace("RECORDS[:n]", "n") + "records = RECORDS\n\n"
    run(suite, SHIP + shipper + block, "--fanin-check").assert_outcomes(passed=3)


def test_a_failure_says_what_was_lost_and_what_the_server_saw(suite: pytest.Pytester) -> None:
    test = """
    def test_it(fanin_server):
        ship(fanin_server, b"a 0", b"a 2")
        fanin_server.wait_for(2, timeout=20)
        fanin_server.assert_delivered(expected={"a": [b"a 0", b"a 1", b"a 2"]}, order="per-producer")
    """
    result = run(suite, SHIP + dedent(test))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*NotArrived: 2 of 3 messages arrived: lost 1, doubled 0, reordered 0, unexpected 0",
            "*1. producer 'a': message 1 did not come",
            "*'a': 0",
            "*<Server discard on tcp://127.0.0.1:*>",
            "*opened 1,*bytes_received 8,*",
        ]
    )


def test_markers_and_factories_make_servers_and_lines(suite: pytest.Pytester) -> None:
    test = """
    import pytest

    made = []

    @pytest.mark.fanin_server("echo", framing="length", reset_after=4096)
    def test_marked(fanin_server):
        assert fanin_server.mode == "echo"

    def test_made(fanin_server_factory, fanin_proxy_factory):
        first, second = fanin_server_factory(), fanin_server_factory("echo", refuse=1)
        line = fanin_proxy_factory(first, reset_after=6)
        made.extend([first, second, line])
        ship(line, b"hello", b"lost")
        first.wait_for(1, timeout=20)
        assert first.messages() == [b"hello"]

    def test_all_are_stopped():
        for one in made:
            with pytest.raises(OSError):
                socket.create_connection((one.host, one.port))
    """
    run(suite, SHIP + dedent(test)).assert_outcomes(passed=3)


def test_the_ini_option_reaches_the_servers(suite: pytest.Pytester) -> None:
    test = """
    import socket

    def test_it(fanin_server):
        with socket.create_connection((fanin_server.host, fanin_server.port)) as client:
            client.sendall(b"aabbc")
        fanin_server.assert_delivered(expected=[b"aa", b"bb"], timeout=20)
    """
    run(suite, dedent(test), "-o", "fanin_framing=2").assert_outcomes(passed=1)


DRAWN = """
import contextlib, socket, time

def place(one):
    with contextlib.suppress(OSError), socket.create_connection((one.host, one.port)) as client:
        client.settimeout(20)
        while True:
            client.sendall(bytes(1000))
    while one.report()["open"]:
        time.sleep(0.002)
    report = one.report()
    return report["bytes_received"] if "bytes_received" in report else report["faults"][0].bytes

def test_servers(fanin_server_factory):
    def server(**given):
        return place(fanin_server_factory(reset_after=(0, 10**6), **given))
    assert server() == server() == server(seed={seed}) != server(seed={seed} + 1)

def test_lines(fanin_server, fanin_proxy_factory):
    def line(**given):
        return place(fanin_proxy_factory(fanin_server, reset_after=(0, 10**6), **given))
    assert line() == line(seed={seed}) != line(seed={seed} + 1)
"""


@pytest.mark.parametrize(("options", "seed"), [((), 0), (("--fanin-seed=7",), 7)], ids=["default", "option"])
def test_faults_are_drawn_from_the_seed(suite: pytest.Pytester, options: tuple[str, ...], seed: int) -> None:
    run(suite, DRAWN.format(seed=seed), *options).assert_outcomes(passed=2)


def test_a_failing_fixture_tells_what_the_server_saw(suite: pytest.Pytester) -> None:
    test = """
    import pytest

    @pytest.fixture
    def shipped(fanin_server):
        ship(fanin_server, b"a")
        fanin_server.wait_for(1, timeout=20)
        raise RuntimeError("in its setup")

    @pytest.fixture
    def settled(fanin_server):
        yield
        raise RuntimeError("in its teardown")

    def test_setup(shipped): pass
    def test_teardown(settled): pass
    """
    result = run(suite, SHIP + dedent(test))
    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(
        ["*RuntimeError: in its setup", "*opened 1,*bytes_received 2,*", "*in its teardown", "*opened 0,*"]
    )


def test_a_server_for_a_module_is_a_fixture_of_ones_own(suite: pytest.Pytester) -> None:
    test = """
    import fanin, pytest

    @pytest.fixture(scope="module")
    def collector():
        with fanin.Server(framing="lines") as server:
            yield server

    @pytest.fixture(autouse=True)
    def nothing_yet(collector):
        collector.clear()

    @pytest.mark.parametrize("message", [b"a", b"b"])
    def test_it(collector, message):
        ship(collector, message)
        collector.assert_delivered(expected=[message], timeout=20)

    def test_its_facts_are_told(collector):
        collector.assert_delivered(1)
    """
    result = run(suite, SHIP + dedent(test))
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*NotArrived: 0 of 1 message arrived*", "*<Server discard on *", "*opened 2,*"])


# --- beside others ---------------------------------------------------------------------------------------------------


def test_loading_pytest_does_not_load_the_extension(suite: pytest.Pytester) -> None:
    test = """
    import sys

    def test_it(pytestconfig):
        assert pytestconfig.pluginmanager.has_plugin("fanin")
        assert not [name for name in sys.modules if name.partition(".")[0] == "fanin"]
    """
    run_apart(suite, dedent(test)).assert_outcomes(passed=1)


def test_it_can_be_left_out(suite: pytest.Pytester) -> None:
    suite.makepyfile("def test_it(fanin_server): pass")
    result = suite.runpytest_inprocess("-p", "no:fanin")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'fanin_server' not found"])
    assert "fanin-strict" not in suite.runpytest_inprocess("-p", "no:fanin", "--help").stdout.str()


def test_its_markers_are_registered(suite: pytest.Pytester) -> None:
    result = suite.runpytest_inprocess("--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.fanin_server(*", "@pytest.mark.fanin_measure:*"])
    test = "import pytest\n@pytest.mark.fanin_server()\ndef test_it(fanin_server): pass"
    run(suite, test, "--strict-markers", "--strict-config").assert_outcomes(passed=1)


ASYNC = """
import asyncio, pytest
pytestmark = pytest.mark.asyncio

async def test_it(fanin_server):
    _, writer = await asyncio.open_connection(fanin_server.host, fanin_server.port)
    writer.write(b"hello\\n")
    await writer.drain()
    await asyncio.to_thread(fanin_server.wait_for, 1, 20)
    writer.close()
    await writer.wait_closed()
    fanin_server.assert_delivered(expected=[b"hello"])
"""


def test_it_works_beside_pytest_asyncio(pytester: pytest.Pytester) -> None:
    pytest.importorskip("pytest_asyncio")
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\naddopts = -W error\n")
    pytester.makepyfile(ASYNC)
    pytester.runpytest_inprocess("-p", "no:xdist").assert_outcomes(passed=1)


# --- measuring -------------------------------------------------------------------------------------------------------

RATIO = """
def test_it(fanin_lab):
    found = fanin_lab.assert_ratio(
        "swap/batch", over="mpsc-one/each", at_least={at_least}, max_time={time}, producers=8, messages=200)
    assert found is None or found.over == "mpsc-one/each"
"""


def test_a_ratio_passes_fails_or_stays_undecided(suite: pytest.Pytester) -> None:
    run(suite, RATIO.format(at_least=0.001, time="'4s'")).assert_outcomes(passed=1)
    failed = run(suite, RATIO.format(at_least=10**6, time="'4s'"))
    failed.assert_outcomes(failed=1)
    assert re.search(r"swap/batch is [\d.]+ times as fast as mpsc-one/each \([\d.]+ to [\d.]+\)", failed.stdout.str())


def test_what_stays_undecided_is_a_skip_unless_strict(suite: pytest.Pytester) -> None:
    # A strategy against a bound that is its own ratio to within a hair: no number of looks decides it.
    suite.makeconftest("""
        import pytest_fanin.lab
        import fanin

        real = fanin.Comparison.to_dicts

        def wide(self):
            return [row | {"low": 0.5, "high": 2.0} for row in real(self)]

        fanin.Comparison.to_dicts = wide
    """)
    test = RATIO.format(at_least=1, time=2)
    result = run_apart(suite, test, "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*stays undecided after 2 s*"])
    result = run_apart(suite, test, "--fanin-strict")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Failed: swap/batch is *; whether it is at least 1 stays undecided after 2 s"])


def test_less_time_than_one_round_takes_decides_nothing(suite: pytest.Pytester) -> None:
    result = run(suite, RATIO.format(at_least=1, time=0.001), "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*one round takes longer than this look*"])


def test_checking_measures_nothing(suite: pytest.Pytester) -> None:
    run(suite, RATIO.format(at_least=10**6, time=1), "--fanin-check").assert_outcomes(passed=1)


def test_what_measures_can_be_left_out(suite: pytest.Pytester) -> None:
    result = run(suite, RATIO.format(at_least=10**6, time=1), "-m", "not fanin_measure")
    result.assert_outcomes(deselected=1)


@pytest.mark.parametrize("options", [(), ("--fanin-check",)], ids=["measured", "checked"])
def test_what_is_no_comparison_is_refused_also_where_nothing_is_measured(
    suite: pytest.Pytester, options: tuple[str, ...]
) -> None:
    test = """
    import fanin, pytest

    @pytest.mark.parametrize(("asked", "words"), [
        ({"over": "swap/batch"}, "over='swap/batch': allowed is another strategy"),
        ({"over": "swop/batch"}, "did you mean swap/batch"),
        ({"over": "mpsc/batch", "payload": [1, 2]}, "this makes 4 runs"),
        ({"over": "mpsc/batch", "capacity": "1 KiB"}, "this makes 1 run; mpsc/batch: "),
    ])
    def test_it(fanin_lab, asked, words):
        with pytest.raises(fanin.PlanError) as caught:
            fanin_lab.assert_ratio("swap/batch", at_least=1, max_time=1, producers=8, **asked)
        assert words in str(caught.value)
    """
    run(suite, dedent(test), *options).assert_outcomes(passed=4)


def test_what_only_a_sweep_takes_is_no_matter_where_nothing_is_measured(suite: pytest.Pytester) -> None:
    test = """
    def test_it(fanin_lab):
        fanin_lab.assert_ratio("swap/batch", over="mpsc/batch", at_least=9, producers=2, messages=10, wait=1, confirm=0)
    """
    run(suite, dedent(test), "--fanin-check").assert_outcomes(passed=1)


def test_a_wrong_bound_is_told(suite: pytest.Pytester) -> None:
    result = run(suite, RATIO.format(at_least=-1, time=1))
    result.stdout.fnmatch_lines(["*PlanError: at_least=-1: allowed are*"])


def test_beside_other_workers_nothing_is_measured_and_one_warning_says_so(pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    pytester.makeini("[pytest]\naddopts = -W error -p no:asyncio -p no:cacheprovider\n")
    ratio = RATIO.format(at_least=10**6, time=1)
    test = SHIP + dedent("""
    import pytest

    @pytest.mark.parametrize("n", range(8))
    def test_servers(fanin_server, n):
        ship(fanin_server, *[b"x"] * (n + 1))
        fanin_server.wait_for(n + 1, timeout=20)
        fanin_server.assert_delivered(n + 1)
    """)
    pytester.makepyfile(test_a=ratio, test_b=ratio, test_c=test)
    result = pytester.runpytest_subprocess("-n", "2", timeout=100)
    result.assert_outcomes(passed=10, warnings=1)
    result.stdout.fnmatch_lines(["*FaninWarning: fanin_lab measured nothing*"])


# --- types -----------------------------------------------------------------------------------------------------------

TYPED = """
import fanin
from pytest_fanin import Lab, ProxyFactory, ServerFactory

def test_it(
    fanin_server: fanin.Server, fanin_server_factory: ServerFactory, fanin_proxy_factory: ProxyFactory, fanin_lab: Lab
) -> None:
    other: fanin.Server = fanin_server_factory("echo", reset_after="4 KiB")
    line: fanin.Proxy = fanin_proxy_factory(other, delay=0.1)
    found: fanin.Comparison | None = fanin_lab.assert_ratio("swap/batch", over="mpsc/batch", at_least=1)
    lost: int = fanin_server.assert_delivered(3).lost
"""


def test_users_get_types(pytester: pytest.Pytester) -> None:
    pytest.importorskip("mypy")
    path = pytester.makepyfile(TYPED)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(pytester.path / "cache"), str(path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stdout
