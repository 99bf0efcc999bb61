"""The store's folder of managed Pythons, for a gc: list and remove them."""

from __future__ import annotations

import os
import re

from envbuild.posix.clock import utc
from envbuild.posix.file_locks import locked_if_free
from envbuild.store.garbage import StoredPython
from envbuild.store.processes import find_processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from envbuild.store.trash import Trash

WHOLE = ".envbuild-whole"
"""A file in a Python's folder: all files are complete, on the disk, and have the right modes."""

LOCK = ".envbuild.lock"
"""Next to the folders; a running installation holds it."""

NAME = re.compile(r"cpython-(\d+\.\d+\.\d+)-.+")
"""uv's name for the folder of a plain build; `cpython-3.13.1+freethreaded-…` does not match."""


def python_name(pythons: Path, path: str) -> str | None:
    """The folder's name of the managed Python that has this file; None for other files.

    uv's links from `cpython-3.12-…` to the newest one count as the folder they lead to.
    """
    root = f"{os.path.realpath(pythons)}/"
    real = os.path.realpath(path) if path else ""
    return real[len(root) :].partition("/")[0] if real.startswith(root) else None


def stored_pythons(pythons: Path) -> tuple[StoredPython, ...]:
    """Every managed Python by name, complete or not, with the processes that run it."""
    folders = _folders(pythons)
    processes = find_processes(pythons) if folders else ()
    return tuple(
        StoredPython(
            name=folder.name,
            installed=_installed(folder),
            processes=tuple(item for item in processes if item.environment == folder.name),
        )
        for folder in folders
    )


def take_pythons(pythons: Path, names: Sequence[str], trash: Trash) -> bool:
    """Rename these away, and remove links to them; False if one is being installed.

    The mark is removed first: a half-deleted Python does not count.
    """
    if not names:
        return True
    with locked_if_free(pythons / LOCK, make=True) as free:
        if not free:
            return False
        for name in names:
            (pythons / name / WHOLE).unlink(missing_ok=True)
            trash.take(pythons / name)
        for link in pythons.iterdir():
            if link.is_symlink() and not link.exists():
                link.unlink()
    return True


def _folders(pythons: Path) -> list[Path]:
    if not pythons.is_dir():
        return []
    found = (path for path in sorted(pythons.iterdir()) if NAME.fullmatch(path.name))
    return [path for path in found if path.is_dir() and not path.is_symlink()]


def _installed(folder: Path) -> str | None:
    try:
        return utc((folder / WHOLE).stat().st_mtime)
    except OSError:
        return None
