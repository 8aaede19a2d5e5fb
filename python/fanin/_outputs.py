"""Where a result goes, asked before there is one: what took minutes to measure is not lost to a wrong name."""

from __future__ import annotations

import os
from pathlib import Path

from ._extras import need
from .errors import PlanError

__all__ = ["file", "folder", "part_of", "picture"]


def part_of(target: Path) -> Path:
    """What is written before it is moved to its place."""
    return target.with_name(f".{target.name}.part")


def file(name: str, path: str | os.PathLike[str]) -> Path:
    """A file that can be written, new or in the place of another. Leaves nothing behind."""
    target = Path(path)
    try:
        if not target.name or (target.exists() and not target.is_file()):
            raise _refuse(name, path, "allowed is a file, a new one or one to be replaced")
        # To be sure it is tried: permissions are not all that can be in the way.
        part_of(target).touch()
        part_of(target).unlink()
    except PlanError:
        raise
    except (OSError, ValueError) as error:
        raise _unwritable(name, path, error) from None
    return target


def picture(name: str, path: str | os.PathLike[str]) -> Path:
    """The same, with the name of a picture that matplotlib draws."""
    known = sorted(need("matplotlib.backend_bases", "plot").FigureCanvasBase.get_supported_filetypes())
    if Path(path).suffix.lower().removeprefix(".") not in known:
        raise _refuse(name, path, f"allowed are names that end in .{', .'.join(known)}")
    return file(name, path)


def folder(name: str, path: str | os.PathLike[str]) -> Path:
    """A folder in which files can be written; it is made where there is none."""
    target = Path(path)
    try:
        target.mkdir(parents=True, exist_ok=True)
        part_of(target / "try").touch()
        part_of(target / "try").unlink()
    except (OSError, ValueError) as error:
        raise _unwritable(name, path, error) from None
    return target


def _unwritable(name: str, path: str | os.PathLike[str], error: OSError | ValueError) -> PlanError:
    return _refuse(name, path, f"it cannot be written there ({getattr(error, 'strerror', None) or error})")


def _refuse(name: str, path: str | os.PathLike[str], why: str) -> PlanError:
    """A path is shown whole, however long it is."""
    return PlanError(f"{name}={os.fspath(path)!r}: {why}")
