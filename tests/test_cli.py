"""The commands, in processes of their own: what they print, and with which code they end."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import fanin
from fanin import cli

SMALL = ["--messages", "100", "--min-seconds", "0"]


@pytest.fixture
def call(shell: list[str], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def command(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*shell, *arguments], cwd=tmp_path, check=False, capture_output=True, text=True, timeout=100
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return command


@contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


Call = Callable[..., subprocess.CompletedProcess[str]]


# --- run, sweep, article, strategies ---------------------------------------------------------------------------------


def test_run(call: Call) -> None:
    done = call("run", "swap/batch", "--producers", "4", "--messages", "100")
    assert re.match(r"Run swap/batch, 4 producers × 100 × 1 byte: .* ns a message", done.stdout)
    row = json.loads(call("run", "swap/batch", "--producers", "4", "--payload", "64", "--json").stdout)
    assert (row["status"], row["delivered"], row["proof"]) == ("ok", 4000, "exact")


def test_a_run_that_does_not_deliver_ends_with_1(call: Call) -> None:
    done = call("run", "swap/batch", "--messages", "100000", "--delay", "0.01", "--timeout", "0.1", "--json", code=1)
    row = json.loads(done.stdout)
    assert (row["status"], row["nanoseconds_per_message"]) == ("timeout", None)


def test_an_open_load(call: Call, tmp_path: Path) -> None:
    load = [
        "--payload",
        "16",
        "--load",
        "open",
        "--rate",
        "20000",
        "--arrivals",
        "poisson",
        "--capacity",
        "64 messages",
    ]
    how = ["--on-full", "drop_newest", "--read-rate", "100000000", "--messages", "100"]
    row = json.loads(call("run", "swap/batch", "--producers", "4", "--seed", "3", *load, *how, "--json").stdout)
    assert (row["rate"], row["arrivals"], row["capacity"], row["capacity_unit"]) == (20000, "poisson", 64, "messages")
    assert row["sent"] == row["delivered"] + row["dropped"] == 400
    several = ["--rate", "20000,1e9", "--capacity", "4096,64 messages", "--producers", "2", "--rounds", "1"]
    call("sweep", "swap/batch", *load, *how, *several, "--min-seconds", "0", "--out", "sweep.json")
    sweep = fanin.Sweep.load(tmp_path / "sweep.json")
    assert (len(sweep), set(sweep.column("rate")), set(sweep.column("capacity"))) == (4, {2e4, 1e9}, {4096, 64})


def test_sweep(call: Call, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    files = ["--out", "sweep.json", "--plot", "sweep.png"]
    done = call("sweep", "mpsc/batch,swap/batch", "--producers", "1,4", "--rounds", "2", *SMALL, *files)
    assert "8 runs: 4 cells, 2 rounds; all delivered" in done.stdout
    assert done.stderr == "", "no bar where nobody looks"
    assert len(fanin.Sweep.load(tmp_path / "sweep.json")) == 8
    assert (tmp_path / "sweep.png").read_bytes().startswith(b"\x89PNG")


def test_sweep_as_json_is_what_save_writes(call: Call, tmp_path: Path) -> None:
    done = call("sweep", "swap/batch", "--producers", "1", "--payload", "1,16", "--rounds", "2", "--json", *SMALL)
    (tmp_path / "piped.json").write_text(done.stdout)
    assert set(fanin.Sweep.load(tmp_path / "piped.json").column("payload")) == {1, 16}


def test_article(call: Call, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    done = call("article", "--workers", "8,16", "--rounds", "1", "--out", "out")
    assert "3. How many times as fast" in done.stdout
    assert done.stderr.split() == ["wrote", "out/article.json", "wrote", "out/article.png"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"article.json", "article.png"}
    answer = json.loads(call("article", "--workers", "16", "--rounds", "1", "--json").stdout)
    assert {"published", "as_published", "factors", "runs"} < set(answer)


def test_strategies(call: Call) -> None:
    assert "mpsc-one" in call("strategies").stdout
    rows = json.loads(call("strategies", "--json").stdout)
    assert [row["name"] for row in rows] == list(fanin.strategies().names)


def test_the_bar_is_drawn_when_asked_for(call: Call) -> None:
    done = call("sweep", "swap/batch", "--producers", "1", "--rounds", "2", "--progress", *SMALL)
    assert "swap/batch × 1" in done.stderr


# --- help and errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "sweep", "article", "serve", "send", "strategies"])
def test_help_has_an_example_that_parses_and_the_codes(call: Call, command: str) -> None:
    text = call(command, "--help").stdout
    example = re.search(r"example:\n  fanin (.+)", text)
    assert example
    from fanin.cli import _parser

    assert _parser().parse_args(example[1].split())
    for code in ("0 ", "1 ", "2 ", "3 ", "130", "141"):
        assert f"\n  {code}" in text
    assert "--json" in text


def test_the_top_lists_the_commands(call: Call) -> None:
    text = call("--help").stdout
    assert all(command in text for command in ("run", "sweep", "article", "serve", "send", "strategies"))
    assert call("--version").stdout == f"fanin {fanin.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ("", ("COMMAND",)),
        ("fly", ("fly", "strategies")),
        ("run", ("strategy",)),
        ("run swap/bach", ("strategy='swap/bach'", "did you mean swap/batch")),
        ("run swap/batch --producers 0", ("producers=0", "1 to 65536")),
        ("run swap/batch --producers eight", ("--producers", "'eight'")),
        ("run swap/batch --payload -1", ("payload=-1", "bytes")),
        ("run swap/batch --delay nan", ("delay=nan", "seconds")),
        ("run swap/batch --server http", ("server='http'", "discard, echo")),
        ("run swap/batch --load open", ("rate=None", "--rate 10000")),
        ("run swap/batch --rate 100", ("rate=100.0", "--load open")),
        ("run swap/batch --load both", ("load='both'", "closed, open")),
        ("run swap/batch --load open --rate 9 --arrivals odd", ("arrivals='odd'", "constant, poisson")),
        ("run swap/batch --capacity 64k", ("capacity='64k'", "'256 KiB'")),
        ("run mpsc/batch --on-full drop_newest", ("on_full=drop_newest", "mpsc can wait")),
        ("sweep swap/bach", ("strategies='swap/bach'", "did you mean")),
        ("sweep swap/batch --producers 1,8,1", ("producers=1", "twice")),
        ("sweep swap/batch --producers 1,,8", ("--producers", "'1,,8'")),
        ("sweep swap/batch --rounds 0", ("rounds=0",)),
        ("article --workers 0", ("workers=0",)),
        ("serve --port 70000", ("port=70000", "0 to 65535")),
        ("serve --mode chat", ("mode='chat'", "discard, echo")),
        ("serve --reset-after 4KB", ("reset_after='4KB'", "64 KiB")),
        ("serve --framing line", ("framing='line'", "did you mean lines")),
        ("proxy http://x", ("target=http://x", "tcp://host:port")),
        ("proxy tcp://127.0.0.1:9 --schedule 1:stop", ("schedule='stop'", "hold, resume, cut")),
        ("proxy tcp://127.0.0.1:9 --schedule soon", ("--schedule", "invalid schedule")),
    ],
)
def test_a_bad_argument_is_one_line_and_2(call: Call, arguments: str, parts: tuple[str, ...]) -> None:
    done = call(*arguments.split(), code=2)
    assert done.stdout == ""
    assert done.stderr.startswith("fanin: error: ")
    assert done.stderr.count("\n") == 1
    assert [part for part in parts if part not in done.stderr] == []


def test_what_the_system_refuses_is_one_line_and_3(call: Call) -> None:
    with fanin.Server() as server:
        done = call("serve", "--port", str(server.port), code=3)
        assert str(server.port) in done.stderr
    done = call("serve", "--host", "no-such-host.invalid", code=3)
    assert "no-such-host.invalid" in done.stderr
    done = call("explain", "no-such-file.json", code=3)
    assert "no-such-file.json" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_reader_that_goes_away_is_no_error(shell: list[str]) -> None:
    with started([*shell, "strategies", "--json"]) as process:
        assert process.stdout
        process.stdout.close()
        assert process.wait(20) == 141
        assert process.stderr
        assert process.stderr.read() == ""


# --- Ctrl-C ----------------------------------------------------------------------------------------------------------


@pytest.mark.unix
@pytest.mark.parametrize("as_json", [False, True])
def test_ctrl_c_of_a_sweep_keeps_its_runs(shell: list[str], tmp_path: Path, as_json: bool) -> None:
    out = tmp_path / "kept.json"
    load = ["--producers", "1,4", "--min-seconds", "0.1", "--rounds", "1000", "--out", str(out)]
    with started([*shell, "sweep", "mpsc/batch,swap/batch", *load, *(["--json"] if as_json else [])]) as process:
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=10)
    assert process.returncode == 130
    kept = fanin.Sweep.load(out)
    assert 0 < len(kept) < 4000
    assert stderr.startswith(f"fanin: error: interrupted after {len(kept)} of 4,000 runs")
    assert "Traceback" not in stderr
    assert len(json.loads(stdout)["columns"]["round"]) == len(kept) if as_json else "all delivered" in stdout


@pytest.mark.unix
def test_ctrl_c_of_a_run_ends_with_130(shell: list[str]) -> None:
    with started([*shell, "run", "swap/batch", "--messages", "1000000", "--delay", "0.01"]) as process:
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=10)
    assert (process.returncode, stdout, stderr) == (130, "", "fanin: error: interrupted\n")


# --- serve -----------------------------------------------------------------------------------------------------------


def echoed(port: int, message: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(message)
        return client.recv(len(message), socket.MSG_WAITALL)


@pytest.mark.unix
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_serve_tells_its_address_at_once_and_accounts_at_the_end(shell: list[str], stop: signal.Signals) -> None:
    with started([*shell, "serve", "--mode", "echo"]) as process:
        assert process.stdout
        first = process.stdout.readline()
        found = re.search(r"listening on tcp://127\.0\.0\.1:(\d+), echo", first)
        assert found, first
        assert echoed(int(found[1]), b"hello") == b"hello"
        assert "1 connection" in process.stdout.readline()
        process.send_signal(stop)
        rest, stderr = process.communicate(timeout=10)
    assert (process.returncode, stderr) == (0, "")
    assert "bytes received 5" in rest
    assert "bytes echoed 5" in rest


def test_serve_speaks_json_lines(shell: list[str]) -> None:
    with started([*shell, "serve", "--mode", "discard", "--json"]) as process:
        assert process.stdout
        listening = json.loads(process.stdout.readline())
        assert listening["event"] == "listening"
        with socket.create_connection((listening["host"], listening["port"])) as client:
            client.sendall(b"x" * 100_000)
        received = json.loads(process.stdout.readline())
        assert received["event"] == "received"
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=10)
    last = json.loads(rest.splitlines()[-1])
    assert (last["event"], last["bytes_received"], last["bytes_echoed"]) == ("stopped", 100_000, 0)


@pytest.mark.unix
def test_serve_goes_wrong_where_it_is_asked_to(shell: list[str]) -> None:
    faults = ["--reset-after", "4", "--framing", "lines", "--faulty", "1"]
    with started([*shell, "serve", "--json", *faults]) as process:
        assert process.stdout
        listening = json.loads(process.stdout.readline())
        for _ in range(2):
            with socket.create_connection((listening["host"], listening["port"])) as client:
                client.sendall(b"one\ntwo\n")
                with contextlib.suppress(OSError):  # the reset may have come already
                    client.shutdown(socket.SHUT_WR)
                    client.recv(1)
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=10)
    last = json.loads(rest.splitlines()[-1])
    assert (last["faults"], last["bytes_received"], last["messages"]) == (1, 12, 3)


@pytest.mark.unix
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_proxy_tells_what_it_does(shell: list[str], stop: signal.Signals) -> None:
    with fanin.Server("echo") as server, started([*shell, "proxy", server.url, "--reset-after", "5-5"]) as process:
        assert process.stdout
        found = re.search(r"listening on tcp://127\.0\.0\.1:(\d+), before tcp:", process.stdout.readline())
        assert found
        with socket.create_connection(("127.0.0.1", int(found[1]))) as client, contextlib.suppress(ConnectionError):
            client.sendall(b"hello world")
            while client.recv(100):
                pass
        assert process.stdout.readline() == "connection 0 on its way up: reset after 5 bytes\n"
        process.send_signal(stop)
        rest, stderr = process.communicate(timeout=10)
    assert (process.returncode, stderr) == (0, "")
    assert "bytes up 5" in rest


def test_a_proxy_speaks_json_lines(shell: list[str]) -> None:
    steps = "0:hold,0.1:cut"
    with fanin.Server() as server, started([*shell, "proxy", server.url, "--json", "--schedule", steps]) as process:
        assert process.stdout
        listening = json.loads(process.stdout.readline())
        assert (listening["event"], listening["target"]) == ("listening", server.url)
        where = (listening["host"], listening["port"])
        with socket.create_connection(where) as client, contextlib.suppress(ConnectionError):
            client.recv(1)
        fault = json.loads(process.stdout.readline())
        assert (fault["event"], fault["what"], fault["way"]) == ("fault", "cut", None)
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=10)
    assert json.loads(rest.splitlines()[-1])["event"] == "stopped"


def test_the_module_runs_as_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "fanin", "--version"], check=True, capture_output=True, text=True)
    assert done.stdout == f"fanin {fanin.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("recomend", "invalid choice: 'recomend' .*; did you mean recommend\\?"),
        ("run swap/batch --producer 3", "unrecognized arguments: --producer 3; did you mean --producers\\?"),
        ("serve --modee=echo", "unrecognized arguments: --modee=echo; did you mean --mode\\?"),
        ("run swap/batch --zzz", "unrecognized arguments: --zzz$"),
        ("run swap/batch --producers x", "--producers: 'x': allowed is a whole number$"),
        (
            "sweep swap/batch --producers 1,x",
            "--producers: '1,x': allowed is a whole number, or a list of them: 1,8,64$",
        ),
        ("sweep swap/batch --rounds x", "--rounds: 'x': allowed is a whole number, or auto$"),
        ("run swap/batch --delay x", "--delay: 'x': allowed is a number$"),
        ("run swap", "; did you mean swap/batch\\?"),
        ("run swap/batch,mpsc/batch", "a sweep takes \\['swap/batch', 'mpsc/batch'\\]"),
    ],
)
def test_a_slip_of_the_pen_is_told_what_was_near(
    arguments: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = cli.main(arguments.split())
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else -1
    error = capsys.readouterr().err
    assert code == 2
    assert error.count("\n") == 1
    assert re.search(words, error.strip().partition(" (what to do")[0]), error
