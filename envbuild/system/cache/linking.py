"""Put an entry's files into an environment: linked, or copied where the file system has no further links."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from envbuild.cache_entry import Entry, EntryFile

UNLINKABLE = (errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)
"""What a file system says that has no (further) links."""


class Linked(NamedTuple):
    """What came of linking an entry."""

    entry: Entry
    files: tuple[EntryFile, ...]
    """Those that were linked, or copied where the file system has no further links."""

    met: tuple[EntryFile, ...]
    """Those in whose place something stood already."""


class Target:
    """A site-packages folder that is being filled; makes the folders that it lacks."""

    def __init__(self, site_packages: Path) -> None:
        self.root = os.fsencode(site_packages)
        self._folders = {self.root}

    def place(self, path: str) -> bytes | None:
        """Where a file goes, the folder made; None where a file stands in the folder's place."""
        place = self.root + b"/" + path.encode("utf-8", "surrogateescape")
        if path.startswith("../"):
            place = os.path.normpath(place)
        folder = place.rpartition(b"/")[0]
        if folder not in self._folders:
            try:
                _make_folder(folder)
            except (FileExistsError, NotADirectoryError):
                return None
            self._folders.add(folder)
        return place


def _make_folder(folder: bytes) -> None:
    """Make a folder that may be there; most often it is not, and the one above it is."""
    try:
        os.mkdir(folder)  # noqa: PTH102
    except (FileNotFoundError, FileExistsError):
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103


def link_files(
    folder: bytes, descriptor: int, entry: Entry, target: Target, skip: Collection[str]
) -> Linked:
    """Put the files of a folder, open as `descriptor` too, where the entry says; paths to `skip` are left out."""
    linked: list[EntryFile] = []
    met: list[EntryFile] = []
    for number, file in enumerate(entry.files):
        if file.path in skip:
            continue
        place = target.place(file.path)
        if place is None:
            met.append(file)
            continue
        try:
            os.link(b"%d" % number, place, src_dir_fd=descriptor)
        except FileExistsError:
            met.append(file)
        except OSError as error:
            if error.errno not in UNLINKABLE:
                raise
            copied = _copy(folder + b"/%d" % number, place, file)
            (met if copied is None else linked).append(copied or file)
        else:
            linked.append(file)
    return Linked(entry=entry, files=tuple(linked), met=tuple(met))


def _copy(source: bytes, place: bytes, file: EntryFile) -> EntryFile | None:
    """Copy a file, which is another one there; None where something stands in its place."""
    import shutil

    try:
        with open(source, "rb") as content, open(place, "xb") as copied:  # noqa: PTH123
            shutil.copyfileobj(content, copied)
    except FileExistsError:
        return None
    shutil.copystat(source, place)
    status = os.lstat(place)
    return file._replace(mtime_ns=status.st_mtime_ns, inode=status.st_ino)
