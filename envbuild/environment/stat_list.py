"""How the entries of an environment look, and the record of it: what `verify --quick` compares."""

from __future__ import annotations

import os
from itertools import chain
from operator import itemgetter
from os.path import commonpath, dirname
from struct import pack
from typing import TYPE_CHECKING, Any, NamedTuple

from envbuild.environment.stat_record import MAGIC
from envbuild.posix.folder_walk import path_text, walk_folders

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from envbuild.posix.folder_walk import Visit

_PART = 128
"""Entries of a part: enough that no step for each part counts, few enough to share them out evenly."""


class Looks(NamedTuple):
    """How entries look: files and links, or folders alone."""

    paths: Sequence[str]
    """In order, relative to the environment, which is `.` itself."""

    columns: Sequence[Sequence[int]]
    """The numbers of the record, column by column."""

    folders: bool = False


def looks_of(seen: Sequence[tuple[str, os.stat_result]]) -> Looks:
    """How files and links look, each given by its path and its status, in path order."""
    rows = (
        (status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns) for _, status in seen
    )
    return Looks([path for path, _ in seen], columns_of(rows, 4))


def looks_of_folders(seen: Sequence[tuple[str, Visit]]) -> Looks:
    """How folders look that were just listed, likewise."""
    rows = (
        (visit.mode, visit.inode, visit.mtime_ns, visit.ctime_ns if visit.settled else 0)
        for _, visit in seen
    )
    return Looks([path for path, _ in seen], columns_of(rows, 4), folders=True)


def columns_of(rows: Iterable[Sequence[Any]], count: int) -> Sequence[Sequence[Any]]:
    """Rows of so many fields, column by column."""
    return tuple(zip(*rows, strict=True)) or ((),) * count


def record_environment(environment: Path) -> bytes:
    """The record of an environment, which is looked at for it."""
    root = os.fsencode(environment)
    skip = len(root) + 1
    files: list[tuple[str, os.stat_result]] = []
    folders: list[tuple[str, Visit]] = []
    for visit in walk_folders([root]):
        folders.append((path_text(visit.folder[skip:]) or ".", visit))
        files += [
            (path_text(path[skip:]), os.lstat(path))
            for path in (visit.folder + b"/" + name for name in visit.names)
        ]
    files.sort(key=itemgetter(0))
    folders.sort(key=itemgetter(0))
    return record_looks((looks_of(files), looks_of_folders(folders)))


def record_looks(looks: Iterable[Looks]) -> bytes:
    """The record of an environment that was looked at."""
    return b"".join([MAGIC, *chain.from_iterable(map(_parts, looks))])


def _parts(looks: Looks) -> Iterator[bytes]:
    """In path order, so that what lies together is looked at together."""
    if not looks.paths:
        return
    paths = "\0".join(looks.paths).encode("utf-8", "surrogateescape").split(b"\0")
    for start in range(0, len(paths), _PART):
        some = paths[start : start + _PART]
        base = commonpath((dirname(some[0]), dirname(some[-1])))  # noqa: PTH120
        skip = len(base) + 1 if base else 0
        names = b"\0".join([base, *[path[skip:] for path in some]])
        columns = [column[start : start + _PART] for column in looks.columns]
        head = (looks.folders, len(some), len(names))
        yield pack(f"<{3 + 4 * len(some)}q", *head, *chain.from_iterable(columns))
        yield names
