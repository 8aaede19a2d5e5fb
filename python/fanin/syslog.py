"""Log records as a syslog server reads them: RFC 5424."""

from __future__ import annotations

import logging
import os
import socket
import sys
import time

from . import _check

__all__ = ["SyslogFormatter"]

FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp",
    "security", "console", "solaris-cron", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
)  # fmt: skip
# The least level for a severity, from the worst: critical, error, warning, informational; all below is debug.
SEVERITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
DEBUG = 7
NOTHING = "-"
MOST_HEADS = 4096


class SyslogFormatter(logging.Formatter):
    """A record as `<PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID - MESSAGE`.

    The priority follows from facility and level, the time is the record's, in UTC with microseconds, MSGID is the
    logger's name. The message, with its traceback, is as `logging.Formatter` gives it. It is UTF-8 without a mark.

    Args:
        fmt: What the message looks like; the default is the message alone.
        datefmt: As `logging.Formatter` has it, where `fmt` asks for `asctime`.
        style: As `logging.Formatter` has it.
        facility: `"user"`, `"daemon"`, `"local0"` and so on.
        app_name: The program; the default is what it was started as.
        hostname: This host; the default is what it calls itself.

    Raises:
        PlanError: There is no such facility.

    Example:
        >>> import fanin, logging
        >>> formatter = fanin.SyslogFormatter(facility="local0", app_name="shop", hostname="till-1")
        >>> record = logging.makeLogRecord(
        ...     {"name": "sales", "levelno": 30, "msg": "sold out", "created": 0, "process": 7}
        ... )
        >>> formatter.format(record)
        '<132>1 1970-01-01T00:00:00.000000Z till-1 shop 7 sales - sold out'
    """

    def __init__(
        self,
        fmt: str | None = None,
        datefmt: str | None = None,
        style: str = "%",
        *,
        facility: str = "user",
        app_name: str | None = None,
        hostname: str | None = None,
    ) -> None:
        super().__init__(fmt, datefmt, style)  # type: ignore[arg-type]
        self._facility = 8 * FACILITIES.index(_check.one_of("facility", facility, FACILITIES))
        program = os.path.basename(sys.argv[0] if sys.argv else "") or "python"
        self._head = f"{_name(hostname or socket.gethostname(), 255)} {_name(app_name or program, 48)}"
        self._plain = fmt is None
        self._heads: dict[tuple[int, int | None, str], tuple[str, str]] = {}
        self._second: tuple[int, str] = (-1, "")

    def format(self, record: logging.LogRecord) -> str:
        """The header, and the message."""
        if self._plain and not (record.exc_info or record.exc_text or record.stack_info):
            text = record.getMessage()
        else:
            text = super().format(record)
        key = (record.levelno, record.process, record.name)
        before, after = self._heads.get(key) or self._learn(*key)
        return f"{before}{self._time(record.created)}{after}{text}"

    def _learn(self, level: int, process: int | None, name: str) -> tuple[str, str]:
        """What surrounds the time in the header: the same for all of a logger's records of one level."""
        if len(self._heads) >= MOST_HEADS:
            self._heads.clear()
        after = f"Z {self._head} {process or NOTHING} {_name(name or '', 32)} - "
        head = self._heads[level, process, name] = f"<{self._facility + _severity(level)}>1 ", after
        return head

    def _time(self, created: float) -> str:
        """The second's text is kept for the next record: most come in the same."""
        whole, rest = divmod(round(created * 1e6), 1_000_000)
        second, text = self._second
        if whole != second:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
            self._second = (whole, text)  # one assignment: a thread sees the old pair, or the new one
        return f"{text}.{rest:06}"


def _severity(level: int) -> int:
    for least, severity in SEVERITIES:
        if level >= least:
            return severity
    return DEBUG


def _name(text: str, longest: int) -> str:
    """A word of the header: printable ASCII without spaces, or a dash."""
    if text.isascii() and text.isprintable() and " " not in text and 0 < len(text) <= longest:
        return text
    return "".join(letter if "!" <= letter <= "~" else "_" for letter in text[:longest]) or NOTHING
