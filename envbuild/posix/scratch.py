"""Folders for temporary files that are removed later if their process was killed.

Each holds a file that its process has locked as long as it lives.
Everybody may make folders in `/tmp`:
one is removed only if this user owns it and its lock file, and nobody holds the lock.
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.posix.deletion import remove_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = "envbuild-scratch-"
_LOCK = ".alive"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def scratch_folder(kind: str) -> Iterator[Path]:
    """An empty folder but for its lock file, removed at the end; first, what killed processes have left is removed.

    `kind` is a word for its name.
    """
    remove_leftovers()
    with ExitStack() as opened:
        name = opened.enter_context(
            tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{kind}-", ignore_cleanup_errors=True)
        )
        opened.callback(os.close, _hold(Path(name)))
        yield Path(name)


def _hold(folder: Path) -> int:
    """Lock the folder's file; it has its name only once it is locked."""
    new = folder / f"{_LOCK}.new"
    descriptor = os.open(new, _FILE | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    new.rename(folder / _LOCK)
    return descriptor


def remove_leftovers() -> None:
    """Remove the folders of this user's processes that have ended without doing it."""
    place = tempfile.gettempdir()
    with suppress(OSError), os.scandir(place) as entries:
        for name in [entry.name for entry in entries if entry.name.startswith(_PREFIX)]:
            with suppress(OSError):  # another process may remove it at the same time
                _remove_if_left(Path(place, name))


def _remove_if_left(folder: Path) -> None:
    """Remove a folder whose lock is free; BlockingIOError if its process lives."""
    opened = os.open(folder, _FOLDER)
    try:
        if not _is_own(os.fstat(opened), stat.S_IFDIR):
            return
        lock = os.open(_LOCK, _FILE, dir_fd=opened)
        try:
            if _is_own(os.fstat(lock), stat.S_IFREG):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove_tree(folder)
        finally:
            os.close(lock)
    finally:
        os.close(opened)


def _is_own(status: os.stat_result, kind: int) -> bool:
    return status.st_uid == os.geteuid() and stat.S_IFMT(status.st_mode) == kind
