"""Cached answers about the host's Pythons, in a file that may disappear at any time.

It names programs that are started, so a file of another user is ignored.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING

from envbuild.lean_json import open_ordinary
from envbuild.posix.files import write_atomically
from envbuild.python.probe import PythonAnswer, answer_from_fields
from envbuild.value import as_dict, value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_VERSION = 2
"""Raised when the questions or the format change; older files are then ignored."""


@value
class Remembered:
    """An answer, and the file that it came from."""

    size: int
    mtime_ns: int
    answer: PythonAnswer

    def is_of(self, status: os.stat_result) -> bool:
        """Whether the file has not changed since."""
        return (self.size, self.mtime_ns) == (status.st_size, status.st_mtime_ns)

    def as_fields(self) -> dict[str, object]:
        """The same as JSON takes it."""
        return {**as_dict(self), "answer": as_dict(self.answer)}


class Memory:
    """Answers by the executable's real path, and searched folders by their mtime."""

    def __init__(self, file: Path) -> None:
        """Read the file; if it is missing, corrupt, of another user or another version, the memory is empty."""
        self._file = file
        fields = _read(file)
        self._pythons = dict(_parse_pythons(fields.get("pythons")))
        self._folders = dict(_parse_folders(fields.get("folders")))
        self._dirty = False

    def paths(self) -> tuple[str, ...]:
        """Every executable that answered and had not changed when last checked."""
        return tuple(self._pythons)

    def recall(self, path: str, status: os.stat_result) -> Remembered | None:
        """The answer of the file as it is now; None if the file is new or has changed."""
        remembered = self._pythons.get(path)
        return remembered if remembered is not None and remembered.is_of(status) else None

    def note(self, path: str, status: os.stat_result, answer: PythonAnswer) -> Remembered:
        """Remember an answer; `status` is the file's status before it was asked."""
        remembered = Remembered(size=status.st_size, mtime_ns=status.st_mtime_ns, answer=answer)
        self._pythons[path] = remembered
        self._dirty = True
        return remembered

    def forget_changed(self) -> bool:
        """Forget every executable that is gone or has changed; returns whether there was one."""
        return self._forget(
            path for path, known in self._pythons.items() if not _is_same(path, known)
        )

    def forget_silent(self) -> None:
        """Forget every executable that gave no answer: what a version manager's program starts may have changed."""
        self._forget(path for path, known in self._pythons.items() if not known.answer.version)

    def _forget(self, paths: Iterable[str]) -> bool:
        gone = list(paths)
        for path in gone:
            del self._pythons[path]
        self._dirty = self._dirty or bool(gone)
        return bool(gone)

    def knows(self, folders: Mapping[str, int]) -> bool:
        """Whether every folder was searched and is unchanged since."""
        return all(self._folders.get(folder) == changed for folder, changed in folders.items())

    def learn(self, folders: Mapping[str, int]) -> None:
        """Remember folders as searched, with their mtimes before the search."""
        if not self.knows(folders):
            self._folders.update(folders)
            self._dirty = True

    def save(self) -> None:
        """Write the file if something is new; if that fails, the next run asks again."""
        if not self._dirty:
            return
        fields = {
            "version": _VERSION,
            "folders": self._folders,
            "pythons": {path: known.as_fields() for path, known in self._pythons.items()},
        }
        content = json.dumps(fields, indent=1, sort_keys=True).encode() + b"\n"
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(mode=0o700, exist_ok=True)
            write_atomically(self._file, content, sync=False)
            self._dirty = False


def _is_same(path: str, known: Remembered) -> bool:
    try:
        return known.is_of(os.stat(path))  # noqa: PTH116
    except OSError:
        return False


def _read(file: Path) -> dict[str, object]:
    try:
        with os.fdopen(open_ordinary(file), "rb") as stream:
            own = os.fstat(stream.fileno()).st_uid in (0, os.geteuid())
            fields = json.loads(stream.read()) if own else {}
    except (OSError, ValueError):
        return {}
    return fields if isinstance(fields, dict) and fields.get("version") == _VERSION else {}


def _parse_pythons(fields: object) -> Iterable[tuple[str, Remembered]]:
    for path, known in fields.items() if isinstance(fields, dict) else ():
        if not isinstance(path, str) or not isinstance(known, dict):
            continue
        size, mtime_ns = known.get("size"), known.get("mtime_ns")
        answer = answer_from_fields(known.get("answer"))
        if isinstance(size, int) and isinstance(mtime_ns, int) and answer is not None:
            yield path, Remembered(size=size, mtime_ns=mtime_ns, answer=answer)


def _parse_folders(fields: object) -> Iterable[tuple[str, int]]:
    for folder, changed in fields.items() if isinstance(fields, dict) else ():
        if isinstance(folder, str) and isinstance(changed, int):
            yield folder, changed
