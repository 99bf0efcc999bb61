"""Put an entry's files into an environment: linked, or copied where the file system has no further links."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, nullcontext
from stat import S_ISDIR
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from envbuild.wheelcache.entry import Entry, EntryFile

UNLINKABLE = (errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)
"""What a file system says that has no (further) links."""


class Linked(NamedTuple):
    """What came of linking an entry."""

    entry: Entry
    files: tuple[EntryFile, ...]
    """Those that were linked, or copied where the file system has no further links."""

    met: tuple[EntryFile, ...]
    """Those in whose place something stood already."""


class SitePackages:
    """A site-packages folder that is being filled; makes the folders that it lacks."""

    def __init__(self, site_packages: Path) -> None:
        self.root = os.fsencode(site_packages)
        self._folders = {b""}

    @contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor of the folder, from which the kernel finds its way sooner than from `/`."""
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def place(self, path: str) -> bytes | None:
        """Where a file goes, the folder made; None where a file stands in the folder's place."""
        place = self.place_below(path.encode("utf-8", "surrogateescape"))
        return None if place is None else os.path.join(self.root, place)  # noqa: PTH118

    def place_below(self, path: bytes, descriptor: int | None = None) -> bytes | None:
        """The same of a file's path as bytes, and relative to the folder where it lies in it.

        `descriptor` is of the folder, where it is open already.
        """
        if path.startswith(b"../"):
            path = os.path.normpath(self.root + b"/" + path)
        folder = path.rpartition(b"/")[0]
        if folder not in self._folders:
            opened = self.opened() if descriptor is None else nullcontext(descriptor)
            try:
                with opened as at:
                    _make_folder(folder, at)
            except (FileExistsError, NotADirectoryError):
                return None
            self._folders.add(folder)
        return path


def _make_folder(folder: bytes, descriptor: int, *, again: bool = True) -> None:
    """Make a folder that may be there; most often it is not, and the one above it is.

    Another process may make the same folders at the same time.
    """
    try:
        os.mkdir(folder, dir_fd=descriptor)
    except FileNotFoundError:
        above = folder.rpartition(b"/")[0]
        if not (above and again):
            raise
        _make_folder(above, descriptor)
        _make_folder(folder, descriptor, again=False)
    except FileExistsError:
        status = os.stat(folder, dir_fd=descriptor)
        if not S_ISDIR(status.st_mode):
            raise


def link_files(
    folder: bytes, descriptor: int, entry: Entry, target: SitePackages, skip: Collection[str]
) -> Linked:
    """Put the files of a folder, open as `descriptor` too, where the entry says; paths to `skip` are left out."""
    linked: list[EntryFile] = []
    met: list[EntryFile] = []
    paths = "\0".join([file.path for file in entry.files]).encode("utf-8", "surrogateescape")
    with target.opened() as site:
        for number, (file, path) in enumerate(zip(entry.files, paths.split(b"\0"), strict=False)):
            if file.path in skip:
                continue
            place = target.place_below(path, site)
            if place is None:
                met.append(file)
                continue
            try:
                os.link(b"%d" % number, place, src_dir_fd=descriptor, dst_dir_fd=site)
            except FileExistsError:
                met.append(file)
            except OSError as error:
                if error.errno not in UNLINKABLE:
                    raise
                copied = _copy(folder + b"/%d" % number, os.path.join(target.root, place), file)  # noqa: PTH118
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
