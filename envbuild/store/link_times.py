"""Keep the cache entries of an environment trusted while the environment is removed.

Unlinking changes the ctime of a file's other links, as a write does.
Without this module the next sync would read all these files again, which may be gigabytes.

The ctime of each file is read just before its link is deleted.
A ctime inside an entry's window (see `entries`) proves that nobody has touched the inode since the entry
was last linked, so no size, mtime, mode or content is compared and no table is read:
the next link of the entry compares its files with its table, as always.

The lock of every entry is held from before the first ctime is read until after the stamp.
An entry is stamped if all of its files were inside its window: unlinked files, just before;
files that the environment does not link, after everything is deleted.
The new window starts where the old one did and ends now, so it covers the ctimes after the removal.

- A write before the file's ctime is read moves the ctime out of the window:
  the entry is not stamped, and the next sync reads all of it.
- A write after the ctime is read and before the stamp is not seen. The same is true while an entry is linked.
- An inode of two entries must be inside both windows.
- An inode with two names in the environment counts as it was before its first name was deleted.
  If two processes delete the names, the later ctime may count, which has moved: the entry is read again.
- A missing file, or another inode with its number, is found by the next link of the entry;
  moving a file there, or back, changes its ctime.
- An entry that may not have reached the disk before the last boot has no window, and gets none.
- If the environment has copies of an entry's files, no ctime changed, and the entry is left as it is.
- If several environments are removed, each is watched separately, and starts with the window that the last one left.
- If a deleting process is killed, its ctimes are lost, and its files are in no window: they are read again.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, NamedTuple

from envbuild.errors import HostError
from envbuild.posix.file_locks import most_locks
from envbuild.wheelcache.entries import Entries, Window, before_now, cache_roots

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import TracebackType


class _Listed(NamedTuple):
    """An entry whose lock is held, and what is in its folder."""

    entries: Entries
    name: str
    window: Window
    files: Mapping[int, str]
    """Names by inode."""


class WatchedRemoval:
    """Holds the entries of some wheels while an environment is removed.

    `with WatchedRemoval(cache, wheels) as watched:` the block fills `watched.looks`.
    Entries that somebody else uses or has touched are read again by the next sync.
    """

    def __init__(self, cache: Path, wheels: Iterable[str]) -> None:
        self.looks: dict[int, int] = {}
        """By inode: the ctime (ns) of a file with further links, just before its first link was deleted."""

        self._wheels = tuple(wheels)
        device = cache.parent.stat().st_dev  # inodes are numbered for each
        self._caches = [
            Entries(root) for root in cache_roots(cache) if root.stat().st_dev == device
        ]
        self._locks = ExitStack()
        self._held: list[tuple[Entries, str]] = []
        self._listed: list[_Listed] | None = None
        self._begin = 0

    def __enter__(self) -> WatchedRemoval:
        """Take the lock of every entry that is free, up to the allowed number of locks."""
        most = most_locks()
        for entries in self._caches:
            for name in self._wheels:
                if len(self._held) < most and entries.has(name):
                    with suppress(HostError):
                        self._locks.enter_context(entries.making(name, timeout=0))
                        self._held.append((entries, name))
        self._begin = before_now()
        return self

    def list_files(self) -> None:
        """Find the inodes of the entries' files; some of their links may be deleted already."""
        if self._listed is None:
            found = (_list(entries, name) for entries, name in self._held)
            self._listed = [listed for listed in found if listed is not None]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stamp each entry whose files nobody has touched, and release it."""
        with self._locks:
            self.list_files()
            for entry in self._listed or ():
                with suppress(OSError):
                    if _is_untouched(entry, self.looks):
                        entry.entries.stamp(entry.name, min(self._begin, entry.window.since))


def _list(entries: Entries, name: str) -> _Listed | None:
    """None if none of the entry's files can be trusted."""
    window = entries.window(name)
    if window is None:
        return None
    try:
        with os.scandir(f"{entries.root}/{name}") as found:
            files = {file.inode(): file.name for file in found}
    except OSError:
        return None
    return _Listed(entries, name, window, files)


def _is_untouched(entry: _Listed, looks: Mapping[int, int]) -> bool:
    """Whether some of an entry's files were unlinked, and nobody else has touched any of them."""
    files, folder = entry.files, f"{entry.entries.root}/{entry.name}"
    times = [looks[inode] for inode in files if inode in looks]
    if not times:
        return False
    others = (name for inode, name in files.items() if inode not in looks and name.isdecimal())
    times += [os.lstat(f"{folder}/{name}").st_ctime_ns for name in others]
    since, until = entry.window
    return since <= min(times) and max(times) <= until
