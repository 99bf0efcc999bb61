"""Cached results of index pages, and how long they are valid."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from envbuild.lean_json import read_ordinary
from envbuild.posix.files import make_private, write_atomically
from envbuild.value import value

if TYPE_CHECKING:
    from pathlib import Path

_FORMAT = 1
_KEPT = 30 * 24 * 3600.0
"""Seconds after which an unused page is dropped."""


@value
class SeenPage:
    """A page as it was when it was last requested."""

    asked: float
    """The time of the request, in seconds since the epoch."""

    until: float
    """The end of its validity from the response headers (RFC 9111), as `asked`."""

    etag: str | None
    digest: str
    """sha256 of its type and bytes."""

    choices: frozenset[str]
    """The locked choices that it lists, as `choice_line` writes them."""

    def is_fresh(self, now: float) -> bool:
        """Whether the index need not be asked; never if the clock was set back."""
        return self.asked <= now < self.until


class PageMemory:
    """One file of pages by their address; losing it only costs time.

    Threads can share it; of two processes the later one's file stays.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        self._changed = False
        self._pages: dict[str, Any] = _read(path)

    def get(self, url: str) -> SeenPage | None:
        """The cached result of a page; None if there is none, or it cannot be read."""
        entry = self._pages.get(url)
        if entry is None:
            return None
        with suppress(TypeError, ValueError):
            asked, until, etag, digest, choices = entry
            return SeenPage(
                asked=float(asked),
                until=float(until),
                etag=None if etag is None else str(etag),
                digest=str(digest),
                choices=frozenset(map(str, choices)),
            )
        return None

    def put(self, url: str, page: SeenPage) -> None:
        """Remember a page as it is now."""
        entry = (page.asked, page.until, page.etag, page.digest, sorted(page.choices))
        with self._guard:
            self._pages[url] = entry
            self._changed = True

    def save(self, now: float) -> None:
        """Write new results; a folder that cannot be written is no error."""
        with self._guard:
            if not self._changed:
                return
            kept = {url: entry for url, entry in self._pages.items() if _is_young(entry, now)}
            content = json.dumps({"format": _FORMAT, "pages": kept}).encode()
            self._changed = False
        with suppress(OSError):
            make_private(self._path.parent)
            write_atomically(self._path, content, mode=0o600, sync=False)


def _read(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError, AttributeError):
        table = json.loads(read_ordinary(path))
        pages = table.get("pages") if table.get("format") == _FORMAT else None
        if isinstance(pages, dict):
            return pages
    return {}


def _is_young(entry: object, now: float) -> bool:
    asked = entry[0] if isinstance(entry, (list, tuple)) and entry else None
    return isinstance(asked, float) and asked > now - _KEPT
