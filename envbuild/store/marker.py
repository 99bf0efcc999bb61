"""The file that names a folder a store: made with the store's own folders, and checked."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager

from envbuild.errors import HostError, Problem
from envbuild.posix.files import sweep, write_atomically
from envbuild.posix.shortage import unwritable
from envbuild.store.guard import FORMAT, MARKER, check_format
from envbuild.store.path import check_store_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PUBLIC = ("envs", "receipts", "generations", "records", "locks")
_PRIVATE = ("cache", "trash", "temp", "settings.toml")


def prepare_store(root: Path) -> None:
    """Make the folder a store, or check that it is one that this version can write.

    UsageError for a path that no store can have; HostError for one that cannot be written
    or holds something else.
    """
    check_store_path(root)
    try:
        _prepare(root)
    except OSError as error:
        raise unwritable(root, error) from error


def _prepare(root: Path) -> None:
    marker, cache = root / MARKER, root / "cache"
    if not marker.is_file():
        with _public_umask():
            root.mkdir(parents=True, exist_ok=True)
        _refuse_foreign_folder(root)
        root.chmod(0o755)
        write_atomically(marker, f'{{"format": {FORMAT}}}\n'.encode())
    check_format(marker)
    with _public_umask():
        for name in _PUBLIC:
            (root / name).mkdir(exist_ok=True)
    for folder in (cache, cache / "uv"):
        if not folder.is_dir():
            folder.mkdir(mode=0o700, exist_ok=True)
    if not os.access(root, os.W_OK):
        read_only = os.statvfs(root).f_flag & os.ST_RDONLY
        number = errno.EROFS if read_only else errno.EACCES
        raise OSError(number, os.strerror(number).lower(), str(root))
    for folder in (root, root / "receipts", root / "records", cache):
        sweep(folder)


def _refuse_foreign_folder(root: Path) -> None:
    with os.scandir(root) as entries:
        names = {entry.name for entry in entries if not entry.name.startswith(f".{MARKER}.")}
    if names - {*_PUBLIC, *_PRIVATE, MARKER}:
        message = f"{root} has other files and is not a store"
        raise HostError(Problem(message=message, hint="name an empty or a new folder"))


@contextmanager
def _public_umask() -> Iterator[None]:
    """Make folders that every user can enter, at once: a kill leaves none that is half open.

    The umask is the whole process's, so this is for the time before there are threads.
    """
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)
