"""Which message each arrival is: once, again, too late, or none that was sent."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from . import _check, _format
from ._inbox import Arrival, Inbox
from .arrivals import Arrivals
from .errors import PlanError

__all__ = ["ORDERS", "Parse", "judged"]

#: Reads from a message who sent it, and which of that producer's messages it is, counted from 0.
Parse = Callable[[bytes], tuple[Hashable, int]]
Key = tuple[Hashable, int]

MOST_EXAMPLES = 5
ORDERS = ("per-producer", "total")


def judged(
    inbox: Inbox,
    *,
    count: int | None = None,
    expected: object = None,
    order: str | None = None,
    parse: Parse | None = None,
    timeout_ns: int = 0,
) -> Arrivals:
    """Each message by itself: which one it is, whether it came before, and after which.

    While some are missing and there is time, it waits for at least so many more.
    """
    if expected is None and order == "total":
        raise _check.refuse("order", order, "a total order needs expected=, the messages in that order")
    sent = None if expected is None else _Sent.of(expected, order, parse)
    if sent is not None and count not in (None, len(sent.contents)):
        raise _check.refuse("n", count, f"expected= has {_format.plural(len(sent.contents), 'message')}")
    court = _Court(sent, count, order, parse)
    deadline = time.monotonic_ns() + timeout_ns
    court.hear(inbox.arrivals())
    while (missing := court.missing()) and (left := deadline - time.monotonic_ns()) > 0:
        came = inbox.wait(court.heard + missing, left)
        court.hear(inbox.arrivals(court.heard))
        if not came:  # in time; or ever, where the server is stopped
            break
    return court.verdict(inbox.broken())


@dataclass(slots=True)
class _Sent:
    """What was to come: by key, and where messages say nothing of themselves, by content."""

    contents: dict[Key, bytes]
    by_content: dict[bytes, deque[Key]]

    @classmethod
    def of(cls, expected: object, order: str | None, parse: Parse | None) -> _Sent:
        """From a list, or a mapping of producers to lists."""
        lists = _lists(expected)
        contents: dict[Key, bytes] = {}
        by_content: dict[bytes, deque[Key]] = defaultdict(deque)
        for producer, messages in lists.items():
            for place, message in enumerate(messages):
                key = (producer, place) if parse is None else _key(parse(message))
                if key in contents:
                    raise PlanError(f"expected: {_named(key)} is in it twice, as far as parse= tells")
                contents[key] = message
                by_content[message].append(key)
        if parse is None and order == "per-producer":
            _tell_apart(by_content)
        return cls(contents, by_content)


def _lists(expected: object) -> dict[Hashable, list[bytes]]:
    """What each producer sent; a list without names is what a single one did."""
    if isinstance(expected, Mapping):
        return {producer: _messages(messages) for producer, messages in expected.items()}
    return {None: _messages(expected)}


def _messages(value: object) -> list[bytes]:
    if isinstance(value, (bytes, bytearray, memoryview, str)) or not isinstance(value, Iterable):
        raise _check.refuse("expected", value, "allowed are lists of bytes, or {producer: list of bytes}")
    messages = list(value)
    for message in messages:
        if not isinstance(message, (bytes, bytearray, memoryview)):
            raise _check.refuse("expected", message, "allowed are lists of bytes, or {producer: list of bytes}")
    return [bytes(message) for message in messages]


def _tell_apart(by_content: Mapping[bytes, Iterable[Key]]) -> None:
    """Two producers that send the same bytes cannot be told apart by them."""
    for message, keys in by_content.items():
        producers = dict.fromkeys(producer for producer, _ in keys)
        if len(producers) > 1:
            pair = " and ".join(map(repr, list(producers)[:2]))
            raise PlanError(f"expected: producers {pair} both send {message[:40]!r}; their order needs parse=")


def _key(parsed: object) -> Key:
    try:
        producer, sequence = _pair(parsed)
    except (TypeError, ValueError):
        raise _check.refuse(
            "parse", parsed, "a message's parse returns (producer, sequence), a name and a number"
        ) from None
    return producer, sequence


def _pair(parsed: Any) -> Key:
    producer, sequence = parsed
    hash(producer)
    if isinstance(sequence, bool) or not isinstance(sequence, int):
        raise TypeError(sequence)
    return producer, sequence


def _named(key: Key, beside: Key | None = None) -> str:
    """A message in words; its producer is not said again where it stands beside one of the same."""
    producer, sequence = key
    is_said = beside is not None and beside[0] == producer
    return f"message {sequence}" if producer is None or is_said else f"producer {producer!r}: message {sequence}"


class _Court:
    """Hears the messages one by one, as they arrived."""

    def __init__(self, sent: _Sent | None, count: int | None, order: str | None, parse: Parse | None) -> None:
        self.sent, self.count, self.order, self.parse = sent, count, order, parse
        self.heard = 0
        self.seen: dict[Key, int] = {}
        self.places = {key: place for place, key in enumerate(sent.contents)} if sent else {}
        self.lists = self._by_producer()
        self.farthest: dict[Hashable, tuple[int, Key]] = {}
        self.good: dict[Hashable, int] = dict.fromkeys(self.lists, 0)
        self.spoilt: set[Hashable] = set()
        self.faulty: set[Hashable] = set()
        self.doubled = self.reordered = self.unexpected = 0
        self.examples: list[str] = []

    def _by_producer(self) -> dict[Hashable, list[int]]:
        """Each producer's sequences in the order in which they were to come."""
        lists: dict[Hashable, list[int]] = {}
        for producer, sequence in self.sent.contents if self.sent else ():
            lists.setdefault(producer, []).append(sequence)
        return lists

    def hear(self, arrivals: Iterable[Arrival]) -> None:
        """The next messages."""
        for arrival in arrivals:
            self._hear(self.heard, arrival.data)
            self.heard += 1

    def missing(self) -> int:
        """How many are still to come, as far as that is known."""
        wanted = len(self.sent.contents) if self.sent else self.count or 0
        return max(wanted - len(self.seen), 0)

    def _hear(self, place: int, data: bytes) -> None:
        key = self._which(place, data)
        if key is None:
            self.unexpected += 1
            return
        if key in self.seen:
            self.doubled += 1
            self._say(f"{_named(key)} came again: as arrival {self.seen[key]}, and as arrival {place}")
            self.spoilt.add(key[0])
            self.faulty.add(key[0])
            return
        self.seen[key] = place
        self._order(place, key)
        self._advance(key)

    def _which(self, place: int, data: bytes) -> Key | None:
        if self.parse is None:
            return self._by_content(place, data)
        try:
            key = _key(self.parse(data))
        except PlanError:
            raise
        except Exception as error:  # whatever a user's function makes of bytes that are none of its own
            return self._stray(f"arrival {place} cannot be parsed ({type(error).__name__}: {error}): {_shown(data)}")
        if self.sent is None:
            return key
        wanted = self.sent.contents.get(key)
        if wanted is None:
            return self._stray(f"arrival {place} is {_named(key)}, which nobody sent")
        if wanted != data:
            return self._stray(f"{_named(key)} came changed, as arrival {place}: {_difference(wanted, data)}")
        return key

    def _by_content(self, place: int, data: bytes) -> Key | None:
        """The first message of these bytes that has not come; the last, once all have."""
        keys = self.sent.by_content.get(data) if self.sent else None
        if not keys:
            return self._stray(f"arrival {place} is none that was sent: {_shown(data)}")
        return keys.popleft() if len(keys) > 1 else keys[0]

    def _order(self, place: int, key: Key) -> None:
        group, rank = (None, self.places[key]) if self.order == "total" else (key[0], self._rank(key))
        farthest = self.farthest.get(group)
        if farthest is None or rank > farthest[0]:
            self.farthest[group] = (rank, key)
            return
        self.reordered += 1
        if self.order:
            self.faulty.add(key[0])
            self._say(f"{_named(key)} came after {_named(farthest[1], beside=key)}, as arrival {place}")

    def _rank(self, key: Key) -> int:
        return self.places[key] if self.sent else key[1]

    def _advance(self, key: Key) -> None:
        """Moves the last good message on, while all is well with its producer."""
        producer, sequence = key
        done = self.good.setdefault(producer, 0)
        if producer in self.spoilt:
            return
        wanted = self.lists[producer][done] if self.sent else done
        if sequence == wanted:
            self.good[producer] = done + 1
        else:
            self.spoilt.add(producer)

    def verdict(self, broken: tuple[int, int]) -> Arrivals:
        """What it all comes to."""
        lost = self._lost(self.count)
        cut, malformed = broken
        return Arrivals(
            arrived=self.heard,
            expected=len(self.sent.contents) if self.sent else self.count,
            order=self.order,
            proof="once",
            lost=lost,
            doubled=self.doubled,
            reordered=self.reordered,
            unexpected=self.unexpected,
            examples=tuple(self.examples[:MOST_EXAMPLES]),
            last_good=self._last_good(),
            cut=cut,
            malformed=malformed,
            faulty=sum(producer in self.faulty for producer in self.good),
        )

    def _last_good(self) -> dict[Hashable, int | None]:
        """Those with a fault first, then those whose order was not asked for, then the others; the shortest first."""
        found = {producer: self._last(producer, done) for producer, done in self.good.items()}

        def weight(producer: Hashable) -> tuple[bool, bool, int]:
            last = found[producer]
            return producer not in self.faulty, producer not in self.spoilt, -1 if last is None else last

        return {producer: found[producer] for producer in sorted(found, key=weight)}

    def _last(self, producer: Hashable, done: int) -> int | None:
        if done == 0:
            return None
        return self.lists[producer][done - 1] if self.sent else done - 1

    def _lost(self, count: int | None) -> int:
        """What did not come; its examples stand before all others."""
        missing = list(self._missing())
        self.faulty.update(producer for producer, _ in missing)
        told = [f"{_named(key)} did not come" for key in missing[:MOST_EXAMPLES]]
        unnamed = 0 if count is None or self.sent else max(count - len(self.seen) - len(missing), 0)
        if unnamed and len(told) < MOST_EXAMPLES:
            more = _format.plural(unnamed, "message")
            told.append(f"{more} more did not come: the last of one producer, or of several")
        if count is not None and not self.sent and len(self.seen) > count:
            self.unexpected += len(self.seen) - count
            told.append(f"{len(self.seen):,} different messages came, and {count:,} were to")
        self.examples = told[: MOST_EXAMPLES - min(len(self.examples), 2)] + self.examples
        return len(missing) + unnamed

    def _missing(self) -> Iterable[Key]:
        if self.sent:
            return (key for key in self.sent.contents if key not in self.seen)
        return self._gaps()

    def _gaps(self) -> Iterable[Key]:
        """Sequences below the farthest of each producer that did not come. A far one is no reason to list them all."""
        highest: dict[Hashable, int] = {}
        for producer, sequence in self.seen:
            highest[producer] = max(sequence, highest.get(producer, 0))
        total = sum(last + 1 for last in highest.values())
        if total > 100 * len(self.seen) + 1_000_000:
            raise PlanError(
                f"parse: sequences up to {max(highest.values()):,} among {len(self.seen):,} messages; they count from 0"
            )
        return (
            (producer, n) for producer, last in highest.items() for n in range(last) if (producer, n) not in self.seen
        )

    def _stray(self, example: str) -> Key | None:
        """A message that is none of those that were sent."""
        self._say(example)
        return None

    def _say(self, example: str) -> None:
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(example)


def _shown(data: bytes) -> str:
    return f"{data[:40]!r}{f'… of {len(data):,} bytes' if len(data) > 40 else ''}"


def _difference(wanted: bytes, data: bytes) -> str:
    at = next((n for n, (a, b) in enumerate(zip(wanted, data, strict=False)) if a != b), min(len(wanted), len(data)))
    return f"from byte {at} on it is {_shown(data[at:])} instead of {_shown(wanted[at:])}"
