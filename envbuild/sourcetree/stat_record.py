"""A record of how the files of a folder looked when its digest was computed; it is compared in milliseconds.

It is never written while a file is so young that a later change might leave its times as they are.
Quick commands import this module, so it imports little.
"""

from __future__ import annotations

import os
import time
from _operator import attrgetter  # `operator` takes longer to import
from itertools import chain

from envbuild.digest import sha256_hex
from envbuild.lean_json import read_ordinary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_HEAD = b"envbuild tree 2\n"
_FACTS = ("st_size", "st_mtime_ns", "st_ctime_ns", "st_ino", "st_mode")
_MOST_TOGETHER = 500
"""Files of one folder that are compared together."""

_MOST_BATCHES = 150
_WORTH = 4000
"""Fewer files are not worth a second process."""

_AMBIGUOUS = 2_000_000_000
"""Nanoseconds: some file systems have times of two seconds."""


def record_of(cache: str, folder: str) -> str:
    """The path of a folder's record below envbuild's cache."""
    return f"{cache}/trees/{sha256_hex(os.path.realpath(folder).encode(errors='surrogateescape'))}"


def looks(folder: str, paths: Iterable[str]) -> list[int]:
    """Size, times, number and mode of each file, in order; OSError if one is not there.

    Paths are relative to the folder or absolute.
    """
    return _facts(path if path[:1] == "/" else f"{folder}/{path}" for path in paths)


def _facts(places: Iterable[str] | Iterable[bytes]) -> list[int]:
    return list(chain.from_iterable(map(attrgetter(*_FACTS), map(os.lstat, places))))


def is_settled(found: Sequence[int], since: int | None = None) -> bool:
    """Whether every change of one of these files after a time shows in its times; nanoseconds, default now."""
    step = len(_FACTS)
    youngest = max((*found[1::step], *found[2::step]), default=0)
    return youngest < (time.time_ns() if since is None else since) - _AMBIGUOUS


def render_record(digest: str, paths: Sequence[str], found: Sequence[int]) -> bytes:
    r"""A record; `digest` is that of the folder. OverflowError if a number has more than 63 bits.

    A head, the digest and the length of the names, then `FOLDER\0NAME\0NAME\0\0FOLDER\0NAME`,
    then the numbers of all files, eight bytes each.
    """
    from array import array

    groups: list[list[str]] = []
    for path in paths:
        folder, name = os.path.split(path)
        if not groups or groups[-1][0] != folder or len(groups[-1]) > _MOST_TOGETHER:
            groups.append([folder])
        groups[-1].append(name)
    names = "\0\0".join(map("\0".join, groups)).encode(errors="surrogateescape")
    numbers = array("q", found).tobytes()
    return b"".join((_HEAD, f"{digest} {len(names)}\n".encode(), names, numbers))


class _Group:
    """Some files of one folder, as a record has them."""

    def __init__(self, folder: bytes, names: list[bytes], known: memoryview) -> None:
        self._folder, self._names, self._known = folder, names, known

    def holds(self) -> bool:
        """Whether the files look as they did; OSError if one is not there."""
        return _facts(self._folder + name for name in self._names) == self._known.tolist()

    def holds_from_inside(self) -> bool:
        """The same with the folder as the process's working folder, in which the kernel finds names sooner."""
        os.chdir(self._folder)
        return _facts(self._names) == self._known.tolist()


class _Record:
    """A record that was read; ValueError for a damaged one, OSError if there is none."""

    def __init__(self, path: str, folder: str) -> None:
        content = read_ordinary(path)
        head, first, rest = content.split(b"\n", 2)
        self.digest, _, length = first.decode("ascii").partition(" ")
        known = memoryview(rest)[int(length) :].cast("q")
        start = folder.encode(errors="surrogateescape")
        self.groups: list[_Group] = []
        self.files = 0
        for text in rest[: int(length)].split(b"\0\0"):
            inside, *names = text.split(b"\0")
            begin, step = self.files, len(_FACTS)
            self.files += len(names)
            part = known[begin * step : self.files * step]
            self.groups.append(_Group(os.path.join(start, inside, b""), names, part))  # noqa: PTH118
        if head + b"\n" != _HEAD or not self.files or len(known) != step * self.files:
            raise ValueError("it is not a record")


def recall(record: str, folder: str) -> str | None:
    """The digest of a folder that looks as it did; None if it has changed, or there is no record."""
    try:
        found = _Record(record, folder)
        return found.digest if all(group.holds() for group in found.groups) else None
    except (OSError, ValueError, TypeError):  # `cast` raises TypeError for half a number
        return None


def all_hold(trees: Sequence[tuple[str, str, str]], workers: int) -> bool:
    """Whether each of several folders has its digest, looks as it did; (digest, record, folder) of each.

    Several processes look if there are many files. Call it before any thread starts:
    the working folder is another one meanwhile.
    """
    try:
        records = [_Record(record, folder) for _, record, folder in trees]
        here = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except (OSError, ValueError, TypeError):
        return False
    try:
        if any(one.digest != tree[0] for one, tree in zip(records, trees, strict=True)):
            return False
        files = sum(one.files for one in records)
        groups = [group for one in records for group in one.groups]
        return _hold(groups, workers if files >= _WORTH else 1)
    finally:
        os.fchdir(here)
        os.close(here)


def _hold(groups: Sequence[_Group], workers: int) -> bool:
    batches = min(len(groups), _MOST_BATCHES)

    def look(numbers: Iterator[int]) -> bool:
        try:
            return all(
                group.holds_from_inside() for number in numbers for group in groups[number::batches]
            )
        except OSError:
            return False

    if workers < 2:
        return look(iter(range(batches)))
    from envbuild.posix.forks import run_batches

    try:
        return all(run_batches(look, batches, workers))
    except ChildProcessError:
        return False
