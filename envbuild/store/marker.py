"""Make a folder a store: check its path, write the marker file and the store's folders."""

from __future__ import annotations

import errno
import os
import re
from contextlib import contextmanager

from envbuild.errors import HostError, Problem, UsageError
from envbuild.posix.files import sweep, write_atomically
from envbuild.posix.shortage import unwritable
from envbuild.store.guard import FORMAT, MARKER, check_format

TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_PUBLIC = ("envs", "receipts", "generations", "records", "locks")
_PRIVATE = ("cache", "trash", "temp", "settings.toml", "releases")
_OF_DISKS = ("lost+found",)
"""Folders that a file system has in its root, which may be a store."""


def prepare_store(root: Path) -> None:
    """Make the folder a store, or check that this version can write the store in it.

    UsageError if a store cannot have this path; HostError if it cannot be written
    or has other files.
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
        refuse_foreign_folder(root)
        root.chmod(0o755)
        from envbuild.store.file_system import check_file_system

        check_file_system(root)
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


def refuse_foreign_folder(root: Path) -> None:
    """HostError for a folder with files that are not envbuild's."""
    from envbuild.posix.abilities import SCRATCH

    scratch = (f".{MARKER}.", SCRATCH)  # of commands that make the store at the same time
    with os.scandir(root) as entries:
        names = {entry.name for entry in entries if not entry.name.startswith(scratch)}
    if names - {*_PUBLIC, *_PRIVATE, *_OF_DISKS, MARKER}:
        message = f"{root} has other files and is not a store"
        raise HostError(Problem(message=message, hint="name an empty or a new folder"))


@contextmanager
def _public_umask() -> Iterator[None]:
    """Make folders that every user can enter, in one step: a kill leaves no half-open folder.

    The umask belongs to the whole process, so call this before any thread starts.
    """
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


_PATH = re.compile(r"[A-Za-z0-9._/+-]+")
_LONGEST_INTERPRETER_LINE = 127
"""In bytes, with `#!`: for longer lines uv writes a `/bin/sh` wrapper, which makes every start slower."""


def check_store_path(root: Path) -> None:
    """UsageError if environments below the path could not be started, or unit files could not name them."""
    text = str(root)
    if _PATH.fullmatch(text) is None:
        message = f"the store's path {text!r} has characters that unit files cannot carry"
        raise UsageError(Problem(message=message, hint="use only letters, digits and . _ / + -"))


def check_environment_path(environment: Path) -> None:
    """UsageError if the first line of the environment's scripts would be too long."""
    excess = len(f"#!{environment}/bin/python3") - _LONGEST_INTERPRETER_LINE
    if excess > 0:
        amount = f"{excess} character{'s' * (excess != 1)}"
        message = f"the store's path is {amount} too long for {environment.name}"
        hint = (
            "the first line of every script names the interpreter "
            f"in at most {_LONGEST_INTERPRETER_LINE} characters; use a shorter --store"
        )
        raise UsageError(Problem(message=message, hint=hint))
