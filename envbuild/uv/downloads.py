"""How many bytes of an installation have come, as uv tells it while it works."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from envbuild.lockfile.recipe import ChosenFile

_BEGUN = re.compile(r"Downloading ([a-z0-9-]+) \(")
_ENDED = re.compile(r" Downloaded ([a-z0-9-]+)$")
_TALK = re.compile(
    r"Using Python |Resolved |Prepared |Installed |(?:Downloading| Downloaded|   Building|      Built) "
    r"| \+ "
)


class Downloads:
    """Hears uv's lines and tells the bytes.

    uv names a file when it begins to download it and when it has it, small ones excepted;
    the sizes are those that are locked.
    A uv with other words tells nothing, and nothing else depends on them.
    """

    def __init__(self, files: Iterable[ChosenFile], told: Callable[[int, int], None]) -> None:
        """`told` gets the bytes that have come and the bytes that were begun."""
        self._sizes = {file.package: file.size for file in files}
        self._told = told
        self._begun: set[str] = set()
        self._ended: set[str] = set()

    def hear(self, line: str) -> None:
        """One line of uv's stderr."""
        for pattern, names in ((_BEGUN, self._begun), (_ENDED, self._ended)):
            match = pattern.match(line)
            if match is not None and match[1] in self._sizes:
                names.add(match[1])
                self._begun.add(match[1])
                self._told(self._bytes(self._ended), self._bytes(self._begun))

    def _bytes(self, names: Iterable[str]) -> int:
        return sum(self._sizes[name] for name in names)


def without_talk(words: str) -> str:
    """uv's stderr without the lines that tell how far it has come."""
    return "".join(line for line in words.splitlines(keepends=True) if not _TALK.match(line))
