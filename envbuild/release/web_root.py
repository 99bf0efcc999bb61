"""A release on the web: a static root with the files of an OCI layout."""

from __future__ import annotations

from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from envbuild.index.answer import Fault
from envbuild.index.web import Request
from envbuild.index.web_faults import WebError
from envbuild.release.layout import (
    INDEX,
    blob_name,
    choose_manifest,
    listed_manifests,
    whole_manifest,
)
from envbuild.release.oci import MOST_MANIFEST
from envbuild.release.place import PlaceError
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from envbuild.index.reply import Reply
    from envbuild.index.web import Web
    from envbuild.release.oci import Descriptor

_WORDS = {
    Fault.UNAUTHORISED: "requires a user and a password",
    Fault.FORBIDDEN: "does not permit it",
    Fault.NOT_FOUND: "does not have it",
    Fault.BUSY: "asks to try again later",
    Fault.SERVER_ERROR: "failed",
    Fault.UNREACHABLE: "cannot be reached",
    Fault.TIMED_OUT: "did not answer in time",
    Fault.TRUNCATED: "stopped in the middle",
    Fault.REDIRECTS: "redirects endlessly",
    Fault.LED_AWAY: "redirects to another host",
    Fault.UNSAFE: "redirects to a place that is not safe",
}


@contextmanager
def place_faults(hint: str = "") -> Generator[None]:
    """Turn every failure of a request into a PlaceError; `hint` is added where credentials are missing."""
    try:
        yield
    except WebError as error:
        status = f" ({error.status})" if error.status is not None else ""
        reason = f": {error.reason}" if error.reason else ""
        more = f"; {hint}" if hint and error.fault is Fault.UNAUTHORISED else ""
        words = _WORDS.get(error.fault, f"returned an invalid answer, {error.fault.value}")
        raise PlaceError(f"{error.host} {words}{status}{reason}{more}") from error


class AbsentError(Exception):
    """There is no such thing."""


def fetch(web: Web, request: Request) -> tuple[Reply, bytes]:
    """An answer with its body; AbsentError if the server says that there is no such thing."""
    try:
        return web.fetch(request, limit=MOST_MANIFEST)
    except WebError as error:
        if error.fault is Fault.NOT_FOUND:
            raise AbsentError from error
        raise


@value
class WebRoot:
    """Reads a release below a URL."""

    url: str
    """Without a final slash."""

    web: Web
    authorization: Callable[[str], str | None] | None = None

    def manifest(self, tag: str | None = None) -> bytes | None:
        """As in `Origin`."""
        request = Request(url=f"{self.url}/{INDEX}", authorization=self.authorization)
        try:
            with place_faults():
                _, content = fetch(self.web, request)
        except AbsentError:
            return None
        found = choose_manifest(listed_manifests(content), tag, self.url)
        return None if found is None else whole_manifest(found, self.read(found, 0))

    def read(self, blob: Descriptor, start: int) -> Iterator[bytes]:
        """As in `Origin`."""
        return read_blob(self.web, f"{self.url}/{blob_name(blob)}", blob, start, self.authorization)


def read_blob(
    web: Web,
    url: str,
    blob: Descriptor,
    start: int,
    authorization: Callable[[str], str | None] | None,
) -> Iterator[bytes]:
    """A blob's bytes from a position; without ranges, the part before the position is skipped."""
    headers = [("Accept-Encoding", "identity")]
    if start:
        headers.append(("Range", f"bytes={start}-"))
    request = Request(url=url, headers=tuple(headers), authorization=authorization, verified=True)
    with place_faults(), web.open(request) as reply:
        reply.limit = blob.size
        skip = 0 if reply.status == HTTPStatus.PARTIAL_CONTENT else start
        for piece in reply.stream():
            if len(piece) > skip:
                yield piece[skip:]
            skip = max(0, skip - len(piece))
