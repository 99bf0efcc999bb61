"""The format of the stat record; quick verbs import this module.

A line that names the format, then parts of some hundred entries each. A part is

- three numbers: 1 for folders, 0 for files and links, 2 for the Python outside;
  the number of entries; the bytes of their names;
- the numbers of the entries, column by column: mode and inode, then size and mtime of files and links,
  mtime and ctime of folders (times in nanoseconds);
  a folder's ctime is 0 if the folder was too new when it was recorded;
- the names with a NUL between them: the common folder, then each path relative to it.

The Python that the environment's `bin/python` leads to comes first, with mode and inode 0;
records from before it was recorded have no such part.
Every number is signed, little-endian and has eight bytes.
"""

from __future__ import annotations

import os
from struct import Struct, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"envbuild stat 2\n"

_HEAD = Struct("<3q")
_NUMBER = 8
"""Bytes of a number."""

_COLUMNS = 4

_PYTHON = 2
"""The kind of the part with the Python outside."""

_PYTHON_PART = Struct("<7q")
_PYTHON_NAMES = b"\0bin/python"


class Part:
    """Some entries of an environment: only folders, or only files and links."""

    __slots__ = ("base", "count", "folders", "names", "numbers")

    def __init__(self, *, folders: bool, count: int, numbers: bytes, names: bytes) -> None:
        self.folders = folders
        self.count = count
        self.numbers = numbers
        """As in the record."""

        self.base, _, self.names = names.partition(b"\0")
        """The common folder, empty for the environment itself, and the entries' names with a NUL between them."""

    def rows(self) -> Iterator[tuple[bytes, tuple[int, ...]]]:
        """Each entry's path below the environment, which is `.`, and its numbers."""
        numbers = unpack(f"<{_COLUMNS * self.count}q", self.numbers)
        columns = (numbers[at : at + self.count] for at in range(0, len(numbers), self.count))
        return zip(self.paths(), zip(*columns, strict=True), strict=True)

    def paths(self) -> list[bytes]:
        """Each entry's path below the environment."""
        names = self.names.split(b"\0")
        return [self.base + b"/" + name for name in names] if self.base else names


def read_parts(record: bytes) -> list[Part]:
    """All parts of a record; ValueError if it is damaged or has another format."""
    if not record.startswith(MAGIC):
        raise ValueError("the record has another format")
    parts: list[Part] = []
    at = len(MAGIC)
    while at < len(record):
        head, at = at, at + _HEAD.size
        if at > len(record):
            raise ValueError("the record ends within a part")
        folders, count, length = _HEAD.unpack_from(record, head)
        numbers, at = record[at : at + _COLUMNS * _NUMBER * count], at + _COLUMNS * _NUMBER * count
        names, at = record[at : at + length], at + length
        if (
            folders not in (0, 1, _PYTHON)
            or count < 1
            or at > len(record)
            or names.count(b"\0") != count
        ):
            raise ValueError("the record has an invalid part")
        if folders != _PYTHON:
            parts.append(Part(folders=folders == 1, count=count, numbers=numbers, names=names))
    return parts


def with_python(record: bytes, environment: str) -> bytes:
    """A record of an environment's own files, and how its Python looks now, if it is there."""
    try:
        looks = look_at_python(environment)
    except OSError:
        return record
    head = _PYTHON_PART.pack(_PYTHON, 1, len(_PYTHON_NAMES), 0, 0, *looks)
    return MAGIC + head + _PYTHON_NAMES + record.removeprefix(MAGIC)


def recorded_python(record: bytes) -> tuple[int, int] | None:
    """The size and the mtime in nanoseconds of the Python; None if they were not recorded."""
    if not record.startswith(MAGIC) or len(record) < len(MAGIC) + _PYTHON_PART.size:
        return None
    kind, *_, size, mtime = _PYTHON_PART.unpack_from(record, len(MAGIC))
    return (size, mtime) if kind == _PYTHON else None


def look_at_python(environment: str) -> tuple[int, int]:
    """The size and the mtime in nanoseconds of the file that `bin/python` leads to; OSError if there is none."""
    status = os.stat(f"{environment}/bin/python")  # noqa: PTH116
    return status.st_size, status.st_mtime_ns
