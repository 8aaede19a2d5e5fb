"""Columns as an Arrow C stream, with the standard library alone: polars, pyarrow, duckdb, nanoarrow take it as it is.

The layout is that of the Arrow C data interface and C stream interface. Memory is lent: each structure that goes out
has a key in `LENT`, under which lies what it points to; its release callback, which the consumer calls once, from
whichever thread, takes the key away. A structure may be moved: what counts is the key in it, not its address.
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from ctypes import POINTER, Structure, c_char_p, c_int, c_int64, c_void_p, pointer
from itertools import accumulate, count
from typing import Any

__all__ = ["LENT", "stream"]

NAME = b"arrow_array_stream"
NULLABLE = 2
END = 0
FORMATS = {"int": b"l", "float": b"g", "str": b"u", "bool": b"b"}

# What is lent, by key. Empty when every consumer has let go.
LENT: dict[int, Any] = {}
# The structures that capsules point to, by address.
_CAPSULES: dict[int, Any] = {}
_keys = count(1)


class Schema(Structure):
    """`struct ArrowSchema`."""


class Array(Structure):
    """`struct ArrowArray`."""


class Stream(Structure):
    """`struct ArrowArrayStream`."""


Schema._fields_ = [
    ("format", c_char_p),
    ("name", c_char_p),
    ("metadata", c_char_p),
    ("flags", c_int64),
    ("n_children", c_int64),
    ("children", POINTER(POINTER(Schema))),
    ("dictionary", c_void_p),
    ("release", c_void_p),
    ("private_data", c_void_p),
]
Array._fields_ = [
    ("length", c_int64),
    ("null_count", c_int64),
    ("offset", c_int64),
    ("n_buffers", c_int64),
    ("n_children", c_int64),
    ("buffers", POINTER(c_void_p)),
    ("children", POINTER(POINTER(Array))),
    ("dictionary", c_void_p),
    ("release", c_void_p),
    ("private_data", c_void_p),
]
Stream._fields_ = [
    ("get_schema", c_void_p),
    ("get_next", c_void_p),
    ("get_last_error", c_void_p),
    ("release", c_void_p),
    ("private_data", c_void_p),
]


def stream(columns: Mapping[str, Sequence[Any]], kinds: Mapping[str, str]) -> object:
    """A capsule with a stream of one batch; `kinds` names each column's type, such as `int` or `str | None`."""
    lent = Stream(*map(_address, (_get_schema, _get_next, _get_last_error, _release_stream)), _lend([columns, kinds]))
    # The structure is the capsule's: who takes the stream moves it out, and may end it, while the capsule goes on.
    address = ctypes.addressof(lent)
    _CAPSULES[address] = lent
    return _new_capsule(address, NAME, _address(_release_capsule))


# --- what is lent -----------------------------------------------------------------------------------------------------


def _lend(what: list[Any]) -> int:
    key = next(_keys)
    LENT[key] = what
    return key


def _schema(format: bytes, name: str, children: Sequence[Schema] = ()) -> Schema:
    held, table = _table(Schema, children)
    words = [ctypes.create_string_buffer(word) for word in (format, name.encode())]
    addresses = (ctypes.cast(word, c_char_p) for word in words)
    flags = END if children else NULLABLE
    key = _lend([held, table, words])
    return Schema(*addresses, None, flags, len(children), table, None, _address(_release_schema), key)


def _array(length: int, nulls: int, buffers: Sequence[Any], children: Sequence[Array] = ()) -> Array:
    held, table = _table(Array, children)
    addresses = (c_void_p * len(buffers))(*(_at(buffer) for buffer in buffers))
    key = _lend([held, table, addresses, buffers])
    starts = ctypes.cast(addresses, POINTER(c_void_p))
    return Array(length, nulls, 0, len(buffers), len(children), starts, table, None, _address(_release_array), key)


def _table(kind: Any, children: Sequence[Any]) -> tuple[Any, Any]:
    """Pointers to the children, and a pointer to those."""
    if not children:
        return (), None
    pointers = (POINTER(kind) * len(children))(*(pointer(child) for child in children))
    return (children, pointers), ctypes.cast(pointers, POINTER(POINTER(kind)))


def _at(buffer: Any) -> int | None:
    if buffer is None:
        return None
    return buffer.buffer_info()[0] if isinstance(buffer, array) else ctypes.addressof(buffer)


def _column(kind: str, values: Sequence[Any]) -> Array:
    nulls = values.count(None) if "None" in kind else 0
    fill, buffers = _BUFFERS[kind.partition(" ")[0]]
    valid = _bits([value is not None for value in values]) if nulls else None
    if nulls == len(values):
        values = (fill,) * nulls
    elif nulls:
        values = [fill if value is None else value for value in values]
    return _array(len(values), nulls, [valid, *buffers(values)])


def _numbers(code: str) -> Callable[[Sequence[Any]], list[Any]]:
    return lambda values: [array(code, values or [0])]


def _text(values: Sequence[str]) -> list[Any]:
    joined = "".join(values)
    lengths: Iterable[int] = map(len, values)
    if not joined.isascii():
        lengths = (len(value.encode("utf-8", "surrogatepass")) for value in values)
    encoded = joined.encode("utf-8", "surrogatepass")
    return [array("i", accumulate(lengths, initial=0)), ctypes.create_string_buffer(encoded, len(encoded) + 1)]


def _bits(values: Sequence[Any]) -> Any:
    """One bit a value, the first one lowest."""
    digits = "".join(["1" if value else "0" for value in reversed(values)])
    packed = int(digits or "0", 2).to_bytes(len(values) // 8 + 1, "little")
    return ctypes.create_string_buffer(packed, len(packed))


# What stands where a value is missing, and the buffers of values.
_BUFFERS: dict[str, tuple[Any, Callable[[Sequence[Any]], list[Any]]]] = {
    "int": (0, _numbers("q")),
    "float": (0.0, _numbers("d")),
    "str": ("", _text),
    "bool": (False, lambda values: [_bits(values)]),
}


# --- what a consumer calls --------------------------------------------------------------------------------------------

_Callback = Callable[..., Any]


def _lasting(kind: Any) -> Callable[[_Callback], Any]:
    """A C function that is never freed: a consumer may call it while the interpreter ends."""

    def make(function: _Callback) -> Any:
        made = kind(function)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(made))
        return made

    return make


def _address(function: Any) -> int:
    address = ctypes.cast(function, c_void_p).value
    assert address is not None
    return address


def _releaser(lent: dict[int, Any], with_children: bool = True) -> _Callback:
    """Ends what was lent: the children that are still there, then the structure itself.

    It looks up no name of this module and no builtin: a table that outlives both is let go without them.
    """
    numbers = range

    def release(at: Any) -> None:
        what = at.contents
        for number in numbers(what.n_children if with_children else 0):
            child = what.children[number]
            if child.contents.release:
                release(child)
        held = lent.pop(what.private_data, None)
        what.release = None
        del held

    return release


_release_schema = _lasting(ctypes.CFUNCTYPE(None, POINTER(Schema)))(_releaser(LENT))
_release_array = _lasting(ctypes.CFUNCTYPE(None, POINTER(Array)))(_releaser(LENT))
_release_stream = _lasting(ctypes.CFUNCTYPE(None, POINTER(Stream)))(_releaser(LENT, with_children=False))


@_lasting(ctypes.CFUNCTYPE(c_int, POINTER(Stream), POINTER(Schema)))
def _get_schema(at: Any, out: Any, lent: dict[int, Any] = LENT) -> int:
    _, kinds, *_ = lent[at.contents.private_data]
    children = [_schema(FORMATS[kind.partition(" ")[0]], name) for name, kind in kinds.items()]
    _move(_schema(b"+s", "", children), out)
    return 0


@_lasting(ctypes.CFUNCTYPE(c_int, POINTER(Stream), POINTER(Array)))
def _get_next(at: Any, out: Any, lent: dict[int, Any] = LENT) -> int:
    held = lent[at.contents.private_data]
    columns, kinds = held[0], held[1]
    if columns is None:
        ctypes.memset(out, 0, ctypes.sizeof(Array))
        return 0
    children = [_column(kind, columns[name]) for name, kind in kinds.items()]
    _move(_array(children[0].length if children else 0, 0, [None], children), out)
    held[0] = None
    return 0


@_lasting(ctypes.CFUNCTYPE(c_void_p, POINTER(Stream)))
def _get_last_error(at: Any) -> None:
    return None


def _move(what: Any, out: Any) -> None:
    ctypes.memmove(out, ctypes.byref(what), ctypes.sizeof(what))


_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.argtypes = [c_void_p, c_char_p, c_void_p]
_new_capsule.restype = ctypes.py_object
_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.argtypes = [c_void_p, c_char_p]
_capsule_pointer.restype = c_void_p


def _capsule_releaser(locate: Any, name: bytes, held: dict[int, Any], release: Any) -> _Callback:
    """Ends a stream that nobody took, and its structure; it too looks up no name."""

    def end(capsule: int) -> None:
        stream = held.pop(locate(capsule, name))
        if stream.release:
            release(stream)

    return end


_release_capsule = _lasting(ctypes.CFUNCTYPE(None, c_void_p))(
    _capsule_releaser(_capsule_pointer, NAME, _CAPSULES, _release_stream)
)
