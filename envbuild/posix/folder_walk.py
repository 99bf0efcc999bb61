"""Walk through a tree of folders, and tell of each whether its times would show what is added from now on."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

_CLOCK = 5 if sys.platform == "linux" else time.CLOCK_REALTIME
"""CLOCK_REALTIME_COARSE: the clock that Linux takes times of change from, which stands still for milliseconds."""

_SECOND = 1_000_000_000


class Visit(NamedTuple):
    """A folder that was just listed; plain values, as it crosses between processes."""

    folder: bytes
    names: list[bytes]
    """What it holds, other folders aside."""

    regular: bool
    """Whether all of that are files, by what the listing said of them."""

    mode: int
    inode: int
    mtime_ns: int
    ctime_ns: int
    """How the folder looked after it was listed."""

    settled: bool
    """Whether any entry that comes, goes or is renamed from now on moves its mtime or its ctime.

    False where it was changed within the tick of the clock in which it was listed,
    and on file systems whose times are whole seconds.
    """


def walk_folders(
    roots: Iterable[bytes],
    *,
    mode: int | None = None,
    keep: Container[bytes] = (),
    spare: Container[bytes] = (),
) -> Iterator[Visit]:
    """Every folder from the roots down, given a mode first where one is named; links are not followed.

    Folders to `keep` keep the mode that they have.

    The next root is asked for when all below the one before is done; folders to `spare` are left out.
    One that was changed a moment ago is left for the end, when it will have settled.
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
    """A path as receipts and RECORDs spell it, whatever encoding the user's locale has."""
    return path.decode("utf-8", "surrogateescape")


def folders_in(folder: bytes) -> list[bytes]:
    """The folders that lie in a folder."""
    with os.scandir(folder) as scan:
        return [entry.path for entry in scan if entry.is_dir(follow_symlinks=False)]
