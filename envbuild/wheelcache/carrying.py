"""Carry the entries of one store's caches into another store's: linked on one file system, else copied."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from envbuild.digest import stream_sha256
from envbuild.wheelcache.entries import Entries, cache_roots
from envbuild.wheelcache.linking import UNLINKABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envbuild.wheelcache.entry import EntryFile


def carry_entries(source: Path, target: Path) -> None:
    """Put every entry of the caches below a store's `cache` folder into those of another one.

    Each file is read and compared with its table; an entry that has changed is left out.
    Entries that are there already stay as they are.
    """
    for root in cache_roots(source):
        entries, others = Entries(root), Entries(target / root.relative_to(source))
        if others.is_usable():
            for name in entry_names(root):
                with others.making(name):
                    if not others.has(name):
                        _carry(name, entries, others)


def entries_size(cache: Path) -> int:
    """The bytes of all files in the entries below a store's `cache` folder."""
    return sum(
        file.size
        for root in cache_roots(cache)
        for name in entry_names(root)
        if (found := Entries(root).believed(name)) is not None
        for file in found[0].files
    )


def entry_names(root: Path) -> Iterator[str]:
    """The names of the entries of one cache."""
    with os.scandir(root) as found:
        names = [one.name for one in found if not one.name.startswith(".") and one.name != "locks"]
    yield from sorted(names)


def _carry(name: str, source: Entries, target: Entries) -> None:
    """One entry; the caller holds the target's lock."""
    believed = source.believed(name)
    if believed is None:
        return
    entry, _ = believed
    scratch = target.begin(name)
    try:
        folder = source.folder(name)
        for number, file in enumerate(entry.files):
            if not _put(folder / str(number), scratch / str(number), file):
                return
        target.publish(name, scratch, [(f.path, f.sha256) for f in entry.files], entry.facts)
    except FileNotFoundError:
        return
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _put(source: Path, target: Path, file: EntryFile) -> bool:
    """Link or copy a file; False if it is not the one that was cached."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in UNLINKABLE:
            raise
        shutil.copy2(source, target, follow_symlinks=False)
    status = target.lstat()
    if (status.st_mode & 0o7777, status.st_size) != (file.mode, file.size):
        return False
    descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb", buffering=0) as stream:  # noqa: PTH123
        return stream_sha256(stream) == file.sha256
