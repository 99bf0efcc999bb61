"""The stat record of an environment, which `verify --quick` compares with."""

from __future__ import annotations

import os
from itertools import chain
from operator import itemgetter
from os.path import commonpath, dirname
from struct import pack
from typing import TYPE_CHECKING, Any, NamedTuple

from envbuild.environment.stat_record import MAGIC, read_parts
from envbuild.posix.tree import path_text, walk_folders

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from envbuild.posix.tree import Visit

_PART = 128
"""Entries of a part: enough to make steps between parts cheap, few enough to split the work evenly."""


class Looks(NamedTuple):
    """The recorded status of entries: of files and links, or of folders."""

    paths: Sequence[str]
    """In order, relative to the environment, which is `.`."""

    columns: Sequence[Sequence[int]]
    """The recorded numbers, column by column."""

    folders: bool = False


def looks_of(seen: Sequence[tuple[str, os.stat_result]]) -> Looks:
    """The status of files and links, given by path, in path order."""
    rows = (
        (status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns) for _, status in seen
    )
    return Looks([path for path, _ in seen], columns_of(rows, 4))


def looks_of_folders(seen: Sequence[tuple[str, Visit]]) -> Looks:
    """The status of folders that were just listed, in path order."""
    rows = (
        (at.st_mode, at.st_ino, at.st_mtime_ns, at.st_ctime_ns if visit.settled else 0)
        for at, visit in ((visit.status, visit) for _, visit in seen)
    )
    return Looks([path for path, _ in seen], columns_of(rows, 4), folders=True)


def columns_of(rows: Iterable[Sequence[Any]], count: int) -> Sequence[Sequence[Any]]:
    """Rows with the same number of fields, as columns."""
    return tuple(zip(*rows, strict=True)) or ((),) * count


def record_environment(environment: Path | str) -> bytes:
    """The stat record of an environment, read from its folder."""
    root = os.fsencode(environment)
    skip = len(root) + 1
    files: list[tuple[str, os.stat_result]] = []
    folders: list[tuple[str, Visit]] = []
    for visit in walk_folders([root]):
        folders.append((path_text(visit.folder[skip:]) or ".", visit))
        files += [(path_text(place[skip:]), os.lstat(place)) for place in visit.places()]
    files.sort(key=itemgetter(0))
    folders.sort(key=itemgetter(0))
    return record_looks((looks_of(files), looks_of_folders(folders)))


def differing_paths(recorded: bytes, environment: Path | str) -> list[str]:
    """The paths of `differences`."""
    return [path for path, _ in differences(recorded, environment)]


def differences(recorded: bytes, environment: Path | str) -> list[tuple[str, bool]]:
    """The paths that differ between a stat record and an environment, in order, and whether each is new.

    Size and time of a folder do not count, because file systems differ about them.
    Names that are not UTF-8 have surrogate escapes. ValueError if the record is damaged.
    """
    before = _rows(recorded)
    rows = before ^ _rows(record_environment(environment))
    known = {path for path, _ in before} if rows else set()
    return sorted({(path_text(path.replace(b"\n", b"\\n")), path not in known) for path, _ in rows})


def was_copied(recorded: bytes, environment: Path | str) -> bool:
    """Whether most of what was recorded has another inode, so that the record is of another copy of the environment.

    ValueError if the record is damaged.
    """
    before, after = _inodes(recorded), _inodes(record_environment(environment))
    both = before.keys() & after.keys()
    return 2 * sum(before[path] != after[path] for path in both) > len(before)


def _inodes(record: bytes) -> dict[bytes, int]:
    return {path: numbers[1] for part in read_parts(record) for path, numbers in part.rows()}


def _rows(record: bytes) -> set[tuple[bytes, tuple[int, ...]]]:
    return {
        (path, numbers[:2] if part.folders else numbers)
        for part in read_parts(record)
        for path, numbers in part.rows()
    }


def record_looks(looks: Iterable[Looks]) -> bytes:
    """The stat record of an environment that was surveyed."""
    return b"".join([MAGIC, *chain.from_iterable(map(_parts, looks))])


def _parts(looks: Looks) -> Iterator[bytes]:
    """In path order, so that neighbours are checked together."""
    paths = [path.encode("utf-8", "surrogateescape") for path in looks.paths]
    for start in range(0, len(paths), _PART):
        some = paths[start : start + _PART]
        base = commonpath((dirname(some[0]), dirname(some[-1])))  # noqa: PTH120
        skip = len(base) + 1 if base else 0
        names = b"\0".join([base, *[path[skip:] for path in some]])
        columns = [column[start : start + _PART] for column in looks.columns]
        head = (looks.folders, len(some), len(names))
        yield pack(f"<{3 + 4 * len(some)}q", *head, *chain.from_iterable(columns))
        yield names
