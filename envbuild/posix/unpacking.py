"""Archives of others become files: nothing is written outside of a folder, or without end.

`tarfile` has filters for this only from Python 3.11.4 on.
"""

from __future__ import annotations

import errno
import os
from posixpath import normpath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Iterator
    from pathlib import Path

_EARLIEST, _LATEST = 315_532_800, (1 << 32) - 1
"""Seconds: 1980-01-01, before which a zip archive has no times, and 2106."""

_WRONG = {errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP}
"""Errors of the operating system that come of an archive's own names."""


def unpack_tar(
    archive: tarfile.TarFile, folder: Path, *, most_bytes: int, most_files: int, top: str = ""
) -> None:
    """Write the files, folders and links of an archive into a folder that has none of them.

    If `top` is given, everything in it must be in that one folder, and nothing be there twice.
    ValueError for a path or a link that leaves the folder, a device, an invalid name, or too much content;
    `tarfile.TarError` and the errors of the compression if it is damaged; OSError if the disk fails.
    """
    links: list[tuple[Path, str]] = []
    try:
        for name, entry in _checked(archive, top, most_bytes, most_files):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if entry.issym():
                links.append((path, entry.linkname))
            elif entry.isdir():
                path.mkdir(exist_ok=True)
            else:
                _write(archive, entry, path, twice=not top)
        for path, target in links:  # last, so that nothing is written through one
            path.symlink_to(target)
    except OSError as error:
        if error.errno not in _WRONG:
            raise
        raise ValueError(f"it has files that cannot be in one folder: {error}") from error


def refuse_endless(size: int, files: int, *, most_bytes: int, most_files: int) -> None:
    """ValueError for an archive that unpacks to too many bytes, or files."""
    if size > most_bytes:
        raise ValueError(f"it unpacks to more than {most_bytes >> 30} GiB")
    if files > most_files:
        raise ValueError(f"it has more than {most_files} files")


def _checked(
    archive: tarfile.TarFile, top: str, most_bytes: int, most_files: int
) -> Iterator[tuple[str, tarfile.TarInfo]]:
    """The entries, each with its path in normal form."""
    size = 0
    for count, entry in enumerate(archive, 1):
        size += entry.size
        refuse_endless(size, count, most_bytes=most_bytes, most_files=most_files)
        name = normpath(entry.name)
        if _leaves(name, top):
            raise ValueError(f"it has a file {entry.name!r:.80}, which is outside of it")
        if entry.issym() and _leaves(_target(name, entry.linkname), top):
            raise ValueError(f"it has a link to {entry.linkname!r:.80}, which is outside of it")
        if not (entry.isreg() or entry.isdir() or entry.issym() or entry.islnk()):
            raise ValueError(f"{entry.name!r:.80} is not a file, folder or link")
        yield name, entry


def _target(name: str, link: str) -> str:
    """Where a link leads, in normal form."""
    return link if link.startswith("/") else normpath(f"{name.rpartition('/')[0] or '.'}/{link}")


def _leaves(path: str, top: str) -> bool:
    first = path.partition("/")[0]
    return first in ("", "..") or "\0" in path or bool(top and first != top)


def _write(archive: tarfile.TarFile, entry: tarfile.TarInfo, path: Path, *, twice: bool) -> None:
    """Write a file, or a copy of the file that a hard link is to; `twice` lets a later one replace it."""
    try:
        source = archive.extractfile(entry)
    except KeyError as error:
        raise ValueError(f"{entry.name!r:.80} is a link to nothing in it") from error
    if source is None:
        raise ValueError(f"{entry.name!r:.80} is a link to no file")
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_TRUNC if twice else os.O_EXCL)
    with os.fdopen(os.open(path, flags, 0o755 if entry.mode & 0o100 else 0o644), "wb") as stream:
        while piece := source.read(1 << 20):
            stream.write(piece)
    time = min(max(entry.mtime, _EARLIEST), _LATEST)
    os.utime(path, (time, time))  # `make` compares them
