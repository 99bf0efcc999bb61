"""A shortened list of an archive's members: what is left reads as zipfile reads it in the whole archive."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import IO, TYPE_CHECKING, cast

import pytest

from envbuild.wheelcache.central_directory import ShortenedArchive

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = b"METADATA"


def an_archive(*, comment: bytes = b"", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Members of all kinds, two of which have the text in their name."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for number in range(300):
            archive.writestr(f"a/m{number}.py", f"x = {number}\n" * 50)
        archive.writestr("a/große.py", "y = 1\n")
        archive.writestr("a-1.dist-info/METADATA", "Name: a\n" * 2000)
        archive.writestr("a/METADATA", "other")
        archive.writestr("a-1.dist-info/RECORD", "")
        archive.comment = comment
    return content.getvalue()


def in_zip64() -> bytes:
    """An archive that says in ZIP64 where its list is."""
    plain = an_archive()
    mark, _, _, count, _, length, at, _ = struct.unpack("<4s4H2LH", plain[-22:])
    more = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, length, at)
    where = struct.pack("<4sLQL", b"PK\6\7", 0, len(plain) - 22, 1)
    end = struct.pack("<4s4H2LH", mark, 0, 0, count, count, length, 0xFFFFFFFF, 0)
    return plain[:-22] + more + where + end


def content_of(archive: IO[bytes]) -> dict[str, bytes]:
    """What zipfile reads of the members with the text."""
    with zipfile.ZipFile(archive) as opened:
        return {
            member.filename: opened.read(member)
            for member in opened.infolist()
            if TEXT.decode() in member.filename
        }


def listed(archive: IO[bytes]) -> int:
    """How many members zipfile finds."""
    with zipfile.ZipFile(archive) as opened:
        return len(opened.namelist())


def shortened(content: bytes) -> IO[bytes]:
    """The archive with a short list."""
    return cast("IO[bytes]", ShortenedArchive(io.BytesIO(content), TEXT))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_only_what_is_looked_for_is_listed(method: int) -> None:
    """Of 304 members two are left, with their content."""
    content = an_archive(method=method)
    assert content_of(shortened(content)) == content_of(io.BytesIO(content))
    assert listed(shortened(content)) == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: an_archive(comment=b"a comment"),
        lambda: b"#!/bin/sh\n" + an_archive(),
        in_zip64,
    ],
    ids=["comment", "prefix", "zip64"],
)
def test_an_unusual_archive_is_left_as_it_is(make: Callable[[], bytes]) -> None:
    """zipfile knows more forms of archives than are worth a second reader."""
    content = make()
    assert content_of(shortened(content)) == content_of(io.BytesIO(content))
    assert listed(shortened(content)) == 304


@pytest.mark.parametrize("cut", [1, 10, 21, 22, 23, 100, 5000])
def test_a_broken_archive_is_as_broken_as_before(cut: int) -> None:
    """What zipfile refuses it refuses still, at whatever place the archive breaks off or is changed."""
    content = an_archive()
    changed = bytearray(content)
    changed[-cut - 22] ^= 0xFF
    for broken in (content[:-cut], bytes(changed)):
        try:
            expected = content_of(io.BytesIO(broken))
        except (zipfile.BadZipFile, NotImplementedError):
            with pytest.raises((zipfile.BadZipFile, NotImplementedError)):
                content_of(shortened(broken))
        else:
            assert content_of(shortened(broken)) == expected


def test_it_reads_as_a_file_does() -> None:
    """Positions and lengths are those of a file, at every place."""
    content = an_archive()
    short = ShortenedArchive(io.BytesIO(content), TEXT)
    size = short.seek(0, io.SEEK_END)
    assert short.read() == b""
    short.seek(0)
    pieces = iter(lambda: short.read(1000), b"")
    whole = b"".join(pieces)
    assert len(whole) == size < len(content)
    assert short.tell() == size
    assert whole[-4:] == content[-4:]
    with pytest.raises(OSError, match="before the start"):
        short.seek(-1)
