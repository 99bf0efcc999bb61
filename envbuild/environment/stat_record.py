"""The format of the stat record; quick verbs import this module.

A line that names the format, then parts of some hundred entries each. A part is

- three numbers: 1 for folders, 0 for files and links, 2 for what is outside;
  the number of entries; the bytes of their names;
- the numbers of the entries, column by column: mode and inode, then size and mtime of files and links,
  mtime and ctime of folders (times in nanoseconds);
  a folder's ctime is 0 if the folder was too new when it was recorded;
- the names with a NUL between them: the common folder, then each path relative to it.

What links of the environment lead to comes first, with mode and inode 0:
its Python, and the files of the host's packages.
Records from before it was recorded have no such part.
Every number is signed, little-endian and has eight bytes.
"""

from __future__ import annotations

import os
from struct import Struct, pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"envbuild stat 2\n"

_HEAD = Struct("<3q")
_NUMBER = 8
"""Bytes of a number."""

_COLUMNS = 4

_OUTSIDE = 2
"""The kind of the part with what lies outside."""

PYTHON = "bin/python"
"""The link to the Python."""


class RecordPart:
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


def read_parts(record: bytes) -> list[RecordPart]:
    """All parts of a record; ValueError if it is damaged or has another format."""
    if not record.startswith(MAGIC):
        raise ValueError("the record has another format")
    parts: list[RecordPart] = []
    at = len(MAGIC)
    while at < len(record):
        head, at = at, at + _HEAD.size
        if at > len(record):
            raise ValueError("the record ends within a part")
        folders, count, length = _HEAD.unpack_from(record, head)
        numbers, at = record[at : at + _COLUMNS * _NUMBER * count], at + _COLUMNS * _NUMBER * count
        names, at = record[at : at + length], at + length
        if (
            folders not in (0, 1, _OUTSIDE)
            or count < 1
            or at > len(record)
            or names.count(b"\0") != count
        ):
            raise ValueError("the record has an invalid part")
        if folders != _OUTSIDE:
            parts.append(
                RecordPart(folders=folders == 1, count=count, numbers=numbers, names=names)
            )
    return parts


def with_outside(record: bytes, environment: str) -> bytes:
    """A record of an environment's own files, and how what its links lead to looks now, as far as it is there."""
    rows = []
    for path in _outside(environment):
        try:
            rows.append((path, *look_outside(environment, path)))
        except OSError:
            continue
    if not rows:
        return record
    paths, sizes, mtimes = zip(*rows, strict=True)
    count = len(paths)
    names = b"\0".join((b"", *map(os.fsencode, paths)))
    numbers = pack(f"<{_COLUMNS * count}q", *(0,) * (2 * count), *sizes, *mtimes)
    head = _HEAD.pack(_OUTSIDE, count, len(names))
    return b"".join((MAGIC, head, numbers, names, record.removeprefix(MAGIC)))


def with_outside_of(record: bytes, other: bytes) -> bytes:
    """A record of an environment's own files, with another record's part about what is outside."""
    start = len(MAGIC)
    if not recorded_outside(other):
        return record
    _, count, length = _HEAD.unpack_from(other, start)
    end = start + _HEAD.size + _COLUMNS * _NUMBER * count + length
    return other[:end] + record.removeprefix(MAGIC)


def recorded_outside(record: bytes) -> dict[str, tuple[int, int]]:
    """Size and mtime in nanoseconds of what is outside, by the link's path; empty if that was not recorded."""
    start = len(MAGIC)
    if not record.startswith(MAGIC) or len(record) < start + _HEAD.size:
        return {}
    kind, count, length = _HEAD.unpack_from(record, start)
    if kind != _OUTSIDE:
        return {}
    numbers_at = start + _HEAD.size
    names_at = numbers_at + _COLUMNS * _NUMBER * count
    names = record[names_at : names_at + length].split(b"\0")[1:]
    if count < 1 or len(names) != count:
        return {}
    numbers = unpack(f"<{_COLUMNS * count}q", record[numbers_at:names_at])
    sizes, mtimes = numbers[2 * count : 3 * count], numbers[3 * count :]
    return dict(zip(map(os.fsdecode, names), zip(sizes, mtimes, strict=True), strict=True))


def look_outside(environment: str, path: str) -> tuple[int, int]:
    """The size and the mtime in nanoseconds of the file that a link leads to; OSError if there is none."""
    status = os.stat(f"{environment}/{path}")  # noqa: PTH116
    return status.st_size, status.st_mtime_ns


def _outside(environment: str) -> list[str]:
    """The Python, and each file of distributions that are linked from the host."""
    found = [PYTHON]
    library = f"{environment}/lib"
    for minor in os.listdir(library) if os.path.isdir(library) else ():  # noqa: PTH112, PTH208
        folder = f"lib/{minor}/site-packages"
        if os.path.isdir(f"{environment}/{folder}") and _has_linked(f"{environment}/{folder}"):  # noqa: PTH112
            found += sorted(_linked_files(environment, folder))
    return found


def _has_linked(site_packages: str) -> bool:
    with os.scandir(site_packages) as entries:
        return any(e.is_symlink() and e.name.endswith(_METADATA) for e in entries)


_METADATA = (".dist-info", ".egg-info")


def _linked_files(environment: str, folder: str, *, linked: bool = False) -> Iterator[str]:
    """The files behind absolute links below a folder; bytecode, which every start may write, is left out."""
    with os.scandir(f"{environment}/{folder}") as entries:
        for entry in entries:
            path = f"{folder}/{entry.name}"
            behind = linked or (entry.is_symlink() and os.readlink(entry.path).startswith("/"))  # noqa: PTH115
            if entry.name == "__pycache__" or (entry.is_symlink() and not behind):
                continue
            if entry.is_dir(follow_symlinks=not linked):
                yield from _linked_files(environment, path, linked=behind)
            elif behind:
                yield path
