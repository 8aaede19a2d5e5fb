"""What messages hold, where they differ in size: a mix of sizes, or records of your own.

Such a message travels as a frame: its length, its producer and its number go first, in 16 bytes. Of all messages in
turn the k-th has the k-th body, over and over, so the server knows every byte beforehand, and the proof is `exact`.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from . import _check, _format, _native

__all__ = ["Mix", "Records", "contents", "mix", "native", "records"]

HEAD = 16
MOST_IN_PLAN = 8 << 20  # bytes of records that are kept in the plan itself
LARGEST_FILE = 64 << 20
_WORDS = re.compile(r"\d{1,9}(\*\d{1,9}(\.\d{1,9})?)?(\+\d{1,9}(\*\d{1,9}(\.\d{1,9})?)?)*")


@dataclass(frozen=True, slots=True)
class Mix:
    """Messages of several sizes. `mix()` makes it.

    Attributes:
        sizes: Sizes in bytes, each with its weight.

    Example:
        >>> import fanin
        >>> mix = fanin.mix({64: 9, 4096: 1})
        >>> mix.sizes
        ((64, 9.0), (4096, 1.0))
    """

    sizes: tuple[tuple[int, float], ...]

    @property
    def mean(self) -> int:
        """The mean size, in whole bytes."""
        weights = sum(weight for _, weight in self.sizes)
        return max(1, round(sum(size * weight for size, weight in self.sizes) / weights))

    def to_dict(self) -> dict[str, Any]:
        """As a plan's file has it."""
        return {"mix": [[size, weight] for size, weight in self.sizes]}

    def __str__(self) -> str:
        weights = sum(weight for _, weight in self.sizes)
        return ", ".join(f"{100 * weight / weights:.3g} % of {size:,} B" for size, weight in self.sizes)


@dataclass(frozen=True, slots=True, repr=False)
class Records:
    """Messages that are your own bytes. `records()` makes it; two are equal when their records are.

    Attributes:
        name: The file's name, or what they were called.
        digest: A fingerprint of the records.
        path: The file; None where they came otherwise.
        data: The records, in order.

    Example:
        >>> import fanin
        >>> own = fanin.records([b"one", b"two", b"three"])
        >>> own.data, own == fanin.records([b"one", b"two", b"three"])
        ((b'one', b'two', b'three'), True)
    """

    name: str
    digest: str
    path: str | None = field(compare=False)
    data: tuple[bytes, ...] = field(compare=False)

    @property
    def mean(self) -> int:
        """The mean size of a record, in whole bytes; each has 16 more on its way."""
        return max(1, round(sum(map(len, self.data)) / len(self.data)))

    def to_dict(self) -> dict[str, Any]:
        """As a plan's file has it: the file's name, or the records themselves."""
        if self.path is not None:
            return {"file": self.path, "digest": self.digest}
        return {"records": [b64encode(record).decode() for record in self.data], "name": self.name}

    def __str__(self) -> str:
        return f"{self.name}, {_format.plural(len(self.data), 'record')}, {self.digest}"

    def __repr__(self) -> str:
        return f"<Records {self}>"


def mix(sizes: Mapping[int, float] | Iterable[tuple[int, float]]) -> Mix:
    """Messages of several sizes, each as often as its weight says, in a drawn order that is the same in every run.

    Args:
        sizes: Sizes in bytes, from 16 on, with weights: `{64: 9, 4096: 1}` is nine of 64 bytes to one of 4096.

    Raises:
        PlanError: An argument is wrong.

    >>> import fanin
    >>> fanin.mix({64: 9, 4096: 1})
    Mix(sizes=((64, 9.0), (4096, 1.0)))
    >>> fanin.run("swap/batch", 8, payload=fanin.mix({64: 9, 4096: 1})).status
    'ok'
    """
    found: Any = sizes.items() if isinstance(sizes, Mapping) else sizes
    wrong = _check.refuse("payload", sizes, "allowed is a mix of sizes with weights, such as mix({64: 9, 4096: 1})")
    if isinstance(found, (str, bytes)) or not isinstance(found, Iterable):
        raise wrong
    pairs = []
    for pair in found:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise wrong
        size = _check.integer("payload", pair[0], HEAD, 16 << 20, "bytes in a mix")
        pairs.append((size, _check.real("payload", pair[1], 1e9, "as a weight")))
    made = Mix(tuple(pairs))
    native(made)
    return made


def records(source: str | os.PathLike[str] | Iterable[bytes], name: str = "records") -> Records:
    """Messages that are your own: the lines of a file, or any bytes.

    Args:
        source: A file, whose lines are the records, without their ends; or an iterable of bytes.
        name: What to call them, where they are no file.

    Raises:
        PlanError: There is no record, or more of them than fit.
        OSError: There is no such file, or it cannot be read.

    >>> import fanin
    >>> fanin.records([b"one", b"two", b"three"])
    <Records records, 3 records, ...>
    >>> run = fanin.run("mpsc/batch", 2, messages=3, payload=fanin.records([b"one", b"two", b"three"]))
    >>> run.status, run.proof, run.bytes  # each record twice, with 16 bytes before it
    ('ok', 'exact', 118)
    """
    if isinstance(source, (str, os.PathLike)):
        return _of_file(os.fspath(source))
    wrong = _check.refuse("payload", source, "allowed are a file of lines, or an iterable of bytes")
    given: Any = source
    if isinstance(given, (bytes, bytearray)) or not isinstance(given, Iterable):
        raise wrong
    data = []
    for record in given:
        if not isinstance(record, (bytes, bytearray, memoryview)):
            raise wrong
        data.append(bytes(record))
    size = sum(map(len, data)) + len(data)
    if size > MOST_IN_PLAN:
        raise _check.refuse(
            "payload", f"{size:,} bytes of records", f"allowed are {MOST_IN_PLAN:,}; a file may have more"
        )
    return _checked(_check.word("payload name", name, "some text"), None, tuple(data))


def contents(value: object) -> Mix | Records | None:
    """A mix or records, or what `to_dict` made of one, or words for one; None for anything else.

    Words are `64*9+4096*1` for a mix, and `@access.log` for the lines of a file.
    """
    if isinstance(value, (Mix, Records)):
        return value
    if isinstance(value, str) and value.startswith("@"):
        return records(value[1:])
    if isinstance(value, str) and _WORDS.fullmatch(value):
        parts = (part.partition("*") for part in value.split("+"))
        return mix([(int(size), float(weight or 1)) for size, _, weight in parts])
    return _of_dict(value) if isinstance(value, Mapping) else None


@lru_cache(maxsize=8)
def native(what: Mix | Records) -> _native.Contents:
    """The same for the core, made once."""
    if isinstance(what, Mix):
        return _native.Contents.mix(list(what.sizes))
    return _native.Contents.records(list(what.data))


def _of_file(path: str) -> Records:
    with Path(path).open("rb") as file:
        content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise _check.refuse("payload", path, f"a file of records has no more than {LARGEST_FILE:,} bytes")
    lines = content.removesuffix(b"\n").split(b"\n") if content else []
    return _checked(Path(path).name, path, tuple(lines))


def _of_dict(value: Mapping[str, Any]) -> Mix | Records | None:
    keys = set(value)
    if keys == {"mix"}:
        return mix(value["mix"])
    if keys == {"file", "digest"} or keys == {"file"}:
        return _unchanged(_of_file(_check.word("payload file", value["file"], "a file's name")), value.get("digest"))
    if keys == {"records", "name"} and isinstance(value["records"], list):
        try:
            data = [b64decode(text, validate=True) for text in value["records"]]
        except (TypeError, ValueError):
            raise _check.refuse("payload", value, "allowed are records in base64") from None
        return records(data, value["name"])
    return None


def _unchanged(found: Records, digest: object) -> Records:
    if digest is not None and digest != found.digest:
        raise _check.refuse(
            "payload", found.path, f"the file's records are not those of the plan, {digest}: it has changed"
        )
    return found


def _checked(name: str, path: str | None, data: tuple[bytes, ...]) -> Records:
    from hashlib import sha256

    whole = sha256()
    for record in data:
        whole.update(len(record).to_bytes(8, "little") + record)
    made = Records(name, whole.hexdigest()[:12], path, data)
    native(made)
    return made
