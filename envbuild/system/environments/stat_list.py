"""How the entries of an environment look, and the record of it: what `verify --quick` compares."""

from __future__ import annotations

import os
from os.path import commonpath, dirname
from struct import pack
from typing import TYPE_CHECKING, NamedTuple

from envbuild.system.environments.folder_walk import walk_folders
from envbuild.system.environments.stat_record import MAGIC

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from envbuild.system.environments.folder_walk import Visit

_PART = 128
"""Entries of a part: enough that no step for each part counts, few enough to share them out evenly."""


class Look(NamedTuple):
    """How a file or link looks: the part of its status that anybody compares."""

    mode: int
    inode: int
    size: int
    mtime_ns: int


class FolderLook(NamedTuple):
    """How a folder looks, and when it came to hold what it holds."""

    mode: int
    inode: int
    mtime_ns: int
    ctime_ns: int
    """0 where an entry that comes later might leave it as it is."""


def look(status: os.stat_result) -> Look:
    """A third of a status's memory, which counts where there are 50,000."""
    return Look(status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns)


def look_at_folder(visit: Visit) -> FolderLook:
    """How a folder looks that was just listed."""
    status = visit.status
    ctime_ns = status.st_ctime_ns if visit.settled else 0
    return FolderLook(status.st_mode, status.st_ino, status.st_mtime_ns, ctime_ns)


def record_environment(environment: Path) -> bytes:
    """The record of an environment, which is looked at for it."""
    root = os.fsencode(environment)
    skip = len(root) + 1
    files: dict[bytes, Look] = {}
    folders: dict[bytes, FolderLook] = {}
    for visit in walk_folders(root):
        folders[visit.folder[skip:] or b"."] = look_at_folder(visit)
        for entry in visit.entries:
            if not entry.is_dir(follow_symlinks=False):
                files[entry.path[skip:]] = look(entry.stat(follow_symlinks=False))
    return _record(files, folders)


def record_looks(looks: Mapping[str, Look], folders: Mapping[str, FolderLook]) -> bytes:
    """The record of an environment that was looked at: files and links, and folders, by path."""
    return _record(
        {path.encode("utf-8", "surrogateescape"): seen for path, seen in looks.items()},
        {path.encode("utf-8", "surrogateescape"): seen for path, seen in folders.items()},
    )


def _record(looks: Mapping[bytes, Look], folders: Mapping[bytes, FolderLook]) -> bytes:
    return b"".join([MAGIC, *_parts(looks, folders=False), *_parts(folders, folders=True)])


def _parts(
    looks: Mapping[bytes, Look] | Mapping[bytes, FolderLook], *, folders: bool
) -> Iterator[bytes]:
    """In path order, so that what lies together is looked at together."""
    paths = sorted(looks)
    for start in range(0, len(paths), _PART):
        some = paths[start : start + _PART]
        base = commonpath((dirname(some[0]), dirname(some[-1])))  # noqa: PTH120
        skip = len(base) + 1 if base else 0
        names = b"\0".join([base, *[path[skip:] for path in some]])
        columns = zip(*[looks[path] for path in some], strict=True)
        numbers = [number for column in columns for number in column]
        yield pack(f"<{3 + len(numbers)}q", folders, len(some), len(names), *numbers)
        yield names
