"""`logging` through a sink: records are formatted in the caller, and their bytes handed over."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from . import _check, errors
from .syslog import SyslogFormatter

if TYPE_CHECKING:
    from .delivery import Delivery
    from .sink import Sink

__all__ = ["SinkHandler"]

ON_FULL = ("drop_newest", "drop_oldest", "wait")
PLAIN = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class SinkHandler(logging.Handler):
    """A handler that never keeps the program waiting, and never raises into it.

    A record is formatted by the thread that logs, and its bytes are handed to a `fanin.Sink`, which carries them to the
    log host. The connection is made when the first record comes, by the sink's own thread: nobody waits for it. While
    the host is away, records are kept up to the capacity; what comes then is dropped by the policy, and counted.

    With `framing="rfc6587"` the default formatter is `fanin.SyslogFormatter`, and a traceback travels whole. With
    `framing="lines"` it is a plain line, and a newline inside of a record is written as `\\n`. A formatter of your own
    says all that is on the wire but the frame: for a syslog server make it a `SyslogFormatter`.

    A forked child makes a connection of its own when it logs; what the parent had not sent stays the parent's. When the
    program ends `logging` flushes and closes the handler, within `timeout`; what it could not write by then is in
    `delivery()`, as `unsent` or `in_doubt`, and not in `dropped`.

    Args:
        target: As `fanin.Sink` has it, such as `"tcp://loghost:514"`, `"tls://loghost:6514"`, `"unix:///run/log.sock"`.
        framing: `"rfc6587"` for syslog, `"lines"`, `"length"` or `"none"`.
        level: The least level that is handled.
        on_full: `"drop_newest"` or `"drop_oldest"`, or `"wait"`: then a program that logs does wait when it is full.
        reconnect: `"at_most_once"`: what was written and may be lost is not sent again; or `"at_least_once"`, which
            needs `confirm="echo"`; or `"off"`: after the first loss everything is dropped.
        capacity: The most bytes that are kept, `"4 MiB"` or a number.
        timeout: Seconds that `flush` may take, and `close`.
        formatter: Turns a record into text; the default is for the framing.
        **options: All else that `fanin.Sink` takes, but `close_timeout`: `ca_file`, `backoff`, `on_error` and so on.

    Raises:
        PlanError: An argument is wrong. Whether there is such a host is seen later, and raises nothing.

    Example:
        >>> import fanin, logging
        >>> with fanin.Server() as server:
        ...     handler = fanin.SinkHandler(server.url, framing="lines")
        ...     log = logging.getLogger("shop")
        ...     log.addHandler(handler)
        ...     log.warning("sold %d of %s", 3, "apples")
        ...     handler.flush()
        ...     log.removeHandler(handler)
        ...     handler.close()
        >>> handler
        <SinkHandler tcp://127.0.0.1:... (NOTSET): 0 dropped>
    """

    def __init__(
        self,
        target: str,
        framing: str = "rfc6587",
        *,
        level: int | str = logging.NOTSET,
        on_full: str = "drop_newest",
        reconnect: str = "at_most_once",
        capacity: int | str = "4 MiB",
        timeout: float = 2.0,
        formatter: logging.Formatter | None = None,
        **options: Any,
    ) -> None:
        if "close_timeout" in options:
            raise _check.refuse("close_timeout", options["close_timeout"], "a handler has timeout=, of flush and close")
        settings = {"framing": framing, "reconnect": reconnect, "capacity": capacity} | options
        settings["on_full"] = _check.one_of("on_full", on_full, ON_FULL)
        self._target, self._timeout = target, _check.timeout("timeout", timeout)
        self._make = _maker(target, settings, self._timeout)
        self._default = SyslogFormatter() if framing == "rfc6587" else logging.Formatter(PLAIN)
        self._flat = framing == "lines"
        # Made here, so that a wrong argument is raised here; it opens when the first record comes.
        self._sink: Sink = self._make()
        self._send: Callable[[bytes], object] = self._first
        self._refused, self._stalled, self._closed = 0, False, False
        # `logging` closes at exit whatever came so far: what is not whole does not.
        super().__init__(level)
        self.formatter = formatter

    @property
    def dropped(self) -> int:
        """Records that were not kept: by the policy, because they are too long, or because the handler is closed.

        What was kept, and not sent by the time of `close`, is not among them: `delivery().unsent`.
        """
        return self._refused + self.delivery().dropped

    def delivery(self) -> Delivery:
        """The sink's account of what it took; see `fanin.Delivery`."""
        return self._sink.delivery

    def handle(self, record: logging.LogRecord) -> bool | logging.LogRecord:  # type: ignore[override, unused-ignore]
        """Filters and emits, without the lock that handlers mostly need: a sink is safe for threads as it is."""
        passed: Any = self.filter(record)
        if passed:
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return passed  # type: ignore[no-any-return]

    def emit(self, record: logging.LogRecord) -> None:
        """Formats the record and hands it over; what goes wrong is counted, or told as `logging` tells it."""
        try:
            text = (self.formatter or self._default).format(record)
            if self._flat and "\n" in text:
                text = text.replace("\n", "\\n")
            self._send(text.encode("utf-8", "backslashreplace"))
        except errors.Forked:
            self._again(text)
        except errors.FaninError:
            self._refuse()
        except RecursionError:
            raise
        except Exception:  # a formatter's own
            self.handleError(record)

    def flush(self) -> None:
        """Waits until all that was taken is written, for `timeout` at most. Raises nothing."""
        if self._send == self._first:
            return
        try:
            self._sink.flush(self._timeout)
            self._stalled = False
        except errors.TimedOut:
            self._stalled = True
        except errors.FaninError:
            pass

    def close(self) -> None:
        """Writes what is left, for `timeout` at most, or not at all where a flush has just failed. Raises nothing."""
        with self._guard():
            self._closed, self._send = True, self._closed_now
        with suppress(errors.FaninError):
            self._sink.close(0.0 if self._stalled else self._timeout)
        super().close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"cannot pickle or copy {self!r}: it has a connection; make another")

    def __repr__(self) -> str:
        # In a forked child that has not logged yet the account is the parent's.
        known = "not used since the fork" if self._sink._is_foreign else f"{self.dropped:,} dropped"
        return f"<{type(self).__name__} {self._target} ({logging.getLevelName(self.level)}): {known}>"

    # --- what is rare -------------------------------------------------------------------------------------------------

    def _first(self, data: bytes) -> None:
        """The first record opens the sink; nobody waits for the connection."""
        with self._guard():
            if self._send == self._first:
                with suppress(errors.FaninError):  # a host that is away is seen by what becomes of the records
                    self._sink.open(timeout=0)
                self._send = self._sink.send
        self._send(data)

    def _again(self, text: str) -> None:
        """A forked child has the parent's sink, which is of no use to it: it makes its own, once, and sends anew."""
        with self._guard():
            if not self._closed and self._sink._is_foreign:
                self._sink, self._send, self._refused = self._make(), self._first, 0
        try:
            self._send(text.encode("utf-8", "backslashreplace"))
        except errors.FaninError:
            self._refuse()

    def _closed_now(self, data: bytes) -> None:
        raise errors.Closed("the handler is closed")

    def _refuse(self) -> None:
        with self._guard():
            self._refused += 1

    def _guard(self) -> Any:
        """The handler's lock, which `logging` makes anew in a forked child. Never held on the fast path."""
        assert self.lock is not None
        return self.lock


def _maker(target: str, settings: dict[str, Any], timeout: float) -> Callable[[], Sink]:
    def make() -> Sink:
        from .sink import Sink

        return Sink(target, close_timeout=timeout, **settings)

    return make
