"""Look at an environment's files just before they are unlinked, so that what they were linked with stays believed.

Unlinking moves the ctime of a file's other links, as a write would.
Without a witness the next sync would read all of them again, which may be gigabytes.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, NamedTuple

from envbuild.errors import HostError
from envbuild.system.cache.entries import Entries, Window, before_now, looks_the_same
from envbuild.system.cache.unused import cache_roots
from envbuild.system.files import most_locks

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from envbuild.cache_entry import EntryFile


class _Held(NamedTuple):
    entries: Entries
    name: str
    files: tuple[EntryFile, ...]
    window: Window


class Witness:
    """Holds the entries of some wheels while an environment is removed.

    `with Witness(cache, wheels) as witness:` the block shows it every file before it unlinks it.
    What somebody else uses or has touched is left to be read again.
    """

    def __init__(self, cache: Path, wheels: Iterable[str]) -> None:
        self._wheels = tuple(wheels)
        self._caches = [Entries(root) for root in cache_roots(cache)]
        self._locks = ExitStack()
        self._held: list[_Held] = []
        self._seen: dict[int, os.stat_result] = {}
        self._begin = 0

    def __enter__(self) -> Witness:
        """Take the lock of every entry that is free, as far as one may hold so many."""
        most = most_locks()
        for entries in self._caches:
            for name in self._wheels:
                if len(self._held) < most and entries.has(name):
                    self._hold(entries, name)
        self._begin = before_now()
        return self

    def saw(self, status: os.stat_result) -> None:
        """Take note of a file that is about to be unlinked."""
        self._seen.setdefault(status.st_ino, status)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Note of each entry whose files nobody has touched that nobody has, and let go of it."""
        with self._locks:
            for held in self._held:
                with suppress(OSError):
                    if self._is_untouched(held):
                        held.entries.stamp(held.name, min(self._begin, held.window.since))

    def _hold(self, entries: Entries, name: str) -> None:
        with ExitStack() as lock:
            try:
                lock.enter_context(entries.making(name, timeout=0))
            except HostError:
                return
            believed = entries.believed(name)
            if believed is not None:
                entry, window = believed
                self._held.append(_Held(entries, name, entry.files, window))
                self._locks.push(lock.pop_all())

    def _is_untouched(self, held: _Held) -> bool:
        since, until = held.window
        folder = held.entries.folder(held.name)
        for number, file in enumerate(held.files):
            status = self._seen.get(file.inode) or os.lstat(f"{folder}/{number}")
            if not since <= status.st_ctime_ns <= until or not looks_the_same(status, file):
                return False
        return True
