"""The list of a zip archive's members, cut down to those that are looked for.

zipfile makes an object of every member, and of a wheel's hundreds only one is read.
"""

from __future__ import annotations

import os
import struct
from typing import IO

_END = struct.Struct("<4s8xLLH")
"""The end of an archive: its mark, the list's size and position, and the length of a comment."""

_BEGIN = b"PK\1\2"
_LENGTHS = struct.Struct("<HHH")
"""Of a member's name, of further fields and of a comment; they follow the member's record of 46 bytes."""

_LENGTHS_AT, _RECORD = 28, 46
_LONGEST = 8 << 20
"""The most bytes of a list; some wheels have 40,000 files and 4 MiB."""


class ShortenedArchive:
    """An archive as zipfile reads it, which lists only the members whose record has a text in it.

    An archive of an unusual form is left as it is: with a comment, in ZIP64, or with bytes before or within it.
    ValueError if its list is too long to be read.
    """

    def __init__(self, archive: IO[bytes], text: bytes) -> None:
        """`archive` can be read at any position; OSError and the like if it cannot."""
        self._archive = archive
        self._position = 0
        self._list_at = self._size = archive.seek(0, os.SEEK_END)
        self._end = b""
        """What stands in place of everything from `_list_at` on."""

        self._shorten(text)

    def seekable(self) -> bool:
        """Whether it can be read at random: yes."""
        return True

    def tell(self) -> int:
        """The position from the start, in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move, as a file does."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError("before the start of the file")
        self._position = base + offset
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes; the list is never read together with what is before it."""
        left = max(0, self._size - self._position)
        size = left if size < 0 else min(size, left)
        if self._position < self._list_at:
            content = self._read_archive(self._position, min(size, self._list_at - self._position))
        else:
            begin = self._position - self._list_at
            content = self._end[begin : begin + size]
        self._position += len(content)
        return content

    def _shorten(self, text: bytes) -> None:
        if self._size < _END.size:
            return
        end = self._read_archive(self._size - _END.size, _END.size)
        mark, length, at, comment = _END.unpack(end)
        if mark != b"PK\5\6" or comment or at + length + _END.size != self._size:
            return
        members = _members_with(text, self._read_archive(at, length))
        if members is not None:
            self._list_at = at
            self._end = members + _END.pack(mark, len(members), at, 0)
            self._size = at + len(self._end)

    def _read_archive(self, at: int, size: int) -> bytes:
        if size > _LONGEST:
            raise ValueError(f"its list of files is longer than {_LONGEST >> 20} MiB")
        self._archive.seek(at)
        return self._archive.read(size)


def _members_with(text: bytes, listed: bytes) -> bytes | None:
    """The records of a list that have the text in them; None if it is no list."""
    found = []
    at = 0
    while at + _RECORD <= len(listed):
        end = at + _RECORD + sum(_LENGTHS.unpack_from(listed, at + _LENGTHS_AT))
        if not listed.startswith(_BEGIN, at):
            return None
        if listed.find(text, at, end) >= 0:
            found.append(listed[at:end])
        at = end
    return b"".join(found) if at == len(listed) else None
