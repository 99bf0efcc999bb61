"""uv's output: its reasons without what speaks of its own command line, and the progress of its downloads."""

from __future__ import annotations

import re
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from envbuild.lockfile.lockfile import ChosenFile


_TRY = re.compile(r"(?<!\s)\s*\(try: `--[^`\n]*`\)")
_FOREIGN = re.compile(r"`--[a-z]|(?<![\w-])--[a-z]|\bUV_[A-Z]|\buv\b|\bpip\.conf\b")
"""What nobody can follow here: switches of uv, and its variables and files, which envbuild keeps from it."""

_HEADLINE = re.compile(
    r"\s*(?:error:|×) No solution found when resolving dependencies[^\n]*\n\s*(?:cause:|╰─▶) "
)
_HINT = re.compile(r"[ \t]*hint: ")
_ADVICE = " Consider "
"""The start of a hint's last sentences, which name keys of uv's own files."""

_NAME, _VERSION = r"([A-Za-z0-9._-]{1,100})", r"([0-9][A-Za-z0-9.+!]{0,50})"
_EARLY = re.compile(
    rf"Pre-releases are available for `{_NAME}` in the requested range \(e\.g\., {_VERSION}\)"
)
_YANKED = re.compile(rf"(?<![A-Za-z0-9._-]){_NAME}=={_VERSION} was yanked")
_ABSENT = re.compile(rf"(?<![A-Za-z0-9._-]){_NAME} was not found in the package registry")


def without_switches(words: str) -> str:
    """The text without uv's command line, its variables and files; the rest of its hints are sentences."""
    lines = [_told(_TRY.sub("", line)) for line in words.splitlines()]
    kept = [line for line in lines if line is not None]
    return re.sub(r"\n(?:[ \t]*\n)+", "\n\n", "\n".join(kept)).strip()


def _told(line: str) -> str | None:
    """A line as it is shown; None for a hint that nobody can follow here."""
    hint = _HINT.match(line)
    if hint is None:
        return line
    said = line[hint.end() :].partition(_ADVICE)[0]
    return None if _FOREIGN.search(said) else said


def reasons_of(words: str) -> str:
    """Why uv found no versions, without the line that says that it found none."""
    headline = _HEADLINE.match(words)
    if headline is None:
        return words
    return "\n".join(line.strip() for line in words[headline.end() :].splitlines())


def declaration_hint(words: str) -> str | None:
    """The line for the declaration if uv says that only pre-releases or yanked versions fit, or lacks a package."""
    if found := dict(_EARLY.findall(words)):
        asked = ", ".join(f'"{name}>={version}"' for name, version in sorted(found.items()))
        return f"constraints = [{asked}] allows pre-releases"
    if yanked := _YANKED.search(words):
        return (
            f'constraints = ["{yanked[1]}=={yanked[2]}"] accepts the yanked version; '
            "or require another one"
        )
    if absent := _ABSENT.search(words):
        return (
            f"bind {absent[1]} to the index that has it with [[index]] packages, "
            "or require another version of what requires it"
        )
    return None


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
