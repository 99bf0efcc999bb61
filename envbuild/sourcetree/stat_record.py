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
    from collections.abc import Iterable

_HEAD = b"envbuild tree 1\n"
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


def is_settled(found: array[int]) -> bool:
    """Whether every later change of one of these files will show in its times."""
    youngest = max((*found[1::5], *found[2::5]), default=0)
    return youngest < time.time_ns() - _AMBIGUOUS


def render_record(digest: str, paths: tuple[str, ...], found: array[int]) -> bytes:
    """A record; `digest` is that of the folder."""
    names = "\0".join(paths).encode(errors="surrogateescape")
    return b"".join((_HEAD, f"{digest} {len(names)}\n".encode(), names, found.tobytes()))


def recall(record: str, folder: str) -> str | None:
    """The digest of a folder that looks as it did; None if it does not, or there is no record."""
    try:
        content = read_ordinary(record)
        head, first, rest = content.split(b"\n", 2)
        digest, length = first.decode("ascii").split(" ")
        names = rest[: int(length)].decode(errors="surrogateescape")
        if head + b"\n" != _HEAD or not names:
            return None
        known = array("q")
        known.frombytes(rest[int(length) :])
        return digest if looks(folder, names.split("\0")) == known else None
    except (OSError, ValueError):
        return None
