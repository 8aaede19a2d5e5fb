"""`SinkHandler`: what is logged arrives, and what goes wrong is counted and raises nothing."""

import copy
import logging
import logging.config
import pickle
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from receivers import Receiver, free_port

import fanin


@pytest.fixture
def host() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    """A logger of its own, left as it was."""
    logger = logging.Logger("shop", logging.DEBUG)
    yield logger
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()


def handled(log: logging.Logger, url: str, framing: str = "lines", **options: Any) -> fanin.SinkHandler:
    options.setdefault("formatter", logging.Formatter("%(message)s"))
    handler = fanin.SinkHandler(url, framing, **options)
    log.addHandler(handler)
    return handler


# --- what is logged arrives ------------------------------------------------------------------------------------------


def test_records_of_many_threads_arrive_once_and_in_order(host: Receiver, log: logging.Logger) -> None:
    handler = handled(log, host.url, on_full="wait", timeout=20)

    def work(number: int) -> None:
        for line in range(500):
            log.info("%d %d", number, line)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handler.close()
    host.until(lambda: host.received.count(b"\n") == 4000)
    pairs = [tuple(map(int, line.split())) for line in host.frames("lines")]
    for number in range(8):
        assert [line for who, line in pairs if who == number] == list(range(500))
    assert (handler.dropped, handler.delivery().written) == (0, 4000)


def test_nothing_is_connected_before_the_first_record(host: Receiver, log: logging.Logger) -> None:
    handled(log, host.url, level="WARNING")
    log.info("not for the host")
    time.sleep(0.1)
    assert host.streams == []
    log.warning("for the host")
    host.until(lambda: host.received == b"for the host\n")


def test_the_default_is_syslog_with_tracebacks_whole(host: Receiver, log: logging.Logger) -> None:
    handler = handled(log, host.url, "rfc6587", formatter=None)
    log.warning("sold %d of %s", 3, "äpples")
    try:
        raise ValueError("none left")
    except ValueError:
        log.exception("no more")
    handler.flush()
    host.until(lambda: b"none left" in host.received)
    first, second = (frame.decode() for frame in host.frames("rfc6587"))
    head = r"<12>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \S+ \S+ \d+ shop - "
    assert re.fullmatch(head + "sold 3 of äpples", first)
    assert re.match(head.replace("12", "11") + "no more\nTraceback", second)
    assert second.endswith("ValueError: none left")


def test_a_newline_does_not_cut_a_line(host: Receiver, log: logging.Logger) -> None:
    handler = handled(log, host.url)
    log.info("one\ntwo")
    log.info("three")
    handler.flush()
    host.until(lambda: host.received.endswith(b"three\n"))
    assert host.frames("lines") == [rb"one\ntwo", b"three"]


def test_text_that_no_encoding_has_is_escaped(host: Receiver, log: logging.Logger) -> None:
    handler = handled(log, host.url)
    log.info("a file named %s", "\udcff")
    handler.flush()
    host.until(lambda: host.received == b"a file named \\udcff\n")


def test_a_record_that_logs_while_it_is_formatted(host: Receiver, log: logging.Logger) -> None:
    class Loud:
        def __str__(self) -> str:
            log.info("inner")
            return "outer"

    handler = handled(log, host.url)
    log.info("%s", Loud())
    handler.flush()
    host.until(lambda: host.received == b"inner\nouter\n")


def test_a_dictionary_sets_it_up(host: Receiver) -> None:
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"till": {"()": "fanin.SyslogFormatter", "facility": "local7", "app_name": "till"}},
        "handlers": {
            "host": {"class": "fanin.SinkHandler", "target": host.url, "formatter": "till", "level": "INFO"}
        },
        "loggers": {"configured": {"level": "DEBUG", "handlers": ["host"], "propagate": False}},
    }  # fmt: skip
    logging.config.dictConfig(config)
    logger = logging.getLogger("configured")
    try:
        logger.debug("too quiet")
        logger.critical("loud")
        host.until(lambda: host.received.endswith(b"configured - loud"))
        assert host.frames("rfc6587")[0].startswith(b"<186>1 ")
    finally:
        logger.handlers.pop().close()


def test_filters_are_asked(host: Receiver, log: logging.Logger) -> None:
    handler = handled(log, host.url)
    handler.addFilter(lambda record: "secret" not in record.getMessage())
    log.info("secret")
    log.info("open")
    host.until(lambda: host.received == b"open\n")


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_host_that_comes_late_gets_what_was_kept(log: logging.Logger) -> None:
    port = free_port()
    handler = handled(log, f"tcp://127.0.0.1:{port}", capacity=2000, backoff=(0.02, 0.1), timeout=20)
    for number in range(1000):
        log.info("%05d", number)
    dropped = handler.dropped
    assert 0 < dropped < 1000, "it is full, and the rest is dropped and counted"
    with Receiver(port=port) as host:
        handler.flush()
        log.info("at last")
        handler.close()
        host.until(lambda: host.received.endswith(b"at last\n"))
        kept = [b"%05d" % number for number in range(1000 - dropped)]
        assert host.frames("lines") == [*kept, b"at last"]
    assert handler.dropped == dropped


def test_the_oldest_give_way_where_that_was_chosen(log: logging.Logger) -> None:
    port = free_port()
    handler = handled(
        log, f"tcp://127.0.0.1:{port}", capacity=2000, on_full="drop_oldest", backoff=(0.02, 0.1), timeout=20
    )
    for number in range(1000):
        log.info("%05d", number)
    with Receiver(port=port) as host:
        handler.flush()
        handler.close()
        host.until(lambda: host.received.endswith(b"00999\n"))
        assert len(host.frames("lines")) == 1000 - handler.dropped < 1000


def test_a_host_that_goes_and_comes_back(log: logging.Logger) -> None:
    with Receiver() as first:
        handler = handled(log, first.url, backoff=(0.02, 0.1), timeout=20)
        log.info("before")
        first.until(lambda: first.received == b"before\n")
        first.cut()
    log.info("between")
    with Receiver(port=first.port) as second:
        second.until(lambda: len(second.streams) == 1)
        log.info("after")
        handler.close()
        second.until(lambda: second.received.endswith(b"after\n"))
    account = handler.delivery()
    assert account.accepted == 3 == account.written + account.in_doubt
    assert account.in_doubt > 0


def test_a_host_that_reads_nothing_keeps_nobody_waiting(log: logging.Logger) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        handler = handled(log, url, capacity="64 KiB", timeout=0.3)
        began = time.monotonic()
        for _ in range(200):
            log.info("%s", "x" * 60_000)
        assert handler.dropped > 0
        handler.flush()
        handler.close()
        assert time.monotonic() - began < 10
        account = handler.delivery()
        assert account.accepted == account.written + account.in_doubt + account.unsent + account.dropped


def test_what_cannot_be_sent_is_counted(
    host: Receiver, log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = handled(log, host.url, max_frame=100)
    log.info("x" * 101)
    assert handler.dropped == 1
    log.info("short")
    handler.close()
    log.info("too late")
    handler.flush()
    handler.close()
    assert handler.dropped == 2
    assert host.frames("lines") == [b"short"]
    assert capsys.readouterr().err == ""


def test_a_formatters_error_is_told_as_logging_tells_it(
    host: Receiver, log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    handled(log, host.url)
    log.info("%d", "no number")
    assert "--- Logging error ---" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"target": "loghost"}, "target"),
        ({"framing": "xml"}, "framing"),
        ({"on_full": "cry"}, "on_full"),
        ({"capacity": "much"}, "capacity"),
        ({"reconnect": "at_least_once"}, "reconnect"),
    ],
)
def test_a_wrong_argument_is_raised_at_once(options: dict[str, Any], names: str) -> None:
    with pytest.raises(fanin.PlanError, match=names):
        fanin.SinkHandler(**({"target": "tcp://127.0.0.1:1"} | options))


def test_it_does_not_pickle() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(fanin.SinkHandler("tcp://127.0.0.1:1"))


# --- the process -----------------------------------------------------------------------------------------------------

SCRIPT = """
import logging, os, sys
import fanin

plain = logging.Formatter("%(message)s")
handler = fanin.SinkHandler(sys.argv[1], "lines", formatter=plain, on_full="wait", timeout=20)
logging.basicConfig(level="INFO", handlers=[handler])
"""


def script(host: Receiver, text: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT + text, host.url],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_leaving_the_program_flushes(host: Receiver) -> None:
    script(host, "for number in range(20_000): logging.info('%d', number)")
    host.until(lambda: host.received.count(b"\n") >= 20_000)
    assert host.frames("lines") == [b"%d" % number for number in range(20_000)]


@pytest.mark.unix
def test_a_forked_child_has_a_connection_of_its_own(host: Receiver) -> None:
    text = """
logging.info("parent")
child = os.fork()
if not child:
    assert "not used since the fork" in repr(handler)
    logging.info("child")
    assert "0 dropped" in repr(handler)
    assert handler.delivery().accepted == 1
    logging.shutdown()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
logging.info("parent again")
"""
    script(host, text)
    host.until(lambda: len(host.streams) == 2 and host.received.count(b"\n") == 3)
    assert sorted(map(bytes, host.streams)) == [b"child\n", b"parent\nparent again\n"]


# --- the formatter ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("level", "priority"), [(50, 10), (40, 11), (35, 12), (30, 12), (20, 14), (10, 15), (1, 15)])
def test_severities_follow_from_levels(level: int, priority: int) -> None:
    made = fanin.SyslogFormatter(hostname="h", app_name="a").format(logging.makeLogRecord({"levelno": level}))
    assert made.startswith(f"<{priority}>1 ")


def test_the_header_holds_whatever_it_is_given() -> None:
    formatter = fanin.SyslogFormatter(hostname="a host", app_name="ä" * 60)
    made = formatter.format(logging.makeLogRecord({"levelno": 10, "msg": "m", "created": 1.9999999, "process": None}))
    assert made == f"<15>1 1970-01-01T00:00:02.000000Z a_host {'_' * 48} - - - m"


def test_an_unknown_facility_is_refused() -> None:
    with pytest.raises(fanin.PlanError, match=r"facility='lokal0'.*did you mean local0"):
        fanin.SyslogFormatter(facility="lokal0")


# --- what is wrong with a handler itself ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"capacity": "much"}, "capacity='much'"),
        ({"timeout": -1}, "timeout=-1"),
        ({"framing": "xml"}, "framing='xml'"),
        ({"on_full": "raise"}, "on_full='raise': allowed are drop_newest, drop_oldest, wait"),
        ({"close_timeout": 5}, "close_timeout=5: a handler has timeout="),
        ({"level": "LOUD"}, "LOUD"),
    ],
    ids=str,
)
def test_a_wrong_argument_leaves_nothing_in_logging(wrong: dict[str, Any], said: str) -> None:
    before = len(logging._handlerList)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        fanin.SinkHandler("tcp://127.0.0.1:1", **wrong)
    # The traceback holds the frame, and so what would be half-made: `logging` closes whatever lives.
    assert len(logging._handlerList) == before, caught  # type: ignore[attr-defined]


def test_the_exit_after_a_wrong_argument_is_silent() -> None:
    code = """
import fanin, sys
try:
    fanin.SinkHandler("tcp://127.0.0.1:1", capacity="much")
except fanin.PlanError as error:
    kept = error
    sys.exit(7)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (7, "")


def test_a_handler_is_not_copied() -> None:
    handler = fanin.SinkHandler("tcp://127.0.0.1:1")
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="cannot pickle or copy"):
            attempt(handler)
    handler.close()
