"""The requirements of a source distribution, read from its files; none of its code runs.

The author's tools wrote them, and a build may change them: they are good enough for a hint, and only for that.
"""

from __future__ import annotations

import gzip
import re
import tarfile
import tempfile
import zlib
from contextlib import suppress
from typing import IO, TYPE_CHECKING, cast

from envbuild.errors import EnvbuildError
from envbuild.wheelcache.metadata import parse_metadata, published_requirement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.index.locations import IndexLocation
    from envbuild.index.page import IndexFile
    from envbuild.index.reader import IndexClient

_LARGEST = 2 << 20
"""A larger archive is not read, in bytes; packages with only a source distribution are small."""

_LARGEST_CONTENT = 32 << 20
"""Bytes of an archive after unpacking."""

_LARGEST_MEMBER = 1 << 20
_INFO = re.compile(r"[^/]+/PKG-INFO")
_REQUIRES = re.compile(r"(?:[^/]+/)+[^/]+\.egg-info/requires\.txt")
_SECTION = re.compile(r"\[(?P<extra>[^\]:]*)(?::(?P<marker>[^\]]*))?\]")
_UNREADABLE = (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, OverflowError)


def source_requires(
    client: IndexClient, location: IndexLocation, package: str, file: IndexFile
) -> tuple[str, ...]:
    """The requirements in a small `.tar.gz`, as `Requires-Dist` has them; none if they cannot be read."""
    if file.size is None or file.size > _LARGEST or not file.filename.endswith(".tar.gz"):
        return ()
    with tempfile.TemporaryFile() as archive, suppress(EnvbuildError, *_UNREADABLE):
        client.download(location, package, file, archive)
        archive.seek(0)
        return read_source_requires(archive, package)
    return ()


def read_source_requires(archive: IO[bytes], package: str) -> tuple[str, ...]:
    """The requirements in a source distribution; one of `_UNREADABLE` if it is invalid.

    Current tools write them into PKG-INFO (PEP 643); setuptools wrote `requires.txt` before.
    """
    found: dict[re.Pattern[str], bytes] = {}
    unpacked = cast("IO[bytes]", gzip.GzipFile(fileobj=archive))
    content = cast("IO[bytes]", _BoundedText(unpacked))
    with tarfile.open(fileobj=content, mode="r|") as members:
        for member in members:
            for kind in (_INFO, _REQUIRES):
                if kind.fullmatch(member.name) and member.isreg() and kind not in found:
                    found[kind] = _content(members, member)
    published = parse_metadata(found[_INFO], package, 0).requires if _INFO in found else ()
    return published or tuple(_old_requires(found.get(_REQUIRES, b"").decode(errors="replace")))


class _BoundedText:
    """The unpacked content, up to a limit: a small archive may unpack to gigabytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._left = _LARGEST_CONTENT

    def read(self, size: int) -> bytes:
        """At most so many bytes; ValueError if there are more."""
        self._left -= size
        if self._left < 0:
            raise ValueError("it is too long")
        return self._file.read(size)


def _content(members: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.size > _LARGEST_MEMBER:
        raise ValueError(f"{member.name} is too long")
    stream = members.extractfile(member)
    return b"" if stream is None else stream.read(_LARGEST_MEMBER)


def _old_requires(text: str) -> Iterator[str]:
    """The lines of setuptools' `requires.txt`; a section `[EXTRA:MARKER]` says when those below it count."""
    condition = ""
    for line in filter(None, map(str.strip, text.splitlines())):
        if (section := _SECTION.fullmatch(line)) is not None:
            parts = [f"({section['marker']})"] if section["marker"] else []
            parts += [f"extra == '{section['extra']}'"] if section["extra"] else []
            condition = " and ".join(parts)
        else:
            with suppress(ValueError):
                yield published_requirement(f"{line}; {condition}" if condition else line)
