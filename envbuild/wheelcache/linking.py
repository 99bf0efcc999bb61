"""Put an entry's files into an environment: linked, or copied if the file system allows no further links."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, nullcontext
from stat import S_ISDIR
from typing import TYPE_CHECKING, NamedTuple

from envbuild.posix.mounts import links_keep_inodes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from envbuild.wheelcache.entry import Entry, EntryFile

UNLINKABLE = (errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)
"""Errors of a file system that allows no (further) links."""


class Linked(NamedTuple):
    """The result of linking an entry."""

    entry: Entry
    files: tuple[EntryFile, ...]
    """The files that were linked or copied."""

    met: tuple[EntryFile, ...]
    """The files that were skipped, because something was in their place."""

    def __reduce__(self) -> tuple[Callable[..., Linked], tuple[object, ...]]:
        """Pickled without the files that are in the entry too."""
        files = None if self.files == self.entry.files else self.files
        return _unpickled, (self.entry, files, self.met)


def _unpickled(
    entry: Entry, files: tuple[EntryFile, ...] | None, met: tuple[EntryFile, ...]
) -> Linked:
    return Linked(entry=entry, files=entry.files if files is None else files, met=met)


class SitePackages:
    """A site-packages folder that is being filled; makes missing folders."""

    def __init__(self, site_packages: Path) -> None:
        self.root = os.fsencode(site_packages)
        self._folders = {b""}

    @contextmanager
    def opened(self) -> Iterator[int]:
        """The folder's descriptor: paths relative to it are resolved faster than from `/`."""
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def place(self, path: str) -> bytes | None:
        """A file's path, after its folder was made; None if a file is in the folder's place."""
        place = self.place_below(path.encode("utf-8", "surrogateescape"))
        return None if place is None else os.path.join(self.root, place)  # noqa: PTH118

    def place_below(self, path: bytes, descriptor: int | None = None) -> bytes | None:
        """The same as bytes, relative to the folder if the file is in it.

        `descriptor` is the folder's, if it is open.
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
    """Make a folder; most often it is missing and its parent exists.

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
    """Put the files of a folder, also open as `descriptor`, at the entry's paths; paths in `skip` are left out."""
    linked: list[EntryFile] = []
    met: list[EntryFile] = []
    with target.opened() as site:
        for number, file in enumerate(entry.files):
            if file.path in skip:
                continue
            place = target.place_below(file.path.encode("utf-8", "surrogateescape"), site)
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
    if not links_keep_inodes(descriptor):
        linked = [_as_linked(file, target) for file in linked]
    return Linked(entry=entry, files=tuple(linked), met=tuple(met))


def _as_linked(file: EntryFile, target: SitePackages) -> EntryFile:
    """A file with the inode that it got when it was linked."""
    place = os.path.join(target.root, file.path.encode("utf-8", "surrogateescape"))  # noqa: PTH118
    return file._replace(inode=os.lstat(place).st_ino)


def _copy(source: bytes, place: bytes, file: EntryFile) -> EntryFile | None:
    """Copy a file, with another inode; None if something is in its place."""
    import shutil

    try:
        with open(source, "rb") as content, open(place, "xb") as copied:  # noqa: PTH123
            shutil.copyfileobj(content, copied)
    except FileExistsError:
        return None
    shutil.copystat(source, place)
    status = os.lstat(place)
    return file._replace(mtime_ns=status.st_mtime_ns, inode=status.st_ino)
