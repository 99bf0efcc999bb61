"""A quick check whether everything in environments looks as recorded.

Calls lstat on each file, link and folder; opens no file and lists almost no folder:
a folder's mtime and ctime change with every addition, removal or rename in it.
`stat_list.differing_paths` says what differs.
"""

from __future__ import annotations

import os
from itertools import islice
from operator import attrgetter
from struct import pack, unpack

from envbuild.environment.stat_record import read_parts
from envbuild.posix.forks import map_in_processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from envbuild.environment.stat_record import RecordPart

_WORTH = 3000
"""Entries for which one more process saves more time than its start takes."""

_SIZE = 6
"""The index of the size in a status tuple; mode and inode are the first two."""

_mtime = attrgetter("st_mtime_ns")
_ctime = attrgetter("st_ctime_ns")


def are_as_recorded(
    looked_at: Sequence[tuple[bytes, Path | str]], workers: int, *, worth: int = _WORTH
) -> list[bool]:
    """For each record and its environment, whether all is as recorded; False also if that is unknown.

    Each environment is split among at most `workers` processes, one more for every `worth` entries.
    ChildProcessError if one was killed. Call this before any thread starts.
    """
    places = [os.fsencode(environment) for _, environment in looked_at]
    parts = [_parts(record) for record, _ in looked_at]
    items = [(number, part) for number, found in enumerate(parts) for part in found]
    entries = sum(part.count for _, part in items)
    here = _open_working_folder()
    try:
        looks = map_in_processes(
            lambda item: _look(item[1], places[item[0]]),
            items,
            min(workers, 1 + entries // worth),
        )
    finally:
        os.fchdir(here)
        os.close(here)
    doubtful: list[set[bytes] | None] = [set() for _ in places]
    for (number, _), found in zip(items, looks, strict=True):
        known = doubtful[number]
        doubtful[number] = None if found is None or known is None else known.union(found)
    return [
        bool(own) and folders is not None and _hold_what_is_recorded(folders, own, place)
        for folders, own, place in zip(doubtful, parts, places, strict=True)
    ]


def _open_working_folder() -> int:
    """The folder to return to, because the check changes the working folder; `/` if it cannot be opened."""
    try:
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:
        return os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _parts(record: bytes) -> Sequence[RecordPart]:
    """The parts of a record; none if it is damaged."""
    try:
        return read_parts(record)
    except ValueError:
        return ()


def _look(part: RecordPart, place: bytes) -> Iterable[bytes] | None:
    """The folders of a part whose times have changed; None if anything else differs."""
    try:
        return _look_at_each(part, place)
    except (OSError, ValueError):
        return None


def _look_at_each(part: RecordPart, place: bytes) -> Iterable[bytes] | None:
    """As `_look`; every step is one loop in C over all entries of the part."""
    count = part.count
    os.chdir(place + b"/" + part.base)
    seen = list(map(os.lstat, part.names.split(b"\0")))
    modes, inodes, *_, sizes = islice(zip(*seen, strict=True), _SIZE + 1)
    mtimes = tuple(map(_mtime, seen))
    last = (*mtimes, *map(_ctime, seen)) if part.folders else (*sizes, *mtimes)
    numbers = pack(f"<{4 * count}q", *modes, *inodes, *last)
    if numbers == part.numbers:
        return ()
    if not part.folders or numbers[: 16 * count] != part.numbers[: 16 * count]:
        return None
    known = unpack(f"<{4 * count}q", part.numbers)[2 * count :]
    return [
        path
        for number, path in enumerate(part.paths())
        if last[number::count] != known[number::count]
    ]


def _hold_what_is_recorded(folders: set[bytes], parts: Iterable[RecordPart], place: bytes) -> bool:
    """Whether folders have exactly the recorded names."""
    if not folders:
        return True
    recorded: dict[bytes, set[bytes]] = {folder: set() for folder in folders}
    for part in parts:
        for path in part.paths():
            folder, _, name = path.rpartition(b"/")
            if path != b"." and (folder or b".") in recorded:
                recorded[folder or b"."].add(name)
    try:
        return all(set(os.listdir(place + b"/" + path)) == recorded[path] for path in folders)  # noqa: PTH208
    except OSError:
        return False
