"""An answer over HTTP: its headers, and its body as a stream."""

from __future__ import annotations

from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envbuild.index.answer import Fault
from envbuild.index.web_faults import WebError, body_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    import urllib3

    from envbuild.index.deadline import Deadline

CHUNK = 1 << 18
"""Bytes in memory while a body streams."""

_LONGEST_NUMBER = 18
"""The most digits of a length; Python refuses to parse thousands."""

_OF_ENCODED = ("Content-Encoding", "Content-Length", "Content-Range", "Accept-Ranges")
"""Headers about the encoded bytes, not about the decoded ones."""


class Reply:
    """A good answer whose body has not been read."""

    def __init__(self, response: urllib3.BaseHTTPResponse, url: str, deadline: Deadline) -> None:
        self._response = response
        self._deadline = deadline
        self.url = url
        """The final URL."""

        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers
        self._decoded = False
        self.lasting: Callable[[], Iterator[bytes]] | None = None
        """The body, which goes on after its connection breaks; None if only this answer counts."""

        self.limit: int | None = None
        """The most bytes of the body, if the caller knows it; a longer body is a WebError."""

    @property
    def length(self) -> int | None:
        """The body's length in bytes as the server says it, or None."""
        return _number(self.headers.get("Content-Length", ""))

    @property
    def whole_length(self) -> int | None:
        """The length of the whole file, of which the body may be a part; None if the server does not say it."""
        if self.status != HTTPStatus.PARTIAL_CONTENT:
            return self.length
        return _number(self.headers.get("Content-Range", "").rpartition("/")[2])

    def undo_compression(self) -> None:
        """Undo the compression of the transport, if there is one.

        The length and the support of ranges are then unknown.
        """
        if self.headers.get("Content-Encoding", "identity").lower() == "identity":
            return
        self._decoded = True
        kept = {name: value for name, value in self.headers.items() if name not in _OF_ENCODED}
        self.headers = kept

    @property
    def host(self) -> str:
        """`host:port` that gave the answer."""
        return urlsplit(self.url).netloc

    def stream(self, *, decoded: bool = False) -> Iterator[bytes]:
        """The body, in pieces of limited size; `decoded` undoes a compression of the transport."""
        decoded = decoded or self._decoded
        as_it_is = not decoded and "Content-Encoding" not in self.headers
        going_on = self.lasting if as_it_is else None
        size = 0
        for piece in going_on() if going_on is not None else self.pieces(decoded=decoded):
            size += len(piece)
            if self.limit is not None and size > self.limit:
                reason = f"it is longer than {self.limit} bytes"
                raise WebError(Fault.CHANGED, host=self.host, reason=reason)
            yield piece

    def pieces(self, *, decoded: bool = False) -> Iterator[bytes]:
        """The body from this one answer."""
        decoded = (
            decoded and "Content-Encoding" in self._response.headers
        )  # else it is copied twice
        with in_time(self._deadline, self.host), body_faults(self.host):
            for piece in self._response.stream(CHUNK, decode_content=decoded):
                self._deadline.earn(len(piece))
                yield piece

    def read(self, limit: int, *, decoded: bool = False) -> bytes:
        """The whole body; WebError if it is longer than `limit` bytes."""
        too_long = WebError(
            Fault.GARBAGE, host=self.host, reason=f"it is longer than {_size(limit)}"
        )
        if self.length is not None and self.length > limit:
            raise too_long
        pieces, size = [], 0
        for piece in self.stream(decoded=decoded):
            pieces.append(piece)
            size += len(piece)
            if size > limit:
                raise too_long
        return b"".join(pieces)


@contextmanager
def in_time(deadline: Deadline, host: str) -> Generator[None]:
    """If the deadline has closed a connection, name that as the reason."""
    reason = f"it was not complete after {deadline.seconds:g} s"
    late = WebError(Fault.TIMED_OUT, host=host, reason=reason, is_final=True)
    try:
        yield
    except WebError as error:
        if deadline.has_passed:
            raise late from error
        raise
    if deadline.has_passed:
        raise late


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) <= _LONGEST_NUMBER else None


def _size(limit: int) -> str:
    return f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit} bytes"
