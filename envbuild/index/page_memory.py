"""What pages of indexes were seen to offer, and how long the index said that they hold."""

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
"""Seconds after which a page that nobody asked for is forgotten."""


@value
class SeenPage:
    """One page as it was when it was last asked for."""

    asked: float
    """When that was, in seconds since the epoch."""

    until: float
    """How long the answer holds by what the index said (RFC 9111), as `asked`."""

    etag: str | None
    digest: str
    """sha256 of its type and bytes."""

    offers: frozenset[str]
    """What it was found to offer, as `offer_text` writes it."""

    def holds(self, now: float) -> bool:
        """Whether the index need not be asked; never where the clock has gone back."""
        return self.asked <= now < self.until


class PageMemory:
    """One file of pages by their address; losing it costs time and nothing else.

    Safe to share between threads; of two processes the later one's word stays.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        self._changed = False
        self._pages: dict[str, Any] = _read(path)

    def get(self, url: str) -> SeenPage | None:
        """What is remembered of a page; None where nothing is, or nothing readable."""
        entry = self._pages.get(url)
        if entry is None:
            return None
        with suppress(TypeError, ValueError):
            asked, until, etag, digest, offers = entry
            return SeenPage(
                asked=float(asked),
                until=float(until),
                etag=None if etag is None else str(etag),
                digest=str(digest),
                offers=frozenset(map(str, offers)),
            )
        return None

    def put(self, url: str, page: SeenPage) -> None:
        """Remember a page as it is now."""
        entry = (page.asked, page.until, page.etag, page.digest, sorted(page.offers))
        with self._guard:
            self._pages[url] = entry
            self._changed = True

    def save(self, now: float) -> None:
        """Write what is new; a folder that cannot be written is no error."""
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
