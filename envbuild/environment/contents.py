"""Read an environment's files, and set their modes."""

from __future__ import annotations

import os
import stat
from posixpath import normpath
from typing import TYPE_CHECKING

from envbuild.digest import sha256_hex, stream_sha256
from envbuild.errors import HostError, Problem
from envbuild.lean_json import read_ordinary
from envbuild.posix.tree import path_text
from envbuild.requirement.parse import normalized_name
from envbuild.wheelcache.entry import EntryFile
from envbuild.wheelcache.record import parse_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


FILE_MODE = 0o444
PROGRAM_MODE = 0o555
FOLDER_MODE = 0o555
"""Read-only for everybody: an environment never changes, and a `pip install` into it fails early."""

_LONG = 1 << 18
"""In bytes; a larger file is worth its own thread."""


def read_files(paths: Iterable[tuple[str, bytes]]) -> dict[str, EntryFile]:
    """Set the modes of files and read them; each is given by a name and its path. Returns the files by name.

    Large files are read in parallel: hashing releases the interpreter's lock.
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
        status = freeze_file(place, status)
        if status.st_size > _LONG:
            long.append((path, place, status))
        else:
            found[path] = entry_file(path, place, status)
    if long:
        from envbuild.posix.workers import Workers

        with Workers(max_workers=len(os.sched_getaffinity(0))) as pool:
            found |= {file.path: file for file in pool.map(entry_file, *zip(*long, strict=True))}
    return found


def find_site_packages(environment: Path) -> Path:
    """The environment's only site-packages folder; HostError if it is missing."""
    found = sorted(environment.glob("lib/python3.*/site-packages"))
    if len(found) != 1:
        raise HostError(Problem(message=f"{environment} has no site-packages folder"))
    return found[0]


def read_record(dist_info: Path) -> str:
    """The text of a distribution's RECORD; empty if it is missing."""
    record = dist_info / "RECORD"
    return path_text(record.read_bytes()) if record.is_file() else ""


def record_digest(dist_info: Path) -> str:
    """The sha256 of a distribution's RECORD; empty if it has none."""
    try:
        return sha256_hex(read_ordinary(dist_info / "RECORD"))
    except OSError:
        return ""


def recorded_files(environment: Path) -> Iterator[tuple[str, str, str]]:
    """Each row of every RECORD: the package, the path below the environment, the sha256 (or empty).

    HostError without a site-packages folder.
    """
    site_packages = find_site_packages(environment)
    prefix = site_packages.relative_to(environment)
    for folder in sorted(site_packages.glob("*.dist-info")):
        package = normalized_name(folder.name.removesuffix(".dist-info").rpartition("-")[0])
        for path, sha256, _ in parse_record(read_record(folder)):
            yield package, normpath(f"{prefix}/{path}"), sha256


def entry_file(path: str, place: bytes, status: os.stat_result) -> EntryFile:
    """Read a file whose status is known."""
    mode = stat.S_IMODE(status.st_mode)
    digest = _read_digest(place, status.st_size)
    return EntryFile(path, mode, status.st_size, digest, status.st_mtime_ns, status.st_ino)


def freeze_file(path: bytes, status: os.stat_result) -> os.stat_result:
    """Set a file's mode; returns its status afterwards."""
    mode = stat.S_IMODE(status.st_mode)
    wanted = PROGRAM_MODE if mode & stat.S_IXUSR else FILE_MODE
    if mode == wanted:
        return status
    os.chmod(path, wanted)  # noqa: PTH101  (35,000 of them: no Path each)
    return os.lstat(path)


def _read_digest(path: bytes, size: int) -> str:
    """The sha256 of a file; a short one is read at once, without a buffer for more: there are 20,000."""
    from hashlib import sha256  # OpenSSL takes longer to load than quick verbs have

    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if size <= _LONG:
            content = os.read(descriptor, size + 1)
            if len(content) == size:
                return sha256(content).hexdigest()
            os.lseek(descriptor, 0, os.SEEK_SET)
        with open(descriptor, "rb", buffering=0, closefd=False) as stream:
            return stream_sha256(stream)
    finally:
        os.close(descriptor)
