"""Look at an environment's files just before they are unlinked, so that what they were linked with stays believed.

Unlinking moves the ctime of a file's other links, as a write would.
Without a witness the next sync would read all of them again, which may be gigabytes.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from envbuild.errors import HostError
from envbuild.system.cache.entries import Entries, Window, before_now, looks_the_same
from envbuild.system.cache.unused import cache_roots
from envbuild.system.files import most_locks

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from envbuild.cache_entry import EntryFile


class _Held:
    """An entry whose lock is held."""

    def __init__(self, entries: Entries, name: str, window: Window) -> None:
        self.entries = entries
        self.name = name
        self.window = window
        self.untouched = True

    def look(self, file: EntryFile, status: os.stat_result) -> None:
        """Compare a file with what was kept, its time of change with when that was linked."""
        since, until = self.window
        if not since <= status.st_ctime_ns <= until or not looks_the_same(status, file):
            self.untouched = False


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
        self._unseen: dict[int, tuple[_Held, int, EntryFile]] = {}
        """By inode: whose file it is, under which number."""

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
        found = self._unseen.pop(status.st_ino, None)
        if found is not None:
            held, _, file = found
            held.look(file, status)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Note of each entry whose files nobody has touched that nobody has, and let go of it."""
        with self._locks:
            for held, number, file in self._unseen.values():
                try:
                    held.look(file, os.lstat(f"{held.entries.folder(held.name)}/{number}"))
                except OSError:
                    held.untouched = False
            for held in self._held:
                if held.untouched:
                    with suppress(OSError):
                        held.entries.stamp(held.name, min(self._begin, held.window.since))

    def _hold(self, entries: Entries, name: str) -> None:
        with ExitStack() as lock:
            try:
                lock.enter_context(entries.making(name, timeout=0))
            except HostError:
                return
            believed = entries.believed(name)
            if believed is None:
                return
            entry, window = believed
            held = _Held(entries, name, window)
            self._held.append(held)
            self._locks.push(lock.pop_all())
            for number, file in enumerate(entry.files):
                self._unseen[file.inode] = (held, number, file)
