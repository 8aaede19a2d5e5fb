"""Packages that only some methods need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .errors import MissingExtra

__all__ = ["need"]


def need(module: str, extra: str) -> Any:
    """Imports `module`, or says which extra brings it."""
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        message = f"this needs {package}: pip install 'fanin[{extra}]' (or {package} itself)"
        raise MissingExtra(message, name=package) from error
