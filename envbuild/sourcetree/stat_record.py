"""A record of how the files of a folder looked when its digest was computed; it is compared in milliseconds.

It is never written while a file is so young that a later change might leave its times as they are.
Quick commands import this module, so it imports little.
"""

from __future__ import annotations

import os
import time
from array import array

from envbuild.digest import sha256_hex
from envbuild.lean_json import read_ordinary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_HEAD = b"envbuild tree 1\n"
_FIELDS = 5
"""Numbers for each file."""

_BATCH = 1000
"""Files that a process looks at before it takes more."""

_MOST_BATCHES = 150
_WORTH = 4
"""Fewer batches are not worth a second process."""

_AMBIGUOUS = 2_000_000_000
"""Nanoseconds: some file systems have times of two seconds."""


def record_of(cache: str, folder: str) -> str:
    """The path of a folder's record below envbuild's cache."""
    return f"{cache}/trees/{sha256_hex(os.path.realpath(folder).encode(errors='surrogateescape'))}"


def looks(folder: str, paths: Iterable[str]) -> array[int]:
    """Size, times, number and mode of each file, in order; OSError if one is not there.

    Paths are relative to the folder or absolute.
    """
    found = array("q")
    add, lstat, start = found.extend, os.lstat, folder + "/"
    for path in paths:
        status = lstat(start + path if path[:1] != "/" else path)
        add(
            (
                status.st_size,
                status.st_mtime_ns,
                status.st_ctime_ns,
                status.st_ino,
                status.st_mode,
            )
        )
    return found


def is_settled(found: array[int], since: int | None = None) -> bool:
    """Whether every change of one of these files after a time shows in its times; nanoseconds, default now."""
    youngest = max((*found[1::5], *found[2::5]), default=0)
    return youngest < (time.time_ns() if since is None else since) - _AMBIGUOUS


def render_record(digest: str, paths: tuple[str, ...], found: array[int]) -> bytes:
    """A record; `digest` is that of the folder."""
    names = "\0".join(paths).encode(errors="surrogateescape")
    return b"".join((_HEAD, f"{digest} {len(names)}\n".encode(), names, found.tobytes()))


class _Record:
    """A record that was read; ValueError for a damaged one, OSError if there is none."""

    def __init__(self, path: str, folder: str) -> None:
        content = read_ordinary(path)
        head, first, rest = content.split(b"\n", 2)
        self.digest, _, length = first.decode("ascii").partition(" ")
        names = rest[: int(length)].decode(errors="surrogateescape")
        self.folder = folder
        self.paths = names.split("\0")
        self.known = array("q")
        self.known.frombytes(rest[int(length) :])
        if head + b"\n" != _HEAD or not names or len(self.known) != _FIELDS * len(self.paths):
            raise ValueError("it is no record")

    def holds(self, begin: int, end: int) -> bool:
        """Whether these of its files look as they did."""
        now = looks(self.folder, self.paths[begin:end])
        return now == self.known[begin * _FIELDS : end * _FIELDS]


def recall(record: str, folder: str) -> str | None:
    """The digest of a folder that looks as it did; None if it does not, or there is no record."""
    try:
        found = _Record(record, folder)
        return found.digest if found.holds(0, len(found.paths)) else None
    except (OSError, ValueError):
        return None


def all_hold(trees: Sequence[tuple[str, str, str]], workers: int) -> bool:
    """Whether each of several folders has its digest, looks as it did; (digest, record, folder) of each.

    Several processes look if there are many files. Call it before any thread starts.
    """
    try:
        records = [_Record(record, folder) for _, record, folder in trees]
    except (OSError, ValueError):
        return False
    if any(one.digest != tree[0] for one, tree in zip(records, trees, strict=True)):
        return False
    total = sum(len(one.paths) for one in records)
    step = max(_BATCH, total // _MOST_BATCHES + 1)
    parts = [(one, at) for one in records for at in range(0, len(one.paths), step)]

    def look(numbers: Iterator[int]) -> bool:
        try:
            return all(one.holds(at, at + step) for one, at in map(parts.__getitem__, numbers))
        except OSError:
            return False

    if len(parts) < _WORTH or workers < 2:
        return look(iter(range(len(parts))))
    from envbuild.posix.forks import run_batches

    try:
        return all(run_batches(look, len(parts), workers))
    except ChildProcessError:
        return False
