"""Which pages list a lockfile's choices, so that an unchanged page is not read again for them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from envbuild import __version__
from envbuild.digest import sha256_hex
from envbuild.lean_json import read_ordinary
from envbuild.posix.files import write_private

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.resolution.resolution import LockedChoice

MOST = 50_000
"""Choices that are remembered, the latest ones."""

_DIGITS = 16


class ConfirmedChoices:
    """A file with a line for each; losing it costs time and nothing else. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, None] = {}
        self._new: dict[str, None] = {}
        with suppress(OSError, ValueError):
            self._known = dict.fromkeys(read_ordinary(path).decode("ascii").split())

    def has(self, page: str, choice: LockedChoice) -> bool:
        """Whether the page with that digest lists it."""
        return _key(page, choice) in self._known

    def add(self, page: str, choice: LockedChoice) -> None:
        """Remember that it does."""
        self._new[_key(page, choice)] = None

    def write(self) -> None:
        """Keep what was added for later commands; a folder that cannot be written is no error."""
        if self._new:
            lines = [*self._known, *self._new][-MOST:]
            with suppress(OSError):
                content = "".join(f"{line}\n" for line in lines).encode()
                write_private(self._path, content)


def _key(page: str, choice: LockedChoice) -> str:
    """What is judged, and by which version: see `revalidation`."""
    target = choice.target
    facts = (__version__, page, choice.version, choice.file, choice.sha256)
    return sha256_hex(repr((*facts, target.newest_python, str(target.platform))).encode())[:_DIGITS]
