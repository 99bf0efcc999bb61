"""Read an environment's files: what a receipt records, and what verifying compares with it."""

from __future__ import annotations

import os
import stat
from operator import attrgetter
from typing import TYPE_CHECKING

from envbuild.cache_entry import EntryFile
from envbuild.digest import stream_sha256
from envbuild.errors import HostError, Problem
from envbuild.receipt import Contents, FileEntry, FolderEntry, LinkEntry
from envbuild.system.environments.folder_walk import walk_folders
from envbuild.system.environments.stat_list import FolderLook, Look, look, look_at_folder
from envbuild.system.workers import Workers
from envbuild.value import value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path


FILE_MODE = 0o444
PROGRAM_MODE = 0o555
FOLDER_MODE = 0o555
"""Read-only for everybody: an environment never changes, and a `pip install` into one fails early."""

_REGULAR = stat.S_IFREG

_new_file = FileEntry._make
_new_look = Look._make
"""Half of what a call by name takes."""

_LONG = 1 << 18
"""Bytes from which on a thread of its own is worth while for a file."""


def thaw_folders(environment: Path) -> None:
    """Make the folders below an environment writable for their owner again, so that it can be removed."""
    waiting = [os.fsencode(environment)]
    while waiting:
        folder = waiting.pop()
        os.chmod(folder, 0o755)  # noqa: PTH101, S103  (before it is listed; it is about to go)
        with os.scandir(folder) as scan:
            waiting += [entry.path for entry in scan if entry.is_dir(follow_symlinks=False)]


def scan_contents(environment: Path) -> Contents:
    """Every file, link and folder below an environment, contents hashed; reading alone.

    HostError for anything else (a socket, a device): no wheel brings one.
    """
    return survey(environment, known={}, freeze=False).contents


@value
class Survey:
    """An environment as one walk has found it."""

    contents: Contents
    looks: Mapping[str, Look]
    """How every file and link looks, by path as in `contents`."""

    folder_looks: Mapping[str, FolderLook]
    """How every folder looks, likewise."""


def survey(environment: Path, *, known: dict[str, EntryFile], freeze: bool) -> Survey:
    """Look at everything below an environment.

    With `freeze` it is made readable for every user and writable for none, whatever the umask was;
    a file that its owner may run, everybody may.

    Files that are `known`, by path, are neither read nor changed: whoever has put them there
    a moment ago knows them; they have to be there as files all the same.
    Each is taken out of `known` when it is met, as there are 50,000 of them.
    HostError as in `scan_contents`.
    """
    root = os.fsencode(environment)
    skip = len(root) + 1
    files: list[FileEntry] = []
    links: list[LinkEntry] = []
    folders: list[FolderEntry] = []
    looks: dict[str, Look] = {}
    folder_looks: dict[str, FolderLook] = {}
    for visit in walk_folders(root, mode=FOLDER_MODE if freeze else None):
        folder = _text(visit.folder[skip:]) or "."
        folder_looks[folder] = look_at_folder(visit)
        folders.append(FolderEntry(path=folder, mode=stat.S_IMODE(visit.status.st_mode)))
        prefix = "" if folder == "." else f"{folder}/"
        paths = [prefix + name for name in _names(visit.entries)]
        there = [known.pop(path, None) for path in paths]
        for path, entry, file in zip(paths, visit.entries, there, strict=True):
            if file is not None and entry.is_file(follow_symlinks=False):
                _, mode, size, sha256, mtime_ns, inode = file
                files.append(_new_file((path, mode, size, sha256)))
                looks[path] = _new_look((_REGULAR | mode, inode, size, mtime_ns))
                continue
            if entry.is_dir(follow_symlinks=False):
                continue
            status = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                if freeze:
                    status = _freeze_file(entry.path, status)
                files.append(_file_entry(path, status, _read_digest(entry.path)))
                looks[path] = look(status)
            elif stat.S_ISLNK(status.st_mode):
                links.append(LinkEntry(path=path, target=_text(os.readlink(entry.path))))  # noqa: PTH115
                looks[path] = look(status)
            else:
                message = f"{environment}/{path} is neither a file nor a folder nor a link"
                raise HostError(Problem(message=message))
    contents = Contents(
        files=tuple(sorted(files, key=_path)),
        links=tuple(sorted(links, key=_path)),
        folders=tuple(sorted(folders, key=_path)),
    )
    return Survey(contents=contents, looks=looks, folder_looks=folder_looks)


def read_files(paths: Iterable[tuple[str, bytes]]) -> dict[str, EntryFile]:
    """Freeze and read files, each given by a name for it and its place; those that are files, by name.

    Long ones are read side by side: hashing them lets go of the interpreter's lock.
    """
    found: dict[str, EntryFile] = {}
    long: list[tuple[str, bytes, os.stat_result]] = []
    for path, place in paths:
        try:
            status = os.lstat(place)
        except (FileNotFoundError, NotADirectoryError):
            continue
        if not stat.S_ISREG(status.st_mode):
            continue
        status = _freeze_file(place, status)
        if status.st_size > _LONG:
            long.append((path, place, status))
        else:
            found[path] = _entry_file(path, place, status)
    if long:
        with Workers(max_workers=len(os.sched_getaffinity(0))) as pool:
            found |= {file.path: file for file in pool.map(_entry_file, *zip(*long, strict=True))}
    return found


def read_record(dist_info: Path) -> str:
    """The text of a distribution's RECORD; empty where it is gone."""
    record = dist_info / "RECORD"
    return _text(record.read_bytes()) if record.is_file() else ""


def read_records(site_packages: Path) -> dict[str, str]:
    """The text of every distribution's RECORD by its `.dist-info` folder's name; empty where it is gone."""
    folders = sorted(site_packages.glob("*.dist-info"))
    return {folder.name: read_record(folder) for folder in folders}


def _text(name: bytes) -> str:
    """A name as receipts and RECORDs spell it, whatever encoding the user's locale has."""
    return name.decode("utf-8", "surrogateescape")


def _names(entries: Sequence[os.DirEntry[bytes]]) -> list[str]:
    """The name of each as receipts spell it; all of a folder at once, as there are 50,000 of them."""
    return _text(b"\0".join([entry.name for entry in entries])).split("\0") if entries else []


def _file_entry(path: str, status: os.stat_result, sha256: str) -> FileEntry:
    mode = stat.S_IMODE(status.st_mode)
    return FileEntry(path=path, mode=mode, size=status.st_size, sha256=sha256)


def _entry_file(path: str, place: bytes, status: os.stat_result) -> EntryFile:
    mode = stat.S_IMODE(status.st_mode)
    digest = _read_digest(place)
    return EntryFile(path, mode, status.st_size, digest, status.st_mtime_ns, status.st_ino)


_path = attrgetter("path")


def _freeze_file(path: bytes, status: os.stat_result) -> os.stat_result:
    """Give a file the mode that it is to have; how it looks then."""
    mode = stat.S_IMODE(status.st_mode)
    wanted = PROGRAM_MODE if mode & stat.S_IXUSR else FILE_MODE
    if mode == wanted:
        return status
    os.chmod(path, wanted)  # noqa: PTH101  (35,000 of them: no Path each)
    return os.lstat(path)


def _read_digest(path: bytes) -> str:
    with open(path, "rb", buffering=0) as stream:  # noqa: PTH123
        return stream_sha256(stream)
