"""A program's logging, set up from a dictionary: warnings to the terminal, everything to a log host.

    python examples/logging_setup.py                       # to a host of its own, that shows what arrives
    python examples/logging_setup.py --target tcp://loghost:514

The handler formats where the program logs, and hands over bytes: no call waits for the network, a host that is away
raises nothing, and what could not be kept is counted. Leaving the program flushes.
"""

from __future__ import annotations

import argparse
import logging
import logging.config
import socket
import threading
from typing import Any

THREADS, LINES = 4, 250


def configuration(target: str) -> dict[str, Any]:
    """As it could stand in a file; `logging` imports fanin by its name."""
    return {
        "version": 1,
        "formatters": {
            "brief": {"format": "%(levelname)s %(message)s"},
            "syslog": {"()": "fanin.SyslogFormatter", "facility": "local0", "app_name": "shop"},
        },
        "handlers": {
            "terminal": {"class": "logging.StreamHandler", "formatter": "brief", "level": "CRITICAL"},
            "host": {
                "class": "fanin.SinkHandler",
                "target": target,
                "framing": "rfc6587",
                "formatter": "syslog",
                "capacity": "1 MiB",
                "timeout": 5,
            },
        },
        "root": {"level": "INFO", "handlers": ["terminal", "host"]},
    }


def sell(number: int) -> None:
    """What the program does."""
    log = logging.getLogger(f"shop.till-{number}")
    for line in range(LINES):
        log.info("sold %d of %s", line, "apples")
    try:
        1 / 0  # noqa: B018 - that is the example
    except ZeroDivisionError:
        log.exception("the till is empty")


def listen(listener: socket.socket, records: list[str]) -> None:
    """A log host of our own: octets counted, then so many of them."""
    connection, _ = listener.accept()
    digits = b""
    with connection, connection.makefile("rb") as stream:
        while byte := stream.read(1):
            if byte != b" ":
                digits += byte
                continue
            records.append(stream.read(int(digits)).decode())
            digits = b""


def main(options: argparse.Namespace) -> None:
    """To the host that was named, or one of our own."""
    records: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host = threading.Thread(target=listen, args=(listener, records))
        if not options.target:
            host.start()
        logging.config.dictConfig(configuration(options.target or f"tcp://127.0.0.1:{listener.getsockname()[1]}"))
        tills = [threading.Thread(target=sell, args=(number,)) for number in range(THREADS)]
        for till in tills:
            till.start()
        for till in tills:
            till.join()
        logging.getLogger("shop").info("good night")
        logging.shutdown()
        if not options.target:
            host.join()
    handler: Any = logging.getLogger().handlers[1]
    print(f"{handler.delivery().written} records written, {handler.dropped} dropped")
    if records:
        traces = [record for record in records if "Traceback" in record]
        print(f"{len(records)} arrived, {len(traces)} with a traceback, whole; the first:\n{records[0]}")
        assert len(records) == THREADS * (LINES + 1) + 1
        assert len(traces) == THREADS


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--target", metavar="URL", help="such as tcp://loghost:514; default: a host of its own")
    main(parser.parse_args())
