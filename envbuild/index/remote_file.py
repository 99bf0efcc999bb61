"""Read parts of a file on a server without downloading the rest (HTTP Range)."""

from __future__ import annotations

import hashlib
import io
import math
import os
import re
from typing import IO, TYPE_CHECKING, cast

from envbuild.index.answer import IndexAnswerError, check_digest, garbage
from envbuild.index.page_store import lifetime
from envbuild.value import value
from envbuild.wheelcache.metadata import find_metadata

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from typing import TypeAlias

    from _typeshed import WriteableBuffer

    from envbuild.index.locations import IndexLocation
    from envbuild.index.page import IndexFile
    from envbuild.index.reader import IndexClient
    from envbuild.index.reply import Reply

    Ask: TypeAlias = Callable[[str], AbstractContextManager[Reply]]
    """A `Range` header's value → the answer."""


TAIL = 1 << 16
"""Bytes that are read first, from the end: most wheels have their list of files and METADATA there."""

_LONGEST_TAIL = 1 << 20

_STEP = 1 << 15
"""The fewest bytes of each further request."""

_MOST = 1 << 23
"""The most bytes of one read: no archive has a longer list of files."""

_SPAN = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_NO_RANGES = (400, 405, 416, 501)
"""Answers of servers without ranges, or without ranges from the end."""


class RangesUnsupportedError(Exception):
    """The server only gives whole files."""


class RemoteFile(io.RawIOBase):
    """A seekable file over HTTP ranges; keeps what it has read."""

    def __init__(self, ask: Ask, *, tail: int = TAIL) -> None:
        """Request so many of the last bytes; RangesUnsupportedError if the server only gives whole files."""
        super().__init__()
        self._ask = ask
        self._tail = tail
        self._position = 0
        self._spans: list[tuple[int, bytes]] = []
        self.lifetime = math.inf
        """Seconds for which what was read holds, by what the server says of it (RFC 9111)."""

        self.size = self._open()
        """Of the whole file, in bytes."""

        self.reach = 0
        """How many of the last bytes have been asked for."""

    def whole(self) -> bytes | None:
        """The whole file, if the first read was all of it; else None."""
        start, content = self._spans[0]
        return content if start == 0 and len(content) == self.size else None

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def seekable(self) -> bool:
        """Whether it can be read at random: yes."""
        return True

    def tell(self) -> int:
        """The position from the start, in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move without asking the server anything."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError("before the start of the file")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer, with at most one request."""
        view = memoryview(buffer)
        length = max(0, min(len(view), self.size - self._position))
        if length:
            self.reach = max(self.reach, self.size - self._position)
            view[:length] = self._bytes(self._position, length)
            self._position += length
        return length

    def _open(self) -> int:
        try:
            with self._ask(f"bytes=-{self._tail}") as reply:
                if reply.status == 206:
                    return self._keep(reply)
                length = reply.length
                if length is not None and length <= self._tail:
                    self._spans.append((0, reply.read(self._tail)))
                    self.lifetime = lifetime(reply.headers)
                    return length
                if length is None or reply.headers.get("Accept-Ranges") != "bytes":
                    raise RangesUnsupportedError
        except IndexAnswerError as error:
            if error.answer.status in _NO_RANGES:
                raise RangesUnsupportedError from error
            raise
        return self._fetch(length - self._tail, self._tail)

    def _bytes(self, start: int, length: int) -> bytes:
        if length > _MOST:
            raise ValueError("it needs more bytes than any wheel has")
        if (known := self._known(start, length)) is None:
            self._fetch(start, min(max(length, _STEP), self.size - start))
            known = self._known(start, length)
        if known is None:
            raise RangesUnsupportedError
        return known

    def _known(self, start: int, length: int) -> bytes | None:
        for first, content in self._spans:
            if first <= start and start + length <= first + len(content):
                return content[start - first : start - first + length]
        return None

    def _fetch(self, start: int, length: int) -> int:
        with self._ask(f"bytes={start}-{start + length - 1}") as reply:
            if reply.status != 206:
                raise RangesUnsupportedError
            return self._keep(reply)

    def _keep(self, reply: Reply) -> int:
        """Keep what a partial answer holds → the size of the whole file."""
        match = _SPAN.fullmatch(reply.headers.get("Content-Range", ""))
        if match is None:
            raise RangesUnsupportedError
        start, last, size = map(int, match.groups())
        content = reply.read(_MOST)
        if len(content) != last - start + 1:
            raise RangesUnsupportedError
        self._spans.append((start, content))
        self.lifetime = min(self.lifetime, lifetime(reply.headers))
        return size


@value
class InnerMetadata:
    """A wheel's METADATA file."""

    content: bytes
    size: int
    """Of the whole wheel, in bytes."""

    lifetime: float
    """Seconds for which it belongs to the wheel's sha256: for ever where it was read from such bytes,
    or has a hash on its page; else as long as the index said."""

    tail: int = TAIL
    """How many of the last bytes of a wheel that is like this one have it, as far as they are worth reading."""


def metadata_in_ranges(
    client: IndexClient,
    location: IndexLocation,
    package: str,
    listed: IndexFile,
    *,
    tail: int = TAIL,
) -> InnerMetadata | None:
    """METADATA from the wheel's last bytes, `tail` of them at first; None if the server only gives whole files.

    IndexAnswerError if it is not a wheel, or if the whole file came and its sha256 is not the `listed` one.
    """

    def ask(span: str) -> AbstractContextManager[Reply]:
        return client.open_file(location, package, listed, span=span)

    try:
        with garbage(location, package, listed.filename), RemoteFile(ask, tail=tail) as wheel:
            whole = wheel.whole()
            if whole is not None:
                digest = hashlib.sha256(whole).hexdigest()
                check_digest(location, package, listed.filename, listed.sha256, digest)
            content = find_metadata(cast("IO[bytes]", wheel), package)
            is_proven = whole is not None and listed.sha256 is not None
            holds = math.inf if is_proven else wheel.lifetime
            return InnerMetadata(
                content=content,
                size=wheel.size,
                lifetime=holds,
                tail=_tail_beyond(wheel.reach),
            )
    except RangesUnsupportedError:
        return None


def _tail_beyond(reach: int) -> int:
    """How much of the end of a similar wheel to read at first: a little more, as it may have some more files."""
    pieces = -(-(reach + reach // 32) // TAIL)
    return pieces * TAIL if pieces * TAIL <= _LONGEST_TAIL else TAIL
