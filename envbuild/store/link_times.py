"""See to it that what an environment was linked with stays believed while it is removed.

Unlinking moves the ctime of a file's other links, as a write would.
Without this the next sync would read all of them again, which may be gigabytes.

Whoever unlinks an environment's files looks at each just before its link goes, and keeps what ctime its inode had.
A ctime inside an entry's window says that nobody has touched the inode since the entry was linked last,
so neither size, mtime, mode nor content need be compared, and no table is read:
whether an entry's files are those of its table is for whoever links it next, as ever.

The lock of every entry is held from before the first look until after the stamp.
An entry is stamped when all of its files were inside its window: those that were unlinked, when they were;
those that the environment does not link, when all is deleted.
The window then goes on from where it began, to now, and covers the ctimes that the removal has left.

- What was written before a file's look moved its ctime out of the window: the entry is not stamped,
  and the next sync reads all of it.
- What is written after a file's look and before the stamp is not seen. It is no more seen while an entry is linked.
- An inode that two entries share must lie in the windows of both.
- One that has two names in the environment counts as it was when the first of them went.
  Where two processes took them away, the later look may count, which finds it moved: then the entry is read again.
- A file that is gone, or another inode under its number, is found by whoever links the entry next;
  bringing it there, or back, moves its ctime.
- An entry that may not have reached the disk before the host was started has no window, and gets none.
- Of an entry whose files the environment has copies of, nothing was moved, and it stays as it is.
- Environments that go one after the other are each watched on their own, and find the window that the last one left.
- Where a process that deletes is killed, what it saw is lost, and what it unlinked lies in no window: it is read again.
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
    """An entry whose lock is held, and what lies in its folder."""

    entries: Entries
    name: str
    window: Window
    files: Mapping[int, str]
    """Names by inode."""


class WatchedRemoval:
    """Holds the entries of some wheels while an environment is removed.

    `with WatchedRemoval(cache, wheels) as watched:` the block puts into `watched.looks` what it saw of each file.
    What somebody else uses or has touched is left to be read again.
    """

    def __init__(self, cache: Path, wheels: Iterable[str]) -> None:
        self.looks: dict[int, int] = {}
        """By inode: the ctime (ns) that a file of further links had just before the first of them went."""

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
        """Take the lock of every entry that is free, as far as one may hold so many."""
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
        """Find out which inodes the entries' files are, while some of their links may be gone already."""
        if self._listed is None:
            found = (_list(entries, name) for entries, name in self._held)
            self._listed = [listed for listed in found if listed is not None]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Note of each entry whose files nobody has touched that nobody has, and let go of it."""
        with self._locks:
            self.list_files()
            for entry in self._listed or ():
                with suppress(OSError):
                    if _is_untouched(entry, self.looks):
                        entry.entries.stamp(entry.name, min(self._begin, entry.window.since))


def _list(entries: Entries, name: str) -> _Listed | None:
    """None where none of the entry's files may be believed."""
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
    """Whether some of an entry's files were unlinked elsewhere, and nobody but us has touched any of them."""
    files, folder = entry.files, f"{entry.entries.root}/{entry.name}"
    times = [looks[inode] for inode in files if inode in looks]
    if not times:
        return False
    others = (name for inode, name in files.items() if inode not in looks and name.isdecimal())
    times += [os.lstat(f"{folder}/{name}").st_ctime_ns for name in others]
    since, until = entry.window
    return since <= min(times) and max(times) <= until
