"""Pages of indexes on disk: used while they are fresh (RFC 9111), or if their index sends the same again."""

from __future__ import annotations

import json
import os
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from envbuild.digest import sha256_hex
from envbuild.index.page import stored_page
from envbuild.lean_json import read_ordinary
from envbuild.posix.files import make_private, write_atomically
from envbuild.value import replace, value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from envbuild.index.page import ProjectPage

_FORMAT = 3
_KEPT = 30 * 24 * 3600.0
"""Seconds after which a page that nobody asked for is removed."""

_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=\"?(\d{1,9})\"?(?:$|[\s,])")
_ASK_AGAIN = re.compile(r"\bno-(cache|store)\b")
_VALIDATORS = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}


@value
class StoredPage:
    """What is known of a page as it was when its index was last asked."""

    name: str
    """The package's, normalised."""

    digest: str
    """That of its text, which `PageStore.page` reads."""

    holds: bool
    """Whether the index need not be asked."""

    conditions: tuple[tuple[str, str], ...]
    """The headers that ask the index whether it is the page still."""

    source: str
    """The digest of what the index sent: if it sends the same again, nothing is parsed."""


class PageStore:
    """A folder with two files for each page, its text and its facts; losing it only costs time."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._is_swept = False

    def get(self, url: str) -> StoredPage | None:
        """What is known of the page at an address; None where nothing is kept."""
        with suppress(OSError, ValueError, TypeError, KeyError):
            known = json.loads(read_ordinary(self._path(url)))
            if (known["format"], known["url"]) == (_FORMAT, url):
                return StoredPage(
                    name=str(known["name"]),
                    digest=str(known["digest"]),
                    # never where the clock has gone back
                    holds=known["asked"] <= self._clock() < known["until"],
                    conditions=tuple((str(name), str(said)) for name, said in known["conditions"]),
                    source=str(known["source"]),
                )
        return None

    def page(self, url: str, stored: StoredPage) -> ProjectPage | None:
        """The page itself; None if its text is not there whole."""
        with suppress(OSError, ValueError):
            found = stored_page(stored.name, read_ordinary(self._text_path(url)))
            return found if found.digest == stored.digest else None
        return None

    def put(self, url: str, page: ProjectPage, headers: Mapping[str, str], source: str) -> None:
        """Keep a page that came with these headers, unless they forbid it; `source` as in `StoredPage`."""
        if "no-store" not in headers.get("Cache-Control", "").lower():
            with suppress(OSError):
                make_private(self._folder)
                self._sweep(self._clock())
                text = self._text_path(url)
                write_atomically(text, page.text.encode(), mode=0o600, sync=False)
                known = StoredPage(
                    name=page.name,
                    digest=page.digest,
                    holds=True,
                    conditions=_conditions(headers),
                    source=source,
                )
                self._note(url, known, lifetime(headers))

    def renew(self, url: str, stored: StoredPage, headers: Mapping[str, str]) -> None:
        """Keep a page that its index has confirmed, or sent again, with these headers."""
        seconds, conditions = lifetime(headers), _conditions(headers) or stored.conditions
        with suppress(OSError):
            os.utime(self._text_path(url))
            if seconds or conditions != stored.conditions:
                self._note(url, replace(stored, conditions=conditions), seconds)
            else:
                os.utime(self._path(url))

    def _note(self, url: str, known: StoredPage, seconds: float) -> None:
        """Write what is known of a page, which holds for so many seconds."""
        now = self._clock()
        table = {
            "format": _FORMAT,
            "url": url,
            "name": known.name,
            "digest": known.digest,
            "asked": now,
            "until": now + seconds,
            "conditions": known.conditions,
            "source": known.source,
        }
        content = json.dumps(table).encode()
        write_atomically(self._path(url), content, mode=0o600, sync=False)

    def _sweep(self, now: float) -> None:
        """Remove what nobody has asked for in a long time; once a process."""
        if self._is_swept:
            return
        self._is_swept = True
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.stat(follow_symlinks=False).st_mtime < now - _KEPT:
                    os.unlink(entry.path)  # noqa: PTH108  (a folder of thousands)

    def _path(self, url: str) -> Path:
        return self._folder / sha256_hex(url.encode())

    def _text_path(self, url: str) -> Path:
        return self._path(url).with_suffix(".page")


def _conditions(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The headers that ask an index whether it still has the page that came with these."""
    return tuple((asked, headers[said]) for said, asked in _VALIDATORS.items() if said in headers)


def lifetime(headers: Mapping[str, str]) -> float:
    """Seconds for which an answer is fresh from now on, as its server says (RFC 9111); 0 if it says nothing."""
    control = headers.get("Cache-Control", "").lower()
    found = _MAX_AGE.search(control)
    if found is None or _ASK_AGAIN.search(control):
        return 0.0
    age = headers.get("Age", "0").strip()
    return max(0.0, float(found[1]) - (float(age) if age.isdecimal() else float(found[1])))
