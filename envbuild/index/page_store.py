"""Pages of indexes on disk, for as long as their index says that they hold, or for it to confirm (RFC 9111)."""

from __future__ import annotations

import json
import os
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from envbuild.digest import sha256_hex
from envbuild.index.page import ProjectPage
from envbuild.lean_json import read_ordinary
from envbuild.posix.files import make_private, write_atomically
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_FORMAT = 1
_KEPT = 30 * 24 * 3600.0
"""Seconds after which a page that nobody asked for is removed."""

_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=\"?(\d{1,9})\"?(?:$|[\s,])")
_ASK_AGAIN = re.compile(r"\bno-(cache|store)\b")
_VALIDATORS = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}


@value
class StoredPage:
    """A page as it was when its index was last asked."""

    page: ProjectPage
    holds: bool
    """Whether the index need not be asked."""

    conditions: tuple[tuple[str, str], ...]
    """The headers that ask the index whether it is the page still."""


class PageStore:
    """A folder of one file for each page; losing it costs time and nothing else."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._is_swept = False

    def get(self, url: str) -> StoredPage | None:
        """The page at an address; None where nothing is kept, or nothing whole."""
        with suppress(OSError, ValueError, TypeError, KeyError):
            head, _, text = read_ordinary(self._path(url)).decode("ascii").partition("\n")
            known = json.loads(head)
            if (known["format"], known["url"], known["digest"]) == (
                _FORMAT,
                url,
                sha256_hex(text.encode()),
            ):
                return StoredPage(
                    page=ProjectPage(name=str(known["name"]), text=text),
                    # never where the clock has gone back
                    holds=known["asked"] <= self._clock() < known["until"],
                    conditions=tuple((str(name), str(said)) for name, said in known["conditions"]),
                )
        return None

    def put(self, url: str, page: ProjectPage, headers: Mapping[str, str]) -> None:
        """Keep a page that came with these headers, where they let it be used again."""
        now = self._clock()
        until = now + lifetime(headers)
        conditions = [
            (condition, headers[name]) for name, condition in _VALIDATORS.items() if name in headers
        ]
        may_be_kept = "no-store" not in headers.get("Cache-Control", "").lower()
        if not may_be_kept or not (conditions or until > now):
            return
        head = {
            "format": _FORMAT,
            "url": url,
            "name": page.name,
            "digest": sha256_hex(page.text.encode()),
            "asked": now,
            "until": until,
            "conditions": conditions,
        }
        with suppress(OSError):
            make_private(self._folder)
            self._sweep(now)
            content = f"{json.dumps(head)}\n{page.text}".encode()
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


def lifetime(headers: Mapping[str, str]) -> float:
    """Seconds that an answer holds from now on by what its server says (RFC 9111); 0 where it says nothing."""
    control = headers.get("Cache-Control", "").lower()
    found = _MAX_AGE.search(control)
    if found is None or _ASK_AGAIN.search(control):
        return 0.0
    age = headers.get("Age", "0").strip()
    return max(0.0, float(found[1]) - (float(age) if age.isdecimal() else float(found[1])))
