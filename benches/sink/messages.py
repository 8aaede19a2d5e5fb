"""What is sent: messages that say who sent them and as which, and whose every byte follows from that.

A producer has a *ring* of messages, made once, and sends it over and over: objects that are shared, as a program's own
constants are. `fresh` builds each anew, as a program that formats does. `receiver.rs` knows the same rule.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

LONGEST_RING = 100
SHORT_RING = 20  # for hundreds of producers, so that their messages stay in the processor's cache


def ring_of(producers: int) -> int:
    """How many messages a producer's ring has."""
    return LONGEST_RING if producers <= 64 else SHORT_RING


def ring(producer: int, places: int, size: int) -> tuple[bytes, ...]:
    """A producer's messages."""
    letters = bytes(33 + at % 90 for at in range(size + 90))
    made = []
    for place in range(places):
        first = (producer * 7 + place * 13 + 4) % 90
        head = producer.to_bytes(2, "little") + place.to_bytes(2, "little")
        made.append(head + letters[first : first + size - 4])
    return tuple(made)


def halves(messages: Sequence[bytes]) -> tuple[tuple[bytes, bytes], ...]:
    """Each message in two parts: adding them up makes it anew."""
    return tuple((message[:16], message[16:]) for message in messages)


def stamped(size: int) -> bytes:
    """A message that says when it was sent: now."""
    return time.monotonic_ns().to_bytes(8, "little") + bytes(size - 8)


TEXT = "fanin-bench %06d %06d a visitor asked for something and got it"
"""A line for a log: who, and as which."""
