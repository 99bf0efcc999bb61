"""Digests of files that nobody has touched since they were last read.

Hardlinked environments hold the same inodes again and again; each is hashed once.
A digest is believed only where device, inode, size, time of change of the content (mtime)
and time of change of the inode (ctime) are all what they were when envbuild last looked.
Every write, and every `utime` that hides one, moves the ctime, and no call sets it:
so what is believed is the kernel, the clock, and that the disk gives back what was written.
`verify` believes none of this and reads every byte.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

FORMAT = 1
_CHUNK = 1 << 20

Inode = tuple[int, int]
"""Device and number."""


class Known(NamedTuple):
    """A file's digest, and what the file looked like when it was last seen."""

    size: int
    mtime_ns: int
    ctime_ns: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Files that are remembered together: those of one wheel."""

    name: str
    """A file name, such as the wheel's sha256."""

    base: str
    """The folder that the paths are relative to."""

    inodes: Mapping[str, Inode]
    """By path."""


class DigestMemory:
    """The digests that a folder of small files remembers, and those that this process has learnt.

    Linking a file moves its ctime. So a sync first recalls all it is going to link,
    believes size and mtime for as long as it works,
    and in the end notes down how each file looked when it was last seen.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[Inode, Known] = {}
        self._recalled: set[str] = set()
        self._groups: dict[str, Group] = {}
        self._lock = Lock()

    def recall(self, names: Iterable[str]) -> None:
        """Learn the digests of groups that were noted down, of each file that is still untouched."""
        with self._lock:
            for name in names:
                if name not in self._recalled:
                    self._recalled.add(name)
                    self._recall(name)

    def digest(self, path: str | bytes, status: os.stat_result) -> str:
        """The sha256 of a file, read only where it is not known; `status` is that of the file now."""
        inode = (status.st_dev, status.st_ino)
        known = self._known.get(inode)
        if known is None or known.size != status.st_size or known.mtime_ns != status.st_mtime_ns:
            return self.learn(path)
        if known.ctime_ns != status.st_ctime_ns:
            self._known[inode] = Known(*known[:2], status.st_ctime_ns, known.sha256)
        return known.sha256

    def learn(self, path: str | bytes) -> str:
        """Read a file for its sha256."""
        digest = hashlib.sha256()
        with open(path, "rb", buffering=0) as stream:  # noqa: PTH123
            status = os.fstat(stream.fileno())
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
        sha256 = digest.hexdigest()
        known = Known(status.st_size, status.st_mtime_ns, status.st_ctime_ns, sha256)
        self._known[status.st_dev, status.st_ino] = known
        return sha256

    def keep(self, groups: Iterable[Group]) -> None:
        """Have groups noted down by the next `save`."""
        with self._lock:
            self._groups |= {group.name: group for group in groups}

    def save(self) -> None:
        """Note down every group to be kept, as its files were last seen.

        A memory that cannot be written costs time, not truth: nothing is raised.
        """
        with self._lock:
            groups, self._groups = tuple(self._groups.values()), {}
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for group in groups:
                self._save(group)

    def _save(self, group: Group) -> None:
        rows = []
        for path, inode in group.inodes.items():
            known = self._known.get(inode)
            if known is not None:
                rows.append((path, *inode, *known))
        text = json.dumps({"version": FORMAT, "base": group.base, "files": rows})
        file = self._folder / f"{group.name}.json"
        file.unlink(
            missing_ok=True
        )  # what replaces a file is flushed to the disk, and this need not be
        file.write_text(text, encoding="ascii")

    def _recall(self, name: str) -> None:
        try:
            table = json.loads((self._folder / f"{name}.json").read_bytes())
            if table["version"] != FORMAT:
                return
            base = os.fsencode(table["base"]) + b"/"
            for path, *look, sha256 in table["files"]:
                self._recall_file(base + path.encode("utf-8", "surrogateescape"), look, sha256)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return

    def _recall_file(self, place: bytes, look: list[int], sha256: str) -> None:
        """Believe what was noted down of a file, if it still looks like that in every respect."""
        try:
            now = os.lstat(place)
        except OSError:
            return
        device, inode, size, mtime_ns, ctime_ns = look
        if (
            now.st_ctime_ns == ctime_ns
            and now.st_mtime_ns == mtime_ns
            and now.st_size == size
            and now.st_ino == inode
            and now.st_dev == device
        ):
            self._known[device, inode] = Known(size, mtime_ns, ctime_ns, sha256)


def forget_what_is_gone(folder: Path) -> None:
    """Remove the notes about files whose folder is there no longer."""
    for file in folder.glob("*.json"):
        try:
            base = json.loads(file.read_bytes())["base"]
        except (OSError, ValueError, KeyError, TypeError):
            base = ""
        if not base or not os.path.isdir(base):  # noqa: PTH112
            file.unlink(missing_ok=True)
