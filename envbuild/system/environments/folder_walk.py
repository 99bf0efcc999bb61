"""Walk through a tree of folders, and tell of each whether its times would show what is added from now on."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_CLOCK = 5 if sys.platform == "linux" else time.CLOCK_REALTIME
"""CLOCK_REALTIME_COARSE: the clock that Linux takes times of change from, which stands still for milliseconds."""

_SECOND = 1_000_000_000


class Visit(NamedTuple):
    """A folder that was just listed."""

    folder: bytes
    entries: list[os.DirEntry[bytes]]
    """What it holds, other folders aside."""

    status: os.stat_result
    """After it was listed."""

    settled: bool
    """Whether any entry that comes, goes or is renamed from now on moves its mtime or its ctime.

    False where it was changed within the tick of the clock in which it was listed,
    and on file systems whose times are whole seconds.
    """


def walk_folders(root: bytes, *, mode: int | None = None) -> Iterator[Visit]:
    """Every folder from the root down, given a mode first where one is named; links are not followed.

    One that was changed a moment ago is left for the end, when it will have settled.
    """
    waiting = [root]
    unsettled: list[bytes] = []
    while waiting or unsettled:
        last = not waiting
        folder = unsettled.pop() if last else waiting.pop()
        if mode is not None:
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
            if entry.is_dir(follow_symlinks=False):
                waiting.append(entry.path)
            else:
                others.append(entry)
        yield Visit(folder, others, status, settled)
