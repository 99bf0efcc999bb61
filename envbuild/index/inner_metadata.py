"""METADATA out of a wheel that lies on a server, without downloading the rest of it."""

from __future__ import annotations

import hashlib
from typing import IO, TYPE_CHECKING, cast

from envbuild.index.answer import Fault, IndexAnswer, IndexAnswerError
from envbuild.index.remote_file import RangesUnsupportedError, RemoteFile
from envbuild.value import value
from envbuild.wheelcache.metadata import find_metadata

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from envbuild.index.locations import IndexLocation
    from envbuild.index.page import IndexFile
    from envbuild.index.reader import IndexClient
    from envbuild.index.web import Reply


@value
class InnerMetadata:
    """What a wheel holds as its METADATA."""

    content: bytes
    size: int
    """Of the whole wheel, in bytes."""

    whole: bool
    """Whether the wheel came whole, being small, and had the sha256 that it must have."""


def metadata_in_ranges(
    client: IndexClient, location: IndexLocation, package: str, listed: IndexFile
) -> InnerMetadata | None:
    """What the wheel's last bytes say; None where the server gives whole files only.

    IndexAnswerError where it is no wheel, or came whole and has another sha256 than is `listed`.
    """

    def ask(span: str) -> AbstractContextManager[Reply]:
        return client.open_file(location, package, listed, span=span)

    try:
        with RemoteFile(ask) as wheel:
            whole = wheel.whole()
            if whole is not None:
                _check_digest(location, package, listed, whole)
            content = find_metadata(cast("IO[bytes]", wheel), package)
            known = whole is not None and listed.sha256 is not None
            return InnerMetadata(content=content, size=wheel.size, whole=known)
    except RangesUnsupportedError:
        return None
    except ValueError as error:
        raise _bad(Fault.GARBAGE, location, package, listed, str(error)) from error


def _check_digest(location: IndexLocation, package: str, listed: IndexFile, content: bytes) -> None:
    found = hashlib.sha256(content).hexdigest()
    if listed.sha256 not in (None, found):
        reason = f"its page says sha256 {listed.sha256[:12]}…, its content has {found[:12]}…"
        raise _bad(Fault.CHANGED, location, package, listed, reason)


def _bad(
    fault: Fault, location: IndexLocation, package: str, listed: IndexFile, reason: str
) -> IndexAnswerError:
    return IndexAnswerError(
        IndexAnswer(
            fault=fault, location=location, package=package, file=listed.filename, reason=reason
        )
    )
