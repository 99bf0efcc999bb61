"""uv's output: without hints about its command line, and the progress of its downloads."""

from __future__ import annotations

import re
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from envbuild.lockfile.lockfile import ChosenFile


_TRY = re.compile(r"(?<!\s)\s*\(try: `--[^`\n]*`\)")
_FOREIGN = re.compile(
    r"`--[a-z]|(?<![\w-])--[a-z]|\bUV_[A-Z]|\btool\.uv\b|\buv\.toml\b|\bpip\.conf\b"
)
"""What nobody can follow here: switches of uv, and its variables and files, which envbuild keeps from it."""

_EARLY = re.compile(
    r"Pre-releases are available for `([A-Za-z0-9._-]{1,100})` in the requested range"
    r" \(e\.g\., ([0-9][A-Za-z0-9.+!]{0,50})\)"
)


def without_switches(words: str) -> str:
    """The text without hints about uv's command line, its variables and files."""
    lines = [_TRY.sub("", line) for line in words.splitlines()]
    kept = [
        line
        for line in lines
        if not (line.lstrip().startswith("hint:") and _FOREIGN.search(line) is not None)
    ]
    return re.sub(r"\n(?:[ \t]*\n)+", "\n\n", "\n".join(kept)).strip()


def pre_release_hint(words: str) -> str | None:
    """The line for the declaration if uv says that only pre-releases fit, else None."""
    found = dict(_EARLY.findall(words))
    if not found:
        return None
    asked = ", ".join(f'"{name}>={version}"' for name, version in sorted(found.items()))
    return f"constraints = [{asked}] allows pre-releases"


_BEGUN = re.compile(r"Downloading ([a-z0-9-]+) \(")
_ENDED = re.compile(r" Downloaded ([a-z0-9-]+)$")
_TALK = re.compile(
    r"Using Python |Resolved |Prepared |Installed |(?:Downloading| Downloaded|   Building|      Built) "
    r"| \+ "
)


class DownloadProgress:
    """Reads uv's lines and reports the downloaded bytes.

    uv names a file when its download starts and when it ends, except small files;
    in between, the bytes count that it has been sent. Sizes come from the lockfile.
    If a future uv writes other lines, no bytes are reported; nothing else depends on them.
    """

    def __init__(self, files: Iterable[ChosenFile], told: Callable[[int, int], None]) -> None:
        """`told` gets the downloaded bytes and the bytes of all downloads that have started."""
        self._sizes = {file.package: file.size for file in files}
        self._told = told
        self._begun: set[str] = set()
        self._ended: set[str] = set()
        self._have: dict[str, int] = {}
        self._guard = Lock()

    def hear(self, line: str) -> None:
        """Read one line of uv's stderr."""
        for pattern, names in ((_BEGUN, self._begun), (_ENDED, self._ended)):
            match = pattern.match(line)
            if match is not None and match[1] in self._sizes:
                with self._guard:
                    names.add(match[1])
                    self._begun.add(match[1])
                    self._tell()

    def count(self, package: str, size: int) -> None:
        """Bytes of a package's file have come, `size` in all; called from any thread, for any driver's packages."""
        if package in self._sizes:
            with self._guard:
                self._have[package] = size
                if package in self._begun:
                    self._tell()

    def _tell(self) -> None:
        total = sum(self._sizes[name] for name in self._begun)
        self._told(sum(map(self._come, self._begun)), total)

    def _come(self, name: str) -> int:
        size = self._sizes[name]
        return size if name in self._ended else min(self._have.get(name, 0), size)


def without_talk(words: str) -> str:
    """uv's stderr without its lines of progress."""
    return "".join(line for line in words.splitlines(keepends=True) if not _TALK.match(line))
