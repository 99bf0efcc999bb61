"""Read an environment's files: what a receipt records, and what verifying compares with it."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import TYPE_CHECKING

from envbuild.errors import HostError, Problem
from envbuild.receipt import Contents, FileEntry, FolderEntry, LinkEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FILE_MODE = 0o444
PROGRAM_MODE = 0o555
FOLDER_MODE = 0o555
"""Read-only for everybody: an environment never changes, and a `pip install` into one fails early."""

_CHUNK = 1 << 20


def freeze_modes(environment: Path) -> None:
    """Make everything below an environment readable for every user and writable for none.

    Whatever the umask was; a file that its owner may run, everybody may.
    """
    for folder, entries in _walk(os.fsencode(environment)):
        for entry in entries:
            if entry.is_symlink() or entry.is_dir(follow_symlinks=False):
                continue
            mode = stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode)
            wanted = PROGRAM_MODE if mode & stat.S_IXUSR else FILE_MODE
            if mode != wanted:
                os.chmod(entry.path, wanted)  # noqa: PTH101  (35,000 of them: no Path each)
        os.chmod(folder, FOLDER_MODE)  # noqa: PTH101


def thaw_folders(environment: Path) -> None:
    """Make the folders below an environment writable for their owner again, so that it can be removed."""
    waiting = [os.fsencode(environment)]
    while waiting:
        folder = waiting.pop()
        os.chmod(folder, 0o755)  # noqa: PTH101, S103  (before it is listed; it is about to go)
        with os.scandir(folder) as scan:
            waiting += [entry.path for entry in scan if entry.is_dir(follow_symlinks=False)]


def scan_contents(
    environment: Path, digest: Callable[[bytes, os.stat_result], str] | None = None
) -> Contents:
    """Every file, link and folder below an environment, contents hashed; reading alone.

    `digest` tells the sha256 of a file that looks like this; without it, every file is read.
    HostError for anything else (a socket, a device): no wheel brings one.
    """
    root = os.fsencode(environment)
    digest = digest or _read_digest
    files: list[FileEntry] = []
    links: list[LinkEntry] = []
    folders: list[FolderEntry] = []
    for folder, entries in _walk(root):
        mode = stat.S_IMODE(os.stat(folder).st_mode)  # noqa: PTH116
        folders.append(FolderEntry(path=_text(folder[len(root) + 1 :]) or ".", mode=mode))
        for entry in entries:
            path = _text(entry.path[len(root) + 1 :])
            if entry.is_symlink():
                target = os.readlink(entry.path)  # noqa: PTH115
                links.append(LinkEntry(path=path, target=_text(target)))
            elif entry.is_file(follow_symlinks=False):
                files.append(_file_entry(entry, path, digest))
            elif not entry.is_dir(follow_symlinks=False):
                message = f"{environment}/{path} is neither a file nor a folder nor a link"
                raise HostError(Problem(message=message))
    return Contents(
        files=tuple(sorted(files, key=lambda entry: entry.path)),
        links=tuple(sorted(links, key=lambda entry: entry.path)),
        folders=tuple(sorted(folders, key=lambda entry: entry.path)),
    )


def read_records(site_packages: Path) -> dict[str, str]:
    """The text of every distribution's RECORD by its `.dist-info` folder's name; empty where it is gone."""
    records: dict[str, str] = {}
    for folder in sorted(site_packages.glob("*.dist-info")):
        record = folder / "RECORD"
        content = record.read_bytes() if record.is_file() else b""
        records[folder.name] = _text(content)
    return records


def _text(name: bytes) -> str:
    """A name as receipts and RECORDs spell it, whatever encoding the user's locale has."""
    return name.decode("utf-8", "surrogateescape")


def _file_entry(
    entry: os.DirEntry[bytes], path: str, digest: Callable[[bytes, os.stat_result], str]
) -> FileEntry:
    status = entry.stat(follow_symlinks=False)
    return FileEntry(
        path=path,
        mode=stat.S_IMODE(status.st_mode),
        size=status.st_size,
        sha256=digest(entry.path, status),
    )


def _read_digest(path: bytes, _status: os.stat_result) -> str:
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as stream:  # noqa: PTH123
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _walk(root: bytes) -> Iterator[tuple[bytes, list[os.DirEntry[bytes]]]]:
    """Every folder from the root down with its entries; links are not followed."""
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        with os.scandir(folder) as scan:
            entries = list(scan)
        waiting += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        yield folder, entries
