"""The format of a cache entry: numbered files and a table; quick verbs import this module.

Its table is a line that names the format, then

- three numbers: how many files there are, the bytes of the facts, and the bytes of the paths;
- the numbers of the files, column by column: mode, size, mtime in nanoseconds, inode;
- the sha256 of each, 32 bytes;
- the facts, as JSON in ASCII, and the paths with a NUL between them.

Every number is signed, little-endian and has eight bytes.
"""

from __future__ import annotations

import json
from struct import Struct, error, pack, unpack_from
from typing import TYPE_CHECKING, NamedTuple

from envbuild.value import tuples_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAGIC = b"envbuild entry 3\n"

_HEAD = Struct("<3q")
_COLUMNS = 4
_NUMBER = 8
_DIGEST = 32
"""Bytes of a number, and of a sha256."""


class EntryFile(NamedTuple):
    """A file that environments link."""

    path: str
    """Relative to site-packages, as in a RECORD; invalid UTF-8 as surrogate escapes."""

    mode: int
    """Permission bits."""

    size: int
    """In bytes."""

    sha256: str
    """64 hex digits of the content."""

    mtime_ns: int
    inode: int


class Entry(NamedTuple):
    """The content of an entry's table."""

    files: tuple[EntryFile, ...]
    """The file at position N has the name N."""

    facts: Mapping[str, object]
    """Further facts, as JSON; the cache defines them."""

    def __reduce__(self) -> tuple[Callable[[bytes], Entry | None], tuple[bytes]]:
        """Pickled as its table, which is smaller and quicker."""
        return parse_entry, (render_entry(self),)


def render_entry(entry: Entry) -> bytes:
    """The table."""
    files = entry.files
    paths, modes, sizes, digests, times, inodes = zip(*files, strict=True) if files else [()] * 6
    facts = json.dumps(dict(entry.facts)).encode("ascii")
    names = "\0".join(paths).encode("utf-8", "surrogateescape")
    parts = (
        MAGIC,
        _HEAD.pack(len(files), len(facts), len(names)),
        pack(f"<{_COLUMNS * len(files)}q", *modes, *sizes, *times, *inodes),
        bytes.fromhex("".join(digests)),
        facts,
        names,
    )
    return b"".join(parts)


def parse_entry(table: bytes) -> Entry | None:
    """A table's bytes → value; None if they are invalid, so that the entry is made again."""
    if not table.startswith(MAGIC):
        return None
    try:
        count, *lengths = _HEAD.unpack_from(table, len(MAGIC))
        numbers = unpack_from(f"<{_COLUMNS * count}q", table, at := len(MAGIC) + _HEAD.size)
        at += _COLUMNS * _NUMBER * count
        digests, at = table[at : at + _DIGEST * count].hex(), at + _DIGEST * count
        facts, names = table[at : at + lengths[0]], table[at + lengths[0] :]
        paths = names.decode("utf-8", "surrogateescape").split("\0") if count else []
        if len(names) != lengths[1] or len(paths) != count:
            return None
        modes, sizes, times, inodes = (numbers[n * count : (n + 1) * count] for n in range(4))
        width = 2 * _DIGEST
        hexes = [digests[start : start + width] for start in range(0, len(digests), width)]
        rows = zip(paths, modes, sizes, hexes, times, inodes, strict=True)
        return Entry(files=tuples_of(EntryFile, rows), facts=dict(json.loads(facts)))
    except (ValueError, TypeError, error):
        return None
