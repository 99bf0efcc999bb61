"""A response body that is continued after the connection breaks."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from envbuild.index.answer import Fault
from envbuild.index.retrying import Pauses
from envbuild.index.web_faults import WebError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeAlias

    from envbuild.index.reply import Reply

    Ask: TypeAlias = Callable[[tuple[tuple[str, str], ...]], Reply]
    """Further headers → the answer to the same request; WebError if it is not a good one."""

_EARNS = 16 << 20
"""Bytes that give back one try: a file of gigabytes may break off more often than a page."""

_SPAN = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_BROKEN_OFF = (Fault.TRUNCATED, Fault.TIMED_OUT)


def continued(reply: Reply, ask: Ask, *, verified: bool, tries: int) -> Iterator[bytes]:
    """The bytes of a file or of a part of it, in pieces; the rest is requested at most `tries` times.

    `verified` says that the caller checks the digest of the whole: then the server may continue
    even if it names no version of the file, or another one. Else WebError with CHANGED.
    """
    body = _Body(reply, ask, verified=verified)
    left, mark = tries, 0
    source = reply.pieces()
    while True:
        try:
            for piece in source:
                body.have += len(piece)
                yield piece
        except WebError as error:
            left = min(tries, left + (body.have - mark) // _EARNS)
            mark = body.have
            hopeless = error.fault not in _BROKEN_OFF or error.is_final
            if left == 0 or hopeless or not body.can_go_on:
                raise
            source, left = body.rest(error, left)
        else:
            return


class _Body:
    """What is known of a file, or of a part of it, and how much has arrived."""

    def __init__(self, reply: Reply, ask: Ask, *, verified: bool) -> None:
        self._ask = ask
        self._verified = verified
        span = _SPAN.fullmatch(reply.headers.get("Content-Range", ""))
        is_part = reply.status == HTTPStatus.PARTIAL_CONTENT and span is not None
        self._first, self._last = (int(span[1]), span[2]) if is_part and span else (0, "")
        self._is_part = is_part
        self._length = _total(span) if is_part and span else reply.length
        self._version = _version(reply.headers)
        self._by_ranges = True
        self.have = 0
        """Bytes."""

    @property
    def can_go_on(self) -> bool:
        """Whether a later answer can be known to be of the same file."""
        return self._verified or self._version is not None or self.have == 0

    def rest(self, broken: WebError, left: int) -> tuple[Iterator[bytes], int]:
        """The rest of the file, and the remaining tries; the first error if nothing arrives."""
        pauses, last = Pauses(), broken
        while left > 0:
            left -= 1
            pauses.wait(last)
            try:
                return self._from_here(self._ask(self._headers())), left
            except WebError as error:
                if error.fault is Fault.REFUSED and self._by_ranges and not self._is_part:
                    self._by_ranges = False  # no range is given: take all, and skip what is here
                else:
                    last = error
        raise broken

    def _headers(self) -> tuple[tuple[str, str], ...]:
        if not self._by_ranges or not self.have:
            return ()
        same = (("If-Range", self._version),) if self._version is not None else ()
        return (("Range", f"bytes={self._first + self.have}-{self._last}"), *same)

    def _from_here(self, reply: Reply) -> Iterator[bytes]:
        """The pieces behind what is here, of a part or of the whole."""
        if reply.status == HTTPStatus.PARTIAL_CONTENT:
            span = _SPAN.fullmatch(reply.headers.get("Content-Range", ""))
            if span is None or int(span[1]) != self._first + self.have:
                raise _changed(reply, "its server continued at another position than requested")
            total, skip = _total(span), 0
        elif self._is_part:
            raise _changed(reply, "its server sent the whole file instead of the rest")
        else:
            total, skip = reply.length, self.have
        same = self._verified or _version(reply.headers) == self._version
        encoded = reply.headers.get("Content-Encoding", "identity") != "identity"
        if encoded or not same or (None not in (total, self._length) and total != self._length):
            raise _changed(reply, "the file changed during its download")
        return _without(reply.pieces(), skip)


def _total(span: re.Match[str]) -> int | None:
    """The size of the whole file, if its server says it."""
    return int(span[3]) if span[3].isdecimal() else None


def _without(pieces: Iterator[bytes], skip: int) -> Iterator[bytes]:
    """The pieces without their first bytes."""
    for piece in pieces:
        if len(piece) > skip:
            yield piece[skip:]
        skip = max(0, skip - len(piece))


def _version(headers: Mapping[str, str]) -> str | None:
    """The value of `If-Range` (RFC 9110): a strong ETag, else a date."""
    etag = headers.get("ETag", "").strip()
    return etag if etag.startswith('"') else headers.get("Last-Modified") or None


def _changed(reply: Reply, reason: str) -> WebError:
    return WebError(Fault.CHANGED, host=reply.host, reason=reason)
