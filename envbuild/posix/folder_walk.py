"""Walk through a tree of folders, and tell for each whether its times will show later changes."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

_CLOCK = 5 if sys.platform == "linux" else time.CLOCK_REALTIME
"""CLOCK_REALTIME_COARSE: Linux takes ctime and mtime from this clock, which moves in steps of milliseconds."""

_SECOND = 1_000_000_000


class Visit(NamedTuple):
    """A folder that was just listed; plain values, because it is sent between processes."""

    folder: bytes
    names: list[bytes]
    """The names in it, without subfolders."""

    regular: bool
    """Whether all of them are files, as the listing says."""

    mode: int
    inode: int
    mtime_ns: int
    ctime_ns: int
    """The folder's status after it was listed."""

    settled: bool
    """Whether every later addition, removal or rename in it changes its mtime or its ctime.

    False if it was changed in the same tick of the clock in which it was listed,
    and on file systems whose times are whole seconds.
    """


def walk_folders(
    roots: Iterable[bytes],
    *,
    mode: int | None = None,
    keep: Container[bytes] = (),
    spare: Container[bytes] = (),
) -> Iterator[Visit]:
    """Every folder from the roots down; links are not followed. With a `mode`, each folder gets it first.

    Folders in `keep` keep their mode; folders in `spare` are left out.
    The next root is taken when everything below the previous one is done.
    A folder that was changed a moment ago comes last, when its times have settled.
    """
    more = iter(roots)
    waiting: list[bytes] = []
    unsettled: list[bytes] = []
    while True:
        if not waiting and (root := next(more, None)) is not None:
            waiting.append(root)
        last = not waiting
        if last and not unsettled:
            return
        folder = unsettled.pop() if last else waiting.pop()
        if mode is not None and folder not in keep:
            os.chmod(folder, mode)  # noqa: PTH101
        now = time.clock_gettime_ns(_CLOCK)
        with os.scandir(folder) as scan:
            entries = list(scan)
        status = os.lstat(folder)
        changed = status.st_mtime_ns
        settled = changed < now and changed % _SECOND != 0
        if not settled and not last:
            unsettled.append(folder)
            continue
        others: list[os.DirEntry[bytes]] = []
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                others.append(entry)
            elif entry.path not in spare:
                waiting.append(entry.path)
        yield Visit(
            folder,
            [entry.name for entry in others],
            False not in [entry.is_file(follow_symlinks=False) for entry in others],
            status.st_mode,
            status.st_ino,
            changed,
            status.st_ctime_ns,
            settled,
        )


def path_text(path: bytes) -> str:
    """A path as receipts and RECORDs spell it, independent of the user's locale."""
    return path.decode("utf-8", "surrogateescape")


def folders_in(folder: bytes) -> list[bytes]:
    """The subfolders of a folder."""
    with os.scandir(folder) as scan:
        return [entry.path for entry in scan if entry.is_dir(follow_symlinks=False)]
