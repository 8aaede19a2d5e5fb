"""How classes are called, for `help` and editors, where Python itself shows nothing, or what is nobody's business."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from inspect import Signature

__all__ = ["Shown", "plain"]

Kind = TypeVar("Kind", bound=type)


class Shown:
    """A class attribute `__signature__`: that of a function. A subclass that is made otherwise shows what it takes.

    It is made when somebody looks: `inspect` takes a while to import.
    """

    def __init__(self, like: Callable[..., Any]) -> None:
        self._like = like
        self._owner: type | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        """Remembers whose it is."""
        self._owner = owner

    def __get__(self, instance: object, kind: type) -> Signature:
        """The signature, as `inspect.signature` asks for it."""
        import inspect

        lineage = kind.__mro__
        below = lineage[: lineage.index(self._owner)] if self._owner in lineage else ()
        own = next((vars(base)["__init__"] for base in below if "__init__" in vars(base)), None)
        if own is None:
            return inspect.signature(self._like)
        found = inspect.signature(own)
        return found.replace(parameters=list(found.parameters.values())[1:])


def plain(kind: Kind) -> Kind:
    """Decorates a named tuple: its signature has types as they are written, not wrapped as references."""
    call = kind.__new__
    call.__annotations__ = {name: getattr(hint, "__forward_arg__", hint) for name, hint in call.__annotations__.items()}
    return kind
